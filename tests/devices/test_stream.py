"""The sound card as a plain file and a plain speaker."""

from __future__ import annotations

import io
import shutil
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.devices.through import holds, sound_of

from vivavoce.devices.stream import MicrophoneStream, SpeakerStream
from vivavoce.errors import NoDevice
from vivavoce.pcm import RATE_HZ, ms_to_bytes, silence

pytestmark = [pytest.mark.sound, pytest.mark.usefixtures("virtual_audio")]


def test_a_read_blocks_until_all_its_bytes_are_there() -> None:
    with MicrophoneStream() as mic:
        assert [len(mic.read(n)) for n in (48_000, 1, 3, 0, 960)] == [48_000, 1, 3, 0, 960]


def test_it_is_a_file_to_read_and_nothing_else() -> None:
    with MicrophoneStream() as mic:
        assert (mic.readable(), mic.seekable(), mic.writable()) == (True, False, False)
        buffer = bytearray(2000)
        assert mic.readinto(buffer) == 2000
        with pytest.raises(io.UnsupportedOperation):
            mic.write(b"sound")
        with pytest.raises(io.UnsupportedOperation):
            mic.seek(0)
        for endless in (mic.read, mic.readall):
            with pytest.raises(io.UnsupportedOperation, match="no end"):
                endless()
        assert len(io.BufferedReader(mic).read(100)) == 100


def test_more_than_is_kept_is_refused() -> None:
    with MicrophoneStream() as mic:
        with pytest.raises(ValueError, match="480000"):
            mic.read(ms_to_bytes(10_000) + 1)
        with pytest.raises(ValueError, match="480000"):
            mic.readinto(bytearray(ms_to_bytes(10_000) + 2))


def test_a_close_ends_a_blocked_read_with_what_is_there() -> None:
    mic, got = MicrophoneStream(), list[bytes]()
    mic.read(960)
    reader = threading.Thread(target=lambda: got.append(mic.read(ms_to_bytes(9_000))))
    reader.start()
    while not (mic._wanted and mic._capture.ring.waiting):  # it waits, and something is there
        time.sleep(0.01)
    mic.close()
    reader.join(60)
    assert 0 < len(got[0]) < ms_to_bytes(9_000)
    mic.close()
    assert mic.closed
    with pytest.raises(ValueError, match="closed"):
        mic.read(2)


def test_a_closed_microphone_frees_the_device_and_another_one_opens() -> None:
    for _ in range(3):
        with MicrophoneStream() as mic:
            assert len(mic.read(960)) == 960


def test_what_is_said_is_in_the_file(tmp_path: Path) -> None:
    said = (np.random.default_rng(5).standard_normal(9_000) * 4000).astype("<i2")
    soundfile.write(tmp_path / "said.wav", said, RATE_HZ, subtype="PCM_16")
    paplay = shutil.which("paplay")
    assert paplay is not None
    with MicrophoneStream() as mic:
        sound = mic.read(960)
        with subprocess.Popen([paplay, "--device=mic_feed", str(tmp_path / "said.wav")]) as player:  # noqa: S603  pulseaudio-utils
            while player.poll() is None:
                sound += mic.read(960)
        sound += mic.read(ms_to_bytes(300))  # what was played is on its way for a while
        assert mic.warnings() == []
    assert holds(sound_of(sound), said.tobytes())


def test_a_slow_reader_is_told_what_it_missed() -> None:
    with MicrophoneStream() as mic:
        mic.read(960)
        for _ in range(600):  # twelve seconds that pass at once
            mic._capture.ring.write(memoryview(bytes(960)))
        mic.read(960)
        assert [t.code for t in mic.warnings()] == ["mic_overrun"]


def test_a_device_that_is_not_there_is_named() -> None:
    for kind in (MicrophoneStream, SpeakerStream):
        with pytest.raises(NoDevice, match="no such card"):
            kind("no such card")


def test_the_speaker_plays_to_the_end_and_clear_is_silence_at_once() -> None:
    with SpeakerStream() as speaker:
        speaker.play(silence(1000))
        assert 0 < speaker.waiting_ms <= 1000
        while speaker.waiting_ms:
            time.sleep(0.01)
        speaker.play(silence(60_000))
        speaker.play(b"\1")
        speaker.clear()
        assert speaker.waiting_ms == 0
        assert "audio_odd" in {t.code for t in speaker.warnings()}
        speaker.play(silence(50))
        while speaker.waiting_ms:
            time.sleep(0.01)
    speaker.close()

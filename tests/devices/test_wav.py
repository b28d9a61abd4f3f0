from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vivavoce.devices.memory import HandClock
from vivavoce.devices.wav import FileMicrophone, WavSpeaker, load
from vivavoce.errors import BadSettings
from vivavoce.pcm import BLOCK_BYTES, RATE_HZ, SAMPLE_BYTES, ms_to_bytes, silence
from vivavoce.ports import Heard, Hushed

RECORDINGS = Path(__file__).parents[1] / "recordings"


def numbered(ms: int, first: int = 1) -> bytes:
    """Samples that count up, so that each can be found again."""
    return np.arange(first, first + ms * RATE_HZ // 1000, dtype="<i2").tobytes()


def frames(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        return file.readframes(file.getnframes())


def test_a_recording_in_our_format_is_loaded_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "extremes.wav"
    every = np.arange(-32768, 32768, dtype="<i2")
    soundfile.write(path, every, RATE_HZ, subtype="PCM_16")
    assert load(path) == every.tobytes()


@pytest.mark.parametrize("name", sorted(p.name for p in RECORDINGS.glob("*.wav")))
def test_any_recording_keeps_its_length_whatever_its_rate(name: str) -> None:
    info = soundfile.info(RECORDINGS / name)
    pcm = load(RECORDINGS / name)
    assert abs(len(pcm) // SAMPLE_BYTES - info.frames * RATE_HZ / info.samplerate) <= 2


def test_a_tone_keeps_its_pitch_and_its_level_when_the_rate_changes(tmp_path: Path) -> None:
    path = tmp_path / "tone.flac"
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(48_000) / 48_000)
    soundfile.write(path, tone, 48_000)
    heard = np.frombuffer(load(path), "<i2")[2400:-2400] / 32768
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ)[2400 : 2400 + len(heard)]
    assert np.abs(heard - expected).max() < 0.002


def test_channels_are_averaged_and_loud_sound_is_clipped_not_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.array([[0.5, -0.25], [3.0, 3.0], [-3.0, -3.0], [np.nan, 0.0]]), RATE_HZ, subtype="FLOAT")
    assert np.frombuffer(load(path), "<i2").tolist() == [4096, 32767, -32768, 0]


@pytest.mark.parametrize(
    ("content", "says"), [(None, "There is no sound file"), (b"no sound at all", "cannot be read as sound")]
)
def test_a_file_that_is_no_sound_is_refused_in_one_sentence(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "voice.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSettings, match=says) as caught:
        FileMicrophone(path)
    assert "voice.wav" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_headerless_sound_and_a_file_without_a_sample_are_refused(tmp_path: Path) -> None:
    raw, empty = tmp_path / "voice.raw", tmp_path / "empty.wav"
    raw.write_bytes(bytes(1000))
    soundfile.write(empty, np.zeros(0), RATE_HZ)
    with pytest.raises(BadSettings, match="cannot be read as sound"):
        load(raw)
    with pytest.raises(BadSettings, match="is empty"):
        load(empty)


def test_a_recording_begins_when_it_is_told_and_silence_is_around_it() -> None:
    async def law() -> None:
        clock = HandClock()
        mic = FileMicrophone(RECORDINGS / "whats_the_weather.wav", wait=True, clock=clock)
        recording = load(RECORDINGS / "whats_the_weather.wav")
        heard = b""

        async def pass_blocks(n: int) -> bytes:
            clock.advance(20 * n)
            return await mic.read() or b""

        reading = asyncio.ensure_future(mic.read())
        await asyncio.sleep(0)
        clock.advance(20)
        heard += await reading or b""
        assert not mic.done
        mic.begin()
        mic.begin()
        blocks = -(-len(recording) // BLOCK_BYTES)
        heard += await pass_blocks(blocks - 1)
        assert not mic.done
        heard += await pass_blocks(1)
        assert mic.done
        heard += await pass_blocks(3)
        await mic.close()
        assert heard == (bytes(BLOCK_BYTES) + recording).ljust((blocks + 4) * BLOCK_BYTES, b"\0")

    asyncio.run(law())


def test_the_file_holds_what_was_heard_to_the_sample(tmp_path: Path) -> None:
    async def law() -> None:
        clock = HandClock()
        speaker = WavSpeaker(tmp_path / "out.wav", clock=clock)
        speaker.play("early", numbered(10))
        clock.advance(5000)  # before the start no time passes
        speaker.start()
        clock.advance(30)
        speaker.play("a", numbered(100, first=1000))
        clock.advance(40)
        speaker.play("b", numbered(50, first=5000))
        clock.advance(80.5)
        assert speaker.out_ms == 150
        speaker.hush()
        speaker.play("c", numbered(20, first=9000))
        clock.advance(100)
        reports = [await speaker.report() for _ in range(4)]
        assert reports == [Heard("early", 10), Heard("a", 100), Hushed("b", 20), Heard("c", 20)]
        await speaker.close()
        clock.advance(100)
        assert speaker.out_ms == 250

    asyncio.run(law())
    b_heard = numbered(50, first=5000)[: (20 * 24 + 12) * SAMPLE_BYTES]
    heard = numbered(10) + silence(20) + numbered(100, first=1000) + b_heard + numbered(20, first=9000)
    assert frames(tmp_path / "out.wav") == heard + silence(80)


def test_without_a_path_the_same_clock_runs_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def law() -> None:
        clock = HandClock()
        speaker = WavSpeaker(clock=clock)
        speaker.start()
        speaker.play("a", numbered(100))
        clock.advance(60)
        speaker.hush()
        assert await speaker.report() == Hushed("a", 60)
        assert speaker.out_ms == 60
        await speaker.close()

    asyncio.run(law())
    assert list(tmp_path.iterdir()) == []


def test_a_speaker_never_started_leaves_an_empty_valid_file(tmp_path: Path) -> None:
    speaker = WavSpeaker(tmp_path / "out.wav")
    speaker.play("a", numbered(10))
    asyncio.run(speaker.close())
    assert frames(tmp_path / "out.wav") == b""


def test_hours_of_silence_are_written_in_slices_as_they_pass(tmp_path: Path) -> None:
    clock = HandClock()
    speaker = WavSpeaker(tmp_path / "out.wav", clock=clock)
    speaker.start()
    clock.advance(60_000)
    speaker.play("a", numbered(10))
    assert (tmp_path / "out.wav").stat().st_size > ms_to_bytes(59_000)  # long before `close`
    asyncio.run(speaker.close())
    assert frames(tmp_path / "out.wav") == silence(60_000)


@pytest.mark.parametrize("where", ["missing/out.wav", "."])
def test_a_path_that_cannot_be_written_is_refused_at_once(tmp_path: Path, where: str) -> None:
    with pytest.raises(BadSettings, match="cannot be written"):
        WavSpeaker(tmp_path / where)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_path_that_takes_nothing_is_refused_at_once() -> None:
    with pytest.raises(BadSettings, match="No space left"):
        WavSpeaker("/dev/full")


FULL_DISK = """
import asyncio, resource, signal, sys
from vivavoce.devices.memory import HandClock
from vivavoce.devices.wav import WavSpeaker

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (48_044, 48_044))
    clock = HandClock()
    speaker = WavSpeaker(sys.argv[1], clock=clock)
    speaker.start()
    speaker.play("a", b"\\1\\0" * 36_000)
    clock.advance(2000)
    print(await speaker.report(), speaker.out_ms, [t.code for t in speaker.warnings()])
    await speaker.close()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the limit that stands for a full disk is POSIX")
def test_a_full_disk_is_a_warning_and_the_clock_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    said = subprocess.run(  # noqa: S603  ours
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == "Heard(item_id='a', ms=1500) 2000 ['speaker_file']"
    assert len(frames(path)) == 48_000


PROGRAM = """
import asyncio, signal, sys
from vivavoce.devices.wav import WavSpeaker

async def main():
    stopped = asyncio.Event()
    speaker = WavSpeaker(sys.argv[1])
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    speaker.play("a", b"\\1\\0" * 24_000 * 60)
    speaker.start()
    print(await speaker.report(), flush=True)
    await stopped.wait()
    await speaker.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_program_that_is_ended_leaves_a_file_that_can_be_read(tmp_path: Path, end: signal.Signals) -> None:
    path = tmp_path / "out.wav"
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True)  # noqa: S603  ours
    with program:
        assert program.stdout is not None
        first = program.stdout.readline()
        program.send_signal(end)
    heard = np.frombuffer(frames(path), "<i2")
    assert first.startswith("Heard(item_id='a'")
    assert len(heard) >= 80 * 24
    assert (heard == 1).all()

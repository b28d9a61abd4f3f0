"""A packed tape is smaller and the same."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.tape.talk import Recording, small_talk
from tests.tape.test_replay import replayed

from vivavoce.errors import BadSettings, VivaError
from vivavoce.tape import parts
from vivavoce.tape.packing import pack
from vivavoce.tape.reader import TapeReader


def test_a_packed_tape_holds_the_same_inputs_in_less_room(tmp_path: Path) -> None:
    small_talk(tmp_path)
    with TapeReader(tmp_path) as tape:
        before = list(tape.entries())
    size, packed = pack(tmp_path)
    assert packed < size / 2
    assert pack(tmp_path) == (packed, packed)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".jsonl", ".flac"}
    with TapeReader(tmp_path) as tape:
        assert list(tape.entries()) == before
        assert list(tape.entries()) == before
    assert replayed(tmp_path)[0].first is None


def test_a_damaged_tape_is_not_packed(tmp_path: Path) -> None:
    small_talk(tmp_path)
    (tmp_path / parts.EVENTS).write_bytes(b"")
    with pytest.raises(VivaError, match="damaged"):
        pack(tmp_path)
    assert (tmp_path / parts.MICROPHONE).exists()


def test_voices_of_many_blocks_are_packed_whole(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    for second in range(25):
        talk.hears(1000 + second, 50)
    talk.close()
    with wave.open(str(tmp_path / "microphone.wav")) as wav:
        before = wav.readframes(wav.getnframes())
    pack(tmp_path)
    after, rate = soundfile.read(tmp_path / "microphone.flac", dtype="int16")
    assert (after.tobytes(), rate) == (before, 24_000)
    assert len(after) == 25 * 24_000


@pytest.mark.skipif(sys.platform == "win32", reason="no limit for files there")
@pytest.mark.parametrize("short", [1, 40, 5_000])
def test_where_the_disk_is_full_the_wav_files_stay(tmp_path: Path, short: int) -> None:
    import resource  # noqa: PLC0415  Windows has none

    size = 0
    for name in ("roomy", "full"):
        talk = Recording(tmp_path / name)
        talk.open()
        noise = np.random.default_rng(1).integers(-32768, 32767, 24_000).astype("<i2").tobytes()
        for at in range(0, len(noise), 960):
            talk.at = round(talk.at + 0.02, 6)
            talk.do("hear", noise[at : at + 960])
        talk.close()
        if name == "roomy":
            pack(tmp_path / name)
            size = (tmp_path / name / "microphone.flac").stat().st_size
    before = sorted((path.name, path.read_bytes()) for path in (tmp_path / "full").iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - short, limits[1]))
    try:
        with pytest.raises(BadSettings, match="cannot be packed"):
            pack(tmp_path / "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted((path.name, path.read_bytes()) for path in (tmp_path / "full").iterdir()) == before


def test_a_flac_file_that_is_none_is_told(tmp_path: Path) -> None:
    small_talk(tmp_path)
    pack(tmp_path)
    (tmp_path / "microphone.flac").write_bytes(b"nothing")
    with pytest.raises(VivaError, match=r"damaged: microphone\.flac"):
        TapeReader(tmp_path)


def test_a_voice_that_said_nothing_stays_as_it_is(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    talk.close()
    assert pack(tmp_path) == (88, 88)
    assert replayed(tmp_path)[0].first is None

"""A packed tape is smaller and the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tape.talk import Recording, small_talk
from tests.tape.test_replay import replayed

from vivavoce.errors import VivaError
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

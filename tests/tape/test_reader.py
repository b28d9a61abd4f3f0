"""A tape tells what is wrong with it: one sentence, and nothing slips through."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.tape.talk import small_talk

from vivavoce.errors import BadSettings, VivaError
from vivavoce.tape import parts
from vivavoce.tape.reader import Entry, TapeReader


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tape; the tests change copies of it."""
    folder = tmp_path_factory.mktemp("tape") / "whole"
    small_talk(folder)
    return folder


@pytest.fixture
def tape(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "tape"))


def read(folder: Path) -> list[Entry]:
    with TapeReader(folder) as found:
        return list(found.entries())


def lines_of(folder: Path) -> list[bytes]:
    return (folder / parts.EVENTS).read_bytes().splitlines(keepends=True)


def test_it_can_be_read_twice(tape: Path) -> None:
    with TapeReader(tape) as found:
        assert list(found.entries()) == list(found.entries())


def test_a_folder_that_is_no_tape_is_told(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadSettings, match="is not a tape"):
            TapeReader(folder)
    for text in ("", "[1]", '{"a": 1}', '{"tape": "1"}', "\x00"):
        (tmp_path / parts.META).write_text(text)
        with pytest.raises(BadSettings, match="is not a tape"):
            TapeReader(tmp_path)


def test_a_newer_tape_asks_for_a_newer_program(tape: Path) -> None:
    meta = json.loads((tape / parts.META).read_text())
    (tape / parts.META).write_text(json.dumps(meta | {"tape": parts.VERSION + 1}))
    with pytest.raises(BadSettings, match="update vivavoce"):
        TapeReader(tape)


@pytest.mark.parametrize("name", [parts.EVENTS, parts.MICROPHONE, parts.ASSISTANT])
def test_a_part_that_is_missing_is_named(tape: Path, name: str) -> None:
    (tape / name).unlink()
    with pytest.raises(VivaError, match=f"damaged: {name}"):
        read(tape)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_one_altered_byte_of_the_events_is_always_noticed(tape: Path, whole: Path, data: st.DataObject) -> None:
    said = bytearray((whole / parts.EVENTS).read_bytes())
    place = data.draw(st.integers(0, len(said) - 2))
    said[place] ^= data.draw(st.integers(1, 255))
    (tape / parts.EVENTS).write_bytes(said)
    with pytest.raises(VivaError, match=r"line \d+"):
        read(tape)


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "removed in the middle": lambda lines: lines[:20] + lines[21:],
    "removed at the front": lambda lines: lines[1:],
    "removed at the end": lambda lines: lines[:-1],
    "moved": lambda lines: [*lines[:20], lines[21], lines[20], *lines[22:]],
    "said twice": lambda lines: [*lines[:20], lines[20], *lines[20:]],
    "cut off": lambda lines: [*lines[:-1], lines[-1][:-5]],
    "all of it": lambda _: [],
}


@pytest.mark.parametrize("change", CHANGES)
def test_lines_that_were_removed_or_moved_are_noticed(tape: Path, change: str) -> None:
    (tape / parts.EVENTS).write_bytes(b"".join(CHANGES[change](lines_of(tape))))
    with pytest.raises(VivaError, match=r"damaged: .*line"):
        read(tape)


def test_other_settings_are_noticed(tape: Path) -> None:
    text = (tape / parts.META).read_text()
    (tape / parts.META).write_text(text.replace('"reply_s": 30.0', '"reply_s": 31.0'))
    with pytest.raises(VivaError, match=r"damaged: meta\.json or line 1 was altered"):
        read(tape)


def test_meta_that_says_less_than_it_should_is_told(tape: Path) -> None:
    meta = json.loads((tape / parts.META).read_text())
    for name in ("settings", "started", "program", "begun"):
        (tape / parts.META).write_text(json.dumps({key: value for key, value in meta.items() if key != name}))
        with pytest.raises(VivaError, match=f"damaged: meta.json .*{name}"):
            TapeReader(tape)


@pytest.mark.parametrize("name", [parts.MICROPHONE, parts.ASSISTANT])
def test_sound_that_was_altered_or_cut_is_noticed(tape: Path, name: str) -> None:
    sound = bytearray((tape / name).read_bytes())
    (tape / name).write_bytes(sound[:-2])
    with pytest.raises(VivaError, match=f"{name} ends before the sound of line"):
        read(tape)
    sound[3000] ^= 1
    (tape / name).write_bytes(sound)
    with pytest.raises(VivaError, match=f"altered in {name}"):
        read(tape)


def killed(tape: Path) -> None:
    """As a program leaves it that was killed: nothing says that this was all."""
    meta = json.loads((tape / parts.META).read_text())
    del meta["closed"]
    (tape / parts.META).write_text(json.dumps(meta))


def test_a_killed_tape_is_read_up_to_its_last_whole_line_and_says_so(tape: Path) -> None:
    entries = read(tape)
    killed(tape)
    said = lines_of(tape)
    (tape / parts.EVENTS).write_bytes(b"".join(said[:-1]) + said[-1][:-9])
    with TapeReader(tape) as found:
        assert list(found.entries()) == entries[:-1]
        assert not found.whole
        assert [note.split(":")[0] for note in found.notes] == [
            "The tape was not closed",
            f"Line {len(said)} was cut off",
        ]


def test_the_header_of_the_sound_of_a_killed_tape_is_not_believed(tape: Path) -> None:
    entries = read(tape)
    killed(tape)
    with (tape / parts.MICROPHONE).open("r+b") as file:
        file.seek(40)
        file.write(bytes(4))  # "no sound at all"
    assert read(tape) == entries

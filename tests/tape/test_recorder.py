"""What is recorded is read again, whatever it was; and a tape that cannot be written costs one sentence, not the talk."""

from __future__ import annotations

import asyncio
import json
import tempfile
import wave
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.tape.talk import SETTINGS, STARTED, Recording, small_talk, tone
from tests.tape.test_notation import everything, some

from vivavoce.errors import BadSettings
from vivavoce.events.client import AppendAudio
from vivavoce.events.server import AudioDelta, ServerEvent
from vivavoce.session.effects import Effect, Play
from vivavoce.tape import parts
from vivavoce.tape.reader import TapeReader
from vivavoce.tape.recorder import Recorder
from vivavoce.tape.sound import checksum


def recorder(folder: Path) -> Recorder:
    return Recorder(folder, SETTINGS, program="vivavoce test", started=STARTED)


def frames(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        return bytes(file.readframes(file.getnframes()))


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e9),
            some(ServerEvent) | st.binary(max_size=9),
            st.lists(some(Effect), max_size=2),
        ),
        max_size=6,
    )
)
def test_whatever_is_recorded_is_read_as_it_was(inputs: list[tuple[float, Any, list[Effect]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tape = recorder(Path(folder))
        for now, value, effects in inputs:
            tape.took(now, "hear" if isinstance(value, bytes) else "receive", (value,))
            tape.gave(effects, [AppendAudio(b"12")], [])
        asyncio.run(tape.close())
        with TapeReader(folder) as found:
            entries = list(found.entries())
            assert found.settings == SETTINGS
            assert found.notes == []
    assert [entry.number for entry in entries] == list(range(1, len(inputs) + 1))
    for entry, (now, value, effects) in zip(entries, inputs, strict=True):
        assert repr(entry.now) == repr(now)
        assert everything(entry.values[0]) == everything(value)
        assert len(entry.outcome.world) == len(effects)
        assert entry.outcome.server == [{"$": "client.AppendAudio", "audio": {"$sound": [2, checksum(b"12")]}}]
        assert entry.outcome.standby == []


def test_every_sound_is_kept_once_and_what_goes_out_only_names_it(tmp_path: Path) -> None:
    small_talk(tmp_path)
    text = (tmp_path / parts.EVENTS).read_text()
    heard = [json.loads(line) for line in text.splitlines() if '"do":"hear"' in line]
    spoken = b"".join(tone(20, 12_000 if n < 30 else 0) for n in range(45))
    assert frames(tmp_path / parts.MICROPHONE)[: len(spoken)] == spoken
    assert len(frames(tmp_path / parts.MICROPHONE)) == len(heard) * 960
    assert len(frames(tmp_path / parts.ASSISTANT)) == (500 + 2000 + 300 + 200) * 48
    assert max(len(line) for line in text.splitlines()) < 2000  # no base64 anywhere


def test_a_piece_of_odd_length_leaves_what_follows_at_whole_samples(tmp_path: Path) -> None:
    tape = recorder(tmp_path)
    for pcm in (b"\x01\x02\x03", b"\x04\x05"):
        tape.took(1.0, "receive", (AudioDelta("item_1", pcm),))
        tape.gave([Play("item_1", pcm)], [], [])
    asyncio.run(tape.close())
    assert frames(tmp_path / parts.ASSISTANT) == b"\x01\x02\x03\x00\x04\x05"
    with TapeReader(tmp_path) as found:
        assert [entry.values[0].audio for entry in found.entries()] == [b"\x01\x02\x03", b"\x04\x05"]


def test_an_input_on_which_the_session_fails_is_kept_without_an_outcome(tmp_path: Path) -> None:
    tape = recorder(tmp_path)
    tape.took(1.0, "receive", (None,))
    tape.took(2.0, "gone", ("internal_error", "It failed.", "error", None))
    tape.gave([], [], [])
    tape.took(3.0, "tick", ())
    asyncio.run(tape.close())
    with TapeReader(tmp_path) as found:
        assert [entry.outcome.raised for entry in found.entries()] == [True, False, True]


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("precious")
    with pytest.raises(BadSettings, match="not empty"):
        recorder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BadSettings, match="cannot be written"):
            recorder(place)


def test_an_empty_folder_is_taken_and_a_new_one_is_private(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    new = tmp_path / "deep" / "new"
    for folder in (empty, new):
        tape = recorder(folder)
        asyncio.run(tape.close())
        asyncio.run(tape.close())
    assert new.stat().st_mode & 0o077 == 0


def test_what_cannot_be_kept_ends_the_tape_with_one_warning_and_what_was_before_is_whole(tmp_path: Path) -> None:
    tape = recorder(tmp_path)
    tape.took(1.0, "tick", ())
    tape.gave([], [], [])
    tape.took(2.0, "answered", ("call_1", object(), None))
    tape.gave([], [], [])
    tape.took(3.0, "tick", ())
    tape.gave([], [], [])
    (trouble,) = tape.warnings()
    assert trouble.code == "tape_stopped"
    assert "the talk goes on" in trouble.message
    asyncio.run(tape.close())
    assert tape.warnings() == []
    with TapeReader(tmp_path) as found:
        assert not found.whole
        assert [entry.now for entry in found.entries()] == [1.0]


def test_more_than_a_disk_takes_ends_the_tape_and_not_the_memory(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    second = tone(1000)
    for _ in range(64 * 2**20 // len(second) + 2):  # the writer wakes five times a second: this is faster
        talk.tape.took(1.0, "hear", (second,))
        talk.tape.gave([], [], [])
    found = talk.tape.warnings()
    assert [trouble.code for trouble in found] in ([], ["tape_stopped"])  # a quick disk takes it all
    asyncio.run(talk.tape.close())
    with TapeReader(tmp_path) as read:
        assert read.whole == (not found)
        assert all(entry.values[0] == second for entry in read.entries())

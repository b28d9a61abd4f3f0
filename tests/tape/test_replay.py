"""A tape runs through the session again and comes out the same; one altered event is enough to differ."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.tape.talk import LOUD, SETTINGS, Recording, rewrite, small_talk, tone

from vivavoce.events import server as said
from vivavoce.session import happenings as told
from vivavoce.tape import parts
from vivavoce.tape.reader import TapeReader
from vivavoce.tape.replay import Replay, Shown
from vivavoce.tape.sound import HEADER_BYTES, checksum


def replayed(folder: Path) -> tuple[Replay, list[Shown]]:
    with TapeReader(folder) as tape:
        again = Replay(tape)
        return again, list(again.run())


def test_a_tape_shows_again_what_the_talk_showed_at_the_same_times(tmp_path: Path) -> None:
    small_talk(tmp_path)
    again, shown = replayed(tmp_path)
    assert again.first is None
    assert again.differing == 0
    lines = [line.what for line in shown]
    assert [line.text for line in lines if isinstance(line, told.UserSaid)] == [
        "What is it?",
        "Tell me more.",
        "Open the door.",
        "Thank you!",
    ]
    assert [line.heard_ms for line in lines if isinstance(line, told.AssistantSaid)] == [500, 740, 300, 200]
    assert [line for line in lines if isinstance(line, told.Truncated)] == [told.Truncated("item_2", 740)]
    assert [line.name for line in lines if isinstance(line, told.Called)] == ["open_door"]
    assert lines[-1] == told.Ended("goodbye")
    times = [line.at_s for line in shown]
    assert times == sorted(times)
    (began,) = (line for line in shown if line.what == told.SpeechBegan("user_2", 0))
    assert began.at_s == pytest.approx(1.6)
    assert began.out_ms == pytest.approx(1600, abs=1)
    assert shown[0].out_ms == 0


def test_a_turn_that_goes_to_a_new_connection_as_sound_is_not_written_out_again(tmp_path: Path) -> None:
    talk = Recording(tmp_path, replace(SETTINGS, transcription_model=None))
    talk.open()
    talk.hears(LOUD, 100)
    talk.says(said.SpeechStarted("user_1", 0), said.SpeechStopped("user_1", 2000), said.AudioCommitted("user_1"))
    talk.reply("item_1", "It is a cat.", 500)
    talk.heard("item_1", 500)
    talk.do("gone", "connection_lost", "cut", "lost")
    talk.open()
    talk.do("leave", "interrupt")
    talk.close()
    text = (tmp_path / parts.EVENTS).read_text()
    assert f'"audio":{{"$sound":[{96_000},"{checksum(tone(2000))}"]}}' in text
    assert max(len(line) for line in text.splitlines()) < 2000
    again, _ = replayed(tmp_path)
    assert again.first is None
    assert len((tmp_path / parts.MICROPHONE).read_bytes()) == 96_000 + HEADER_BYTES, "and not kept again"


def altered(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> str:
    """The sentence about a tape that was changed so that every checksum fits."""
    small_talk(folder)
    rewrite(folder, change)
    again, _ = replayed(folder)
    assert again.differing > 0
    assert again.first is not None
    return again.first


def find(lines: list[dict[str, Any]], text: str) -> dict[str, Any]:
    return next(line for line in lines if text in json.dumps(line.get("with", "")))


def test_one_altered_word_is_shown_with_what_was_and_what_came(tmp_path: Path) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        find(lines, "Tell me more.")["with"][0]["transcript"] = "Say less."

    sentence = altered(tmp_path, change)
    assert sentence.startswith("Line ")
    assert "receive TranscriptionCompleted" in sentence
    assert "Tell me more." in sentence
    assert "Say less." in sentence


def test_one_altered_position_of_the_speaker_is_enough(tmp_path: Path) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        next(line for line in lines if line["do"] == "hushed")["with"][1] = 741

    assert "741" in altered(tmp_path, change)


def test_an_outcome_that_is_missing_now_or_then_is_told(tmp_path: Path) -> None:
    def forget(lines: list[dict[str, Any]]) -> None:
        del next(line for line in lines if "TruncateItem" in json.dumps(line.get("server", "")))["server"]

    assert "on the tape nothing, now" in altered(tmp_path / "less", forget)

    def invent(lines: list[dict[str, Any]]) -> None:
        lines[0]["world"] = [{"$": "effects.Hush"}]

    assert altered(tmp_path / "more", invent).endswith("now nothing.")


def test_sound_that_goes_out_is_compared_by_its_checksum(tmp_path: Path) -> None:
    def change(lines: list[dict[str, Any]]) -> None:
        line = next(line for line in lines if "client.AppendAudio" in json.dumps(line.get("server", "")))
        line["server"][0]["audio"]["$sound"][1] = "00000000"

    assert "said to the server differs" in altered(tmp_path, change)


def test_a_bug_on_tape_is_the_same_bug_again(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    with pytest.raises((AssertionError, AttributeError)):  # which one is not the matter here
        talk.do("receive", None)
    talk.do("gone", "internal_error", "It failed.", "error", None)
    talk.close()
    again, shown = replayed(tmp_path)
    assert again.first is None
    assert shown[-1].what == told.Ended("error")
    rewrite(tmp_path, lambda lines: lines[3].pop("raised") and None)
    assert replayed(tmp_path)[0].first == "Line 4 (receive NoneType): the session fails now."


def test_a_tape_that_was_never_closed_is_replayed_to_where_it_ends(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    talk.person("user_1", "Hello?", 400)
    asyncio.run(talk.tape.close())
    meta = json.loads((tmp_path / "meta.json").read_text())
    del meta["closed"]
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    again, shown = replayed(tmp_path)
    assert again.first is None
    assert shown[-1].what == told.UserSaid("user_1", "Hello?")

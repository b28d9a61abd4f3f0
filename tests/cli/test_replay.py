"""`viva replay`: 0 when nothing differs, 1 when something does, 2 when it is no tape."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.tape.talk import SETTINGS, Recording, rewrite, small_talk

from vivavoce.cli.main import viva
from vivavoce.errors import BadSettings, VivaError
from vivavoce.tape.packing import pack


def run(*args: str) -> Result:
    return CliRunner().invoke(viva, ["replay", *args])


def test_a_tape_is_shown_as_the_talk_was_and_nothing_differs(tmp_path: Path) -> None:
    small_talk(tmp_path)
    seen = run(str(tmp_path), "--fast")
    assert seen.exit_code == 0
    assert seen.stdout.splitlines() == [
        "Connected to custom, model numbered-1.",
        "Listening. Speak when you like; to finish, just say goodbye.",
        "[0.1 s] you are speaking",
        "[0.9 s] you stopped speaking",
        "You: What is it?",
        "Assistant: It is a cat.",
        "",
        "[1.6 s] you are speaking",
        "[2.2 s] you stopped speaking",
        "You: Tell me more.",
        "[3.1 s] you are speaking",
        "Assistant: A long story ...",
        "           (interrupted, 0.7 s were heard)",
        "",
        "[3.5 s] you stopped speaking",
        "You: Open the door.",
        "[call] open_door(width=3) -> open 3",
        "Assistant: It is open.",
        "",
        "You: Thank you!",
        "Assistant: Goodbye.",
        "",
        "Goodbye.",
    ]
    assert "Nothing differs" in seen.stderr


@pytest.mark.parametrize(
    ("spoken", "pressed", "says"),
    [
        (False, False, "Type a line when you like"),
        (True, False, "Listening. Speak when you like"),
        (True, True, "Press space or Enter, speak, and press again when you are done"),
    ],
)
def test_a_replay_asks_for_what_the_talk_asked_for(tmp_path: Path, *, spoken: bool, pressed: bool, says: str) -> None:
    talk = Recording(tmp_path / "t", replace(SETTINGS, push_to_talk=pressed))
    talk.open()
    if spoken:
        talk.hears(0, 5)
    talk.do("leave", "interrupt")
    talk.close()
    assert run(str(tmp_path / "t"), "--fast").stdout.splitlines()[1].startswith(says)
    pack(tmp_path / "t")
    assert run(str(tmp_path / "t"), "--fast").stdout.splitlines()[1].startswith(says)


def test_json_lines_are_those_of_a_talk_and_nothing_else(tmp_path: Path) -> None:
    small_talk(tmp_path)
    seen = run(str(tmp_path), "--fast", "--json")
    lines = [json.loads(line) for line in seen.stdout.splitlines()]
    assert [line["type"] for line in lines][:3] == ["ready", "speech_started", "speech_stopped"]
    assert lines[0]["out_ms"] == 0
    assert lines[-1]["type"] == "end"
    assert lines[-1]["t"] == pytest.approx(5.1, abs=0.5)


def test_a_difference_is_a_sentence_and_exit_1(tmp_path: Path) -> None:
    small_talk(tmp_path)
    rewrite(tmp_path, lambda lines: lines[-2]["with"].__setitem__(1, 199))
    seen = run(str(tmp_path), "--fast")
    assert seen.exit_code == 1
    assert "Line" in seen.stderr
    assert "something else than in the talk" in seen.stderr


def test_a_damaged_tape_is_a_sentence_and_exit_1(tmp_path: Path) -> None:
    small_talk(tmp_path)
    path = tmp_path / "events.jsonl"
    path.write_text(path.read_text().replace("What is it?", "What is at?", 1))
    seen = run(str(tmp_path), "--fast")
    assert isinstance(seen.exception, VivaError)
    assert seen.exception.exit_code == 1
    assert "was altered" in str(seen.exception)
    assert seen.stdout.startswith("Connected to")  # what was before it is shown


def test_what_is_no_tape_is_exit_2(tmp_path: Path) -> None:
    seen = run(str(tmp_path))
    assert isinstance(seen.exception, BadSettings)
    assert seen.exception.exit_code == 2
    assert run(str(tmp_path), "--fast", "--speed", "2").exit_code == 2
    assert run(str(tmp_path), "--speed", "0").exit_code == 2


def test_a_speed_divides_the_time_of_the_talk(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    talk.at = 60.0
    talk.do("leave", "interrupt")
    talk.close()
    begun = time.monotonic()
    assert run(str(tmp_path), "--speed", "100").exit_code == 0
    assert time.monotonic() - begun >= 0.6

"""The 0.5B itself. What is asked for is what any wording would have to give; figures of quality are in docs/performance.md."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from vivavoce.engine.models.choose import open_brain
from vivavoce.engine.settings import GOODBYE
from vivavoce.engine.stages import Asked, Counted, Prompt, Think, Words

pytestmark = pytest.mark.models

_FINISH = {
    "name": GOODBYE,
    "description": "Invoked when the user says goodbye.",
    "parameters": {"type": "object", "properties": {}},
}
_LAMP = {
    "name": "switch_lamp",
    "description": "Switch a lamp on or off.",
    "parameters": {
        "type": "object",
        "properties": {"room": {"type": "string", "description": "The room"}, "on": {"type": "boolean"}},
        "required": ["room", "on"],
    },
}


@pytest.fixture(scope="module")
def brain() -> Think:
    return open_brain("small")


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _ask(brain: Think, prompt: Prompt) -> tuple[str, list[Asked], Counted]:
    answer = list(brain.think(prompt, threading.Event()))
    counted = answer[-1]
    assert isinstance(counted, Counted)
    return (
        "".join(one.text for one in answer if isinstance(one, Words)),
        [one for one in answer if isinstance(one, Asked)],
        counted,
    )


def test_a_question_is_answered_in_words(brain: Think) -> None:
    said, calls, counted = _ask(brain, Prompt("", [_user("What is the capital of Italy?")]))
    assert "Rome" in said
    assert calls == []
    assert counted.output_tokens > 0


def test_a_request_becomes_a_call_with_its_arguments(brain: Think) -> None:
    said, calls, _ = _ask(brain, Prompt("", [_user("Please switch off the lamp in the kitchen.")], [_LAMP, _FINISH]))
    assert said == ""
    assert [call.name for call in calls] == ["switch_lamp"]
    assert json.loads(calls[0].arguments) == {"room": "kitchen", "on": False}


def test_a_request_becomes_a_call_also_after_much_talk(brain: Think) -> None:
    talk = [_user("Hello."), {"role": "assistant", "content": "Hello!"}] * 3
    _, calls, _ = _ask(brain, Prompt("", [*talk, _user("Please switch off the lamp in the kitchen.")], [_LAMP]))
    assert [call.name for call in calls] == ["switch_lamp"]


@pytest.mark.parametrize("text", ["What is the capital of Italy?", "My name is Ann.", "How are you?"])
def test_talk_beside_functions_calls_nothing(brain: Think, text: str) -> None:
    said, calls, _ = _ask(brain, Prompt("", [_user(text)], [_LAMP, _FINISH]))
    assert said
    assert calls == []


def test_no_call_where_calls_are_not_allowed(brain: Think) -> None:
    _, calls, _ = _ask(
        brain, Prompt("", [_user("Please switch off the lamp in the kitchen.")], [_LAMP], tool_choice="none")
    )
    assert calls == []


@pytest.mark.parametrize("choice", ["required", "switch_lamp"])
def test_a_call_is_made_where_one_is_required(brain: Think, choice: str) -> None:
    _, calls, _ = _ask(brain, Prompt("", [_user("It is dark in the hall.")], [_LAMP, _FINISH], tool_choice=choice))
    assert [call.name for call in calls] == ["switch_lamp"]


def test_the_result_of_a_function_is_spoken(brain: Think) -> None:
    asked = {"role": "assistant", "content": "", "calls": [{"name": "read_meter", "arguments": "{}", "call_id": "c"}]}
    result = {"role": "tool", "call_id": "c", "content": '{"kilowatt_hours": 731}'}
    said, calls, _ = _ask(brain, Prompt("", [_user("What does the meter show?"), asked, result], [_LAMP]))
    assert "731" in said
    assert calls == []


def test_a_warmed_prefix_is_not_read_again(brain: Think) -> None:
    instructions = "You are called Luna and you help people in a museum of clocks. " * 5
    brain.warm(Prompt(instructions, []), threading.Event())
    _, _, counted = _ask(brain, Prompt(instructions, [_user("Hello.")]))
    assert counted.cached_tokens > 60
    assert counted.input_tokens - counted.cached_tokens < 40


def test_a_cut_ends_the_answer_and_the_next_one_is_whole(brain: Think) -> None:
    cut = threading.Event()
    pieces = []
    for piece in brain.think(Prompt("", [_user("Tell me a long story about a ship.")]), cut):
        pieces.append(piece)
        cut.set()
    assert len(pieces) == 1
    said, _, _ = _ask(brain, Prompt("", [_user("What is the capital of Italy?")]))
    assert "Rome" in said


def test_a_limit_of_tokens_leaves_the_answer_incomplete(brain: Think) -> None:
    _, _, counted = _ask(brain, Prompt("", [_user("Tell me a long story about a ship.")], max_tokens=8))
    assert not counted.complete
    assert counted.output_tokens == 8


def test_own_instructions_are_followed(brain: Think) -> None:
    said, _, _ = _ask(brain, Prompt("Your name is Luna.", [_user("What is your name?")]))
    assert "Luna" in said

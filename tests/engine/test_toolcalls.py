from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engine.stages import Asked
from vivavoce.engine.toolcalls import calls_in, fitted, looks_like_call

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "dish": {"type": "string"},
        "count": {"type": "integer"},
        "size": {"type": "string", "enum": ["small", "large"]},
        "hot": {"type": "boolean"},
    },
    "required": ["dish"],
}
_ORDER = {"name": "order", "parameters": _SCHEMA}
_STOP = {"name": "stop_all", "parameters": {"type": "object", "properties": {}}}
_TOOLS = [_ORDER, _STOP]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "order", "arguments": {"dish": "soup", "count": 2}}',
        '```json\n{"name": "order", "arguments": {"dish": "soup", "count": 2}}\n```',
        '<tool_call>\n{"name": "order", "arguments": {"dish": "soup", "count": 2}}\n</tool_call>',
        '{{"name": "order", "arguments": {{"dish": "soup", "count": 2}}}}',
        "{'name': 'order', 'arguments': {'dish': 'soup', 'count': 2}}",
        '{"name": "order", "arguments": {"dish": "soup", "count": 2,},}',
        'Sure, I will do that: {"name": "order", "arguments": {"dish": "soup", "count": 2}} There you go.',
        '{"name": "order", "arguments": "{\\"dish\\": \\"soup\\", \\"count\\": 2}"}',
        '{"type": "function", "function": {"name": "order", "arguments": {"dish": "soup", "count": 2}}}',
        '{"name": "functions.order", "parameters": {"dish": "soup", "count": "2"}}',
        '{"name": "order", "arguments": {"dish": "soup", "count": 2}',
    ],
)
def test_a_call_is_read_however_it_is_dressed(text: str) -> None:
    (call,) = calls_in(text, _TOOLS)
    assert call.name == "order"
    assert json.loads(call.arguments) == {"dish": "soup", "count": 2}


def test_several_calls_are_read_in_order_and_twins_once() -> None:
    one = '{"name": "order", "arguments": {"dish": "soup"}}'
    two = '{"name": "stop_all", "arguments": {}}'
    assert calls_in(f"[{one}, {two}, {one}]", _TOOLS) == [Asked("order", '{"dish": "soup"}'), Asked("stop_all", "{}")]


def test_a_name_that_was_not_given_is_no_call() -> None:
    assert calls_in('{"name": "launch", "arguments": {}}', _TOOLS) == []
    assert calls_in('{"dish": "soup"}', _TOOLS) == []


def test_a_missing_required_argument_is_no_call() -> None:
    assert calls_in('{"name": "order", "arguments": {"count": 2}}', _TOOLS) == []


def test_braces_inside_strings_do_not_end_a_call() -> None:
    (call,) = calls_in('{"name": "order", "arguments": {"dish": "a } b { c"}}', _TOOLS)
    assert json.loads(call.arguments) == {"dish": "a } b { c"}


@pytest.mark.parametrize(
    ("given_value", "kept"),
    [
        ({"dish": "soup", "colour": "red"}, {"dish": "soup"}),
        ({"dish": 3}, {"dish": "3"}),
        ({"dish": "soup", "count": 2.0}, {"dish": "soup", "count": 2}),
        ({"dish": "soup", "count": "12 pieces"}, {"dish": "soup", "count": 12}),
        ({"dish": "soup", "count": 2.5}, {"dish": "soup"}),
        ({"dish": "soup", "count": True}, {"dish": "soup"}),
        ({"dish": "soup", "size": "LARGE"}, {"dish": "soup", "size": "large"}),
        ({"dish": "soup", "size": "huge"}, {"dish": "soup"}),
        ({"dish": "soup", "hot": "yes"}, {"dish": "soup", "hot": True}),
        ({"dish": None}, None),
        ({"dish": ["soup"]}, None),
        ({}, None),
    ],
)
def test_arguments_are_held_against_the_schema(given_value: dict[str, Any], kept: dict[str, Any] | None) -> None:
    assert fitted(given_value, _SCHEMA) == kept


def test_a_schema_without_properties_lets_everything_through() -> None:
    assert fitted({"a": 1}, {"type": "object"}) == {"a": 1}


@pytest.mark.parametrize("start", ["{", ' {"name"', "```json", "<tool_call>", "[{", "<function=x>"])
def test_the_beginning_of_a_call_is_known(start: str) -> None:
    assert looks_like_call(start) is True


@pytest.mark.parametrize("start", ["", " ", "<", "<tool", "`", "[", "func"])
def test_too_little_text_is_not_judged(start: str) -> None:
    assert looks_like_call(start) is None


@pytest.mark.parametrize("start", ["Hello", "The", "<b>", "[1]", "5"])
def test_words_are_no_call(start: str) -> None:
    assert looks_like_call(start) is False


@given(st.text(alphabet="{}[]\"\\',: ordernamguts1", max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert all(call.name in {"order", "stop_all"} for call in calls_in(text, _TOOLS))

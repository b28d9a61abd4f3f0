"""Everything a session takes or asks for has a way into a tape and back, also what is invented tomorrow."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vivavoce.events.client import ClientEvent
from vivavoce.events.server import ServerEvent
from vivavoce.session.effects import Effect
from vivavoce.session.happenings import Happening
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings
from vivavoce.tape.notation import KINDS, VERBS, Unreadable, decode, encode

_TEXTS = st.text(max_size=8) | st.sampled_from(["$", "$sound", "\ud800", "\n\x00"])
_FLOATS = st.floats(allow_nan=False)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _FLOATS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    str: _TEXTS,
    int: st.integers(),
    float: _FLOATS,
    bool: st.booleans(),
    bytes: st.binary(max_size=9),
    Any: _JSON,
    type(None): st.none(),
}


def some(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of that annotation."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return st.one_of(*(some(option) for option in arguments))
    if origin is Mapping:
        return st.dictionaries(some(arguments[0]), some(arguments[1]), max_size=3)
    if origin is Sequence:
        return st.lists(some(arguments[0]), max_size=3)
    if origin is typing.Literal or issubclass(hint, Enum):
        return st.sampled_from(arguments or list(hint))
    hints = typing.get_type_hints(hint)
    return st.builds(hint, **{field.name: some(hints[field.name]) for field in dataclasses.fields(hint)})


def through(value: Any) -> Any:
    """Into JSON text and back; sound stands beside it, as it does in a tape."""
    pieces: list[bytes] = []

    def sound(pcm: bytes) -> int:
        pieces.append(pcm)
        return len(pieces) - 1

    return decode(json.loads(json.dumps(encode(value, sound), allow_nan=False)), lambda place: pieces[place])


def everything(value: Any) -> Any:
    """All fields, those too that equality does not ask for."""
    if dataclasses.is_dataclass(value):
        return type(value), [everything(getattr(value, field.name)) for field in dataclasses.fields(value)]
    return value


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_every_kind_comes_back_as_it_was(kind: type) -> None:
    @settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(some(kind))
    def law(value: Any) -> None:
        assert everything(through(value)) == everything(value)

    law()


def test_every_event_effect_line_and_setting_has_a_name() -> None:
    unions = (ClientEvent, ServerEvent, Effect, Happening)
    wanted = {kind for union in unions for kind in typing.get_args(union)} | {Settings}
    assert wanted <= set(KINDS.values())


@pytest.mark.parametrize("verb", VERBS)
def test_whatever_an_input_takes_comes_back_as_it_was(verb: str) -> None:
    hints = typing.get_type_hints(VERBS[verb])
    takes = st.tuples(*(some(hint) for name, hint in hints.items() if name != "return"))

    @settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(takes)
    def law(values: tuple[Any, ...]) -> None:
        assert [everything(through(value)) for value in values] == [everything(value) for value in values]

    law()


def test_the_inputs_are_what_a_session_offers_and_gives_no_answer_to() -> None:
    public = {name for name, what in vars(Session).items() if callable(what) and not name.startswith("_")}
    assert public - set(VERBS) == {"to_world", "to_server", "to_standby", "next_deadline"}
    assert {"tick", "receive", "hear", "heard", "hushed", "type", "answered", "leave"} <= set(VERBS)


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), 0.1 + 0.2, 5e-324, 12017.212332005])
def test_numbers_are_exact_also_those_that_json_has_not(number: float) -> None:
    assert repr(through(number)) == repr(number)


def test_names_that_mean_something_to_the_tape_are_only_names_in_an_object() -> None:
    said = {"$": "server.AudioDelta", "$sound": [1], 7: None}
    assert through(said) == said


@pytest.mark.parametrize("value", [object(), {1, 2}, [object()], 1j, Exception("x")])
def test_what_is_no_json_and_no_kind_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="no way to keep"):
        encode(value, len)


@pytest.mark.parametrize(
    "said",
    [{"$": "server.Nothing"}, {"$": "server.AudioDelta", "colour": 1}, {"$new": 1}, {"$number": "x"}, {"$pairs": 3}],
)
def test_what_no_program_of_ours_wrote_is_told_by_name(said: Any) -> None:
    with pytest.raises(Unreadable, match=r"Nothing|AudioDelta|new|number|pairs"):
        decode(said, lambda _: b"")


def test_the_line_of_the_document_is_one_that_is_written() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tape.md").read_text()
    (line,) = [json.loads(line) for line in page.splitlines() if line.startswith('{"n":')]
    for said in (*line["with"], *line["world"]):
        value = decode(said, lambda where: json.dumps(where).encode())
        assert encode(value, json.loads) == said

"""Any event at all: what it says is said again."""

from __future__ import annotations

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vivavoce.errors import ProtocolError
from vivavoce.events import Event, decode, encode
from vivavoce.events.codec import CLIENT_SHAPES, SERVER_SHAPES, from_fields, to_fields

SHAPES = CLIENT_SHAPES | SERVER_SHAPES
TEXT = st.text(max_size=8)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
JSON = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXT, part, max_size=3), max_leaves=6
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=3)


def unpadded(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode().rstrip("=")


BASE64 = st.binary(max_size=12).map(lambda pcm: base64.b64encode(pcm).decode()) | st.binary(max_size=12).map(unpadded)
VALUES: dict[type, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(0, 10**9),
    float: st.floats(0, 1e6),
    dict: OBJECTS,
    list: st.lists(JSON, max_size=3),
    bytes: BASE64,
}


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    shape = SHAPES[draw(st.sampled_from(sorted(SHAPES)))]
    said: dict[str, Any] = {"type": shape.make.TYPE}
    for slot in shape.slots:
        value = VALUES[slot.kinds[0]]
        said[slot.wire] = draw(value if slot.required else value | st.none())
        if slot.nullable and said[slot.wire] is None and draw(st.booleans()):
            del said[slot.wire]
    if draw(st.booleans()):
        said["event_id"] = draw(TEXT | st.none())
    extra = draw(st.dictionaries(TEXT.filter(lambda key: key not in {"type", "event_id", *said}), JSON, max_size=2))
    return {key: value for key, value in extra.items() if key not in shape.known} | said


@given(events())
def test_whatever_an_event_says_is_said_again(said: dict[str, Any]) -> None:
    assert json.loads(encode(decode(json.dumps(said)))) == said


@given(st.dictionaries(TEXT.filter(lambda key: key not in {"type", "event_id"}), JSON, max_size=3), st.none() | TEXT)
def test_whatever_an_unknown_event_says_is_said_again(fields: dict[str, Any], event_id: str | None) -> None:
    said = {"type": "invented.later", **fields} | ({} if event_id is None else {"event_id": event_id})
    assert json.loads(encode(decode(json.dumps(said)))) == said


def read(text: str | bytes) -> Event | ProtocolError:
    try:
        return decode(text)
    except ProtocolError as error:
        return error


@given(JSON)
def test_any_json_is_a_word_or_a_protocol_error(value: Any) -> None:
    found = read(json.dumps(value))
    assert str(found) if isinstance(found, ProtocolError) else from_fields(to_fields(found)) == found


@given(st.sampled_from(sorted(SHAPES)), OBJECTS, st.data())
def test_any_object_under_a_known_name_is_a_word_or_names_its_field(
    name: str, more: dict[str, Any], data: st.DataObject
) -> None:
    slots = SHAPES[name].slots
    guessed = {slot.wire: data.draw(JSON) for slot in slots}
    found = read(json.dumps({**more, **guessed, "type": name, "event_id": "e"}))
    if isinstance(found, ProtocolError):
        assert found.field in {slot.wire for slot in slots}
        assert found.event_id == "e"
    else:
        assert type(found) is SHAPES[name].make


@given(st.text(max_size=30) | st.binary(max_size=30))
def test_any_text_is_a_word_or_a_protocol_error(text: str | bytes) -> None:
    found = read(text)
    assert isinstance(found, ProtocolError)
    assert str(found)

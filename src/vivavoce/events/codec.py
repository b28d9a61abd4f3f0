"""Event <-> JSON text.

`decode` takes any text and either answers a word or raises one `ProtocolError` that names the field at fault; it never
invents a value for a field the API requires. `encode(decode(text))` says the same JSON again, byte order of keys aside:
what our dataclasses do not name rides along in `Word.extra`. Sound is bytes on our side, also within an item that we make, and
base64 only in the text.

The preview spelling of the audio and text events (reference section 2.2) is understood as the GA word it means, because
some GA endpoints have been seen to emit it; whole preview sessions are translated in `wire/preview.py`.
"""

from __future__ import annotations

import binascii
import json
import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from vivavoce.errors import ProtocolError
from vivavoce.events import client, server
from vivavoce.events.word import Unknown, Word

Event = client.ClientEvent | server.ServerEvent

PREVIEW_NAMES: Mapping[str, str] = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
}

_WIRE_NAMES = {
    ("conversation.item.truncate", "heard_ms"): "audio_end_ms",
    ("response.output_audio.delta", "audio"): "delta",
}
_JSON_NAMES: Mapping[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    dict: "an object",
    list: "an array",
    bytes: "base64 text",
}
_APPEND = client.AppendAudio.TYPE
_QUANTUM = 4  # characters of base64 that stand for three bytes


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")  # json.loads takes NaN and Infinity, JSON and our comparisons do not


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits[:20]} is too large a number")  # it would be written as Infinity, which is no JSON
    return value


_JSON = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


@dataclass(frozen=True, slots=True)
class _Slot:
    """One field of a word: its name here and on the wire, what JSON may hold there."""

    name: str
    wire: str
    kinds: tuple[type, ...]
    required: bool
    nullable: bool
    is_audio: bool


@dataclass(frozen=True, slots=True)
class _Shape:
    """One class of words."""

    make: type[Word]
    slots: tuple[_Slot, ...]
    known: frozenset[str]


def _slot(type_name: str, name: str, hint: Any) -> _Slot:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    nullable = type(None) in options
    kinds: list[type] = []
    for option in options:
        origin = typing.get_origin(option) or option
        if origin is Mapping:
            kinds.append(dict)
        elif origin is Sequence:
            kinds.append(list)
        elif origin is float:
            kinds += [float, int]
        elif origin is not type(None):
            kinds.append(origin)
    wire = _WIRE_NAMES.get((type_name, name), name)
    required = not nullable and not name.endswith("_index")
    return _Slot(name, wire, tuple(kinds), required, nullable, bytes in kinds)


def _shape(make: type[Word]) -> _Shape:
    hints = typing.get_type_hints(make)
    slots = tuple(_slot(make.TYPE, f.name, hints[f.name]) for f in fields(make) if f.name not in {"event_id", "extra"})
    return _Shape(make, slots, frozenset({"type", "event_id", *(s.wire for s in slots)}))


def _shapes(union: Any) -> dict[str, _Shape]:
    return {word.TYPE: _shape(word) for word in typing.get_args(union) if word is not Unknown}


CLIENT_SHAPES = _shapes(client.ClientEvent)
SERVER_SHAPES = _shapes(server.ServerEvent)
_SHAPES = CLIENT_SHAPES | SERVER_SHAPES


def decode(text: str | bytes) -> Event:
    """The word that `text` says.

    Raises:
        ProtocolError: the text is not a JSON object, a required field is missing, or a field has the wrong type. The
            connection is still usable.
    """
    return from_fields(load(text))


def load(text: str | bytes) -> dict[str, Any]:
    """The JSON object that `text` says; ProtocolError when it says none."""
    try:
        found = _JSON.decode(text.decode() if isinstance(text, bytes) else text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"this is not JSON ({error})", code="invalid_json") from None
    if not isinstance(found, dict):
        raise ProtocolError("an event is a JSON object, this is not", code="invalid_json")
    return found


def from_fields(said: Mapping[str, Any]) -> Event:
    """The word that a JSON object says; raises as `decode` does."""
    event_id = said.get("event_id")
    if event_id is not None and not isinstance(event_id, str):
        raise ProtocolError("'event_id' must be a string", field="event_id", code="invalid_type")
    name = said.get("type")
    if name is None:
        raise ProtocolError(
            "The 'type' field is missing.", field="type", code="missing_required_parameter", event_id=event_id
        )
    if not isinstance(name, str):
        raise ProtocolError("'type' must be a string", field="type", code="invalid_type", event_id=event_id)
    shape = _SHAPES.get(PREVIEW_NAMES.get(name, name))
    if shape is None:
        rest = {key: value for key, value in said.items() if key not in {"type", "event_id"}}
        extra = {"event_id": None} if event_id is None and "event_id" in said else {}
        return Unknown(type=name, fields=rest, event_id=event_id, extra=extra)
    return _fill(shape, said, event_id)


def _fill(shape: _Shape, said: Mapping[str, Any], event_id: str | None) -> Event:
    values: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for slot in shape.slots:
        value = said.get(slot.wire)
        if value is None:
            _absent(slot, said, extra, event_id)
        elif slot.is_audio:
            values[slot.name] = _audio(slot.wire, value, extra, event_id)
        elif type(value) in slot.kinds:
            values[slot.name] = value
        else:
            raise _wrong_type(slot, event_id)
    if len(said) > len(values) + 1 + (event_id is not None):
        extra.update((key, value) for key, value in said.items() if key not in shape.known)
        if event_id is None and "event_id" in said:
            extra["event_id"] = None
    return cast("Event", shape.make(event_id=event_id, extra=extra, **values))


def _absent(slot: _Slot, said: Mapping[str, Any], extra: dict[str, Any], event_id: str | None) -> None:
    if slot.required:
        raise ProtocolError(
            f"Missing required parameter: '{slot.wire}'.",
            field=slot.wire,
            code="missing_required_parameter",
            event_id=event_id,
        )
    if slot.wire in said:
        extra[slot.wire] = None


def _wrong_type(slot: _Slot, event_id: str | None) -> ProtocolError:
    wanted = _JSON_NAMES[slot.kinds[0]]
    return ProtocolError(
        f"Invalid type for '{slot.wire}': expected {wanted}.", field=slot.wire, code="invalid_type", event_id=event_id
    )


def _audio(wire: str, value: Any, extra: dict[str, Any], event_id: str | None) -> bytes:
    """PCM of base64 text. Text that is not canonical (no padding) is taken, and kept to be said again."""
    if not isinstance(value, str):
        raise ProtocolError(
            f"Invalid type for '{wire}': expected base64 text.", field=wire, code="invalid_type", event_id=event_id
        )
    try:
        pcm = binascii.a2b_base64(value, strict_mode=True) if value else b""
        if binascii.b2a_base64(pcm[-(len(pcm) % 3 or 3) :], newline=False).decode() == value[-_QUANTUM:]:
            return pcm
        extra[wire] = value
    except ValueError:
        extra[wire] = value
        try:
            pcm = binascii.a2b_base64(value + "=" * (-len(value) % _QUANTUM), strict_mode=True)
        except ValueError:
            raise ProtocolError(
                f"'{wire}' is not base64.", field=wire, code="invalid_value", event_id=event_id
            ) from None
    return pcm


def to_fields(event: Event) -> dict[str, Any]:
    """The object that says `event`; `text_of` makes JSON of it. Sound within an item is as it was given, bytes or text."""
    said: dict[str, Any] = {}
    if event.event_id is not None:
        said["event_id"] = event.event_id
    if isinstance(event, Unknown):
        return said | {"type": event.type} | dict(event.fields) | dict(event.extra)
    said["type"] = event.TYPE
    for slot in _SHAPES[event.TYPE].slots:
        value = getattr(event, slot.name)
        if value is not None:
            said[slot.wire] = _base64(value) if slot.is_audio else value
    said.update(event.extra)
    return said


def _base64(pcm: bytes) -> str:
    return binascii.b2a_base64(pcm, newline=False).decode()


def encode(event: Event) -> str:
    """The JSON text that says `event`, without needless spaces."""
    if type(event) is client.AppendAudio and event.event_id is None and not event.extra:
        return f'{{"type":"{_APPEND}","audio":"{_base64(event.audio)}"}}'
    return text_of(to_fields(event))


def text_of(said: Mapping[str, Any]) -> str:
    """The JSON text of an object in which sound may be bytes, without needless spaces. TypeError for what is no JSON."""
    return json.dumps(said, separators=(",", ":"), default=_sound_text)


def _sound_text(value: Any) -> str:
    if isinstance(value, bytes):
        return _base64(value)
    raise TypeError(f"a {type(value).__name__} is no JSON")

"""Values <-> JSON: every input of a session, and everything it asks for, written by one rule.

The rule walks the types: whatever can be reached from the verbs of `Session`, from the events, the effects and the settings
has a name here, so a new kind of event, effect or line needs no entry anywhere.

    AudioDelta("item_1", pcm)  <->  {"$": "server.AudioDelta", "item_id": "item_1", "audio": {"$sound": [...]}}

A dataclass is an object with its name under "$"; a field that is None, or an empty object, where that is its default is left
out. Sound is never written as text: the caller says what stands for it.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

from vivavoce.events.client import ClientEvent
from vivavoce.events.server import ServerEvent
from vivavoce.session.effects import Effect
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings

__all__ = ["KINDS", "VERBS", "SoundOf", "Unreadable", "decode", "encode"]

SoundOf = Callable[[bytes], Any]
"""What stands for a piece of sound: JSON that is kept under "$sound"."""

_NAME, _SOUND, _NUMBER, _PAIRS, _MEMBER = "$", "$sound", "$number", "$pairs", "$member"


class Unreadable(Exception):
    """JSON that this program never wrote; the message says what it met."""


def _verbs() -> dict[str, Callable[..., None]]:
    """The inputs of a session: what is public there, and returns nothing."""
    return {
        name: verb
        for name, verb in vars(Session).items()
        if inspect.isfunction(verb)
        and not name.startswith("_")
        and typing.get_type_hints(verb).get("return") is types.NoneType
    }


VERBS: Mapping[str, Callable[..., None]] = _verbs()
"""Every input a session can take, by name; `tick` is one of them."""


def _reached(hints: list[Any]) -> Iterator[type]:
    """All dataclasses and enums behind these annotations, through unions, containers and fields; each once."""
    seen: set[Any] = set()
    while hints:
        hint = hints.pop()
        try:
            if hint in seen:
                continue
            seen.add(hint)
        except TypeError:
            continue  # the arguments of a Literal or a Callable may be lists: no classes in there
        hints.extend(typing.get_args(hint))
        if not isinstance(hint, type):
            continue
        if dataclasses.is_dataclass(hint):
            hints.extend(typing.get_type_hints(hint).values())
            yield hint
        elif issubclass(hint, Enum):
            yield hint


def _name(kind: type) -> str:
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__qualname__}"


def _kinds() -> dict[str, type]:
    roots: list[Any] = [ClientEvent, ServerEvent, Effect, Settings]
    for verb in VERBS.values():
        roots.extend(typing.get_type_hints(verb).values())
    kinds: dict[str, type] = {}
    for kind in _reached(roots):
        if kinds.setdefault(_name(kind), kind) is not kind:
            raise TypeError(f"two kinds are called {_name(kind)}: a tape could not tell them apart")
    return kinds


KINDS: Mapping[str, type] = _kinds()
"""Every dataclass and enum that can stand in a tape, by the name it has there: `module.Class`."""


_NAMES = {kind: name for name, kind in KINDS.items()}
_PLAIN = frozenset({str, bool, int, types.NoneType})


@functools.cache
def _fields(kind: type) -> tuple[tuple[str, Any], ...]:
    """The names of its fields, and what is left out there: nothing (None, an empty object) where that is the default."""
    return tuple((field.name, _left_out(field)) for field in dataclasses.fields(kind))


def _left_out(field: dataclasses.Field[Any]) -> Any:
    if field.default is None:
        return None
    return {} if field.default_factory is dict else dataclasses.MISSING


def encode(value: Any, sound: SoundOf) -> Any:
    """The JSON that says `value`. TypeError for what is neither JSON, nor sound, nor of a kind in `KINDS`."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else {_NUMBER: repr(value)}
    return _encode_kind(value, kind, sound) if kind in _NAMES else _encode_container(value, sound)


def _encode_container(value: Any, sound: SoundOf) -> Any:
    if isinstance(value, bytes):
        return {_SOUND: sound(value)}
    if isinstance(value, Mapping):
        return _encode_mapping(value, sound)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Sequence):
        return [encode(part, sound) for part in value]
    raise TypeError(f"a tape has no way to keep a {type(value).__name__}")


def _encode_mapping(value: Mapping[Any, Any], sound: SoundOf) -> Any:
    if all(isinstance(key, str) and key[:1] != _NAME for key in value):
        return {key: encode(part, sound) for key, part in value.items()}
    return {_PAIRS: [[encode(key, sound), encode(part, sound)] for key, part in value.items()]}


def _encode_kind(value: Any, kind: type, sound: SoundOf) -> Any:
    said = {_NAME: _NAMES[kind]}
    if isinstance(value, Enum):
        return said | {_MEMBER: value.name}
    for field, nothing in _fields(kind):
        part = getattr(value, field)
        if part != nothing:
            said[field] = encode(part, sound)
    return said


def decode(said: Any, sound: Callable[[Any], bytes]) -> Any:
    """The value that `said` says; an array becomes a list. `sound` answers the bytes for what stands for them.

    Raises:
        Unreadable: a kind this program does not know, or with other fields than it has here.
    """
    if isinstance(said, list):
        return [decode(part, sound) for part in said]
    if not isinstance(said, dict):
        return said
    marks = [key for key in said if key[:1] == _NAME]
    if not marks:
        return {key: decode(part, sound) for key, part in said.items()}
    return _decode_marked(said, marks[0], sound)


def _decode_marked(said: dict[str, Any], mark: str, sound: Callable[[Any], bytes]) -> Any:
    try:
        match mark:
            case "$sound":
                return sound(said[_SOUND])
            case "$number":
                return float(said[_NUMBER])
            case "$pairs":
                return {decode(key, sound): decode(part, sound) for key, part in said[_PAIRS]}
            case "$":
                kind = KINDS[said[_NAME]]
                if issubclass(kind, Enum):
                    return kind[said[_MEMBER]]
                return kind(**{key: decode(part, sound) for key, part in said.items() if key != _NAME})
            case _:
                raise Unreadable(f"{mark!r} means nothing to this program")
    except (KeyError, TypeError, ValueError) as fault:
        raise Unreadable(
            f"{said.get(_NAME, mark)!r} is not known to this program, or not in this form ({fault})"
        ) from None

"""The parts of a tape folder, and how one line seals the next.

Every line of `events.jsonl` ends with a seal: the first 16 hex digits of SHA-256 over the seal before it and the line itself.
The first line is sealed with what `meta.json` says. So one altered, removed or reordered line is noticed, whatever it says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["ASSISTANT", "EVENTS", "META", "MICROPHONE", "VERSION", "compact", "first_seal", "opened", "sealed"]

VERSION = 1
META = "meta.json"
EVENTS = "events.jsonl"
MICROPHONE = "microphone.wav"
ASSISTANT = "assistant.wav"

_DIGITS = 16
_BEFORE, _BEHIND = ',"seal":"', '"}'


def compact(said: Any) -> str:
    """JSON on one line, ASCII, without needless spaces."""
    return json.dumps(said, separators=(",", ":"))


def first_seal(meta: Mapping[str, Any]) -> str:
    """What the first line is sealed with: all of `meta.json` but how the tape was closed."""
    rest = {key: value for key, value in meta.items() if key != "closed"}
    return _digest(json.dumps(rest, separators=(",", ":"), sort_keys=True))


def sealed(line: str, before: str) -> tuple[str, str]:
    """A JSON object on one line with its seal as last field, and that seal."""
    seal = _digest(before + line)
    return f"{line[:-1]}{_BEFORE}{seal}{_BEHIND}", seal


def opened(line: str, before: str) -> tuple[str, str] | None:
    """A sealed line as it was, and its seal; None when it is not what was written behind the line sealed `before`."""
    if not line.isascii():
        return None
    body, mark, rest = line.rpartition(_BEFORE)
    seal = _digest(f"{before}{body}}}")
    return (f"{body}}}", seal) if mark and rest == f"{seal}{_BEHIND}" else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]

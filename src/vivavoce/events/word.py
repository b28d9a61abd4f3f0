"""What every word on the wire has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One event of the Realtime API.

    Attributes:
        event_id: the identifier its sender gave it, if any.
        extra: what the text said beside our fields (fields we do not name, an explicit null, base64 that is not
            canonical), kept so that `encode(decode(text))` says the same again. Not part of equality.
    """

    TYPE: ClassVar[str] = ""
    event_id: str | None = field(default=None, compare=False)
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unknown(Word):
    """An event we do not act on: MCP, DTMF, WebRTC only, transcription sessions, and whatever is invented later.

    Attributes:
        type: its name on the wire.
        fields: everything else it said.
    """

    type: str
    fields: Mapping[str, Any]

"""What we may say: client events of the GA Realtime API (reference section 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from vivavoce.events.word import Unknown, Word

__all__ = [
    "AppendAudio",
    "CancelResponse",
    "ClearAudio",
    "ClientEvent",
    "CommitAudio",
    "CreateItem",
    "CreateResponse",
    "DeleteItem",
    "RetrieveItem",
    "TruncateItem",
    "UpdateSession",
]


@dataclass(frozen=True, slots=True)
class UpdateSession(Word):
    """`session.update`: the settings, sparse; rejected whole on one bad field."""

    TYPE: ClassVar[str] = "session.update"
    session: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AppendAudio(Word):
    """`input_audio_buffer.append`: sound of the person, 24 kHz 16-bit mono, at most 15 MiB; never answered."""

    TYPE: ClassVar[str] = "input_audio_buffer.append"
    audio: bytes


@dataclass(frozen=True, slots=True)
class CommitAudio(Word):
    """`input_audio_buffer.commit`: what was appended is a turn; needs 100 ms; never with voice activity detection on."""

    TYPE: ClassVar[str] = "input_audio_buffer.commit"


@dataclass(frozen=True, slots=True)
class ClearAudio(Word):
    """`input_audio_buffer.clear`: forget what was appended."""

    TYPE: ClassVar[str] = "input_audio_buffer.clear"


@dataclass(frozen=True, slots=True)
class CreateItem(Word):
    """`conversation.item.create`: put an item into the conversation (`previous_item_id` "root" = at its front).

    Sound in it (`"audio"` of an `input_audio` part) may be bytes, 24 kHz 16-bit mono, or base64 text already.
    """

    TYPE: ClassVar[str] = "conversation.item.create"
    item: Mapping[str, Any]
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class RetrieveItem(Word):
    """`conversation.item.retrieve`: send the item back, with its audio."""

    TYPE: ClassVar[str] = "conversation.item.retrieve"
    item_id: str


@dataclass(frozen=True, slots=True)
class TruncateItem(Word):
    """`conversation.item.truncate`: this much of the reply was heard, forget the rest."""

    TYPE: ClassVar[str] = "conversation.item.truncate"
    item_id: str
    heard_ms: int
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class DeleteItem(Word):
    """`conversation.item.delete`: nothing of it was heard, forget it."""

    TYPE: ClassVar[str] = "conversation.item.delete"
    item_id: str


@dataclass(frozen=True, slots=True)
class CreateResponse(Word):
    """`response.create`: answer now; `response` overrides settings for this answer only."""

    TYPE: ClassVar[str] = "response.create"
    response: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CancelResponse(Word):
    """`response.cancel`: stop answering; the answer is a `response.done` with status `cancelled`, or an error."""

    TYPE: ClassVar[str] = "response.cancel"
    response_id: str | None = None


ClientEvent = (
    UpdateSession
    | AppendAudio
    | CommitAudio
    | ClearAudio
    | CreateItem
    | RetrieveItem
    | TruncateItem
    | DeleteItem
    | CreateResponse
    | CancelResponse
    | Unknown
)

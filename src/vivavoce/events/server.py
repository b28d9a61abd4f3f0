"""What we may hear: server events of the GA Realtime API (reference section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from vivavoce.events.word import Unknown, Word

__all__ = [
    "ArgumentsDelta",
    "ArgumentsDone",
    "AudioCleared",
    "AudioCommitted",
    "AudioDelta",
    "AudioDone",
    "ContentPartAdded",
    "ContentPartDone",
    "ConversationCreated",
    "ItemAdded",
    "ItemCreated",
    "ItemDeleted",
    "ItemDone",
    "ItemRetrieved",
    "ItemTruncated",
    "OutputItemAdded",
    "OutputItemDone",
    "RateLimitsUpdated",
    "ResponseCreated",
    "ResponseDone",
    "ServerError",
    "ServerEvent",
    "SessionCreated",
    "SessionUpdated",
    "SpeechStarted",
    "SpeechStopped",
    "TextDelta",
    "TextDone",
    "TimeoutTriggered",
    "TranscriptDelta",
    "TranscriptDone",
    "TranscriptionCompleted",
    "TranscriptionDelta",
    "TranscriptionFailed",
    "TranscriptionSegment",
]


@dataclass(frozen=True, slots=True)
class SessionCreated(Word):
    """`session.created`: always the first word; the settings in force before ours."""

    TYPE: ClassVar[str] = "session.created"
    session: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SessionUpdated(Word):
    """`session.updated`: our settings were taken; all that are in force."""

    TYPE: ClassVar[str] = "session.updated"
    session: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConversationCreated(Word):
    """`conversation.created`: some servers say it after `session.created`."""

    TYPE: ClassVar[str] = "conversation.created"
    conversation: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ItemAdded(Word):
    """`conversation.item.added`: an item is in the conversation, perhaps still growing."""

    TYPE: ClassVar[str] = "conversation.item.added"
    item: Mapping[str, Any]
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ItemCreated(Word):
    """`conversation.item.created`: the older word for `conversation.item.added`, still in the GA schema."""

    TYPE: ClassVar[str] = "conversation.item.created"
    item: Mapping[str, Any]
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ItemDone(Word):
    """`conversation.item.done`: the item is complete; its audio bytes are not repeated."""

    TYPE: ClassVar[str] = "conversation.item.done"
    item: Mapping[str, Any]
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class ItemRetrieved(Word):
    """`conversation.item.retrieved`: the item asked for, audio included."""

    TYPE: ClassVar[str] = "conversation.item.retrieved"
    item: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ItemTruncated(Word):
    """`conversation.item.truncated`: the reply now ends at `audio_end_ms`; its transcript is gone."""

    TYPE: ClassVar[str] = "conversation.item.truncated"
    item_id: str
    audio_end_ms: int
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class ItemDeleted(Word):
    """`conversation.item.deleted`."""

    TYPE: ClassVar[str] = "conversation.item.deleted"
    item_id: str


@dataclass(frozen=True, slots=True)
class TranscriptionDelta(Word):
    """`conversation.item.input_audio_transcription.delta`: words of the person, so far."""

    TYPE: ClassVar[str] = "conversation.item.input_audio_transcription.delta"
    item_id: str
    delta: str | None = None
    content_index: int | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionCompleted(Word):
    """`conversation.item.input_audio_transcription.completed`: what the person said; comes when it likes."""

    TYPE: ClassVar[str] = "conversation.item.input_audio_transcription.completed"
    item_id: str
    transcript: str
    content_index: int | None = None
    usage: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionFailed(Word):
    """`conversation.item.input_audio_transcription.failed`: the words are not to be had; the turn goes on."""

    TYPE: ClassVar[str] = "conversation.item.input_audio_transcription.failed"
    item_id: str
    error: Mapping[str, Any]
    content_index: int | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionSegment(Word):
    """`conversation.item.input_audio_transcription.segment`: words of one speaker, `start` and `end` in seconds."""

    TYPE: ClassVar[str] = "conversation.item.input_audio_transcription.segment"
    item_id: str
    text: str
    id: str | None = None
    speaker: str | None = None
    start: float | None = None
    end: float | None = None
    content_index: int | None = None


@dataclass(frozen=True, slots=True)
class SpeechStarted(Word):
    """`input_audio_buffer.speech_started`: `audio_start_ms` on the line of sound we appended, padding included."""

    TYPE: ClassVar[str] = "input_audio_buffer.speech_started"
    item_id: str
    audio_start_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped(Word):
    """`input_audio_buffer.speech_stopped`."""

    TYPE: ClassVar[str] = "input_audio_buffer.speech_stopped"
    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class AudioCommitted(Word):
    """`input_audio_buffer.committed`: what the person said is now an item, after `previous_item_id`."""

    TYPE: ClassVar[str] = "input_audio_buffer.committed"
    item_id: str
    previous_item_id: str | None = None


@dataclass(frozen=True, slots=True)
class AudioCleared(Word):
    """`input_audio_buffer.cleared`."""

    TYPE: ClassVar[str] = "input_audio_buffer.cleared"


@dataclass(frozen=True, slots=True)
class TimeoutTriggered(Word):
    """`input_audio_buffer.timeout_triggered`: the person said nothing for `idle_timeout_ms`; the silence is a turn."""

    TYPE: ClassVar[str] = "input_audio_buffer.timeout_triggered"
    item_id: str
    audio_start_ms: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class ResponseCreated(Word):
    """`response.created`: an answer begins; before every other word of it."""

    TYPE: ClassVar[str] = "response.created"
    response: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ResponseDone(Word):
    """`response.done`: the last word of an answer, whatever became of it; with what it cost."""

    TYPE: ClassVar[str] = "response.done"
    response: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OutputItemAdded(Word):
    """`response.output_item.added`: the answer has one more item."""

    TYPE: ClassVar[str] = "response.output_item.added"
    response_id: str
    item: Mapping[str, Any]
    output_index: int = 0


@dataclass(frozen=True, slots=True)
class OutputItemDone(Word):
    """`response.output_item.done`: the item is complete; a function call is acted on here and nowhere else."""

    TYPE: ClassVar[str] = "response.output_item.done"
    response_id: str
    item: Mapping[str, Any]
    output_index: int = 0


@dataclass(frozen=True, slots=True)
class ContentPartAdded(Word):
    """`response.content_part.added`."""

    TYPE: ClassVar[str] = "response.content_part.added"
    response_id: str
    item_id: str
    part: Mapping[str, Any]
    output_index: int = 0
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class ContentPartDone(Word):
    """`response.content_part.done`."""

    TYPE: ClassVar[str] = "response.content_part.done"
    response_id: str
    item_id: str
    part: Mapping[str, Any]
    output_index: int = 0
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class AudioDelta(Word):
    """`response.output_audio.delta`: sound of the assistant, 24 kHz 16-bit mono, far faster than it is heard."""

    TYPE: ClassVar[str] = "response.output_audio.delta"
    item_id: str
    audio: bytes
    response_id: str = ""
    output_index: int = 0
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class AudioDone(Word):
    """`response.output_audio.done`: no more sound for this item; holds none itself."""

    TYPE: ClassVar[str] = "response.output_audio.done"
    item_id: str
    response_id: str = ""
    output_index: int = 0
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class TranscriptDelta(Word):
    """`response.output_audio_transcript.delta`: words of the assistant, usually ahead of their sound."""

    TYPE: ClassVar[str] = "response.output_audio_transcript.delta"
    item_id: str
    delta: str
    response_id: str = ""
    output_index: int = 0
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class TranscriptDone(Word):
    """`response.output_audio_transcript.done`: all words of the item."""

    TYPE: ClassVar[str] = "response.output_audio_transcript.done"
    item_id: str
    transcript: str
    response_id: str = ""
    output_index: int = 0
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class TextDelta(Word):
    """`response.output_text.delta`: words of an answer that has no sound."""

    TYPE: ClassVar[str] = "response.output_text.delta"
    item_id: str
    delta: str
    response_id: str = ""
    output_index: int = 0
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class TextDone(Word):
    """`response.output_text.done`."""

    TYPE: ClassVar[str] = "response.output_text.done"
    item_id: str
    text: str
    response_id: str = ""
    output_index: int = 0
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class ArgumentsDelta(Word):
    """`response.function_call_arguments.delta`."""

    TYPE: ClassVar[str] = "response.function_call_arguments.delta"
    item_id: str
    call_id: str
    delta: str
    response_id: str = ""
    output_index: int = 0


@dataclass(frozen=True, slots=True)
class ArgumentsDone(Word):
    """`response.function_call_arguments.done`: announces a call that `response.output_item.done` announces too."""

    TYPE: ClassVar[str] = "response.function_call_arguments.done"
    item_id: str
    call_id: str
    arguments: str
    name: str | None = None
    response_id: str = ""
    output_index: int = 0


@dataclass(frozen=True, slots=True)
class RateLimitsUpdated(Word):
    """`rate_limits.updated`: what is left; `reset_seconds` is a float; entries may be missing."""

    TYPE: ClassVar[str] = "rate_limits.updated"
    rate_limits: Sequence[Any]


@dataclass(frozen=True, slots=True)
class ServerError(Word):
    """`error`: code, param, both event ids may be null; most leave the conversation usable (reference section 2.7)."""

    TYPE: ClassVar[str] = "error"
    error: Mapping[str, Any]

    @property
    def code(self) -> str:
        """The code, or the type where there is no code."""
        return str(self.error.get("code") or self.error.get("type") or "")

    @property
    def message(self) -> str:
        """The sentence of the server."""
        return str(self.error.get("message") or "the server gave no reason")

    @property
    def caused_by(self) -> str | None:
        """The `event_id` of our word at fault, when the server says which."""
        found = self.error.get("event_id")
        return found if isinstance(found, str) else None


ServerEvent = (
    SessionCreated
    | SessionUpdated
    | ConversationCreated
    | ItemAdded
    | ItemCreated
    | ItemDone
    | ItemRetrieved
    | ItemTruncated
    | ItemDeleted
    | TranscriptionDelta
    | TranscriptionCompleted
    | TranscriptionFailed
    | TranscriptionSegment
    | SpeechStarted
    | SpeechStopped
    | AudioCommitted
    | AudioCleared
    | TimeoutTriggered
    | ResponseCreated
    | ResponseDone
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | AudioDelta
    | AudioDone
    | TranscriptDelta
    | TranscriptDone
    | TextDelta
    | TextDone
    | ArgumentsDelta
    | ArgumentsDone
    | RateLimitsUpdated
    | ServerError
    | Unknown
)

"""What a person or a program is told. Each is one line of `viva talk --json`; its fields are the fields of that line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from vivavoce.errors import Reason

CutBy = Literal["person", "connection", "end"]
"""What cut a reply: the person spoke or typed, its connection was lost, the talk ended."""

CUTS: Mapping[CutBy, str] = {
    "person": "interrupted",
    "connection": "cut by the connection",
    "end": "not finished",
}
"""The words for it, the same wherever a person reads of it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The server took our settings: speak."""

    TYPE: ClassVar[str] = "ready"
    server: str
    model: str
    session_id: str


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The server hears the person speak; `audio_ms` on the line of sound we sent."""

    TYPE: ClassVar[str] = "speech_started"
    item_id: str
    audio_ms: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The server hears the person no more."""

    TYPE: ClassVar[str] = "speech_stopped"
    item_id: str
    audio_ms: int


@dataclass(frozen=True, slots=True)
class UserSaid:
    """What the person said; empty when it was not understood."""

    TYPE: ClassVar[str] = "user"
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class AssistantDelta:
    """The next words of the assistant, as they are heard."""

    TYPE: ClassVar[str] = "assistant_delta"
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class AssistantSaid:
    """A reply was heard or cut; once per item. `interrupted`: it was cut, `cut_by` says by what."""

    TYPE: ClassVar[str] = "assistant"
    item_id: str
    text: str
    heard_text: str
    heard_ms: int
    interrupted: bool
    cut_by: CutBy | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The speaker is silent; this much of the item was heard in the end."""

    TYPE: ClassVar[str] = "interrupted"
    item_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class Ducked:
    """A sound over the reply: the reply is quieter until it is known whether somebody speaks."""

    TYPE: ClassVar[str] = "ducked"


@dataclass(frozen=True, slots=True)
class Restored:
    """As loud as before: nobody spoke, and the conversation knows nothing of the sound; or the reply ended meanwhile."""

    TYPE: ClassVar[str] = "restored"


@dataclass(frozen=True, slots=True)
class Truncated:
    """The server is told to forget the item behind this point."""

    TYPE: ClassVar[str] = "truncate"
    item_id: str
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class Deleted:
    """The server is told to forget the item: nothing of it was heard."""

    TYPE: ClassVar[str] = "delete"
    item_id: str


@dataclass(frozen=True, slots=True)
class Called:
    """A function was called and answered; `error` says why it failed, else null."""

    TYPE: ClassVar[str] = "call"
    call_id: str
    name: str
    arguments: Mapping[str, Any] | str
    output: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Used:
    """What a response cost, as the server said it."""

    TYPE: ClassVar[str] = "usage"
    response_id: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know; the conversation goes on."""

    TYPE: ClassVar[str] = "warning"
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Errored:
    """Something failed; when `fatal`, the talk ends. `raw` is what the server said, if it said it.

    `expected`: the known price of a race, nothing to bother a person with; not a field of the JSON line.
    """

    TYPE: ClassVar[str] = "error"
    code: str
    message: str
    fatal: bool
    raw: Mapping[str, Any] | None = None
    expected: bool = False


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """The connection is lost and a new one is being made; once for each loss."""

    TYPE: ClassVar[str] = "reconnecting"
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The conversation goes on, on a new connection. `lost_ms`: how long there was none."""

    TYPE: ClassVar[str] = "reconnected"
    session_id: str
    lost_ms: int


@dataclass(frozen=True, slots=True)
class Renewed:
    """A second connection took over before the first grew too old; nothing of it is heard."""

    TYPE: ClassVar[str] = "renewed"
    session_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The last line."""

    TYPE: ClassVar[str] = "end"
    reason: Reason


Happening = (
    Ready
    | SpeechBegan
    | SpeechEnded
    | UserSaid
    | AssistantDelta
    | AssistantSaid
    | Interrupted
    | Ducked
    | Restored
    | Truncated
    | Deleted
    | Called
    | Used
    | Warned
    | Errored
    | Reconnecting
    | Reconnected
    | Renewed
    | Ended
)

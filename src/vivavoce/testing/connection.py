"""What one connection was: the handshake, every word of the client with its time, its sound, what the conversation holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vivavoce.pcm import SAMPLE_BYTES
from vivavoce.testing.sound import Utterance, utterances
from vivavoce.testing.talker import Talker

__all__ = ["Connection", "Piece", "Received"]

APPEND = "input_audio_buffer.append"
NOT_JSON = "(not JSON)"


@dataclass(frozen=True, slots=True)
class Received:
    """A word, as it stood on the wire.

    Attributes:
        t: seconds since the server began, in its own time (see `speed`).
        event: the JSON object; `{"type": "(not JSON)", "text": ...}` for a text that is none.
    """

    t: float
    event: Mapping[str, Any]

    @property
    def type(self) -> str:
        """Its type."""
        return str(self.event.get("type"))


@dataclass(frozen=True, slots=True)
class Piece:
    """Sound of one `input_audio_buffer.append`: `samples` of it, the first one `at` that place of all sound appended."""

    t: float
    at: int
    samples: int


@dataclass
class Connection:
    """One handshake of a client, and what came of it.

    Attributes:
        number: 1 for the first connection of the server.
        path: of the request, query included.
        headers: of the request, in order.
        t: when it came, seconds since the server began.
        refused: the HTTP status it was refused with; None when it was let in.
        received: every word of the client in order, as it was spelled; sound is not among them.
        pieces: when sound came, and where it belongs.
        sound: all of it, 24 kHz 16-bit mono, unless the server was told not to keep it.
        said: every word of the server in order, GA spelling, sound left out; with faults, as they were in fact said.
        closed: how it ended: "client", "server" or "cut"; "" while it is open.
        code, reason: of the close frame of the client; None and "" when there was none.
    """

    number: int
    path: str
    headers: Sequence[tuple[str, str]]
    t: float
    refused: int | None = None
    received: list[Received] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    sound: bytearray = field(default_factory=bytearray)
    said: list[Received] = field(default_factory=list)
    closed: str = ""
    code: int | None = None
    reason: str = ""
    talker: Talker | None = field(default=None, repr=False)

    @property
    def types(self) -> list[str]:
        """The types of the client's words, in order; sound is not among them."""
        return [word.type for word in self.received]

    def words(self, type_: str) -> list[Mapping[str, Any]]:
        """The client's words of that type."""
        return [word.event for word in self.received if word.type == type_]

    def said_words(self, type_: str) -> list[Mapping[str, Any]]:
        """The server's words of that type."""
        return [word.event for word in self.said if word.type == type_]

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def samples(self) -> int:
        """How much sound was appended."""
        return self.pieces[-1].at + self.pieces[-1].samples if self.pieces else 0

    @property
    def utterances(self) -> list[Utterance]:
        """What `sound.spoken` voices said in all of it."""
        return utterances(bytes(self.sound))

    @property
    def items(self) -> list[dict[str, Any]]:
        """The conversation as the server has it: creates, truncates and deletes applied. Empty where no `Talk` was held."""
        return self.talker.items if self.talker else []

    def heard_sound(self, t: float, pcm: bytes, *, keep: bool) -> None:
        """Sound was appended."""
        self.pieces.append(Piece(t, self.samples, len(pcm) // SAMPLE_BYTES))
        if keep:
            self.sound += pcm

"""The four stages of the engine: notice, hear, think, speak. Each is one method; each runs on a thread of the pipeline.

Sound in is 16 kHz (what voice activity detection and Whisper were trained on), sound out is 24 kHz; both 16-bit mono.
A stage that takes `cut` looks at it between the pieces it makes and stops at once when it is set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

HEAR_RATE_HZ = 16_000
NOTICE_SAMPLES = 512  # one chunk of Silero VAD: 32 ms


class Cut(Protocol):
    """Set when nobody wants the rest any more (a `threading.Event` is one)."""

    def is_set(self) -> bool:
        """True once the work is unwanted."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """What was said. `text` is empty when there were no words; `language` is the code Whisper uses ("en")."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the language model is given.

    Attributes:
        instructions: the system text.
        messages: the conversation, oldest first, in chat form: `{"role": "user"|"assistant"|"tool", "content": str}`; an
            assistant message may carry `"calls": [{"name": str, "arguments": str, "call_id": str}]`, a tool message
            has `"call_id"`.
        tools: function tools as the Realtime API gives them: `{"name", "description", "parameters"}`.
        tool_choice: "auto", "none", "required" or the name of one function.
        max_tokens: no more than this; None means the model's own limit for a spoken answer.
    """

    instructions: str
    messages: Sequence[Mapping[str, Any]]
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str = "auto"
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of the answer, to be spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A function the model wants called; `arguments` is JSON text of an object."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of this answer; the last thing a model says.

    Attributes:
        complete: False when the answer was cut off by `max_tokens`.
    """

    input_tokens: int
    cached_tokens: int
    output_tokens: int
    complete: bool = True


class Notice(Protocol):
    """Voice activity detection."""

    def notice(self, chunk: bytes) -> float:
        """Probability of speech, 0 to 1, in the next 512 samples at 16 kHz. Keeps state: chunks come in order."""

    def reset(self) -> None:
        """Forget what came before."""


class Hear(Protocol):
    """Speech recognition."""

    def hear(self, pcm: bytes, language: str | None) -> Recognised:
        """The words in sound at 16 kHz; `language` is a hint such as "en", None to detect it."""


class Think(Protocol):
    """A language model."""

    def think(self, prompt: Prompt, cut: Cut) -> Iterator[Words | Asked | Counted]:
        """The answer, as it is made. Ends with `Counted`, unless cut. Never yields the text of a function call as `Words`."""

    def warm(self, prompt: Prompt, cut: Cut) -> None:
        """Read the part of the prompt that will not change, so that the next `think` begins sooner."""


class Speak(Protocol):
    """Speech synthesis."""

    def speak(self, text: str, cut: Cut) -> Iterator[bytes]:
        """The sound of `text`: 24 kHz 16-bit mono, in pieces of whole samples."""

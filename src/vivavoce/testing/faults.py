"""Faults laid over a conversation: at the n-th word of a type, counted over all connections of the server, do something.

    Fault("response.output_audio.delta", Cut(), nth=7)              # before the 7th delta of sound
    Fault("response.done", Twice())                                 # the first `response.done` is said twice
    Fault("input_audio_buffer.append", Close(1001), nth=40)         # when the client has appended for the 40th time
    Fault("response.created", Refuse(503, times=3))                       # cut, then refuse the next three handshakes
    random_faults(seed=4711, count=3)                               # the same three for the same seed

A fault happens once. `server.faults.happened` says which did, and where.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from vivavoce.events.codec import CLIENT_SHAPES
from vivavoce.testing.steps import Close, Cut, Half, Refuse, Stall

if TYPE_CHECKING:
    from vivavoce.testing.line import Line

__all__ = ["KINDS", "Fault", "Faults", "Happened", "Swap", "Twice", "random_faults"]

Step = Callable[["Line"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Twice:
    """The word is said two times, with the same `event_id`."""


@dataclass(frozen=True, slots=True)
class Swap:
    """The word changes places with the next one; where no word follows at once, the fault waits for a later one of its type."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and when.

    Attributes:
        on: type of a word, of either side. Half, Twice and Swap are for words of the server.
        do: any step, or `Twice`, `Swap`; `Half()` says half of the word in question and cuts.
        nth: of that type, over all connections.
        when: before or after it; words of the client are always "after".
    """

    on: str
    do: Step | Twice | Swap
    nth: int = 1
    when: Literal["before", "after"] = "before"

    def __post_init__(self) -> None:
        if self.on in CLIENT_SHAPES and isinstance(self.do, Twice | Swap):
            raise ValueError(
                f"{self.on} is a word of the client: a server can only say its own words twice or swap them."
            )


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault that happened, at second `t` of the server, on that connection."""

    fault: Fault
    connection: int
    t: float


@dataclass
class Faults:
    """The faults of one server.

    Attributes:
        waiting: those that did not happen yet.
        happened: those that did, in order.
        refusals: what the next handshakes are answered with.
    """

    waiting: list[Fault] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    refusals: list[Refuse] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    def due(self, type_: str) -> list[Fault]:
        """One more word of that type: the faults whose time has come."""
        self._counts[type_] += 1
        count = self._counts[type_]
        found = [fault for fault in self.waiting if fault.on == type_ and fault.nth <= count]
        if found:
            self.waiting = [fault for fault in self.waiting if fault not in found]
        return found

    def put_back(self, fault: Fault) -> None:
        """It could not happen; the next word of its type will do."""
        self.waiting.append(fault)

    def next_refusal(self) -> Refuse | None:
        """What the handshake that comes now is refused with, because a fault said so."""
        return self.refusals.pop(0) if self.refusals else None


_OFTEN = ("response.output_audio.delta", "response.output_audio_transcript.delta")
_ANYWHERE = (
    *_OFTEN,
    "response.created",
    "response.done",
    "input_audio_buffer.speech_started",
    "conversation.item.added",
)
_REPEATABLE = (  # no client can know that sound or words came twice: deltas are not among them
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.completed",
    "response.created",
    "response.output_item.added",
    "response.output_item.done",
    "response.done",
)
_SWAPPABLE = (  # words that may pass each other without changing what is said
    "response.output_audio_transcript.delta",
    "response.output_item.added",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.completed",
    "input_audio_buffer.committed",
    "response.created",
    "response.output_item.done",
)
_CLOSE_CODES = (1000, 1001, 1011, 1012, 4000)
_STATUSES = (429, 500, 502, 503)
KINDS: Mapping[str, Callable[[random.Random], tuple[str, Step | Twice | Swap]]] = {
    "close": lambda dice: (dice.choice(_ANYWHERE), Close(dice.choice(_CLOSE_CODES), "as scripted")),
    "cut": lambda dice: (dice.choice(_ANYWHERE), Cut()),
    "half": lambda dice: (dice.choice(_ANYWHERE), Half(of=dice.choice(("frame", "message")))),
    "refuse": lambda dice: (dice.choice(_ANYWHERE), Refuse(dice.choice(_STATUSES), times=dice.randint(1, 3))),
    "stall": lambda dice: (dice.choice(_ANYWHERE), Stall()),
    "swap": lambda dice: (dice.choice(_SWAPPABLE), Swap()),
    "twice": lambda dice: (dice.choice(_REPEATABLE), Twice()),
}
"""How each kind of random fault is made: where it strikes, and what it does."""


def random_faults(
    seed: int, count: int, *, kinds: Iterable[str] = tuple(KINDS), nth: tuple[int, int] = (1, 20)
) -> list[Fault]:
    """`count` faults, the same ones for the same arguments: kinds in turn from a shuffled list, places by chance.

    Args:
        seed: of the dice.
        count: how many.
        kinds: names in `KINDS`.
        nth: the least and the greatest `Fault.nth`; for deltas, of which there are many, ten times that.
    """
    dice = random.Random(seed)  # noqa: S311  # a test must be repeatable, not secret
    order = sorted(kinds)
    dice.shuffle(order)
    found = []
    for index in range(count):
        on, do = KINDS[order[index % len(order)]](dice)
        many = 10 if on in _OFTEN else 1
        found.append(Fault(on, do, nth=dice.randint(*nth) * many, when=dice.choice(("before", "after"))))
    return found

"""What happened in a recorded talk, and when: turns, replies, interruptions, calls, latencies; both voices as loudness.

Taken from what the tape says, not from a replay. All times are seconds since the recorded program began. The person's speech
is found in the sound itself, between the server's `speech_started` and `speech_stopped`, because those lag behind it; a reply
lies where the speaker reported it.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from vivavoce.session.happenings import CutBy
from vivavoce.tape.loudness import Loudness

__all__ = ["Latency", "Mark", "Reply", "Story", "Stretch", "Turn", "Waits"]


@dataclass(frozen=True, slots=True)
class Turn:
    """The person spoke or typed.

    Attributes:
        start_s, end_s: of the sound; the same moment for a typed turn.
        noticed_s: when the server said that the speech had ended; None when it never did.
        text: what was understood; None when nobody wrote it down.
    """

    item_id: str
    start_s: float
    end_s: float
    noticed_s: float | None
    text: str | None
    typed: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a reply that was heard without a pause: `from_ms` to `to_ms` of its sound, the first of them at `at_s`."""

    at_s: float
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The assistant spoke.

    Attributes:
        start_s: its first sound; when it was shown, where it had none.
        heard_ms, received_ms: of its sound.
        interrupted: it was not heard to its end; `cut_by` says why: "end" also where the tape ends in it.
        truncated_ms: where the server was told to cut it; None when it was not.
    """

    item_id: str
    start_s: float
    end_s: float
    text: str
    heard_text: str
    heard_ms: int
    received_ms: int
    interrupted: bool
    cut_by: CutBy | None
    truncated_ms: int | None
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a moment, or over a time: "call", "interruption", "deletion", "reconnect", "renewal", "warning", "error"."""

    kind: str
    at_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Latency:
    """From the end of a turn to the first sound of the answer."""

    from_s: float
    to_s: float

    @property
    def ms(self) -> int:
        """Milliseconds, rounded."""
        return round((self.to_s - self.from_s) * 1000)


@dataclass(frozen=True, slots=True)
class Waits:
    """The latencies of a talk in one line, milliseconds."""

    count: int
    median_ms: int
    p90_ms: int
    longest_ms: int


@dataclass(frozen=True, slots=True)
class Story:
    """A whole talk.

    Attributes:
        ready_s: when the server was ready; None when it never was.
        reason: why it ended; None when the tape ends before.
        person, assistant: loudness over time, as it was spoken and as it was heard.
    """

    server: str
    model: str
    begun: str
    program: str
    length_s: float
    ready_s: float | None
    reason: str | None
    turns: tuple[Turn, ...]
    replies: tuple[Reply, ...]
    marks: tuple[Mark, ...]
    latencies: tuple[Latency, ...]
    person: Loudness = field(repr=False)
    assistant: Loudness = field(repr=False)

    @property
    def waits(self) -> Waits | None:
        """None when nothing was answered."""
        found = sorted(latency.ms for latency in self.latencies)
        if not found:
            return None
        rank = -(-9 * len(found) // 10)  # nearest rank: a value that was measured
        return Waits(len(found), round(statistics.median(found)), found[rank - 1], found[-1])

    def cut_by(self, what: CutBy) -> list[Reply]:
        """The replies that were cut by this."""
        return [reply for reply in self.replies if reply.cut_by == what]

    def marked(self, *kinds: str) -> list[Mark]:
        """The marks of these kinds."""
        return [mark for mark in self.marks if mark.kind in kinds]

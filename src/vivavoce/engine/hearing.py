"""The line of appended sound, and the turn that is being spoken on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from vivavoce.engine.stages import Asked, Counted, Prompt, Words
from vivavoce.pcm import SAMPLE_BYTES

Piece = Words | bytes | Asked | Counted


class Line:
    """Sound by position: sample 0 is the first sample ever appended. Only what may still be needed is kept."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._start = 0

    @property
    def end(self) -> int:
        """Samples appended so far."""
        return self._start + self.kept

    @property
    def kept(self) -> int:
        """Samples still here."""
        return len(self._pcm) // SAMPLE_BYTES

    def append(self, pcm: bytes) -> None:
        """Whole samples, behind the others."""
        self._pcm += pcm

    def take(self, start: int, stop: int) -> bytes:
        """The sound from sample `start` to `stop`, as far as it is here."""
        first = max(start - self._start, 0) * SAMPLE_BYTES
        return bytes(self._pcm[first : max(stop - self._start, 0) * SAMPLE_BYTES])

    def drop_before(self, position: int) -> None:
        """Let go of everything before `position`."""
        count = min(max(position - self._start, 0), self.kept)
        del self._pcm[: count * SAMPLE_BYTES]
        self._start += count


@dataclass(slots=True)
class Ahead:
    """An answer that is being made before the turn is over, for the words it is believed to hold."""

    job: int
    prompt: Prompt
    pieces: list[Piece] = field(default_factory=list)


@dataclass(slots=True)
class Turn:
    """A turn under way.

    Attributes:
        hearing: the job that recognises it ahead of its end.
        guess: what that job found.
        ahead: the answer to that.
    """

    item_id: str
    began: int
    hearing: int | None = None
    guess: str | None = None
    ahead: Ahead | None = None

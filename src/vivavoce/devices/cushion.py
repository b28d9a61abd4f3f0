"""How much sound of a reply waits before it is begun: as much as the last gaps were long, and no more.

A server sends most replies faster than they are spoken: then nothing has to wait, and the queue behind the speaker is no
delay. One that sends in real time, or over a network that stutters, leaves a gap when the queue runs dry in the middle of
a reply. Each such gap raises the target to what would have bridged it; each reply without one lowers it again by a
quarter. Nothing of a reply is ever dropped to get there: the backlog ends with the reply it belongs to.
"""

from __future__ import annotations

from vivavoce.pcm import SAMPLES_PER_MS

MOST_MS = 400
"""More would be felt as slowness in every answer; longer gaps are silences of the server, not jitter."""
_LEAST_MS = 20
_MARGIN = 1.25
_SHRINK = 0.75


class Cushion:
    """Decides for each block whether sound that waits may be begun.

    The audio thread calls `holds` and `ran_dry`, the other `arrived`; each writes only its own numbers.

    Attributes:
        target_ms: what is gathered before sound begins.
        gaps: times a reply ran dry before its end.
    """

    def __init__(self) -> None:
        self.target_ms = 0.0
        self.gaps = 0
        self._item: str | None = None
        self._stuttered = False
        self._since_s = 0.0
        self._answered = 0
        self._dries = 1
        self._dry_s: float | None = 0.0
        """Since when there is nothing to play; None while something plays. This and `_dries` are the audio thread's."""

    def arrived(self, item_id: str, now_s: float) -> None:
        """Sound of an item comes in."""
        new = item_id != self._item
        if new:
            if self._item is not None and not self._stuttered:
                self._shrink()
            self._item, self._stuttered = item_id, False
        dry_s, times = self._dry_s, self._dries
        if dry_s is None or times == self._answered:
            return
        self._answered, self._since_s = times, now_s  # the first sound since it ran dry
        if not new:
            self.gaps += 1
            self._grow((now_s - dry_s) * 1000)

    @property
    def waits(self) -> bool:
        """Whether nothing plays: nothing is there, or what is there has to wait."""
        return self._dry_s is not None

    def forget(self) -> None:
        """The sound was hushed: what comes next is no continuation."""
        self._item = None

    def holds(self, waiting: int, now_s: float) -> bool:
        """Whether the `waiting` samples have to wait a little longer. Asked for each block."""
        if self._dry_s is None or not waiting:
            return False
        if waiting < self.target_ms * SAMPLES_PER_MS and now_s - self._since_s < self.target_ms / 1000:
            return True
        self._dry_s = None
        return False

    def ran_dry(self, now_s: float) -> None:
        """A block could not be filled."""
        if self._dry_s is None:
            self._dries += 1
            self._dry_s = now_s

    def _grow(self, gap_ms: float) -> None:
        self._stuttered = True
        if gap_ms <= MOST_MS:  # a part of it was bridged by what had been gathered
            self.target_ms = min(MOST_MS, (self.target_ms + gap_ms) * _MARGIN)

    def _shrink(self) -> None:
        self.target_ms *= _SHRINK
        if self.target_ms < _LEAST_MS:
            self.target_ms = 0.0

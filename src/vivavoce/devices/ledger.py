"""Which sample belongs to which item, and what may be reported of it.

Positions count the samples of one queue from its first one, silence between items left out. The session needs to know
when an item has been heard to its end (that is when the assistant stops speaking) and, every 100 ms, how far it is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from vivavoce.pcm import SAMPLES_PER_MS, samples_to_ms
from vivavoce.ports import Heard, Hushed

STEP_SAMPLES = 80 * SAMPLES_PER_MS
"""Between two reports of one item: the contract says 100 ms at most, and a timer may be late."""
_KEPT = 64  # items that may still go on after others were queued


@dataclass(slots=True)
class _Mark:
    item_id: str
    earlier: int
    """Samples of the same item that were queued before this stretch."""
    start: int
    end: int

    def heard(self, position: int) -> int:
        return samples_to_ms(self.earlier + position - self.start)


class Ledger:
    """Stretches of items in the order in which they were queued."""

    def __init__(self) -> None:
        self._marks: deque[_Mark] = deque()
        self._totals: dict[str, int] = {}
        self._reported = 0

    @property
    def playing(self) -> bool:
        """Whether something is queued of which the end was not reported."""
        return bool(self._marks)

    def put(self, item_id: str, start: int, samples: int) -> None:
        """`samples` of an item are queued at position `start`, behind everything queued before."""
        earlier = self._totals.pop(item_id, 0)  # taken out and put in: the one that is longest ago stands first
        self._totals[item_id] = earlier + samples
        if len(self._totals) > _KEPT:
            del self._totals[next(iter(self._totals))]
        last = self._marks[-1] if self._marks else None
        if last is not None and last.item_id == item_id:
            last.end += samples
        else:
            self._marks.append(_Mark(item_id, earlier, start, start + samples))

    def advance(self, position: int) -> list[Heard]:
        """Everything before `position` has left: the items that ended, and the one that plays when its report is due."""
        reports = self._ended(position)
        if self._marks and position >= self._next_step():
            reports += self.tell(position)
        return reports

    def tell(self, position: int) -> list[Heard]:
        """One report of the item that plays, when there is anything new since the last."""
        if not self._marks or position <= max(self._reported, self._marks[0].start):
            return []
        self._reported = position
        return [Heard(self._marks[0].item_id, self._marks[0].heard(position))]

    def due(self, position: int) -> int | None:
        """Samples from `position` to the next report; None when nothing plays."""
        if not self._marks:
            return None
        return max(0, min(self._marks[0].end, self._next_step()) - position)

    def cut(self, position: int) -> list[Heard | Hushed]:
        """The sound ended for good at `position`: the items that were heard whole, then the last word."""
        reports: list[Heard | Hushed] = [*self._ended(position)]
        if not self._marks:
            return [*reports, Hushed(None, 0)]
        mark = self._marks[0]
        self._marks.clear()
        return [*reports, Hushed(mark.item_id, mark.heard(position))]

    def _ended(self, position: int) -> list[Heard]:
        reports = []
        while self._marks and self._marks[0].end <= position:
            mark = self._marks.popleft()
            self._reported = mark.end
            reports.append(Heard(mark.item_id, mark.heard(mark.end)))
        return reports

    def _next_step(self) -> int:
        return max(self._reported, self._marks[0].start) + STEP_SAMPLES

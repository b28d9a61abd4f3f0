"""A speaker as the port describes it, made of numbers: what is queued plays in order, reports come when they are fetched."""

from __future__ import annotations

from collections import deque

from vivavoce.pcm import bytes_to_ms, even
from vivavoce.ports import Heard, Hushed


class CountingSpeaker:
    """Plays only when told to (`advance`), and nothing while `share` is 0; its reports wait in a queue, as those of a device do."""

    def __init__(self) -> None:
        self._queue: deque[tuple[str, int]] = deque()  # stretches of items, in bytes
        self._played: dict[str, int] = {}
        self.share = 1.0
        self.reports: deque[Heard | Hushed] = deque()

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue sound behind what is queued; half samples are dropped."""
        if even(pcm):
            self._queue.append((item_id, len(even(pcm))))

    def hush(self) -> None:
        """Forget what is queued; the answer is among the reports."""
        playing = self._queue[0][0] if self._queue else None
        self._queue.clear()
        self.reports.append(Hushed(playing, bytes_to_ms(self._played.get(playing, 0)) if playing else 0))

    def advance(self, ms: int) -> None:
        """`ms` milliseconds pass at the speaker."""
        left = ms * 48 if self.share else 0
        while left > 0 and self._queue:
            item_id, size = self._queue.popleft()
            taken = min(left, size)
            left -= taken
            if taken < size:
                self._queue.appendleft((item_id, size - taken))
            self._played[item_id] = self._played.get(item_id, 0) + taken
            self.reports.append(Heard(item_id, bytes_to_ms(self._played[item_id])))

"""The reports of a speaker, and the wait for the next one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from vivavoce.devices.bell import Bell
from vivavoce.ports import Heard, Hushed

IDLE_S = 1.0
"""How long a speaker with nothing to say sleeps: it looks once a second whether its device still lives."""
_BREATH_S = 0.002


class Reports:
    """A queue of reports and the bell beside it. One reader."""

    def __init__(self) -> None:
        self.bell = Bell()
        self._ready: deque[Heard | Hushed] = deque()

    def add(self, reports: Iterable[Heard | Hushed]) -> None:
        """Queue reports and wake the reader, when there are any."""
        before = len(self._ready)
        self._ready.extend(reports)
        if len(self._ready) > before:
            self.bell.ring()

    async def next(self, settle: Callable[[], float | None]) -> Heard | Hushed:
        """The next report. Cancelling loses nothing.

        Args:
            settle: brings the reports up to date and answers the seconds until it has something new; None when idle.
        """
        while True:
            due_s = settle()
            if self._ready:
                return self._ready.popleft()
            await self.bell.wait(IDLE_S if due_s is None else max(_BREATH_S, min(due_s, IDLE_S)))

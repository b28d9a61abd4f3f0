"""A loop in which nobody waits: when nothing can happen before the next timer, its time leaps to that timer.

    outcome = hurried(run(parts))               # a two-hour talk in a minute or two, and the same on a busy machine

Everything that takes its time from the loop is hurried: `asyncio.sleep`, time-outs, `call_later`, the pings of `websockets`,
our server, session and wires; give `asyncio.get_running_loop().time` as `clock` to microphones and speakers. Sockets are real:
client and server must live in the same loop, and on loopback, where what was sent has arrived at once. Threads and processes
are not waited for.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["HurryingLoop", "hurried"]

Result = TypeVar("Result")
_LOOKS = 2


class _Looking(selectors.DefaultSelector):
    """Looks for what has arrived; where it would wait for a timer, it asks for a leap instead."""

    def __init__(self) -> None:
        super().__init__()
        self.leapt_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; waits only where no timer ever comes."""
        if timeout is None:
            return list(super().select(None))
        for _ in range(_LOOKS):
            ready = super().select(0)
            if ready or timeout <= 0:
                return list(ready)
        self.leapt_s += timeout
        return []


class HurryingLoop(asyncio.SelectorEventLoop):
    """See above. Its time begins at 0 and stands still while there is something to do."""

    def __init__(self) -> None:
        self._looking = _Looking()
        super().__init__(self._looking)

    def time(self) -> float:
        """Seconds, as this loop counts them."""
        return self._looking.leapt_s

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  # asyncio's own name
        """Wait for the threads of `asyncio.to_thread`, however long they take: a time-out would leap past them (Python 3.12)."""
        del timeout
        await super().shutdown_default_executor()


def hurried(main: Coroutine[Any, Any, Result]) -> Result:
    """`asyncio.run` in a hurry."""
    with asyncio.Runner(loop_factory=HurryingLoop) as runner:
        return runner.run(main)

"""One waiting coroutine, woken from any thread without a lock."""

from __future__ import annotations

import asyncio


class Bell:
    """A ring is kept until somebody waits for it, so none is lost between a look and a wait.

    An `asyncio.Event` belongs to its loop and a `threading.Event` holds a lock while it notifies; a sound callback may
    use neither. One waiter at a time.
    """

    def __init__(self) -> None:
        self._rung = False
        self._waiter: tuple[asyncio.AbstractEventLoop, asyncio.Future[None]] | None = None

    def ring(self) -> None:
        """Wake the waiter, or the next one. From any thread, never blocks."""
        self._rung = True
        waiter = self._waiter
        if waiter is None:
            return
        loop, future = waiter
        try:
            loop.call_soon_threadsafe(_wake, future)
        except RuntimeError:  # the loop was closed under a wait that nobody finished: nobody is left to be woken
            self._waiter = None

    async def wait(self, at_most_s: float) -> None:
        """Return at the next ring, at once when one is kept, or after `at_most_s` seconds. Cancelling is safe."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(max(at_most_s, 0.0), _wake, future)
        self._waiter = (loop, future)  # before the look at `_rung`: a ring in between finds either of the two
        try:
            if not self._rung:
                await future
        finally:
            self._waiter = None
            self._rung = False
            timer.cancel()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)

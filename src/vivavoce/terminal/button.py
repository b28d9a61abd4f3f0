"""Space and Enter as a button, without blocking the talk: one press begins to speak, the next one ends it, or letting go does."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress

_KEYS = b" \r\n"
_LOOK_S = 0.2
_REPEAT_S = 0.15
"""A key that is held down comes again sooner than this, and a person presses again later."""


async def presses(fd: int, other: Callable[[bytes], None] | None = None) -> AsyncIterator[None]:
    """Each press of space or Enter on the terminal `fd`, until its end. Ctrl-C stays what it is.

    A key that is held down is two presses: a terminal repeats it, and tells nothing of its end but that it stops. The terminal
    shows no keys meanwhile, and is as it was afterwards.

    Args:
        fd: of the terminal.
        other: gets every other key, a byte at a time, in the loop.
    """
    loop = asyncio.get_running_loop()
    pressed: asyncio.Queue[bool] = asyncio.Queue()
    over = threading.Event()

    def deliver(call: Callable[..., None], what: object) -> None:
        try:
            loop.call_soon_threadsafe(call, what)
        except RuntimeError:
            over.set()  # the talk is over and its loop closed

    def read() -> None:
        for key in _keys(fd, over):
            if key in _KEYS:
                deliver(pressed.put_nowait, True)
            elif other is not None:
                deliver(other, key)
        deliver(pressed.put_nowait, False)

    with _single_keys(fd):
        reader = threading.Thread(target=read, name="button", daemon=True)
        reader.start()
        try:
            speaks = False
            while await pressed.get():
                if speaks:
                    await _let_go(pressed)
                speaks = not speaks
                yield None
        finally:
            over.set()
            reader.join()


async def _let_go(pressed: asyncio.Queue[bool]) -> None:
    """Until a key that was pressed comes no more, which it does where it is held down."""
    with suppress(TimeoutError):
        while True:
            if not await asyncio.wait_for(pressed.get(), _REPEAT_S):
                pressed.put_nowait(False)  # the end is for the next one to read
                return


if sys.platform == "win32":
    import msvcrt
    import time

    @contextmanager
    def _single_keys(fd: int) -> Iterator[None]:
        del fd  # the console of Windows gives single keys as they are
        yield

    def _keys(fd: int, over: threading.Event) -> Iterator[bytes]:
        del fd
        while not over.is_set():
            if msvcrt.kbhit():
                yield msvcrt.getch()
            else:
                time.sleep(_LOOK_S / 10)

else:
    import termios
    import tty

    @contextmanager
    def _single_keys(fd: int) -> Iterator[None]:
        """Keys come one by one and are not shown."""
        before = termios.tcgetattr(fd)
        tty.setcbreak(fd)
        try:
            yield
        finally:
            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(fd, termios.TCSADRAIN, before)

    def _keys(fd: int, over: threading.Event) -> Iterator[bytes]:
        while not over.is_set():
            if not select.select([fd], [], [], _LOOK_S)[0]:
                continue
            try:
                chunk = os.read(fd, 64)
            except OSError:
                return  # the terminal is gone
            if not chunk:
                return
            yield from (chunk[at : at + 1] for at in range(len(chunk)))

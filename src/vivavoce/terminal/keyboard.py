"""Typed lines of a terminal, without blocking the talk."""

from __future__ import annotations

import asyncio
import codecs
import os
import threading
from collections.abc import AsyncIterator

_CHUNK = 4096


async def typed_lines(fd: int, *, ends: bool = True) -> AsyncIterator[str]:
    """The lines of file descriptor `fd` as they are typed, until its end. The reading thread dies with the program.

    `ends`: Ctrl-D on a terminal is the end; otherwise it means nothing, and only a terminal that is gone ends the lines.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def deliver(line: str | None) -> None:
        try:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        except RuntimeError:
            return  # the talk is over and its loop closed; nobody wants the line

    def read() -> None:
        # os.read, not sys.stdin: a daemon thread inside a buffered reader makes the interpreter abort at its end
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        held = ""
        while (chunk := _read(fd)) or (not ends and chunk is not None and os.isatty(fd)):
            *whole, held = (held + decoder.decode(chunk)).split("\n")
            for line in whole:
                deliver(line.rstrip("\r"))
        deliver(None)

    threading.Thread(target=read, name="keyboard", daemon=True).start()
    while (line := await lines.get()) is not None:
        yield line


def _read(fd: int) -> bytes | None:
    try:
        return os.read(fd, _CHUNK)
    except OSError:
        return None  # the terminal is gone; so are its lines

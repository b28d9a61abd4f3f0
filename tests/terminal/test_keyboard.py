"""A typed line arrives whole, whatever pieces the terminal gives it in."""

from __future__ import annotations

import asyncio
import os
import termios

from vivavoce.terminal.keyboard import typed_lines


def test_lines_arrive_whole_and_end_with_the_terminal() -> None:
    reading, writing = os.pipe()

    async def read() -> list[str]:
        text = "Grüß dich\r\nzwei\ndre".encode()
        os.write(writing, text[:3])  # in the middle of a letter
        os.write(writing, text[3:])
        os.close(writing)
        return [line async for line in typed_lines(reading)]

    try:
        lines = asyncio.run(read())
    finally:
        os.close(reading)
    assert lines == ["Grüß dich", "zwei"]


def test_ctrl_d_ends_the_lines_only_where_it_is_the_end() -> None:
    async def read(*, ends: bool) -> list[str]:
        here, there = os.openpty()
        attributes = termios.tcgetattr(there)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(there, termios.TCSANOW, attributes)
        lines = typed_lines(there, ends=ends)
        os.write(here, b"one\n")
        found = [await anext(lines)]
        os.write(here, b"\x04")
        if not ends:
            await asyncio.sleep(0.05)
            os.write(here, b"two\n")
            found.append(await anext(lines))
            os.close(here)  # the terminal is gone
        found += [line async for line in lines]
        os.close(there)
        return found

    assert asyncio.run(read(ends=True)) == ["one"]
    assert asyncio.run(read(ends=False)) == ["one", "two"]

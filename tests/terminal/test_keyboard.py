"""A typed line arrives whole, whatever pieces the terminal gives it in."""

from __future__ import annotations

import asyncio
import os

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

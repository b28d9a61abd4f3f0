"""Space and Enter as a button."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo terminal is needed", allow_module_level=True)

import pty
import termios

from vivavoce.terminal.button import presses


def test_space_and_enter_are_presses_and_other_keys_are_not_and_the_terminal_is_as_before() -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)

    async def press() -> tuple[int, list[Any]]:
        count = 0
        button = presses(theirs)
        first = asyncio.ensure_future(anext(button))
        while termios.tcgetattr(theirs)[3] & termios.ICANON:  # noqa: ASYNC110  # a terminal rings no event
            await asyncio.sleep(0.01)
        os.write(ours, b"a \n\x1b[Ax ")
        await first
        count += 1
        during = termios.tcgetattr(theirs)
        while count < 3:
            await anext(button)
            count += 1
        await button.aclose()  # type: ignore[attr-defined]  # an async generator is what it is
        return count, during

    try:
        count, during = asyncio.run(press())
        assert count == 3
        assert not during[3] & termios.ECHO
        assert during[3] & termios.ISIG
        assert termios.tcgetattr(theirs) == before
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_end_of_the_terminal_is_the_end_of_the_presses() -> None:
    ours, theirs = pty.openpty()

    async def press() -> list[None]:
        button = presses(theirs)
        first = asyncio.ensure_future(anext(button))
        while termios.tcgetattr(theirs)[3] & termios.ICANON:  # noqa: ASYNC110  # a terminal rings no event
            await asyncio.sleep(0.01)
        os.write(ours, b" ")
        await first
        os.close(ours)
        return [pressed async for pressed in button]

    try:
        assert asyncio.run(press()) == []
    finally:
        os.close(theirs)

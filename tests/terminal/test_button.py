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


async def single_keys(terminal: int) -> None:
    """Wait until its keys come one by one."""
    while termios.tcgetattr(terminal)[3] & termios.ICANON:  # noqa: ASYNC110  # a terminal rings no event
        await asyncio.sleep(0.01)


def test_space_and_enter_are_presses_and_other_keys_are_not() -> None:
    ours, theirs = pty.openpty()

    async def press() -> list[None]:
        button = presses(theirs)
        first = asyncio.ensure_future(anext(button))
        await single_keys(theirs)
        os.write(ours, b"a \n\x1b[Ax\t\r ")
        await first
        for _ in range(3):
            await anext(button)
        os.close(ours)
        return [surplus async for surplus in button]

    try:
        assert asyncio.run(press()) == []
    finally:
        os.close(theirs)


def test_keys_are_not_shown_and_the_terminal_is_as_before_when_nobody_listens_any_more() -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)

    async def press() -> list[Any]:
        button = presses(theirs)
        first = asyncio.ensure_future(anext(button))
        await single_keys(theirs)
        os.write(ours, b" ")
        await first
        during = termios.tcgetattr(theirs)
        await button.aclose()  # type: ignore[attr-defined]  # an async generator is what it is
        return during

    try:
        during = asyncio.run(press())
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
        await single_keys(theirs)
        os.write(ours, b" ")
        await first
        os.close(ours)
        return [pressed async for pressed in button]

    try:
        assert asyncio.run(press()) == []
    finally:
        os.close(theirs)

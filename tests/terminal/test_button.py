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
        os.write(ours, b"a ")
        await first
        for keys in (b"\n\x1b[A", b"x\t\r", b" "):
            os.write(ours, keys)
            await anext(button)
        os.close(ours)
        return [surplus async for surplus in button]

    try:
        assert asyncio.run(press()) == []
    finally:
        os.close(theirs)


def test_a_key_that_is_held_down_begins_and_letting_it_go_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vivavoce.terminal.button._REPEAT_S", 1.0)  # a busy machine repeats late
    ours, theirs = pty.openpty()

    async def press() -> list[int]:
        button, typed, found = presses(theirs), 0, []
        first = asyncio.ensure_future(anext(button))
        await single_keys(theirs)

        async def hold() -> None:
            nonlocal typed
            for pause_s in (0.1, *[0.03] * 20):  # as keyboards do
                os.write(ours, b" ")
                typed += 1
                await asyncio.sleep(pause_s)

        for begun in (first, None):
            holding = asyncio.ensure_future(hold())
            await (begun or anext(button))
            found.append(typed)
            await anext(button)
            found.append(typed)
            await holding
        os.close(ours)
        assert [surplus async for surplus in button] == []
        return found

    try:
        assert asyncio.run(press()) == [1, 21, 22, 42]
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

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any

from vivavoce.devices.bell import Bell

LONG_S = 60.0


def test_a_ring_before_the_wait_is_kept() -> None:
    async def law() -> None:
        bell = Bell()
        bell.ring()
        async with asyncio.timeout(10):
            await bell.wait(LONG_S)

    asyncio.run(law())


def test_rings_from_another_thread_never_get_lost() -> None:
    async def law() -> None:
        bell, rung, seen = Bell(), 0, 0

        def ring() -> None:
            nonlocal rung
            for _ in range(300):
                rung += 1
                bell.ring()
                time.sleep(0.0002)

        thread = threading.Thread(target=ring)
        thread.start()
        async with asyncio.timeout(30):
            while seen < 300:
                await bell.wait(LONG_S)
                seen = rung
        thread.join()

    asyncio.run(law())


def test_nobody_rings_and_the_wait_ends_by_itself() -> None:
    async def law() -> None:
        async with asyncio.timeout(10):
            await Bell().wait(0.01)
            await Bell().wait(-1)

    asyncio.run(law())


def test_a_cancelled_wait_keeps_no_waiter_and_the_next_ring_finds_the_next_wait() -> None:
    async def law() -> None:
        bell = Bell()
        task = asyncio.ensure_future(bell.wait(LONG_S))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        bell.ring()
        async with asyncio.timeout(10):
            await bell.wait(LONG_S)

    asyncio.run(law())


def test_a_ring_after_the_loop_is_closed_is_harmless() -> None:
    bell = Bell()

    async def begin() -> Coroutine[Any, Any, None]:
        wait = bell.wait(LONG_S)
        wait.send(None)  # it waits, and nobody will ever finish it
        return wait

    abandoned = asyncio.run(begin())
    bell.ring()
    bell.ring()
    abandoned.close()

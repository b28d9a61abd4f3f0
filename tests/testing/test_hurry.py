"""A loop in which nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time

import pytest

from vivavoce.testing import hurried


def test_an_hour_of_sleep_passes_at_once_and_is_an_hour_by_the_clock_of_the_loop() -> None:
    async def sleep() -> tuple[float, float]:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(3600)
        return began, asyncio.get_running_loop().time()

    real = time.monotonic()
    began, ended = hurried(sleep())
    assert ended - began == pytest.approx(3600)
    assert time.monotonic() - real < 1800


def test_timers_ring_in_their_order_at_their_times() -> None:
    async def wait() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        rung: list[tuple[str, float]] = []

        def ring(name: str) -> None:
            rung.append((name, round(loop.time(), 6)))

        for name, after_s in (("late", 30.0), ("early", 0.5), ("middle", 7.0)):
            loop.call_later(after_s, ring, name)
        await asyncio.sleep(60)
        return rung

    assert hurried(wait()) == [("early", 0.5), ("middle", 7.0), ("late", 30.0)]


def test_what_was_sent_over_loopback_arrives_before_time_goes_on() -> None:
    async def echo() -> list[float]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100_000):
                writer.write(data)
            writer.close()
            await writer.wait_closed()

        times = []
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            for _ in range(50):
                writer.write(b"x" * 50_000)
                await reader.readexactly(50_000)
                times.append(asyncio.get_running_loop().time())
                await asyncio.sleep(1)
            writer.close()
            await writer.wait_closed()
        return times

    assert hurried(echo()) == pytest.approx([float(second) for second in range(50)])


def test_a_time_out_of_something_that_never_comes_is_over_at_once() -> None:
    async def wait() -> float:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ours, 1), 500)
        return asyncio.get_running_loop().time()

    assert hurried(wait()) == pytest.approx(500)


def test_a_thread_is_waited_for_in_the_end() -> None:
    done = []

    def work() -> None:
        time.sleep(0.05)
        done.append(1)

    async def begin() -> None:
        task = asyncio.create_task(asyncio.to_thread(work))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    hurried(begin())
    assert done == [1]

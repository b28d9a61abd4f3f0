from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from vivavoce.devices.memory import HandClock
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.pcm import BLOCK_BYTES, BLOCK_SAMPLES

Law = Callable[[QueuedMicrophone, HandClock], Coroutine[Any, Any, None]]
SILENT = bytes(BLOCK_BYTES)


def loud(blocks: float, value: int = 7) -> bytes:
    return value.to_bytes(2, "little") * int(blocks * BLOCK_SAMPLES)


async def after(mic: QueuedMicrophone, clock: HandClock, ms: float) -> bytes:
    clock.advance(ms)
    return await mic.read() or b""


def obeys(law: Law) -> None:
    """Runs a law after the first block, a silent one, was read."""

    async def run() -> None:
        clock = HandClock()
        mic = QueuedMicrophone(clock=clock)
        async with asyncio.timeout(20):
            first = asyncio.ensure_future(mic.read())
            await asyncio.sleep(0)
            clock.advance(20)
            assert await first == SILENT
            await law(mic, clock)
            await mic.close()

    asyncio.run(run())


def test_no_block_is_there_before_its_time_and_a_late_reader_gets_all_that_are_due() -> None:
    async def law(mic: QueuedMicrophone, clock: HandClock) -> None:
        clock.advance(19)
        early = asyncio.ensure_future(mic.read())
        await asyncio.sleep(0.05)
        assert not early.done()
        clock.advance(1)
        assert await early == SILENT
        assert await after(mic, clock, 179) == SILENT * 8
        assert await after(mic, clock, 1) == SILENT

    obeys(law)


def test_speech_starts_with_the_next_block_even_when_earlier_ones_were_not_read() -> None:
    async def law(mic: QueuedMicrophone, clock: HandClock) -> None:
        clock.advance(45)
        mic.say(loud(1.5))
        assert mic.speaking
        assert await after(mic, clock, 15) == SILENT * 2 + loud(1)
        assert mic.speaking
        assert await after(mic, clock, 40) == loud(0.5) + SILENT[: BLOCK_BYTES // 2] + SILENT
        assert not mic.speaking

    obeys(law)


def test_what_is_said_while_it_speaks_follows_without_a_gap() -> None:
    async def law(mic: QueuedMicrophone, clock: HandClock) -> None:
        mic.say(loud(0.5, 1))
        mic.say(loud(2, 2) + b"\x01")
        mic.say(b"")
        assert await after(mic, clock, 60) == loud(0.5, 1) + loud(2, 2) + SILENT[: BLOCK_BYTES // 2]

    obeys(law)


def test_speech_that_is_due_but_not_read_is_still_being_spoken() -> None:
    async def law(mic: QueuedMicrophone, clock: HandClock) -> None:
        mic.say(loud(1))
        clock.advance(100)
        mic.say(loud(1))
        clock.advance(20)
        assert mic.speaking
        assert await mic.read() == loud(1) + SILENT * 4 + loud(1)
        assert not mic.speaking

    obeys(law)


def test_the_clock_does_not_drift_over_an_hour_of_uneven_reads() -> None:
    async def law(mic: QueuedMicrophone, clock: HandClock) -> None:
        blocks = 1
        for n in range(30_000):
            clock.advance(20 + (n * 37) % 173)
            blocks += len(await mic.read() or b"") // BLOCK_BYTES
        assert blocks == int(clock.now_s / 0.02 + 1e-3)

    obeys(law)


def test_speech_before_the_first_read_waits_for_it() -> None:
    async def law() -> None:
        clock = HandClock()
        mic = QueuedMicrophone(clock=clock)
        mic.say(loud(1))
        clock.advance(5000)
        first = asyncio.ensure_future(mic.read())
        await asyncio.sleep(0)
        clock.advance(20)
        assert await first == loud(1)
        await mic.close()

    asyncio.run(law())

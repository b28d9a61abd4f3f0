from __future__ import annotations

import asyncio

from vivavoce.devices.memory import MemoryMicrophone, MemorySpeaker
from vivavoce.pcm import silence
from vivavoce.ports import Heard, Hushed


def test_the_pieces_come_one_by_one_and_then_it_has_ended() -> None:
    async def law() -> None:
        mic = MemoryMicrophone([b"\1\0", b"", b"\2\0\3\0\4"])
        assert [await mic.read() for _ in range(4)] == [b"\1\0", b"\2\0\3\0", None, None]

    asyncio.run(law())


def test_one_that_does_not_end_waits_for_what_it_hears() -> None:
    async def law() -> None:
        mic = MemoryMicrophone(ends=False)
        read = asyncio.ensure_future(mic.read())
        await asyncio.sleep(0.01)
        assert not read.done()
        mic.hear(b"\1\0\2")
        assert await read == b"\1\0"
        read = asyncio.ensure_future(mic.read())
        await asyncio.sleep(0.01)
        mic.end()
        assert await read is None

    asyncio.run(law())


def test_a_reader_in_a_loop_lets_the_others_live() -> None:
    async def law() -> None:
        mic, turns = MemoryMicrophone([b"\1\0"] * 50), []

        async def other() -> None:
            while True:
                turns.append(1)
                await asyncio.sleep(0)

        task = asyncio.ensure_future(other())
        while await mic.read():
            pass
        task.cancel()
        assert len(turns) >= 50

    asyncio.run(law())


def test_time_that_passes_is_heard_and_reported_every_100_ms_and_at_its_end() -> None:
    async def law() -> None:
        speaker = MemorySpeaker()
        speaker.advance(50)
        assert speaker.heard == b""
        speaker.start()
        speaker.advance(10)
        speaker.play("a", b"\1\0" * 24 * 250)
        speaker.play("b", b"\2\0" * 24 * 100)
        speaker.advance(280)
        speaker.hush()
        speaker.advance(5)
        expected = [Heard("a", 100), Heard("a", 200), Heard("a", 250), Heard("b", 30), Hushed("b", 30)]
        assert [await speaker.report() for _ in expected] == expected
        assert speaker.heard == silence(10) + b"\1\0" * 24 * 250 + b"\2\0" * 24 * 30 + silence(5)
        assert speaker.out_ms == 295

    asyncio.run(law())

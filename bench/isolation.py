"""How often the speaker runs dry while the offline engine works: in a child process, on threads of this one, and with no engine.

    python -m bench.isolation [--seconds 40] [--rounds 2] [--ways threads child]
                                            (from the top of the project; needs pulseaudio, pulseaudio-utils)

On a sound card (PULSE_SERVER, else a virtual one) `SoundCardSpeaker` plays what the engine answers to the recorded questions in
tests/recordings/questions, which come to it at the pace of a microphone with 3 s of silence behind each. The ways take turns, so
that a busy moment of the machine is not held against one of them. Counted: the times PortAudio says that the output ran dry, and
how late the event loop wakes from a sleep of 5 ms. Models are loaded before the counting begins.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from bench.card import load_average, sound_card

from vivavoce.devices.soundcard import SoundCardSpeaker
from vivavoce.devices.wav import load
from vivavoce.engine.opening import open_stages
from vivavoce.events import client, server
from vivavoce.pcm import BLOCK_BYTES, BLOCK_MS, silence
from vivavoce.wire.offline import OfflineWire

QUESTIONS = sorted((Path(__file__).parents[1] / "tests" / "recordings" / "questions").glob("*.wav"))
WAYS = ("none", "threads", "child")
HEARD = {"transcription": {"model": "base"}}
NAP_S = 0.005


@dataclass
class Tally:
    """What one way did."""

    replies: int = 0
    underflows: int = 0
    late_ms: list[float] = field(default_factory=list)


async def ask(wire: OfflineWire, sounds: list[bytes]) -> None:
    """The questions for ever, at the pace of a microphone."""
    while True:
        for sound in sounds:
            began = time.monotonic()
            for number, at in enumerate(range(0, len(sound), BLOCK_BYTES), 1):
                await asyncio.sleep(max(began + number * BLOCK_MS / 1000 - time.monotonic(), 0))
                wire.send(client.AppendAudio(sound[at : at + BLOCK_BYTES]))


async def answer(wire: OfflineWire, speaker: SoundCardSpeaker, tally: Tally) -> None:
    """What the engine says goes to the speaker."""
    while True:
        event = await wire.receive()
        if isinstance(event, server.AudioDelta):
            speaker.play(event.item_id, event.audio)
        tally.replies += isinstance(event, server.ResponseDone)


async def report(speaker: SoundCardSpeaker) -> None:
    """Followed, as a talk does."""
    while True:
        await speaker.report()


async def beat(tally: Tally) -> None:
    """How late the loop is."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(NAP_S)
        tally.late_ms.append((time.monotonic() - began - NAP_S) * 1000)


@asynccontextmanager
async def engine(way: str) -> AsyncIterator[OfflineWire | None]:
    """The engine, loaded and warm."""
    if way == "none":
        yield None
        return
    wire = OfflineWire(functools.partial(open_stages), isolate=way == "child")
    try:
        await wire.open()
        wire.send(client.UpdateSession({"type": "realtime", "audio": {"input": HEARD}}))
        await asyncio.sleep(4)
        yield wire
    finally:
        await wire.close()


async def one_way(way: str, seconds: float) -> Tally:
    tally = Tally()
    sounds = [
        load(path) + silence(3000) for path in QUESTIONS
    ]  # now: loading one would hold up the loop that is measured
    async with engine(way) as wire:
        speaker = SoundCardSpeaker()
        speaker.start()
        work: list[Coroutine[Any, Any, None]] = [report(speaker), beat(tally)]
        if wire is not None:
            work += [ask(wire, sounds), answer(wire, speaker, tally)]
        tasks = [asyncio.create_task(one) for one in work]
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        tally.underflows = speaker._playback.underflows  # noqa: SLF001  `warnings` holds numbers back for ten seconds
        for task in tasks:
            if task.done():
                task.result()  # none of them ends unless it failed
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await speaker.close()
    return tally


async def run(ways: list[str], seconds: float, rounds: int) -> None:
    seen: dict[str, list[Tally]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way in ways:
            seen[way].append(await one_way(way, seconds))
            print(f"{way}: {seen[way][-1].underflows} underflows, {seen[way][-1].replies} replies", flush=True)
    print(f"\n{rounds} rounds of {seconds:.0f} s each, {load_average()}\n")
    print(
        "| engine | underflows of each round | replies | event loop late by, p99 ms | most ms |\n|---|---|---|---|---|"
    )
    for way, tallies in seen.items():
        late = [ms for tally in tallies for ms in tally.late_ms]
        underflows = ", ".join(str(tally.underflows) for tally in tallies)
        replies = sum(tally.replies for tally in tallies)
        print(f"| {way} | {underflows} | {replies} | {np.percentile(late, 99):.1f} | {max(late):.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    args = parser.parse_args()
    with sound_card():
        asyncio.run(run(args.ways, args.seconds, args.rounds))


if __name__ == "__main__":
    main()

"""Talks in a room: what leaves the virtual speaker comes back into the virtual microphone. Does the assistant interrupt itself?

    python -m bench.room [--talks 5] [--echo auto] [--barge-in at-once]     (needs pulseaudio, all extras, the models)

Each talk is a `viva talk --server offline` on the virtual card, with a loopback of 60 ms from speaker to microphone as a room.
Two recorded requests are spoken into the microphone; the second is for a story, and over that story a third person speaks.
Counted: starts of speech that nobody made, replies cut for nothing, whether the person who speaks over the story interrupts it.
Run it on a quiet machine: where the sound server or PortAudio run dry, times jump, and the canceller has to begin anew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.card import load_average, sound_card

RECORDINGS = Path(__file__).parents[1] / "tests" / "recordings"
QUESTION = RECORDINGS / "questions" / "09.wav"
STORY = RECORDINGS / "tardigrades.wav"
OVER_IT = RECORDINGS / "whats_the_weather.wav"
DELTAS = 12  # some seconds of words
ROOM = ("load-module", "module-loopback", "source=speaker.monitor", "sink=mic_feed", "latency_msec=60", "adjust_time=0")
PIPE, NOWHERE = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
Line = dict[str, Any]


async def program(name: str, *args: str) -> str:
    process = await asyncio.create_subprocess_exec(shutil.which(name) or name, *args, stdout=PIPE)
    out, _ = await process.communicate()
    return out.decode().strip()


@asynccontextmanager
async def room() -> AsyncIterator[None]:
    module = await program("pactl", *ROOM)
    try:
        yield
    finally:
        await program("pactl", "unload-module", module)


class Lines:
    """The lines of a talk, as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: list[Line] = []

    async def until(self, *types: str) -> Line:
        """Read to the next line of one of these types."""
        assert self._process.stdout is not None
        while text := await self._process.stdout.readline():
            line: Line = json.loads(text)
            self.seen.append(line)
            if line["type"] in types:
                return line
        raise SystemExit(f"The talk ended: {self.seen[-2:]}")

    def count(self, type_: str) -> int:
        return sum(line["type"] == type_ for line in self.seen)


@asynccontextmanager
async def talk(*args: str) -> AsyncIterator[Lines]:
    code = "from vivavoce.cli.main import main; main()"
    command = (sys.executable, "-c", code, "talk", "--server", "offline", "--json", "--max-minutes", "3", *args)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=NOWHERE, stdout=PIPE, stderr=NOWHERE, env={**os.environ}
    )
    try:
        yield Lines(process)
    finally:
        process.terminate()
        await process.communicate()


async def one(*args: str) -> tuple[int, int, bool]:
    """Starts of speech that nobody made, replies cut for nothing, whether the person was heard."""
    async with room(), talk(*args) as lines:
        await lines.until("ready")
        await program("paplay", "--device=mic_feed", str(QUESTION))
        await lines.until("assistant")
        await program("paplay", "--device=mic_feed", str(STORY))
        await lines.until("assistant_delta")
        for _ in range(DELTAS):
            await lines.until("assistant_delta", "assistant")
        starts, cut = lines.count("speech_started") - 2, lines.count("interrupted")
        await program("paplay", "--device=mic_feed", str(OVER_IT))
        last = await lines.until("interrupted", "assistant")
        return max(starts, 0), cut, last["type"] == "interrupted"


async def run(talks: int, *args: str) -> None:
    for number in range(talks):
        starts, cut, heard = await one(*args)
        print(
            f"talk {number + 1}: {starts} starts of nobody, {cut} replies cut, the person is {'' if heard else 'NOT '}heard",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--talks", type=int, default=5)
    parser.add_argument("--echo", default="auto")
    parser.add_argument("--barge-in", default="at-once")
    given = parser.parse_args()
    with sound_card():
        asyncio.run(run(given.talks, "--echo", given.echo, "--barge-in", given.barge_in))
    print(load_average())


if __name__ == "__main__":
    main()

"""Talks in a room: what leaves the virtual speaker comes back into the virtual microphone."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

RECORDINGS = Path(__file__).parents[1] / "recordings"
STORY = RECORDINGS / "tardigrades.wav"
QUESTION = RECORDINGS / "questions" / "09.wav"
DELTAS = 12  # some seconds of words
OVER_IT = RECORDINGS / "whats_the_weather.wav"
ECHO = ("load-module", "module-loopback", "source=speaker.monitor", "sink=mic_feed", "latency_msec=60", "adjust_time=0")
PIPE = asyncio.subprocess.PIPE
Line = dict[str, Any]

pytestmark = [pytest.mark.sound, pytest.mark.models, pytest.mark.timeout(300)]


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0, command
    return out.decode().strip()


@asynccontextmanager
async def _echo() -> AsyncIterator[None]:
    module = await _run("pactl", *ECHO)
    yield
    await _run("pactl", "unload-module", module)


class Talk:
    """`viva talk` with the sound card, and the lines it wrote so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.lines: list[Line] = []

    async def until(self, *types: str) -> Line:
        """Read to the next line of one of these types."""
        assert self._process.stdout is not None
        while text := await self._process.stdout.readline():
            line: Line = json.loads(text)
            self.lines.append(line)
            if line["type"] in types:
                return line
        raise AssertionError(self.lines)


@asynccontextmanager
async def _talk(audio: Any, *args: str) -> AsyncIterator[Talk]:
    code = "from vivavoce.cli.main import main; main()"
    command = (sys.executable, "-c", code, "talk", "--server", "offline", "--json", "--max-minutes", "2", *args)
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, stdin=quiet, stdout=PIPE, stderr=quiet, env=os.environ | audio.env
    )
    try:
        yield Talk(process)
    finally:
        process.terminate()
        await process.communicate()


async def _say(recording: Path) -> None:
    await _run("paplay", "--device=mic_feed", str(recording))


def test_the_assistant_hears_itself_without_echo_cancellation(virtual_audio: Any) -> None:
    async def hold() -> Line:
        async with _echo(), _talk(virtual_audio, "--echo", "off") as talk:
            await talk.until("ready")
            await _say(STORY)
            await talk.until("assistant_delta")
            return await talk.until("interrupted", "assistant")

    assert asyncio.run(hold())["type"] == "interrupted"


def test_with_echo_cancellation_only_a_person_interrupts_the_assistant(virtual_audio: Any) -> None:
    async def hold() -> tuple[list[Line], list[Line]]:
        async with _echo(), _talk(virtual_audio) as talk:
            await talk.until("ready")
            await _say(QUESTION)
            await talk.until("assistant")
            await _say(STORY)
            await talk.until("assistant_delta")
            for _ in range(DELTAS):
                await talk.until("assistant_delta", "interrupted", "assistant")
            alone = list(talk.lines)
            await _say(OVER_IT)
            await talk.until("interrupted", "assistant")
            return alone, talk.lines

    alone, lines = asyncio.run(hold())
    assert sum(line["type"] == "speech_started" for line in alone) == 2, alone
    assert not any(line["type"] == "interrupted" for line in alone), alone
    assert lines[-1]["type"] == "interrupted", lines

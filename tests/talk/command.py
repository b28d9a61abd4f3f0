"""`viva talk` as a person starts it: a process, its lines, its exit code; and what it wrote for ears."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import wave
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RATE = 24_000
_LOOK_S = 0.02


@dataclass(frozen=True)
class Seen:
    """What the command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == type_]

    @property
    def types(self) -> list[str]:
        return [line["type"] for line in self.lines]


async def viva(
    *args: str,
    stop: tuple[Callable[[], bool], int] | None = None,
    env: dict[str, str] | None = None,
    limit_s: float = 90,
) -> Seen:
    """Run `viva talk`; `stop`: send this signal once that is true, asked from the first line on."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "VIVA_MODELS") if name in os.environ}
    command = [sys.executable, "-c", "from vivavoce.cli.main import main; main()", "talk", *args]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=kept | (env or {})
    )
    first = b""
    if stop and process.stdout:
        first = await process.stdout.readline()
        happened, number = stop
        while process.returncode is None and not happened():  # noqa: ASYNC110  # another process does it
            await asyncio.sleep(_LOOK_S)
        if process.returncode is None:
            process.send_signal(number)
    try:
        out, err = await asyncio.wait_for(process.communicate(), limit_s)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"viva talk did not end\n{out.decode()}\n{err.decode()}") from None
    return Seen(process.returncode or 0, (first + out).decode(), err.decode())


def wav(path: Path) -> array[int]:
    """The samples of a file that must be 24 kHz 16-bit mono."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        return array("h", file.readframes(file.getnframes()))


def sounds(samples: Sequence[int]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each stretch that is not silence; numbered samples are never 0."""
    edges = [n for n in range(1, len(samples)) if bool(samples[n]) != bool(samples[n - 1])]
    edges = ([0] if samples and samples[0] else []) + edges + ([len(samples)] if samples and samples[-1] else [])
    return list(zip(edges[::2], edges[1::2], strict=True))


@dataclass(frozen=True)
class Reply:
    """Numbered samples as they were heard. A slow machine may bring them late: silence within is no part of it.

    Attributes:
        start, end: where its first sample is in the file, and where the silence after its last one begins.
        samples: what was heard of it.
    """

    start: int
    end: int
    samples: array[int]


def replies(samples: array[int]) -> list[Reply]:
    """Each reply in a file: one begins where the numbers begin anew."""
    found: list[Reply] = []
    for start, end in sounds(samples):
        if samples[start] != 1 and found:
            before = found.pop()
            found.append(Reply(before.start, end, before.samples + samples[start:end]))
        else:
            found.append(Reply(start, end, samples[start:end]))
    return found

"""Ears and mouth without a world: for tests, and for programs that bring their own sound."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from vivavoce.devices.bell import Bell
from vivavoce.devices.fader import Fader
from vivavoce.devices.line import Line
from vivavoce.devices.reports import IDLE_S, Reports
from vivavoce.devices.troubles import Troubles
from vivavoce.pcm import SAMPLE_BYTES, even, ms_to_bytes, samples_to_ms
from vivavoce.ports import Heard, Hushed, Trouble

_STEP_MS = 100


class HandClock:
    """A clock for `WavSpeaker`, `QueuedMicrophone` and `FileMicrophone` that moves when it is told to.

    Attributes:
        now_s: what it answers, seconds.
    """

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now_s

    def advance(self, ms: float) -> None:
        """Let `ms` milliseconds pass."""
        self.now_s += ms / 1000


class MemoryMicrophone:
    """A `Microphone` port that gives the pieces it was given, one a read, as fast as they are read."""

    def __init__(self, pieces: Iterable[bytes] = (), *, ends: bool = True) -> None:
        """`pieces` are 24 kHz 16-bit mono; after the last one it has ended, or with `ends=False` waits for `hear`."""
        self._pieces = deque(even(piece) for piece in pieces if even(piece))
        self._ends = ends
        self._bell = Bell()

    def hear(self, pcm: bytes) -> None:
        """One more piece; a half sample is dropped."""
        if even(pcm):
            self._pieces.append(even(pcm))
            self._bell.ring()

    def end(self) -> None:
        """After the pieces that wait it has ended."""
        self._ends = True
        self._bell.ring()

    async def read(self) -> bytes | None:
        """The next piece; None when it ended. Cancelling loses nothing."""
        await asyncio.sleep(0)  # a reader in a loop lets the others live
        while not self._pieces:
            if self._ends:
                return None
            await self._bell.wait(IDLE_S)
        return self._pieces.popleft()

    def warnings(self) -> list[Trouble]:
        """Nothing: no reader is too slow for it."""
        return []

    async def close(self) -> None:
        """Forget what was not read; a `read` under way answers None. Twice is allowed."""
        self._pieces.clear()
        self.end()


class MemorySpeaker:
    """A `Speaker` port whose time passes when `advance` is called, exact to the sample.

    Attributes:
        heard: every byte that has left since `start`, silence included.
    """

    def __init__(self) -> None:
        self.heard = bytearray()
        self._reports = Reports()
        self._troubles = Troubles()
        self._line = Line()
        self._fader = Fader()
        self._started = False
        self._closed = False

    @property
    def out_ms(self) -> int:
        """Milliseconds advanced since `start`."""
        return samples_to_ms(len(self.heard) // SAMPLE_BYTES)

    def start(self) -> None:
        """Begin: from now on `advance` counts."""
        self._started = True

    def advance(self, ms: float) -> None:
        """Let `ms` milliseconds pass: reports after every 100, at the end of each item and at the end of the time.

        Nothing passes before `start` and after `close`.
        """
        if not self._started or self._closed:
            return
        left = ms_to_bytes(ms)
        while left > 0:
            block = bytearray(min(left, ms_to_bytes(_STEP_MS)))
            left -= len(block)
            self._fader.fill(self._line, memoryview(block))
            self.heard += block
            self._reports.add(self._line.ledger.advance(self._line.handed))
        self._reports.add(self._line.ledger.tell(self._line.handed))

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue sound of an item. Never refuses; empty or odd pieces are a warning."""
        self._line.put(item_id, pcm, self._troubles)

    def hush(self) -> None:
        """Be silent and forget what is queued; `Hushed` has the exact position."""
        self._reports.add(self._line.ledger.cut(self._line.handed))
        self._line = Line()

    def duck(self, share: float) -> None:
        """Play at this share of the loudness, reached within 10 ms; at 0 nothing plays and nothing is lost."""
        self._fader.share = share

    async def report(self) -> Heard | Hushed:
        """The next report. Cancelling loses nothing."""
        return await self._reports.next(lambda: None)

    def warnings(self) -> list[Trouble]:
        """Odd or empty sound, more than ten minutes queued."""
        return self._troubles.drain()

    async def close(self) -> None:
        """Time stands still. Twice is allowed."""
        self._closed = True

"""A microphone fed by the program: silence at real-time pace, and what it is told to say."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from vivavoce.devices.bell import Bell
from vivavoce.devices.reports import IDLE_S
from vivavoce.pcm import BLOCK_BYTES, BLOCK_SAMPLES, RATE_HZ, even
from vivavoce.ports import Trouble

_BLOCK_S = BLOCK_SAMPLES / RATE_HZ
_BREATH_S = 0.0005


class QueuedMicrophone:
    """A `Microphone` port that speaks for a person: blocks of 20 ms by the clock, from the first `read` on.

    Block k is there (k + 1) * 20 ms after the first read, however late the readers are: nothing drifts, and a late
    reader gets all that is due in one piece.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` answers seconds and never goes back."""
        self._clock = clock
        self._bell = Bell()
        self._begun_s: float | None = None
        self._blocks = 0
        self._due = bytearray()
        self._sound: deque[memoryview] = deque()
        self._unread = 0
        self._spoken_due = 0
        self._closed = False

    @property
    def speaking(self) -> bool:
        """Whether sound of `say` has still to be read."""
        return self._unread > 0

    def say(self, pcm: bytes) -> None:
        """Speak from the next block on, or behind what is being said. 24 kHz 16-bit mono; a half sample is dropped."""
        self._settle()  # blocks that were due before now stay what they were: silence
        sound = even(pcm)
        if sound:
            self._sound.append(memoryview(bytes(sound)))
            self._unread += len(sound)

    async def read(self) -> bytes | None:
        """All blocks that are due, at least one; None when closed. Cancelling loses nothing."""
        if self._begun_s is None:
            self._begun_s = self._clock()
        while not self._closed:
            self._settle()
            if self._due:
                sound = bytes(self._due)
                self._due.clear()
                self._unread -= self._spoken_due
                self._spoken_due = 0
                return sound
            next_s = self._begun_s + (self._blocks + 1) * _BLOCK_S
            await self._bell.wait(max(_BREATH_S, min(next_s - self._clock(), IDLE_S)))
        return None

    def warnings(self) -> list[Trouble]:
        """Nothing: no reader is too slow for it."""
        return []

    async def close(self) -> None:
        """End; a `read` under way answers None. Twice is allowed."""
        self._closed = True
        self._bell.ring()

    def _settle(self) -> None:
        if self._begun_s is None:
            return
        due = int((self._clock() - self._begun_s) / _BLOCK_S + 1e-6)  # a clock that says 0.06 means three blocks
        while self._blocks < due:
            self._blocks += 1
            self._due += self._next_block()

    def _next_block(self) -> bytes:
        block = bytearray()
        while self._sound and len(block) < BLOCK_BYTES:
            piece = self._sound.popleft()
            room = BLOCK_BYTES - len(block)
            block += piece[:room]
            if len(piece) > room:
                self._sound.appendleft(piece[room:])
        self._spoken_due += len(block)
        return bytes(block).ljust(BLOCK_BYTES, b"\0")

"""The place for a processor of the microphone's sound, such as echo cancellation, away from the audio thread.

A processor gets two streams with the times of their devices, which share one clock: what leaves the speaker, silence too,
and what came into the microphone. What is played is told before it leaves, and so before its echo.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Protocol

from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES

FRAME_SAMPLES = RATE_HZ // 100
_FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES
_LATE_BLOCKS = 500
_BLOCKS = 1000


class Processor(Protocol):
    """Changes what the microphone heard, knowing what was played. Both are called on one thread, in turn, 10 ms at a time."""

    def played(self, pcm: bytes, at_s: float) -> None:
        """240 samples, 24 kHz 16-bit mono, of which the first leaves the speaker at `at_s`, some ms from now.

        Blocks follow each other without a gap, though stated times scatter by some ms; where a device ran dry or was
        changed, times jump. A block that begins before the end of the last one replaces what was said of that time: the
        device dropped it.
        """

    def captured(self, pcm: bytes, at_s: float) -> bytes:
        """240 samples of which the first came into the microphone at `at_s`; the answer, as long, goes on in their place."""


class Tap:
    """What is given to the speaker, block by block, for one reader. Never blocks the audio thread; forgets after ten seconds."""

    def __init__(self) -> None:
        self._blocks: deque[tuple[float, bytes]] = deque(maxlen=_BLOCKS)
        self._end_s = 0.0

    def put(self, dac_s: float, pcm: memoryview) -> None:
        """240 samples of which the first leaves at `dac_s`."""
        self._blocks.append((dac_s, bytes(pcm)))
        self._end_s = dac_s + len(pcm) / (RATE_HZ * SAMPLE_BYTES)

    def cut(self, at_s: float) -> None:
        """What was put and would leave after `at_s` never does: silence is told in its place. Not while `put` may run."""
        while at_s < self._end_s:
            self._blocks.append((at_s, bytes(_FRAME_BYTES)))
            at_s += FRAME_SAMPLES / RATE_HZ

    def take(self) -> tuple[float, bytes] | None:
        """The next block, in order; None when there is none."""
        return self._blocks.popleft() if self._blocks else None


class Processing:
    """One processor at work on one microphone.

    Attributes:
        lost: bytes that came while it was ten seconds behind.
    """

    def __init__(self, processor: Processor, tap: Tap, out: Callable[[memoryview], None], *, threads: bool) -> None:
        """Begins a thread. With `threads=False` the work is done inside `put`: for simulated devices, whose time stands still."""
        self._processor = processor
        self._tap = tap
        self._out = out
        self.lost = 0
        self._held = b""
        self._failed = False
        self._told = False
        self._queue: SimpleQueue[tuple[float, bytes] | None] = SimpleQueue()  # its `put` never waits
        self._threads = threads
        if threads:
            Thread(target=self._work, name="viva-microphone", daemon=True).start()

    def put(self, at_s: float, sound: memoryview) -> None:
        """A block of the microphone, on the audio thread. A processor ten seconds behind loses sound."""
        if not self._threads:
            self._step(at_s, bytes(sound))
        elif self._queue.qsize() < _LATE_BLOCKS:
            self._queue.put((at_s, bytes(sound)))
        else:
            self.lost += len(sound)

    def take_failure(self) -> bool:
        """Whether the processor raised; True once. The microphone goes on without it."""
        told, self._told = self._told, self._failed
        return self._failed and not told

    def stop(self) -> None:
        """End the thread behind what waits."""
        self._queue.put(None)

    def _work(self) -> None:
        while (block := self._queue.get()) is not None:
            self._step(*block)

    def _step(self, at_s: float, sound: bytes) -> None:
        if self._failed:
            self._out(memoryview(sound))
            return
        at_s -= len(self._held) / (RATE_HZ * SAMPLE_BYTES)
        held = self._held + sound
        while len(held) >= _FRAME_BYTES:
            frame, held = held[:_FRAME_BYTES], held[_FRAME_BYTES:]
            self._out(memoryview(self._processed(at_s, frame)))
            at_s += FRAME_SAMPLES / RATE_HZ
        self._held = held

    def _processed(self, at_s: float, frame: bytes) -> bytes:
        try:
            while (block := self._tap.take()) is not None:
                self._processor.played(block[1], block[0])
            return self._processor.captured(frame, at_s)
        except Exception:  # noqa: BLE001  whatever a processor does, the person is heard; told as `mic_processor`
            self._failed = True
            return frame

"""What leaves a sink of a sound server, recorded by a program that is not ours, and which numbered samples are in it.

Numbered samples keep their values through the resampling to the card's rate and back, but for the millisecond around an
edge: where they begin anew, and where silence or another place begins.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from tests.conftest import VirtualAudio
from tests.devices.through import Sound, sound_of

from vivavoce.pcm import RATE_HZ, SAMPLES_PER_MS
from vivavoce.testing.sound import NUMBERS, Run

_LOOSE = 10  # of 30,000
_EDGE = 3 * SAMPLES_PER_MS
_SHORTEST = 5 * SAMPLES_PER_MS
_QUIET = 50


class Recorder:
    """Records a source until it is stopped or its server dies; it is at work when it has been made.

    Attributes:
        loud_s: when the first sound came, by the monotonic clock; None before.
    """

    def __init__(self, audio: VirtualAudio, source: str) -> None:
        parec = shutil.which("parec")
        assert parec is not None
        how = (f"--rate={RATE_HZ}", "--channels=1", "--format=s16le", "--latency-msec=10", "--raw")
        self._heard = bytearray()
        self._begun = threading.Event()
        self.loud_s: float | None = None
        self._program = subprocess.Popen(  # noqa: S603  pulseaudio-utils
            [parec, f"--device={source}", *how], stdout=subprocess.PIPE, bufsize=0, env=os.environ | audio.env
        )
        self._pump = threading.Thread(target=self._read)
        self._pump.start()
        assert self._begun.wait(60)

    def _read(self) -> None:
        assert self._program.stdout is not None
        while piece := self._program.stdout.read(4096):
            start = len(self._heard) & ~1
            self._heard += piece
            if self.loud_s is None and _loud(self._heard[start:]):
                self.loud_s = time.monotonic()
            self._begun.set()

    @property
    def loud(self) -> int:
        """How many of its samples are sound."""
        return _loud(self._heard)

    @property
    def sound(self) -> Sound:
        """What it has heard so far."""
        return sound_of(bytes(self._heard))

    async def until(self, recorded: Callable[[Sound], bool]) -> None:
        """Wait until that is recorded: what has left the speaker comes here after a while."""
        async with asyncio.timeout(60):
            while not recorded(self.sound):  # noqa: ASYNC110  filled by a thread, which has no event to set
                await asyncio.sleep(0.02)

    def stop(self) -> Sound:
        """All it has heard."""
        self.kill()
        return self.sound

    def kill(self) -> None:
        """Twice is allowed."""
        self._program.terminate()
        self._program.wait(60)
        self._pump.join(60)
        assert self._program.stdout is not None
        self._program.stdout.close()


def _loud(pcm: bytes | bytearray) -> int:
    return int(np.sum(np.abs(sound_of(bytes(pcm))) > _QUIET))


def stretches(sound: Sound) -> list[Run]:
    """The numbered samples in a sound that went through a card: each stretch in which nothing is missing and nothing between."""
    places = (sound - 1 - np.arange(len(sound))) % NUMBERS
    odd = (np.abs(np.diff(places)) > _LOOSE) | (np.abs(sound[1:]) <= _QUIET)
    breaks = [0, *(np.flatnonzero(odd) + 1).tolist(), len(sound)]
    found: list[Run] = []
    for begin, end in pairwise(breaks):
        if end - begin < _SHORTEST or sound[begin + 1] <= _QUIET:
            continue
        run = Run(begin, int(places[(begin + end) // 2] + begin) % NUMBERS, end - begin)
        if found and run.at - found[-1].at - found[-1].samples < _EDGE and _same(found[-1], run):
            first = found.pop()
            run = Run(first.at, first.start, end - first.at)
        found.append(run)
    return found


def _same(before: Run, after: Run) -> bool:
    return abs(missing([before, after])[0] - (after.at - before.at - before.samples)) <= _LOOSE


def missing(runs: list[Run]) -> list[int]:
    """Samples that were left out between each two of `runs`; below 0 they were heard twice. To a millisecond."""
    gaps = [after.start - before.start - before.samples for before, after in pairwise(runs)]
    return [(gap + NUMBERS // 2) % NUMBERS - NUMBERS // 2 for gap in gaps]

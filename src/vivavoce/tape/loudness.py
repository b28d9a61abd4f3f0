"""A voice as its peaks, one for every 10 ms: enough to draw it, and to see where speech begins and ends."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

import numpy as np

from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES

__all__ = ["STEP_S", "Loudness", "peaks"]

STEP_S = 0.01
_STEP = int(RATE_HZ * STEP_S)
_FULL_SCALE = 32_768
_OF_LOUDEST, _OVER_NOISE, _AT_MOST = 0.03, 3.0, 0.3


def peaks(pcm: bytes) -> list[float]:
    """The loudest sample of every 10 ms, 0 to 1; the last of them may stand for less."""
    samples = np.abs(np.frombuffer(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2").astype(np.int32))
    if not len(samples):
        return []
    starts = np.arange(0, len(samples), _STEP)
    return [float(peak) / _FULL_SCALE for peak in np.maximum.reduceat(samples, starts)]


class Loudness:
    """Peaks on a line of time that begins at 0 s."""

    def __init__(self) -> None:
        self._peaks = array("f")

    def put(self, at_s: float, found: Sequence[float]) -> None:
        """Peaks, the first of them at `at_s`; where some are already, the louder one stays."""
        first = max(0, round(at_s / STEP_S))
        missing = first + len(found) - len(self._peaks)
        if missing > 0:
            self._peaks.extend([0.0] * missing)
        for place, peak in enumerate(found, first):
            self._peaks[place] = max(self._peaks[place], peak)

    def between(self, from_s: float, to_s: float) -> Iterator[tuple[float, float]]:
        """Time and peak of every step from `from_s` up to `to_s`."""
        first, last = max(0, round(from_s / STEP_S)), round(to_s / STEP_S)
        return ((place * STEP_S, self._peaks[place]) for place in range(first, min(last, len(self._peaks))))

    @property
    def loudest(self) -> float:
        """The highest peak, 0 without any."""
        return max(self._peaks, default=0.0)

    def noise(self) -> float:
        """How loud it is when nobody speaks: a fifth of the time is no louder."""
        return float(np.percentile(np.frombuffer(self._peaks, "f4"), 20)) if self._peaks else 0.0

    def speech(self, from_s: float, to_s: float) -> tuple[float, float] | None:
        """Where sound that is clearly louder than the noise begins and ends in that time; None when there is none."""
        found = list(self.between(from_s, to_s))
        loudest = max((peak for _, peak in found), default=0.0)
        least = max(_OF_LOUDEST * loudest, min(_OVER_NOISE * self.noise(), _AT_MOST * loudest))
        loud = [at_s for at_s, peak in found if peak >= least > 0]
        return (loud[0], loud[-1] + STEP_S) if loud else None

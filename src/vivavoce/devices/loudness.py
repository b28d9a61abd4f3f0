"""Loudness of 16-bit samples, in place, without numpy: 10 ms of a 24 kHz stream take some 10 microseconds."""

from __future__ import annotations

from vivavoce.devices.line import Line
from vivavoce.pcm import SAMPLE_BYTES, SAMPLES_PER_MS

FADE_SAMPLES = 5 * SAMPLES_PER_MS
"""Of a hush. Measured on a tone: no step greater than the tone's own."""
_TURN_SAMPLES = 10 * SAMPLES_PER_MS


def scale(pcm: memoryview, begin: float, end: float) -> None:
    """Multiply with a gain that goes evenly from `begin` to `end`, both 0 to 1."""
    samples = pcm.cast("h")
    n = len(samples)
    if begin == end:
        if begin != 1.0:
            for i in range(n):
                samples[i] = int(samples[i] * begin)
        return
    step = (end - begin) / n
    gain = begin
    for i in range(n):
        gain += step
        samples[i] = int(samples[i] * gain)


class Fader:
    """Fills blocks of any size from a line at a share of its loudness, reached within 10 ms; at 0 the line is held.

    Attributes:
        share: 0 to 1; a new one holds from the next block on.
    """

    def __init__(self) -> None:
        self.share = 1.0
        self._reached = 1.0

    def fill(self, line: Line, out: memoryview) -> None:
        """Put what comes next into `out` (bytes, silent so far)."""
        way = self.share - self._reached
        turn = out[: round(abs(way) * _TURN_SAMPLES) * SAMPLE_BYTES]
        if turn:
            line.fill(turn)
            gone = len(turn) / (_TURN_SAMPLES * SAMPLE_BYTES)
            end = self.share if gone >= abs(way) else self._reached + (gone if way > 0 else -gone)
            scale(turn, self._reached, end)
            self._reached, out = end, out[len(turn) :]
        if self.share and out:
            line.fill(out)
            scale(out, self.share, self.share)

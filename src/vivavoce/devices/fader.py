"""A share of the loudness for speakers that fill blocks of any size; the sound card's callback has its own (`playback`)."""

from __future__ import annotations

from vivavoce.devices.line import Line
from vivavoce.devices.loudness import scale
from vivavoce.pcm import SAMPLE_BYTES, SAMPLES_PER_MS

_TURN_SAMPLES = 10 * SAMPLES_PER_MS


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

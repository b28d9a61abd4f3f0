"""A line on its way through the device: which of its samples is due at the membrane at what time."""

from __future__ import annotations

from dataclasses import dataclass, field

from vivavoce.devices.line import Line
from vivavoce.pcm import RATE_HZ

_LOG = 512  # blocks: five seconds of 10 ms


@dataclass(slots=True)
class Spool:
    """What one hush ends and the next begins.

    Attributes:
        left: samples that have left, as far as was asked; never goes back.
        final: samples that will have left when all is silent; None as long as nothing has ended it.
        final_s: when that is.
    """

    line: Line = field(default_factory=Line)
    left: int = 0
    final: int | None = None
    final_s: float = 0.0
    _blocks: list[tuple[int, int, float]] = field(default_factory=lambda: [(0, 0, 0.0)] * _LOG)
    _count: int = 0

    def hand(self, out: memoryview, dac_s: float) -> int:
        """Fill a block that leaves at `dac_s`; samples of sound in it. Silence around the sound is not logged."""
        position = self.line.handed
        samples = self.line.fill(out)
        if samples:
            self._blocks[self._count % _LOG] = (position, samples, dac_s)
            self._count += 1
        return samples

    @property
    def gone_s(self) -> float:
        """When the last sample handed over leaves; 0 when there was none."""
        if not self._count:
            return 0.0
        _, samples, dac_s = self._blocks[(self._count - 1) % _LOG]
        return dac_s + samples / RATE_HZ

    def advance(self, now_s: float) -> int:
        """Samples that have left at `now_s`: within the last block due before, as far as time went on, not beyond its end."""
        for back in range(1, min(self._count, _LOG) + 1):
            position, samples, dac_s = self._blocks[(self._count - back) % _LOG]
            if dac_s <= now_s:
                self.left = max(self.left, position + min(round((now_s - dac_s) * RATE_HZ), samples))
                break
        return self.left

    def end(self, samples: int, at_s: float) -> None:
        """It is over: `samples` have left in the end, the last of them at `at_s`. Later words change nothing."""
        if self.final is None:
            self.final_s = at_s
            self.left = max(self.left, samples)
            self.final = self.left

    def lost(self, at_s: float) -> None:
        """The device is gone since `at_s`: what it had not played comes again. Not while a stream is open."""
        left = self.advance(at_s)
        self.line.rewind(self.line.handed - left)
        self._count = 0

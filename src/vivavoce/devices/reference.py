"""What is really played, by the clock of the device: the far end that an echo canceller listens to.

Positions count samples of device time. Sound that a speaker dropped, and silence that a dry speaker put in, move what comes
later; so a position always means the same moment, and the reader never slips against the microphone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.pcm import RATE_HZ

Sound = NDArray[np.float64]
FULL_SCALE = 32768.0

_LEAD_S = 0.02  # canceller lore: a reference 20 ms late costs 26 dB, one that is early costs nothing
_KEPT = 2 * RATE_HZ
_TAPS = 16
_BEFORE = _TAPS // 2 - 1
_PHASES = 512
_JUMP_S = 0.008  # stated times scatter by some ms around the truth
_SURE = 3
_AT_ONCE_S = 0.03
_FOLLOW = 0.02
_LONGEST_GAP_S = 1.0
_PATIENCE = 4
_SLIGHT = RATE_HZ // 10
_ROOM = RATE_HZ // 200
_FASTEST = 5e-4  # the worst crystals are a tenth of it


def _windowed_sinc() -> Sound:
    x = np.arange(_TAPS) - _BEFORE - np.arange(_PHASES + 1)[:, None] / _PHASES
    weights = np.sinc(x) * np.cos(np.pi * x / (_TAPS + 2)) ** 2
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


_WEIGHTS = _windowed_sinc()


class Steady:
    """Stated times -> where a stream of samples really goes on: scatter is smoothed, jumps are told.

    Attributes:
        next_s: when the sample after the last one is due; None before the first block.
    """

    def __init__(self) -> None:
        self.next_s: float | None = None
        self._suspects: list[float] = []

    def jump(self, at_s: float, samples: int) -> float:
        """Seconds by which the block of `samples` that states `at_s` lies beyond the end of the one before; mostly 0.0."""
        if self.next_s is None:
            self.next_s = at_s
        off = at_s - self.next_s
        step = self._judged(off)
        if step:
            self.next_s += step
        elif not self._suspects:
            self.next_s += _FOLLOW * off
        self.next_s += samples / RATE_HZ
        return step

    def _judged(self, off: float) -> float:
        if abs(off) < _JUMP_S or (self._suspects and self._suspects[0] * off < 0):
            self._suspects.clear()
        if abs(off) < _JUMP_S:
            return 0.0
        self._suspects.append(off)
        if abs(off) < _AT_ONCE_S and len(self._suspects) < _SURE:
            return 0.0
        self._suspects.clear()
        return off


class Reference:
    """The far end as it leaves the speaker; silence wherever nothing is known.

    Attributes:
        missed: samples that were asked for before they were told.
    """

    def __init__(self) -> None:
        self.missed = 0
        self._rate = 0.0
        self._clock = Steady()
        self._sound: Sound = np.zeros(0)
        self._end = 0
        self._at: float | None = None
        self._late_blocks = 0
        self._told = 0
        self._slipped = 0
        self._stepped = False

    @property
    def rate(self) -> float:
        """How much faster than the microphone the speaker runs, such as 1e-4. Kept within what crystals do."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._rate = max(-_FASTEST, min(_FASTEST, rate))

    def played(self, pcm: bytes, at_s: float) -> None:
        """The first sample of `pcm` leaves the speaker at `at_s`; what was told of that time before is replaced."""
        sound = np.frombuffer(pcm, "<i2") / FULL_SCALE
        step = self._clock.jump(at_s, len(sound))
        self._stepped = self._stepped or step != 0
        if abs(step) > _LONGEST_GAP_S:
            self._sound = np.zeros(0)
            self.seek()
        elif step > 0:
            self._append(np.zeros(round(step * RATE_HZ)))
        elif step < 0:
            dropped = round(-step * RATE_HZ)
            self._end -= dropped
            self._sound = self._sound[: max(len(self._sound) - dropped, 0)]
        self._append(sound)

    def seek(self) -> None:
        """Line up anew with the microphone, by the stated times."""
        self._at = None

    def shift(self, samples: int) -> None:
        """From now on what left the speaker `samples` earlier."""
        if self._at is not None:
            self._at -= samples

    def take_slip(self) -> int:
        """Samples by which what is taken became later since the last call, because it was told too late before."""
        slipped, self._slipped = self._slipped, 0
        return slipped

    def take_step(self) -> bool:
        """Whether sound was dropped or ran dry since the last call: where exactly the stated times do not say."""
        stepped, self._stepped = self._stepped, False
        return stepped

    def around(self, back: int, ahead: int) -> tuple[Sound, int]:
        """The last `back` samples that were taken and up to `ahead` more, as far as they are told; how many more these are."""
        at = round(self._at or 0)
        more = max(min(ahead, self._end - at), 0)
        start, sound = self._end - len(self._sound), np.zeros(back + more)
        first, last = max(at - back, start), min(at + more, self._end)
        if first < last:
            sound[first - at + back : last - at + back] = self._sound[first - start : last - start]
        return sound, more

    def take(self, samples: int, at_s: float, moved_s: float = 0.0) -> Sound:
        """What leaves the speaker while the microphone takes `samples` from `at_s` on, 20 ms early if that is known by now.

        Args:
            samples: how many the microphone took.
            at_s: when it took the first of them.
            moved_s: by how much that lies beyond the end of those before.
        """
        if self._clock.next_s is None:
            return np.zeros(samples)
        if self._at is None:
            self._at = self._sought(at_s, samples, self._clock.next_s)
        else:
            self._at += moved_s * RATE_HZ
        needed = samples * (1 + self._rate) + _TAPS
        late = self._at + needed - self._end
        if late > 0:
            self.missed += min(samples, int(late))
            self._late_blocks += self._end != self._told  # of a speaker that is dry, not late, nothing is told
            if self._late_blocks > _PATIENCE and late < _SLIGHT:
                back = float(np.ceil(late)) + _ROOM
                self._at -= back
                self._slipped += round(back)
                self._late_blocks = 0
        elif late < -_KEPT / 2:
            self._at = self._sought(at_s, samples, self._clock.next_s)
        else:
            self._late_blocks = 0
        self._told = self._end
        taken = self._read(self._at, samples)
        self._at += samples * (1 + self._rate)
        return taken

    def _sought(self, at_s: float, samples: int, next_s: float) -> float:
        now = self._end - (next_s - at_s) * RATE_HZ
        return float(round(max(now, min(now + _LEAD_S * RATE_HZ, self._end - samples - _TAPS))))

    def _read(self, at: float, samples: int) -> Sound:
        first = int(np.floor(at))
        low, high = first - _BEFORE, first + samples + _TAPS
        start = self._end - len(self._sound)
        piece = np.zeros(high - low)
        a, b = max(low, start), min(high, self._end)
        if a < b:
            piece[a - low : b - low] = self._sound[a - start : b - start]
        if at == first and not self._rate:
            return piece[_BEFORE : _BEFORE + samples]
        late = (at - first) + np.arange(samples) * self._rate
        whole = np.floor(late).astype(int)
        weights = _WEIGHTS[np.rint((late - whole) * _PHASES).astype(int)]
        around = (np.arange(samples) + whole)[:, None] + np.arange(_TAPS)
        return np.asarray((piece[around] * weights).sum(axis=1))

    def _append(self, sound: Sound) -> None:
        self._sound = np.concatenate((self._sound, sound))[-_KEPT:]
        self._end += len(sound)

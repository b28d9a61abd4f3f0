"""Whether an echo came earlier or later all at once, which no stated time told: a device that lost or repeated some sound.

What the filter expects is laid over what the microphone heard in the last 50 ms, in every position. A person finds no
position; an echo that leapt finds the same one twice, and there the expected fits.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from vivavoce.devices.echopath import BLOCK
from vivavoce.devices.reference import Sound
from vivavoce.pcm import RATE_HZ

HEARD = RATE_HZ // 20
LATEST = RATE_HZ // 8
_SIZE = 8192
_HZ = np.fft.rfftfreq(_SIZE, 1 / RATE_HZ)
_LOW_HZ, _HIGH_HZ = 150, 6000
_VOICE = (_HZ > _LOW_HZ) & (_HZ < _HIGH_HZ)
_WINDOW = np.hanning(HEARD)
_HERE, _AWAY = 4, 8  # samples: no leap, and the least
_PLAIN, _PLAINER = 5.5, 1.5  # times the mean, times what fits in place
_AGREE = 4
_GAIN = (0.5, 1.6)
_BETTER = 0.5
_TINY = 1e-12


class Leap:
    """Keeps the last sound of the microphone and looks for a leap in it when asked.

    Attributes:
        suspected: the last looks found one position that is not where the echo was.
    """

    def __init__(self) -> None:
        self.suspected = False
        self._mic: deque[Sound] = deque(maxlen=HEARD // BLOCK)
        self._seen: deque[int] = deque(maxlen=3)

    def add(self, mic: Sound) -> None:
        """One block of 10 ms."""
        self._mic.append(mic)

    def forget(self) -> None:
        """What was seen means nothing any more."""
        self.suspected = False
        self._seen.clear()

    def look(self, expected: Sound, ahead: int) -> int | None:
        """Samples by which the echo is later than it was; None when it is not plain that it leapt.

        Args:
            expected: the echo, as it would be in place: `LATEST + HEARD` samples up to now and `ahead` more.
            ahead: how many of them are not due yet.
        """
        mic = np.concatenate(self._mic)
        if len(mic) < HEARD:
            return None
        lag = self._position(mic, expected, ahead)
        agreed = lag is not None and any(abs(lag - seen) <= _AGREE for seen in self._seen)
        self.suspected = agreed
        if lag is None:
            self._seen.clear()
            return None
        self._seen.append(lag)
        return lag if agreed and self._fits(mic, expected, ahead, lag) else None

    @staticmethod
    def _position(mic: Sound, expected: Sound, ahead: int) -> int | None:
        both = np.fft.rfft(mic * _WINDOW, _SIZE) * np.conj(np.fft.rfft(expected, _SIZE)) * _VOICE
        alike = np.abs(np.fft.irfft(both / (np.abs(both) + 1e-3 * np.abs(both).max() + _TINY), _SIZE))
        lags = np.arange(-ahead, LATEST)
        at = alike[(lags - LATEST) % _SIZE]
        in_place = at[np.abs(lags) <= _HERE].max()
        away = np.where(np.abs(lags) > _AWAY, at, 0.0)
        best = int(np.argmax(away))
        plain = away[best] > _PLAIN * np.sqrt((at**2).mean()) and away[best] > _PLAINER * in_place
        return int(lags[best]) if plain else None

    @staticmethod
    def _fits(mic: Sound, expected: Sound, ahead: int, lag: int) -> bool:
        end = len(expected) - ahead
        here, there = expected[end - HEARD : end], expected[end - HEARD - lag : end - lag]
        last = slice(HEARD // 2, None)  # the first half may be from before the leap
        gain = mic[last] @ there[last] / (there[last] @ there[last] + _TINY)
        off, was_off = mic[last] - there[last], mic[last] - here[last]
        return bool(_GAIN[0] < gain < _GAIN[1] and off @ off < _BETTER * (was_off @ was_off))


def convolved(far: Sound, response: Sound) -> Sound:
    """As long as `far`."""
    size = 1 << (len(far) + len(response) - 1).bit_length()
    return np.asarray(np.fft.irfft(np.fft.rfft(far, size) * np.fft.rfft(response, size), size)[: len(far)])

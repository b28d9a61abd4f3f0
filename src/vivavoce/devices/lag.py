"""How long the echo takes, where that is more than a room can explain: found by laying the last seconds over each other."""

from __future__ import annotations

import numpy as np

from vivavoce.devices.reference import Sound
from vivavoce.pcm import RATE_HZ

_KEPT = 3 * RATE_HZ // 2  # an echo that moved did so a second ago
_LONGEST = RATE_HZ  # Bluetooth and virtual machines take some 300 ms
_SOONEST = RATE_HZ // 10
_PLAIN = 9.0  # times the mean of what chance gives; chance's own best is about 5


class Lag:
    """Remembers what was played and what was heard."""

    def __init__(self) -> None:
        self._far: list[Sound] = []
        self._mic: list[Sound] = []
        self._samples = 0

    def add(self, far: Sound, mic: Sound) -> None:
        """Two blocks of one length."""
        self._far.append(far)
        self._mic.append(mic)
        self._samples += len(far)
        if self._samples > 2 * _KEPT:  # half of it goes at once: cheaper than a little each time
            self._forget(self._samples - _KEPT)

    def clear(self) -> None:
        """What was remembered has another lag from now on."""
        self._forget(self._samples)

    def find(self, within: int = _KEPT, plain: float = _PLAIN) -> int | None:
        """Samples by which the microphone is behind what was played, -2,400 to 24,000; None when that is not plain.

        Args:
            within: it is looked for in so many samples up to now.
            plain: so many times the mean of what chance gives.
        """
        if self._samples < within:
            return None
        blocks = int(within / self._samples * len(self._mic))
        size = 1 << (2 * max(within, _LONGEST)).bit_length()
        heard = np.fft.rfft(np.concatenate(self._mic[-blocks:]), size)
        both = heard * np.conj(np.fft.rfft(np.concatenate(self._far[-blocks:]), size))
        alike = np.fft.irfft(both / (np.abs(both) + 1e-6 * np.abs(both).max() + 1e-12), size)
        around = np.concatenate((alike[-_SOONEST:], alike[:_LONGEST]))
        at = int(np.argmax(around))
        if around[at] < plain * np.sqrt((around**2).mean()):
            return None
        return at - _SOONEST

    def _forget(self, samples: int) -> None:
        while samples > 0:
            samples -= len(self._far[0])
            self._samples -= len(self._far.pop(0))
            del self._mic[0]

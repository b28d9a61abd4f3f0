"""The way from the speaker to the microphone, learned while people talk: a linear filter that subtracts what it expects to hear.

A Kalman filter in the frequency domain in blocks of 10 ms (Enzner and Vary 2006, partitioned as by Kuech, Mabande and Enzner
2014). It weighs each block by how loud everything else is, so that a person who speaks over the assistant neither stops nor
spoils it; that leaves their words whole, where the canceller behind it would thin them out. A second input holds what a
loudspeaker adds when it is loud (a softly clipped copy): 2 to 5 dB less is left where one distorts.

Speaker and microphone have clocks of their own. Where these drift apart, what was learned wanders: two states of the filter,
laid over each other, say how fast, to about one part in a million.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.devices.reference import Sound
from vivavoce.pcm import RATE_HZ

BLOCK = RATE_HZ // 100
_PARTS = 36  # 360 ms: a room, and what the device's times do not say
_BINS = BLOCK + 1
_BENT_PARTS = 12
_SOFT, _BENT_GAIN = 0.35, 4.0  # full scale; makes the bent copy about as loud as the sound itself
_BENT_MEMORY = 0.0005
_LOUD = 1e-5
_ROWS = _PARTS + _BENT_PARTS
HISTORY = (_PARTS + 1) * BLOCK  # samples of the far end that the filter looks back on
_KEEP = 0.9995  # of what was learned, each 10 ms: people and doors move
_NEAR_MEMORY = 0.6
_PRIOR, _ROOM_S = 0.03, 0.05  # what is expected of a room at first: so strong, fading so fast
_SILENT = 1e-7 * 2 * (2 * BLOCK) ** 2 / 4  # -70 dBFS: nothing to learn from
_SLOW, _QUICK = 0.97, 0.85
_CLEAR, _CLEARER, _PLAIN = (
    0.25,
    0.5,
    0.1,
)  # of the microphone's power: under a louder voice chance hides an echo that is there
_LOST, _FOUND, _FOUND_SLOWLY = 0.3, 0.7, 0.6
_HALF, _LEARNED = 0.5, 0.7
_TRIAL_BLOCKS = 100
_COMPARE_BLOCKS = 25
_WIDEST = 12
_HASTE_FIRST, _HASTE_LAST = 2.0, 0.4
_TINY = 1e-9


class EchoPath:
    """Takes the echo out of the microphone, 240 samples at a time.

    Attributes:
        echo: what was taken out of the last block.
        trusted: whether what is taken out lately was really in the microphone.
        restarts: times that everything learned was thrown away, because it was not.
    """

    def __init__(self) -> None:
        self.echo: Sound = np.zeros(BLOCK)
        self.trusted = False
        self.restarts = 0
        self._last: Sound = np.zeros(BLOCK)
        self._bent = _Bent()
        self._last_bent: Sound = np.zeros(BLOCK)
        self._far = np.zeros((_ROWS, _BINS), np.complex64)
        self._way = np.zeros((_ROWS, _BINS), np.complex64)
        self._doubt = np.zeros((_ROWS, _BINS), np.float32)
        self._near = np.full(_BINS, 1e-4, np.float32)
        self._fit = _Fit()
        self._wander = _Wander()
        self._expect_a_room()

    def cancel(self, far: Sound, mic: Sound) -> Sound:
        """`mic` without what it holds of `far`; both 240 samples, full scale 1."""
        bent = self._bent.of(far)
        self._far[1:] = self._far[:-1]
        self._far[0] = np.fft.rfft(np.concatenate((self._last, far)))
        self._far[_PARTS] = np.fft.rfft(np.concatenate((self._last_bent, bent)))
        self._last, self._last_bent = far, bent
        self.echo = np.fft.irfft((self._far * self._way).sum(axis=0))[BLOCK:]
        rest = mic - self.echo
        power = self._far.real**2 + self._far.imag**2
        if power[:_PARTS].sum() > _SILENT:
            self._learn(rest, power)
            self._judge(mic, rest)
        if self._fit.lost and rest @ rest > mic @ mic:
            return mic
        return rest

    def take_drift(self) -> float:
        """How much faster the echo runs away than was assumed, found since the last call: to be added to `Reference.rate`."""
        return self._wander.take()

    def response(self) -> Sound:
        """What was learned: a room response."""
        return np.asarray(np.fft.irfft(self._way, axis=1)[:_PARTS, :BLOCK].ravel())

    def resume(self, response: Sound, far: Sound) -> None:
        """Go on with an earlier `response`, as if the last `far` (`HISTORY` samples) had been given."""
        parts = response.reshape(_PARTS, BLOCK)
        self._way[:_PARTS] = np.fft.rfft(np.concatenate((parts, np.zeros_like(parts)), axis=1), axis=1)
        self._last, self._far[:_PARTS] = _spectra(far, _PARTS)
        self._last_bent, self._far[_PARTS:] = _spectra(self._bent.of(far), _BENT_PARTS)
        self._fit, self._wander = _Fit(), _Wander()

    def _expect_a_room(self) -> None:
        shape = np.exp(-np.arange(_PARTS) * BLOCK / RATE_HZ / _ROOM_S)
        shape = np.concatenate((shape, shape[:_BENT_PARTS]))
        self._doubt = np.maximum(self._doubt, (_PRIOR * shape[:, None]).astype(np.float32))

    def _learn(self, rest: Sound, power: NDArray[np.float32]) -> None:
        error = np.fft.rfft(np.concatenate((np.zeros(BLOCK), rest))).astype(np.complex64)
        self._near = _NEAR_MEMORY * self._near + (1 - _NEAR_MEMORY) * (error.real**2 + error.imag**2)
        gain = self._doubt / (0.5 * (power * self._doubt).sum(axis=0) + self._near + 1e-8)
        step = np.fft.irfft(gain * np.conj(self._far) * error, axis=1)
        step[:, BLOCK:] = 0
        self._way += np.fft.rfft(step, axis=1)
        strength = self._way.real**2 + self._way.imag**2
        self._doubt = _KEEP**2 * (1 - 0.5 * gain * power) * self._doubt + (1 - _KEEP**2) * strength

    def _judge(self, mic: Sound, rest: Sound) -> None:
        fit = self._fit
        fit.add(mic, self.echo, rest)
        if fit.moved:
            self.trusted = False
        elif fit.holds:
            self.trusted = True
        if fit.blocks > _TRIAL_BLOCKS and fit.lost and (fit.plain or not self.trusted):
            self._way[:] = 0
            self._expect_a_room()
            self.restarts += 1
            self._fit, self._wander = _Fit(), _Wander()
        elif fit.blocks % _COMPARE_BLOCKS == 0:
            self._wander.look(self.response() if fit.left < _LEARNED else None)


def _spectra(far: Sound, parts: int) -> tuple[Sound, NDArray[np.complex128]]:
    """The last block, and the spectra of the last `parts` pairs of blocks, newest first."""
    blocks = far.reshape(-1, BLOCK)[-parts - 1 :]
    return blocks[-1], np.fft.rfft(np.concatenate((blocks[:-1], blocks[1:]), axis=1), axis=1)[::-1]


class _Bent:
    """What a loudspeaker adds that cannot follow loud sound: a bent copy, without what of it is like the sound itself."""

    def __init__(self) -> None:
        self._power, self._alike = 1e-3, 0.8e-3

    def of(self, far: Sound) -> Sound:
        bent = _SOFT * np.tanh(far / _SOFT)
        power = float(far @ far) / len(far)
        if power > _LOUD:
            self._power += _BENT_MEMORY * (power - self._power)
            self._alike += _BENT_MEMORY * (float(far @ bent) / len(far) - self._alike)
        return np.asarray((bent - far * (self._alike / self._power)) * _BENT_GAIN)


class _Fit:
    """Whether the expected echo is in the microphone: over the last 70 ms, and over the last 300."""

    def __init__(self) -> None:
        self.blocks = 0
        self._quick = np.zeros(4)
        self._slow = np.zeros(4)

    def add(self, mic: Sound, echo: Sound, rest: Sound) -> None:
        now = np.array((mic @ echo, echo @ echo, mic @ mic, rest @ rest))
        self._quick = _QUICK * self._quick + now
        self._slow = _SLOW * self._slow + now
        self.blocks += 1

    @property
    def left(self) -> float:
        """Power that is left, against that of the microphone."""
        return float(self._slow[3] / (self._slow[2] + _TINY))

    @property
    def lost(self) -> bool:
        """What is subtracted is not in the sound."""
        return bool(self._slow[0] < _LOST * self._slow[1])

    @property
    def plain(self) -> bool:
        """It would be plain to see there."""
        return bool(self._slow[1] > _PLAIN * self._slow[2])

    @property
    def moved(self) -> bool:
        """The echo that is expected to be plain to hear is not there."""
        return bool(self._quick[1] > _CLEARER * self._quick[2] and self._quick[0] < _LOST * self._quick[1])

    @property
    def holds(self) -> bool:
        """It is there."""
        at_once = self._quick[1] > _CLEAR * self._quick[2] and self._quick[0] > _FOUND * self._quick[1]
        return bool(at_once or (self._slow[0] > _FOUND_SLOWLY * self._slow[1] + _TINY and self.left < _HALF))


class _Wander:
    """How what was learned moves against time: hasty at first, patient in the end."""

    def __init__(self) -> None:
        self._before: Sound | None = None
        self._looks = 0
        self._found = 0.0

    def take(self) -> float:
        found, self._found = self._found, 0.0
        return found

    def look(self, way: Sound | None) -> None:
        """The filter as it is now; None where there is not much in it."""
        if way is not None and self._before is not None:
            haste = max(_HASTE_LAST, _HASTE_FIRST / (1 + self._looks / 4))
            self._looks += 1
            self._found -= haste * _later(self._before, way) / (_COMPARE_BLOCKS * BLOCK)
        self._before = way


def _later(before: Sound, now: Sound) -> float:
    """Samples by which `now` lies behind `before`; 0.0 where they have nothing in common."""
    size = 2 * len(now)
    alike = np.fft.irfft(np.fft.rfft(now, size) * np.conj(np.fft.rfft(before, size)))
    around = np.concatenate((alike[-_WIDEST:], alike[: _WIDEST + 1]))
    at = int(np.argmax(around))
    if not 0 < at < 2 * _WIDEST:
        return 0.0
    a, b, c = around[at - 1 : at + 2]
    return float(at - _WIDEST + 0.5 * (a - c) / (a - 2 * b + c))

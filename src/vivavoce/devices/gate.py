"""Whether what is left of the microphone's sound is a person, or only the rest of an echo.

The gate compares, in 13 bands, what is left with what the sound just played usually leaves. It learns that while people talk:
quickly at first and after the echo path moved, slowly later, and hardly at all while it is open: a person's words are no echo.
A person stands out of it. The more they do the longer it stays open, 40 to 400 ms: one moment that stands out a little is no
word, and no detector of speech takes it for one. Who was surely heard keeps it open with less, down to the soft end of a word.
"""

from __future__ import annotations

import numpy as np

from vivavoce.devices.echopath import BLOCK
from vivavoce.devices.reference import Sound
from vivavoce.pcm import RATE_HZ

_EDGES_HZ = (150, 300, 450, 600, 800, 1000, 1300, 1700, 2200, 2800, 3600, 4600, 6000, 8000)
_EDGES = np.array([round(hz * 2 * BLOCK / RATE_HZ) for hz in _EDGES_HZ])
_BANDS = len(_EDGES) - 1
_WINDOW = np.hanning(2 * BLOCK + 1)[:-1] / np.sqrt(2 * BLOCK * 0.375)
_TINY = 1e-10
_SMOOTH = 0.6
_FADE_DB = 0.6  # per block: how slowly an echo is taken to die away
_FAR_DB = -72.0  # of one band: below it nothing is played
_DEEPEST_DB = 24.0  # a person so far below the echo is not heard by anyone
_BEGINS_DB, _BEGUN_BLOCKS, _BEGUN_OVER_DB = 15.0, 12, 6.0  # the echo of a beginning is on its way
_FLOOR_UP_DB, _FLOOR_OVER_DB = 0.03, 4.0
_LEAST_DB, _MOST_DB = -10.0, 15.0
_OPEN_DB, _OPEN_UNSURE_DB = 3.0, 5.0
_KEEP_DB = -1.0  # an echo alone is at -6
_HOLD_BLOCKS = 40  # a pause between two words
_SPOKEN_BLOCKS = 120  # a pause between two phrases
_CREDIT_BLOCKS = 2  # how long each block keeps it open, for each dB that it stands out
_NEW_BLOCKS = 150
_LEAPT_BLOCKS = 10
_MOVED_BLOCKS = 30  # what is heard right after the echo moved is taken for echo
_NEW, _SETTLED, _OPEN = (1.0, 0.2), (0.06, 0.02), (0.005, 0.01)  # dB per block, up and down: finds the louder part
_HASTE = (15.0, 3.0)  # the same, by the number of blocks: from new to settled
_ODD_DB, _ODD_HASTE = (
    2.0,
    5.0,
)  # no rest of an echo that was found is so much louder than the echo: a person was taken for it
_RESTLESS, _CALM_DB = (0.009, 0.001), -3.0  # dB per block, up and down: finds what a tenth of the echo alone exceeds
_STIFFER, _STIFFEST_DB = 1.5, 6.0
_DOUBT_BLOCKS = 100
_LOUDER_DB = (-6.0, 2.0)
_USUAL = 0.003
_AT_FIRST_DB, _FAINTER, _FAINT_DB = 30.0, 0.02, 9.0  # over the noise; noise alone is at 5
_NATURAL = np.log(10) / 10


class _Bands:
    """Power of sound in bands of speech, 10 ms at a time, smoothed; dB of full scale."""

    def __init__(self) -> None:
        self._last: Sound = np.zeros(BLOCK)
        self._power: Sound = np.full(_BANDS, _TINY)

    def of(self, block: Sound) -> Sound:
        spectrum = np.fft.rfft(np.concatenate((self._last, block)) * _WINDOW)
        self._last = block
        power = np.add.reduceat(spectrum.real**2 + spectrum.imag**2, _EDGES)[:-1] / BLOCK
        self._power = _SMOOTH * self._power + (1 - _SMOOTH) * power
        return np.asarray(10 * np.log10(self._power + _TINY))


class _Leak:
    """How loud the rest of an echo is against its cause, in bands: the louder part of what was seen.

    Loud, middling and quiet moments are learned apart: a loudspeaker distorts the loud ones, which no linear filter follows.
    """

    def __init__(self, at_first_db: float, odd_db: float) -> None:
        self._odd_db = odd_db
        self.held: Sound = np.full(_BANDS, -120.0)
        self._db: Sound = np.full((len(_LOUDER_DB) + 1, _BANDS), at_first_db)
        self._class = 0
        self._usual_db = -30.0
        self._bands = _Bands()

    def expect(self, cause: Sound) -> Sound:
        self.held = np.maximum(self._bands.of(cause), self.held - _FADE_DB)
        level = float(self.held.max())
        if level > _FAR_DB:
            self._usual_db += _USUAL * (level - self._usual_db)
        self._class = sum(level > self._usual_db + over for over in _LOUDER_DB)
        return np.asarray(self.held + self._db[self._class])

    def learn(self, rest: Sound, steps: tuple[float, float], *, everywhere: bool) -> None:
        up, down = steps
        here = self._db[self._class]
        falls = np.where(here > self._odd_db, _ODD_HASTE * down, down)
        step = np.where(self.held > _FAR_DB, np.where(rest > self.held + here, up, -falls), 0.0)
        if everywhere:
            self._db += step
        else:
            self._db[self._class] += step


class ResidualGate:
    """Open while a person speaks or nothing is played.

    Attributes:
        evidence_db: how far the sound stands out of what is expected, smoothed over some 25 ms.
        open: the last verdict.
        playing: whether there is or was just now something to hear of the far end.
        opened_blocks: for how long it has been open.
        spoken: whether a person was surely heard, now or within about a second.
    """

    def __init__(self) -> None:
        self.evidence_db = 0.0
        self.open = True
        self.playing = False
        self.opened_blocks = 0
        self.spoken = False
        self._rest = _Bands()
        self._by_far, self._by_echo = _Leak(-10.0, np.inf), _Leak(0.0, _ODD_DB)
        self._floor: Sound = np.full(_BANDS, -60.0)
        self._trusted = False
        self._age = self._hold = self._begun = self._doubt = 0
        self._moved = _MOVED_BLOCKS
        self._restless_db = -6.0
        self._speaks, self._silent_blocks = False, _SPOKEN_BLOCKS
        self._over_floor_db = _AT_FIRST_DB

    @property
    def faint(self) -> bool:
        """Nothing of what is played stands out of the noise: with headphones, say."""
        return self._over_floor_db < _FAINT_DB

    def hear(self, far: Sound, echo: Sound, rest: Sound, *, trusted: bool) -> bool:
        """Whether a block may pass: what is played, what was found of it in the microphone, what is left without that.

        Args:
            far: 240 samples, as are the others.
            echo: see `EchoPath.echo`.
            rest: the answer of `EchoPath.cancel`.
            trusted: see `EchoPath.trusted`.
        """
        left = self._rest.of(rest)
        expected = self._expected(far, echo, left, trusted=trusted)
        stands_out = float(np.clip(left - expected, _LEAST_DB, _MOST_DB).mean())
        self.evidence_db += 0.4 * (stands_out - self.evidence_db)
        if self._trusted and not trusted:
            self._age, self._moved = 0, _MOVED_BLOCKS
        self._trusted = trusted
        self._decide()
        if self.playing:
            self._learn(left)
            if not self.open:
                over_db = float((left - self._floor).mean())
                self._over_floor_db += _FAINTER * (over_db - self._over_floor_db)
        return self.open

    def echoes(self) -> None:
        """It is not faint any more: what stands out is an echo."""
        self._over_floor_db = _AT_FIRST_DB
        self.shut()

    def doubt(self) -> None:
        """What is expected may be off by some samples for a while."""
        self._doubt = _DOUBT_BLOCKS
        if not self._speaks:
            self._hold, self._moved, self._age = 0, _MOVED_BLOCKS, 0

    def shut(self) -> None:
        """What opened it was echo."""
        self.open, self.opened_blocks = False, 0
        self._hold, self._moved = 0, _LEAPT_BLOCKS

    def _expected(self, far: Sound, echo: Sound, left: Sound, *, trusted: bool) -> Sound:
        before_db = float(self._by_far.held.max())
        from_far, from_echo = self._by_far.expect(far), self._by_echo.expect(echo)
        begins = float(self._by_far.held.max()) > max(before_db, _FAR_DB) + _BEGINS_DB
        self._begun = _BEGUN_BLOCKS if begins else max(self._begun - 1, 0)
        self.playing = bool((self._by_far.held > _FAR_DB).sum() > _BANDS // 3)
        self._floor = np.minimum(left, self._floor + _FLOOR_UP_DB)
        if self._begun:
            from_echo = from_far = np.maximum(from_far + _BEGUN_OVER_DB, from_echo)
        echo_left = np.minimum(from_far, from_echo) if trusted else from_far
        echo_left = np.maximum(echo_left, self._by_echo.held - _DEEPEST_DB)
        both = np.logaddexp(echo_left * _NATURAL, (self._floor + _FLOOR_OVER_DB) * _NATURAL)
        return np.asarray(both / _NATURAL)

    def _learn(self, left: Sound) -> None:
        self._age += 1
        new = self._age < _NEW_BLOCKS
        if self.open or (self.evidence_db > 0 and not new):
            steps = _OPEN
        else:
            up, down = (
                min(first, max(haste / self._age, last))
                for first, haste, last in zip(_NEW, _HASTE, _SETTLED, strict=True)
            )
            steps = (up, down)
        self._by_far.learn(left, steps, everywhere=new)
        self._by_echo.learn(left, steps, everywhere=new)

    def _decide(self) -> None:
        self._hold = max(self._hold - 1, 0)
        self._doubt = max(self._doubt - self.playing, 0)
        sure = self._trusted and self._age >= _NEW_BLOCKS and not self._doubt
        if self._moved:
            self._moved -= self.playing
            self._hold, self._speaks = 0, False
        least_db = _KEEP_DB if self._speaks else _OPEN_DB if sure else _OPEN_UNSURE_DB
        over_db = self.evidence_db - least_db - self._stiffer_db(learns=sure and self.playing and not self._hold)
        if not self._moved and over_db > 0:
            self._hold = min(self._hold + 2 + int(_CREDIT_BLOCKS * over_db), _HOLD_BLOCKS)
        self._speaks = self._hold > 0 and (self._speaks or self._hold == _HOLD_BLOCKS)
        self._silent_blocks = 0 if self._speaks else self._silent_blocks + 1
        self.spoken = self._silent_blocks < _SPOKEN_BLOCKS and not self._moved
        self.open = self._hold > 0 or not self.playing
        self.opened_blocks = self.opened_blocks + 1 if self.open and self.playing else 0

    def _stiffer_db(self, *, learns: bool) -> float:
        """How much more evidence it takes where an echo alone often stands out: a loudspeaker at its limit."""
        up, down = _RESTLESS
        self._restless_db += learns * (up if self.evidence_db > self._restless_db else -down)
        return min(max(_STIFFER * (self._restless_db - _CALM_DB), 0.0), _STIFFEST_DB)

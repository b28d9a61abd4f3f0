"""A sound over a reply: is it words, or a cough, a laugh, a click, "mm-hm"?

A small network (barge_net.py) says for each 10 ms how likely words are and how likely a person is. It is generous and
quick: where something began (`SOUND`) the reply is ducked, and it dismisses at once what is clearly nothing. What it leaves
open is judged by an ear that hears all of the sound at once (barge_words.py), where there is one: after a quarter of a
second, a few times more, and when the sound is over; at the latest after a second. Without that ear the network alone judges,
within 600 ms: surer with every frame it has heard, and wrong more often.

A sound that was dismissed and goes on is listened to on: should words come of it after all ("mm-hm, but ..."), it becomes a
`SOUND` again.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

import numpy as np

from vivavoce.devices.barge_net import BargeInNet
from vivavoce.devices.barge_sound import FRAME, HISTORY, Floor, Sound, spectra
from vivavoce.devices.barge_words import BEFORE, WINDOW_S
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES
from vivavoce.session.bargein import Judged

_FULL_SCALE = 32768.0
_FRAME_BYTES = FRAME * SAMPLE_BYTES
_KEPT = round(WINDOW_S * RATE_HZ) // FRAME
_LEAST = 1e-3


class SecondEar(Protocol):
    """Hears all of a sound at once, and takes its time (`barge_words.Later`).

    Attributes:
        gone: it does not answer any more.
    """

    gone: bool

    def wake(self) -> None:
        """There will be questions."""

    def ask(self, sound: Sound, *, over: bool) -> None:
        """How likely is it words? From `BEFORE` samples before it began to now, 24 kHz; `over`: it is over."""

    def answer(self) -> float | None:
        """0 to 1, once for each question; None while it is not known."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the verdicts are made; frames are of 10 ms. Chosen on the dev set of bench/bargein.py.

    Attributes:
        person: as likely as that, and a sound began.
        stands_out_db: it must be so much louder than what was there before.
        words: as likely as that are words at once ...
        words_later: ... and that is enough after `later` frames, and more and more so on the way.
        no_words: less likely, for `patience` frames, and there is nothing to it.
        quiet: frames without a person, and a sound is over.
        last: frames within which there must be a verdict.
        again: a sound that was dismissed and goes on begins anew where words are as likely as that.
        silence: frames without words after which the person has ended.
    """

    person: float = 0.45
    stands_out_db: float = 5.0
    words: float = 0.87
    words_later: float = 0.77
    later: int = 30
    no_words: float = 0.2
    patience: int = 6
    quiet: int = 12
    last: int = 58
    again: float = 0.9
    silence: int = 32


@dataclass(frozen=True, slots=True)
class Second:
    """The same for the second ear: when it is asked, and what of its answer counts.

    Attributes:
        asks: frames after the beginning at which it is asked; at the last of them, and when the sound is over, it must decide.
        speech: as likely as that, and it is speech, at each of `asks` but the last.
        nothing: no likelier, and it is nothing, at each of `asks` but the last.
        decides: as likely as that is speech where it must decide.
        network: what the network says of the sound on the average (log odds) counts so much beside the answer's.
        surely_not: words that the network finds less likely for `patience` frames are nothing, and nobody is asked.
        patience: see `surely_not`.
        listens_on: frames after which it is asked again about a sound that was dismissed and goes on.
        late: frames after its last question within which it must have answered; then the network decides.
    """

    asks: tuple[int, ...] = (25, 40, 60, 80, 100)
    speech: tuple[float, ...] = (0.9, 0.9, 0.85, 0.8)
    nothing: tuple[float, ...] = (0.0, 0.01, 0.02, 0.05)
    decides: float = 0.75
    network: float = 0.5
    surely_not: float = 0.01
    patience: int = 6
    listens_on: int = 30
    late: int = 40


class _Being(Enum):
    """What is going on."""

    STILL = auto()
    OPEN = auto()  # a sound, and no verdict yet
    DISMISSED = auto()  # a sound that was nothing goes on
    SPEAKING = auto()


class BargeInDetector:
    """Hears whether the sound of a person over a reply is meant to stop it.

    After each `SOUND` comes exactly one of `SPEECH` and `NOTHING`, within 600 ms, with a second ear within 1.4 s. After `SPEECH`,
    300 ms without words pass before the next `SOUND`; after `NOTHING` it may come at any time.
    """

    def __init__(
        self, second: SecondEar | None = None, limits: Limits | None = None, second_limits: Second | None = None
    ) -> None:
        self._limits, self._second_limits = limits or Limits(), second_limits or Second()
        self._ear = second
        self._net, self._floor = BargeInNet(), Floor()
        self._rest = b""
        self._window: Sound = np.zeros((1, HISTORY))
        self._past: deque[Sound] = deque([np.zeros(FRAME)] * _KEPT, maxlen=_KEPT)
        self._being = _Being.STILL
        self._frames = self._unlikely = self._quiet = 0
        self._asked: int | None = None  # which of the questions is open
        self._heard, self._odds = 0, 0.0
        self._must = 0  # frames since it was asked for a decision; 0: it was not
        self._sure = False

    @property
    def speaks(self) -> bool:
        """Somebody speaks, by the last verdict, and has not ended."""
        return self._being is _Being.SPEAKING

    def hear(self, pcm: bytes) -> list[Judged]:
        """What is judged within `pcm`, in order.

        Args:
            pcm: the microphone's sound after echo control, 24 kHz 16-bit mono, any whole number of samples, call after call
                without gaps.
        """
        if self._second is not None:
            self._second.wake()
        sound = self._rest + pcm
        whole = len(sound) // _FRAME_BYTES * _FRAME_BYTES
        self._rest = sound[whole:]
        judged = (self._frame(sound[at : at + _FRAME_BYTES]) for at in range(0, whole, _FRAME_BYTES))
        return [verdict for verdict in judged if verdict is not None]

    def _frame(self, pcm: bytes) -> Judged | None:
        samples = np.frombuffer(pcm, "<i2") / _FULL_SCALE
        self._past.append(samples)
        self._window[0, :-FRAME] = self._window[0, FRAME:]
        self._window[0, -FRAME:] = samples
        words, person = self._net.hear(self._floor.features(spectra(self._window)[0]))
        return self.judge(words, person, self._floor.over_db)

    def judge(self, words: float, person: float, over_db: float) -> Judged | None:
        """The verdict, if there is one, after 10 ms in which words and a person were so likely.

        Args:
            words: 0 to 1, as is `person`.
            person: see `words`.
            over_db: how far the sound stands out of the noise that was there before.
        """
        audible = person >= self._limits.person and over_db >= self._limits.stands_out_db
        self._quiet = 0 if audible else self._quiet + 1
        match self._being:
            case _Being.STILL:
                return self._began() if audible else None
            case _Being.OPEN:
                self._frames += 1
                return self._verdict(self._judged(words))
            case _Being.DISMISSED:
                self._frames += 1
                if self._words_after_all(audible=audible):
                    return self._began(sure=True)
                if audible and words >= self._limits.again:
                    return self._began()
                if self._quiet >= self._limits.quiet:
                    self._being = _Being.STILL
            case _Being.SPEAKING:
                self._frames = 0 if audible and words >= self._limits.no_words else self._frames + 1
                if self._frames >= self._limits.silence:
                    self._being = _Being.STILL
        return None

    def _judged(self, words: float) -> bool | None:
        """Whether it is speech; None while that is open."""
        if self._sure:
            return True
        if self._second is not None:
            return self._asking(self._second, words)
        if self._heard:  # the second ear is gone in the middle of a sound
            return self._odds >= 0
        return self._alone(words)

    def _began(self, *, sure: bool = False) -> Judged:
        self._sure = sure
        self._being, self._frames, self._unlikely = _Being.OPEN, 0, 0
        self._heard, self._odds = 0, 0.0
        self._asked, self._must = None, 0
        return Judged.SOUND

    def _verdict(self, speech: bool | None) -> Judged | None:
        if speech is None:
            return None
        self._being, self._frames = (_Being.SPEAKING if speech else _Being.DISMISSED), 0
        self._asked = None
        return Judged.SPEECH if speech else Judged.NOTHING

    # ---- the network alone

    def _alone(self, words: float) -> bool | None:
        """Whether it is speech; None while that is open."""
        limits = self._limits
        self._unlikely = self._unlikely + 1 if words < limits.no_words else 0
        share = min(self._frames / limits.later, 1.0)
        if words >= limits.words + (limits.words_later - limits.words) * share:
            return True
        if self._unlikely >= limits.patience or self._quiet >= limits.quiet or self._frames >= limits.last:
            return False
        return None

    # ---- the second ear

    @property
    def _second(self) -> SecondEar | None:
        return None if self._ear is None or self._ear.gone else self._ear

    def _words_after_all(self, *, audible: bool) -> bool:
        """A sound that was dismissed goes on: now and then the second ear is asked whether there are words in it."""
        ear = self._second
        if ear is None:
            return False
        answer = ear.answer() if self._asked is not None else None
        if answer is not None:
            self._asked = None
            return answer >= self._second_limits.decides
        if audible and self._frames % self._second_limits.listens_on == 0:
            self._asked = 0
            ear.ask(self._since_before(min(self._frames, self._second_limits.asks[-1])), over=False)
        return False

    def _asking(self, second: SecondEar, words: float) -> bool | None:
        limits = self._second_limits
        if not self._must:
            self._heard, self._odds = self._heard + 1, self._odds + _log_odds(words)
        self._unlikely = self._unlikely + 1 if words < limits.surely_not else 0
        answer = second.answer() if self._asked is not None else None
        if answer is not None:
            speech = self._answered(answer)
            if speech is not None:
                return speech
        if self._unlikely >= limits.patience and not self._must:
            return False
        return self._ask_on(second)

    def _answered(self, likely: float) -> bool | None:
        asked, self._asked = self._asked, None
        odds = _log_odds(likely) + self._second_limits.network * self._odds / self._heard
        likely = 1 / (1 + math.exp(-odds))
        if self._must:
            return likely >= self._second_limits.decides
        assert asked is not None  # noqa: S101  it was looked at because it was
        if likely >= self._second_limits.speech[asked]:
            return True
        return False if likely <= self._second_limits.nothing[asked] else None

    def _ask_on(self, second: SecondEar) -> bool | None:
        """Ask what is to be asked now."""
        limits = self._second_limits
        if self._must:
            self._must += 1
            return self._odds >= 0 if self._must > limits.late else None
        over = self._quiet >= self._limits.quiet
        if over or self._frames in limits.asks:
            self._asked = 0 if over else limits.asks.index(self._frames)
            self._must = int(over or self._frames == limits.asks[-1])
            second.ask(self._since_before(self._frames), over=over)
        return None

    def _since_before(self, frames: int) -> Sound:
        """All that was heard since `BEFORE` samples before what began so many frames ago."""
        return np.concatenate([*self._past][-(frames + 1 + BEFORE // FRAME) :])


def _log_odds(likely: float) -> float:
    likely = min(max(likely, _LEAST), 1 - _LEAST)
    return math.log(likely / (1 - likely))

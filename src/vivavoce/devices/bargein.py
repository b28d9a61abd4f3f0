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

from vivavoce.devices.barge_net import Listener
from vivavoce.devices.barge_sound import FRAME, Sound
from vivavoce.devices.barge_words import BEFORE, MOST_S
from vivavoce.pcm import RATE_HZ
from vivavoce.session.bargein import Judged

_KEPT = round(MOST_S * RATE_HZ) // FRAME
_LEAST = 1e-3


class SecondEar(Protocol):
    """Hears all of a sound at once, and takes its time (`barge_words.Later`).

    Attributes:
        gone: it does not answer any more.
    """

    gone: bool

    def wake(self) -> None:
        """There will be questions."""

    def close(self) -> None:
        """There will be none any more: it is gone. Never blocks; twice is allowed."""

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
class Ask:
    """A question to the second ear about a sound that goes on.

    Attributes:
        after: frames after the beginning of the sound.
        speech: as likely as that, and it is speech.
        nothing: no likelier, and it is nothing.
    """

    after: int
    speech: float
    nothing: float


@dataclass(frozen=True, slots=True)
class Second:
    """The same for the second ear: when it is asked, and what of its answer counts.

    Attributes:
        asks: what it is asked, in the order of their frames, where it is not busy with the one before.
        last: frames after the beginning at which it is asked for the last time; then, and when the sound is over, it must decide.
        decides: as likely as that is speech where it must decide.
        network: what the network says of the sound on the average (log odds) counts so much beside the answer's.
        surely_not: words that the network finds less likely for `patience` frames are nothing, and nobody is asked.
        patience: see `surely_not`.
        listens_on: frames after which it is asked again about a sound that was dismissed and goes on.
        after_all: as likely as that, and there were words in it after all.
        late: frames after its last question within which it must have answered; then the network decides.
    """

    asks: tuple[Ask, ...] = (Ask(25, 0.9, 0.0), Ask(40, 0.9, 0.01), Ask(60, 0.85, 0.02), Ask(80, 0.8, 0.05))
    last: int = 100
    decides: float = 0.3
    network: float = 0.5
    surely_not: float = 0.005
    patience: int = 6
    listens_on: int = 30
    after_all: float = 0.9
    late: int = 40


class _Being(Enum):
    """What is going on."""

    STILL = auto()
    OPEN = auto()  # a sound, and no verdict yet
    DISMISSED = auto()  # a sound that was nothing goes on
    SPEAKING = auto()


@dataclass(slots=True)
class _Going:
    """What goes on since the last `SOUND` or verdict, and what is known of it; times are frames.

    Attributes:
        sure: the second ear has heard words in it already.
        frames: how long that is; of a person who speaks, how long without words; of what only the network has dismissed, since
            it began.
        unlikely: up to now, words were hardly possible for so long.
        heard: for so long the network has said what is to count beside the second ear's answer.
        odds: the log odds of words that it gave then, summed.
        open: a question to the second ear is open.
        asked: which; None where it must decide.
        waits: for so long it has been waited for the answer that decides.
        over: it has ended.
        next: what began after that, while the answer was waited for: a sound of its own, unless this one is speech.
        put: the second ear was asked about it.
    """

    sure: bool = False
    frames: int = 0
    unlikely: int = 0
    heard: int = 0
    odds: float = 0.0
    open: bool = False
    asked: Ask | None = None
    waits: int = 0
    over: bool = False
    next: _Going | None = None
    put: bool = False

    def hear(self, words: float, surely_not: float) -> None:
        """What the network says of 10 ms of it."""
        self.heard += 1
        self.odds += _log_odds(words)
        self.unlikely = self.unlikely + 1 if words < surely_not else 0

    @property
    def deciding(self) -> bool:
        """The answer that is waited for decides."""
        return self.open and self.asked is None


class BargeInDetector:
    """Hears whether the sound of a person over a reply is meant to stop it.

    After each `SOUND` comes exactly one of `SPEECH` and `NOTHING`, within 600 ms, with a second ear within 1.4 s. After `SPEECH`,
    300 ms without words pass before the next `SOUND`; after `NOTHING` it may come at any time, and what began while that was
    waited for is one.
    """

    def __init__(
        self, second: SecondEar | None = None, limits: Limits | None = None, second_limits: Second | None = None
    ) -> None:
        self._limits, self._second_limits = limits or Limits(), second_limits or Second()
        self._ear = second
        self._listener = Listener()
        self._past: deque[Sound] = deque([np.zeros(FRAME)] * _KEPT, maxlen=_KEPT)
        self._being, self._going = _Being.STILL, _Going()
        self._quiet = 0  # frames without a person

    @property
    def speaks(self) -> bool:
        """Somebody speaks, by the last verdict, and has not ended."""
        return self._being is _Being.SPEAKING

    async def close(self) -> None:
        """Free the second ear; the network hears on alone. Waits for nothing; twice is allowed."""
        if self._ear is not None:
            self._ear.close()

    def hear(self, pcm: bytes) -> list[Judged]:
        """What is judged within `pcm`, in order.

        Args:
            pcm: the microphone's sound after echo control, 24 kHz 16-bit mono, any whole number of samples, call after call
                without gaps.
        """
        if self._second is not None:
            self._second.wake()
        judged = []
        for sound, words, person, over_db in self._listener.hear(pcm):
            self._past.append(sound)
            judged.append(self.judge(words, person, over_db))
        return [verdict for verdict in judged if verdict is not None]

    def judge(self, words: float, person: float, over_db: float) -> Judged | None:
        """The verdict, if there is one, after 10 ms in which words and a person were so likely.

        Args:
            words: 0 to 1, as is `person`.
            person: see `words`.
            over_db: how far the sound stands out of the noise that was there before.
        """
        audible = person >= self._limits.person and over_db >= self._limits.stands_out_db
        self._quiet = 0 if audible else self._quiet + 1
        going = self._going
        going.frames += 1
        match self._being:
            case _Being.STILL if audible:
                return self._began(_Going())
            case _Being.OPEN:
                return self._verdict(self._judged(words))
            case _Being.DISMISSED:
                return self._begins_anew(words, audible=audible)
            case _Being.SPEAKING:
                if audible and words >= self._limits.no_words:
                    going.frames = 0
                if going.frames >= self._limits.silence:
                    self._being = _Being.STILL
        return None

    def _begins_anew(self, words: float, *, audible: bool) -> Judged | None:
        """A sound was dismissed: whether another one began meanwhile, or it was words after all."""
        beyond = self._going.next
        if beyond:
            self._goes_on(beyond, words)
            return self._began(beyond)
        if self._words_after_all(audible=audible):
            return self._began(_Going(sure=True))
        if audible and words >= self._limits.again:
            return self._began(_Going())
        if self._quiet >= self._limits.quiet:
            self._being = _Being.STILL
        return None

    def _judged(self, words: float) -> bool | None:
        """Whether it is speech; None while that is open."""
        if self._going.sure:
            return True
        if self._second is not None:
            return self._asking(self._second, words)
        if self._going.heard:  # the second ear is gone in the middle of a sound
            return self._going.odds >= 0
        return self._alone(words)

    def _began(self, going: _Going) -> Judged:
        self._being, self._going = _Being.OPEN, going
        return Judged.SOUND

    def _verdict(self, speech: bool | None) -> Judged | None:
        if speech is None:
            return None
        before = self._going
        self._being, self._going = (_Being.SPEAKING if speech else _Being.DISMISSED), _Going(next=before.next)
        if not speech and not before.put:
            self._going.frames = (
                before.frames
            )  # the network has dismissed it: the second ear is to hear it from its beginning
        return Judged.SPEECH if speech else Judged.NOTHING

    # ---- the network alone

    def _alone(self, words: float) -> bool | None:
        """Whether it is speech; None while that is open."""
        limits, going = self._limits, self._going
        going.unlikely = going.unlikely + 1 if words < limits.no_words else 0
        share = min(going.frames / limits.later, 1.0)
        if words >= limits.words + (limits.words_later - limits.words) * share:
            return True
        if going.unlikely >= limits.patience or self._quiet >= limits.quiet or going.frames >= limits.last:
            return False
        return None

    # ---- the second ear

    @property
    def _second(self) -> SecondEar | None:
        return None if self._ear is None or self._ear.gone else self._ear

    def _words_after_all(self, *, audible: bool) -> bool:
        """A sound that was dismissed goes on: now and then the second ear is asked whether there are words in it."""
        ear, going, limits = self._second, self._going, self._second_limits
        if ear is None:
            return False
        answer = ear.answer() if going.open else None
        if answer is not None:
            going.open = False
            return answer >= limits.after_all
        if audible and going.frames % limits.listens_on == 0:
            going.open = True
            ear.ask(self._since_before(min(going.frames, limits.last)), over=False)
        return False

    def _asking(self, second: SecondEar, words: float) -> bool | None:
        limits, going = self._second_limits, self._going
        if going.deciding:
            self._hear_beyond(words)
        else:
            going.hear(words, limits.surely_not)
        answer = second.answer() if going.open else None
        if answer is not None:
            speech = self._answered(answer)
            if speech is not None:
                return speech
        if going.deciding:
            return self._late()
        if going.unlikely >= limits.patience:
            return False
        self._ask_on(second)
        return None

    def _hear_beyond(self, words: float) -> None:
        """While the answer that decides is waited for: what begins after the sound has ended is another one."""
        going = self._going
        going.over = going.over or self._quiet >= self._limits.quiet
        if going.next:
            self._goes_on(going.next, words)
        elif going.over and not self._quiet:
            going.next = _Going()

    def _goes_on(self, beyond: _Going, words: float) -> None:
        beyond.frames += 1
        beyond.hear(words, self._second_limits.surely_not)

    def _answered(self, likely: float) -> bool | None:
        limits, going = self._second_limits, self._going
        going.open = False
        odds = _log_odds(likely) + limits.network * going.odds / going.heard
        likely = 1 / (1 + math.exp(-odds))
        if going.asked is None:
            return likely >= limits.decides
        if likely >= going.asked.speech:
            return True
        return False if likely <= going.asked.nothing else None

    def _late(self) -> bool | None:
        """The answer that decides is not there: the network decides, where it has been waited for too long."""
        going = self._going
        going.waits += 1
        return going.odds >= 0 if going.waits >= self._second_limits.late else None

    def _ask_on(self, second: SecondEar) -> None:
        """Ask what is to be asked now."""
        limits, going = self._second_limits, self._going
        over = self._quiet >= self._limits.quiet
        ask = next((ask for ask in limits.asks if ask.after == going.frames), None)
        if over or going.frames == limits.last or (ask and not going.open):  # only what decides takes another's place
            going.open, going.asked, going.over = True, None if over else ask, over
            going.put = True
            second.ask(self._since_before(going.frames), over=over)

    def _since_before(self, frames: int) -> Sound:
        """All that was heard since `BEFORE` samples before what began so many frames ago."""
        return np.concatenate([*self._past][-(frames + 1 + BEFORE // FRAME) :])


def _log_odds(likely: float) -> float:
    likely = min(max(likely, _LEAST), 1 - _LEAST)
    return math.log(likely / (1 - likely))

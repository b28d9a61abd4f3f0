"""A sound over a reply: is it words, or a cough, a laugh, a click, "mm-hm"?

A small network (barge_net.py) says for each 10 ms how likely words are and how likely a person is. From that two verdicts are
made, one behind the other. The first is generous and quick: something began (`SOUND`), which only ducks the reply. The
second waits for as much as it needs: `SPEECH` as soon as words are likely enough, and the longer it has listened the less it
asks for; `NOTHING` as soon as they are unlikely enough or the sound is over; after 600 ms whatever is likelier.

A sound that was dismissed and goes on is listened to on: should words come of it after all ("mm-hm, but ..."), it becomes a
`SOUND` again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from vivavoce.devices.barge_net import BargeInNet
from vivavoce.devices.barge_sound import FRAME, HISTORY, Floor, Sound, spectra
from vivavoce.pcm import SAMPLE_BYTES
from vivavoce.session.bargein import Judged

_FULL_SCALE = 32768.0
_FRAME_BYTES = FRAME * SAMPLE_BYTES


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
    stands_out_db: float = 7.0
    words: float = 0.87
    words_later: float = 0.77
    later: int = 30
    no_words: float = 0.2
    patience: int = 6
    quiet: int = 12
    last: int = 58
    again: float = 0.78
    silence: int = 32


class _Being(Enum):
    """What is going on."""

    STILL = auto()
    OPEN = auto()  # a sound, and no verdict yet
    DISMISSED = auto()  # a sound that was nothing goes on
    SPEAKING = auto()


class BargeInDetector:
    """Hears whether the sound of a person over a reply is meant to stop it.

    After each `SOUND` comes exactly one of `SPEECH` and `NOTHING`, within 600 ms. After `SPEECH`, 300 ms without words pass
    before the next `SOUND`; after `NOTHING` it may come at any time.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._net, self._floor = BargeInNet(), Floor()
        self._rest = b""
        self._window: Sound = np.zeros((1, HISTORY))
        self._being = _Being.STILL
        self._frames = self._unlikely = self._quiet = 0

    def hear(self, pcm: bytes) -> list[Judged]:
        """What is judged within `pcm`, in order.

        Args:
            pcm: the microphone's sound after echo control, 24 kHz 16-bit mono, any whole number of samples, call after call
                without gaps.
        """
        sound = self._rest + pcm
        whole = len(sound) // _FRAME_BYTES * _FRAME_BYTES
        self._rest = sound[whole:]
        judged = (self._frame(sound[at : at + _FRAME_BYTES]) for at in range(0, whole, _FRAME_BYTES))
        return [verdict for verdict in judged if verdict is not None]

    def _frame(self, pcm: bytes) -> Judged | None:
        self._window[0, :-FRAME] = self._window[0, FRAME:]
        self._window[0, -FRAME:] = np.frombuffer(pcm, "<i2") / _FULL_SCALE
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
                return self._open(words)
            case _Being.DISMISSED:
                if audible and words >= self._limits.again:
                    return self._began()
                if self._quiet >= self._limits.quiet:
                    self._being = _Being.STILL
            case _Being.SPEAKING:
                self._frames = 0 if audible and words >= self._limits.no_words else self._frames + 1
                if self._frames >= self._limits.silence:
                    self._being = _Being.STILL
        return None

    def _began(self) -> Judged:
        self._being, self._frames, self._unlikely = _Being.OPEN, 0, 0
        return Judged.SOUND

    def _open(self, words: float) -> Judged | None:
        limits = self._limits
        self._frames += 1
        self._unlikely = self._unlikely + 1 if words < limits.no_words else 0
        share = min(self._frames / limits.later, 1.0)
        if words >= limits.words + (limits.words_later - limits.words) * share:
            self._being, self._frames = _Being.SPEAKING, 0
            return Judged.SPEECH
        if self._unlikely >= limits.patience or self._quiet >= limits.quiet or self._frames >= limits.last:
            self._being = _Being.DISMISSED
            return Judged.NOTHING
        return None

"""Words or not, by the hearing half of a speech recogniser: the second opinion on a sound over a reply.

The encoder of Whisper (`base`) hears up to 1.6 s at once, and silence behind it, as the recogniser gives it, and makes a row of
512 numbers of each 20 ms; what it learned from a great many voices tells words from a laugh, a hum or a bell far better than a
network can that was trained on a few hours. Behind it lie some small heads that were trained alike, by
bench/bargein_train_words.py, and whose mean is the answer.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import samplerate
from numpy.typing import NDArray

from vivavoce.pcm import RATE_HZ

if TYPE_CHECKING:
    from collections.abc import Callable

    from vivavoce.devices.barge_sound import Sound

_log = logging.getLogger(__name__)
Numbers = NDArray[np.float32]
MOST_S = 1.6
"""Of a sound that is heard at once, `BEFORE` included."""
WINDOW_S = 6.0
"""What the encoder is given: the rest is silence, without which it makes less of a short sound."""
BEFORE = round(0.4 * RATE_HZ)
"""Samples of the window before the sound began."""
HEAR_RATE_HZ = 16000
ROW_S = 0.02
_SKIPPED = round(0.3 / ROW_S)  # rows before the sound that are not looked at
MOST_ROWS = 60
WIDTH = 512
_MOST_ODDS = 30.0
_LEAVES_WITHIN_S = 3.0


def window(sound: Sound) -> Numbers:
    """What the encoder is given of a sound, from `BEFORE` samples before it began to now: 24 kHz -> `WINDOW_S` at 16 kHz.

    It begins with the sound, at most `MOST_S` of it; behind that is silence.
    """
    out: Numbers = np.zeros(round(WINDOW_S * HEAR_RATE_HZ), np.float32)
    found = samplerate.resample(sound.astype(np.float32), HEAR_RATE_HZ / RATE_HZ, "sinc_fastest")
    heard = found[: round(MOST_S * HEAR_RATE_HZ)]
    out[: len(heard)] = heard
    return out


def rows(encoded: Numbers, samples: int) -> Numbers:
    """Those rows of an encoded window of so many samples (24 kHz) that the sound is judged by: (n, WIDTH), n at least 1."""
    heard = round(samples / RATE_HZ / ROW_S)
    return encoded[_SKIPPED : max(min(heard, _SKIPPED + MOST_ROWS), _SKIPPED + 1)]


class Encoder(Protocol):
    """The hearing half of a recogniser (`engine.models.whisper.Whisper`)."""

    def encode(self, sound: Numbers) -> Numbers:
        """16 kHz sound, full scale 1 -> (rows, WIDTH), a row for each 20 ms."""


@dataclass(frozen=True, slots=True)
class _Head:
    """What is made of the encoder's rows: one layer, two averages weighted by what matters and a plain one, another layer.

    Attributes:
        first: (seen, WIDTH).
        matters: (2, seen).
        known: (known, 3 x seen + 2).
        out: (known,).
    """

    first: Numbers
    first_bias: Numbers
    matters: Numbers
    matters_bias: Numbers
    known: Numbers
    known_bias: Numbers
    out: Numbers
    out_bias: Numbers

    def of(self, rows: Numbers, facts: Numbers) -> float:
        """Log odds of words."""
        seen = _gelu(rows @ self.first.T + self.first_bias)
        matters = seen @ self.matters.T + self.matters_bias
        weight = np.exp(matters - matters.max(axis=0))
        averages = (weight / weight.sum(axis=0)).T @ seen
        known = np.concatenate((averages.ravel(), seen.mean(axis=0), facts))
        return float(self.out @ _gelu(self.known @ known + self.known_bias) + self.out_bias)


class WordsEar:
    """How likely a sound is words, asked and answered at once."""

    def __init__(self, encoder: Encoder, weights: dict[str, NDArray[Any]] | None = None) -> None:
        """`weights` by name, as in bargein_words.npz, which is taken when there are none."""
        if weights is None:
            with files("vivavoce.devices").joinpath("bargein_words.npz").open("rb") as file, np.load(file) as shipped:
                weights = dict(shipped)
        w = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        self._encoder = encoder
        self._mean, self._spread = w.pop("mean"), w.pop("spread")
        self._heads = [_Head(**{name: value[n] for name, value in w.items()}) for n in range(len(w["out"]))]

    def likely(self, sound: Sound, *, over: bool) -> float:
        """0 to 1.

        Args:
            sound: 24 kHz, full scale 1, from `BEFORE` samples before it began to now, at most `MOST_S`.
            over: it is over; else it goes on.
        """
        scaled = (rows(self._encoder.encode(window(sound)), len(sound)) - self._mean) / self._spread
        facts = np.array(((len(sound) - BEFORE) / RATE_HZ, over), np.float32)
        found = np.mean([head.of(scaled, facts) for head in self._heads])
        return float(1 / (1 + np.exp(-np.clip(found, -_MOST_ODDS, _MOST_ODDS))))


@dataclass(slots=True, eq=False)
class _Question:
    sound: Sound
    over: bool
    answer: float | None = None


class Later:
    """The same beside what else goes on, on a thread of its own: asked now, answered in some 50 ms.

    The thread lasts from `wake` to `close`, and with it what was loaded. It is a daemon, so that nobody must close it; but whoever
    leaves the program waits, for 3 s at most, until it has ended what it is about: Python kills a daemon where it comes back from
    C++, and in the middle of a destructor there that is the end of the process ("terminate called").

    Attributes:
        gone: it does not answer any more: it was closed, or the encoder could not be loaded, or failed, which the thread finds out
            at any time.
    """

    def __init__(self, load: Callable[[], WordsEar]) -> None:
        """`load` is called on the thread, once, after the first `wake`."""
        self.gone = False
        self._thread = threading.Thread(target=self._work, args=(load,), name="viva-barge-in", daemon=True)
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()  # None: no more of them
        self._open: _Question | None = None

    @property
    def busy(self) -> bool:
        """A question is open, and its answer not made yet."""
        return self._open is not None and self._open.answer is None and not self.gone

    def wake(self) -> None:
        """There will be questions: load what is needed, which takes a second. Once it is gone, nothing."""
        if self._thread.ident is None and not self.gone:
            atexit.register(self._leave)
            self._thread.start()

    def close(self) -> None:
        """End the thread after what it is about, and free the encoder. Does not wait for it; twice is allowed."""
        self.gone = True
        self._open = None
        self._questions.put(None)

    def _leave(self) -> None:
        self.close()
        self._thread.join(_LEAVES_WITHIN_S)

    def ask(self, sound: Sound, *, over: bool) -> None:
        """Judge this; a question that is not answered yet is forgotten."""
        self.wake()
        self._open = _Question(sound, over)
        self._questions.put(self._open)

    def answer(self) -> float | None:
        """The answer to the last question, once; None while it is not known."""
        if self._open is None or self._open.answer is None:
            return None
        found, self._open = self._open.answer, None
        return found

    def _work(self, load: Callable[[], WordsEar]) -> None:
        self._judge_all(load)
        atexit.unregister(self._leave)  # all that was loaded is freed

    def _judge_all(self, load: Callable[[], WordsEar]) -> None:
        try:
            ear = load()
            while (question := self._questions.get()) is not None:
                if question is self._open:
                    question.answer = ear.likely(question.sound, over=question.over)
        except Exception as fault:  # noqa: BLE001  whatever it is, the talk goes on without this ear
            _log.warning("The second ear for barge-ins has failed, and its network judges alone: %s", fault)
            self.gone = True


def _gelu(x: NDArray[Any]) -> Numbers:
    """Close to Gauss's curve to 0.001: numpy has no erf."""
    return np.asarray(x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), np.float32)

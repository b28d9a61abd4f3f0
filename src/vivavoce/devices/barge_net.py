"""The small recurrent network that hears words: numpy only, 10 ms at a time.

Three frames of features, one layer, a gated recurrent unit, two answers: whether what is to be heard is words, and whether it is
a person at all. Trained by bench/bargein_train.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.devices.barge_sound import FEATURES, FRAME, HISTORY, Floor, Sound, spectra
from vivavoce.pcm import SAMPLE_BYTES

Numbers = NDArray[np.float32]
FRAMES = 3
_MOST = 30.0
_FULL_SCALE = 32768.0
_FRAME_BYTES = FRAME * SAMPLE_BYTES


class BargeInNet:
    """Frame in, two probabilities out; it remembers what came before."""

    def __init__(self, weights: dict[str, NDArray[Any]] | None = None) -> None:
        """`weights` by name, as in bargein.npz, which is taken when there are none."""
        if weights is None:
            with files("vivavoce.devices").joinpath("bargein.npz").open("rb") as file, np.load(file) as shipped:
                weights = dict(shipped)
        w = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        self._mean, self._spread = w["mean"], w["spread"]
        self._in, self._in_bias = w["in"], w["in_bias"]
        self._gates, self._gates_bias = w["gates"], w["gates_bias"]
        self._back, self._back_bias = w["back"], w["back_bias"]
        self._out, self._out_bias = w["out"], w["out_bias"]
        self._size = self._back.shape[1]
        self._state: Numbers = np.zeros(self._size, np.float32)
        self._frames: Numbers = np.zeros(FRAMES * FEATURES, np.float32)

    def hear(self, features: NDArray[Any]) -> tuple[float, float]:
        """(words, a person), each 0 to 1."""
        frame = (features.astype(np.float32) - self._mean) / self._spread
        self._frames = np.concatenate((self._frames[FEATURES:], frame))
        seen = np.maximum(self._in @ self._frames + self._in_bias, 0)
        own = self._gates @ seen + self._gates_bias
        back = self._back @ self._state + self._back_bias
        n = self._size
        opened = _sigmoid(own[: 2 * n] + back[: 2 * n])
        new = np.tanh(own[2 * n :] + opened[:n] * back[2 * n :])
        self._state = new + opened[n:] * (self._state - new)
        words, person = _sigmoid(self._out @ self._state + self._out_bias)
        return float(words), float(person)


class Listener:
    """The network at the end of a microphone: sound in pieces of any length in, what is heard in each 10 ms out."""

    def __init__(self) -> None:
        self._net, self._floor = BargeInNet(), Floor()
        self._rest = b""
        self._window: Sound = np.zeros((1, HISTORY))

    def hear(self, pcm: bytes) -> Iterator[tuple[Sound, float, float, float]]:
        """(sound, words, a person, how far it stands out of the noise that was there before in dB) of each `FRAME` that is whole.

        `pcm`: 24 kHz 16-bit mono, any whole number of samples. To be used up before the next piece.
        """
        sound = self._rest + pcm
        whole = len(sound) // _FRAME_BYTES * _FRAME_BYTES
        self._rest = sound[whole:]
        for at in range(0, whole, _FRAME_BYTES):
            samples = np.frombuffer(sound[at : at + _FRAME_BYTES], "<i2") / _FULL_SCALE
            self._window[0, :-FRAME] = self._window[0, FRAME:]
            self._window[0, -FRAME:] = samples
            words, person = self._net.hear(self._floor.features(spectra(self._window)[0]))
            yield samples, words, person, self._floor.over_db


def _sigmoid(x: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -_MOST, _MOST))), np.float32)

"""The small recurrent network that hears words: numpy only, 10 ms at a time.

Three frames of features, one layer, a gated recurrent unit, two answers: whether what is to be heard is words, and whether it is
a person at all. Trained by bench/bargein_train.py.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.devices.barge_sound import FEATURES

Numbers = NDArray[np.float32]
FRAMES = 3
_MOST = 30.0


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


def _sigmoid(x: Numbers) -> Numbers:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -_MOST, _MOST))), np.float32)

"""A short rising tone, and what a microphone heard of it: how late, how loud. Pure.

Two chirps a second apart: a sound of the room that looks like a chirp does not look so twice at the same delay.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vivavoce.pcm import RATE_HZ, SAMPLES_PER_MS

__all__ = ["LISTEN_MS", "Echo", "call", "echo"]

Samples = NDArray[np.float64]
Unheard = Literal["nothing", "unclear"]

CHIRP_MS = 250
APART_MS = 1000
LISTEN_MS = 2 * APART_MS + CHIRP_MS
_LOW_HZ, _HIGH_HZ = 500.0, 3500.0  # what the smallest laptop speaker plays and every microphone hears
_AMPLITUDE = 0.3
_EDGE_MS = 20  # rises and falls softly: no click
_BEFORE = 10 * SAMPLES_PER_MS  # a match rises before its place
_RING = 150 * SAMPLES_PER_MS  # of a room
_PERIOD = APART_MS * SAMPLES_PER_MS
_CLEAR = 10.0  # times the usual match: noise stays below 7
_ALONE = 2.0  # times the best match elsewhere: in 97 % of 666 windows of recorded speech it is less
_AGREE_MS = 30


@dataclass(frozen=True, slots=True)
class Echo:
    """What the microphone hears of the speaker.

    Attributes:
        delay_ms: from handing sound to the speaker until it is back from the microphone.
        loss_db: how much weaker it comes back than it was played; below 0: stronger.
    """

    delay_ms: int
    loss_db: float


@cache
def _chirp() -> Samples:
    time = np.arange(CHIRP_MS * SAMPLES_PER_MS) / RATE_HZ
    slope = (_HIGH_HZ - _LOW_HZ) / (CHIRP_MS / 1000)
    edge = np.sin(np.linspace(0, np.pi / 2, _EDGE_MS * SAMPLES_PER_MS)) ** 2
    shape = np.ones_like(time)
    shape[: edge.size], shape[-edge.size :] = edge, edge[::-1]
    tone: Samples = _AMPLITUDE * shape * np.sin(2 * np.pi * (_LOW_HZ + slope * time / 2) * time)
    return tone


def call() -> bytes:
    """What is to be played, 24 kHz 16-bit mono: two chirps, begun a second apart."""
    sound = np.zeros(APART_MS * SAMPLES_PER_MS + _chirp().size)
    sound[: _chirp().size] = sound[-_chirp().size :] = _chirp()
    return (sound * 32767).astype("<i2").tobytes()


def echo(heard: bytes) -> Echo | Unheard:
    """What was heard of `call()`, in sound recorded from the moment it was handed to the speaker on, `LISTEN_MS` long.

    "nothing": neither chirp, within a second; "unclear": one of them, or both with different delays.
    """
    sound = np.frombuffer(heard, "<i2") / 32768
    window = (
        _PERIOD + _chirp().size - 2 * _BEFORE
    )  # of places at which it may begin: nothing of the next one is among them
    first, second = _found(sound[:window]), _found(sound[_PERIOD : _PERIOD + window])
    if first is None and second is None:
        return "nothing"
    if first is None or second is None or abs(first[0] - second[0]) > _AGREE_MS * SAMPLES_PER_MS:
        return "unclear"
    played = _energy(_matched(_chirp()))
    back = min(first[1], second[1])  # whoever talks meanwhile makes one of the two louder
    return Echo((first[0] + second[0]) // 2 // SAMPLES_PER_MS, float(10 * np.log10(played / back)))


def _found(sound: Samples) -> tuple[int, float] | None:
    """Where the chirp begins, in samples, and the energy of what is heard of it; None when it is not clearly there."""
    if sound.size <= _chirp().size:
        return None
    match = _matched(sound)
    size = np.abs(match)
    best = int(np.argmax(size))
    here = slice(max(0, best - _BEFORE), best + _RING)
    peak, usual = size[best], float(np.median(size))
    size[here] = 0.0
    if peak <= max(_CLEAR * usual, _ALONE * float(size.max()), 1e-9):
        return None
    return here.start, _energy(match[here])


def _matched(sound: Samples) -> Samples:
    """How much of the chirp begins at each sample, `_BEFORE` samples before the sound on.

    All of a chirp is gathered in a few milliseconds, its echoes from the walls behind them; other sounds are spread out.
    """
    chirp = _chirp()
    padded = np.concatenate([np.zeros(_BEFORE), sound])
    size = padded.size + chirp.size
    spectrum = np.fft.rfft(padded, size) * np.conj(np.fft.rfft(chirp, size))
    match: Samples = np.fft.irfft(spectrum, size)[: max(padded.size - chirp.size + 1, 2 * _BEFORE)]
    return match


def _energy(match: Samples) -> float:
    return float((match**2).sum())

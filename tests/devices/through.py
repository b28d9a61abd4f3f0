"""Sound that went through a sound card: where a busy computer let the card run dry, silence is in between.

That silence is no fault of ours and is taken out again; what remains must be there whole and in order. Where the card ran
dry the sound server drops some milliseconds that came too late (measured: up to 10); without a gap nothing may be missing.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vivavoce.pcm import SAMPLES_PER_MS

Sound = NDArray[np.float64]

_QUIET = 50  # of 32,768; noise of the tests is seldom so quiet, and never for a millisecond
_EDGE = SAMPLES_PER_MS // 2
_PART = 20 * SAMPLES_PER_MS
DROPPED = 20 * SAMPLES_PER_MS
"""Samples that may be missing at a gap."""
_EDGES = 2 * _EDGE + SAMPLES_PER_MS // 4  # the edges of a gap stay, and so does the ringing of the resampler there


def sound_of(pcm: bytes) -> Sound:
    """Samples of 24 kHz 16-bit mono; a half one at the end is left out."""
    return np.frombuffer(pcm[: len(pcm) & ~1], "<i2").astype(float)


def squeezed(sound: Sound) -> tuple[Sound, int]:
    """`sound` without silence of a millisecond or more, and how many gaps there were between its first and last sound."""
    if len(sound) <= 2 * _EDGE:
        return sound[:0], 0
    kept = np.convolve(np.abs(sound) > _QUIET, np.ones(2 * _EDGE + 1), "same") > 0.5
    return sound[kept], max(int(np.sum(np.diff(kept, prepend=False) & kept)) - 1, 0)


def places(sound: Sound, said: bytes) -> list[int | None]:
    """Where each 20 ms of `said`, which is noise, begin in `sound`; None for what is not there."""
    wanted, found = sound_of(said), list[int | None]()
    n = len(sound) + _PART
    spectrum = np.fft.rfft(sound, n)
    for start in range(0, len(wanted) - _PART + 1, _PART):
        part = wanted[start : start + _PART]
        fits = np.fft.irfft(spectrum * np.conj(np.fft.rfft(part, n)), n)[: max(len(sound) - _PART + 1, 1)]
        at = int(np.argmax(fits))
        # noise that is not there fits by 0.25 at most
        there = fits[at] > 0.5 * np.linalg.norm(part) * np.linalg.norm(sound[at : at + _PART])
        found.append(at if there else None)
    return found


def beginning(sound: Sound, said: bytes) -> int:
    """Where `said`, which is noise and is there, begins in `sound`."""
    return next(at - number * _PART for number, at in enumerate(places(sound, said)) if at is not None)


def holds(sound: Sound, said: bytes) -> bool:
    """Whether all of `said`, which is noise, is in `sound`, in order; gaps are forgiven, a lost block without one is not."""
    heard, gaps = squeezed(sound)
    if len(heard) < len(said) // 2 - gaps * DROPPED:
        return False
    found = places(heard, said)
    there = [(at, number * _PART) for number, at in enumerate(found) if at is not None]
    if len(found) - len(there) > 2 * gaps:  # a part with a gap within may look like no part at all
        return False
    steps = [at - at_before - (n - n_before) for (at_before, n_before), (at, n) in pairwise(there)]
    return all(-2 - gaps * DROPPED <= step <= 2 + gaps * _EDGES for step in steps)

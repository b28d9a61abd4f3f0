"""How loud a recording is, as a person would want to know it: dead, quiet, good, too loud. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.pcm import BLOCK_SAMPLES

__all__ = ["Level", "level"]

_FULL = 32_700
_RUN = 3  # one sample at the limit may be chance, three in a row are a cut wave
_WINDOW_BLOCKS = 10  # 200 ms: a syllable
_FLOOR_PERCENT = 10
_NOTHING_DB = -120.0


@dataclass(frozen=True, slots=True)
class Level:
    """Levels in dB, 0 being the loudest a recording can hold.

    Attributes:
        steps: the furthest any sample is from the middle, in steps of the 16 bits; a live microphone has more than a few.
        loudest_db: of the loudest 200 ms.
        floor_db: of the quietest tenth: the room.
        clipped: share of the samples that stand at the limit, three or more in a row.
    """

    steps: int
    loudest_db: float
    floor_db: float
    clipped: float


def level(pcm: bytes) -> Level:
    """The level of 24 kHz 16-bit mono sound; a constant offset does not count as sound."""
    raw = np.frombuffer(pcm, "<i2").astype(np.float64)
    if raw.size < BLOCK_SAMPLES:
        return Level(0, _NOTHING_DB, _NOTHING_DB, 0.0)
    sound = raw - np.median(raw)
    blocks = sound[: sound.size // BLOCK_SAMPLES * BLOCK_SAMPLES].reshape(-1, BLOCK_SAMPLES)
    powers = (blocks / 32768) ** 2
    each = powers.mean(axis=1)
    width = min(_WINDOW_BLOCKS, each.size)
    windows = np.convolve(each, np.ones(width) / width, mode="valid")
    return Level(
        steps=int(np.abs(sound).max()),
        loudest_db=_db(float(windows.max())),
        floor_db=_db(float(np.percentile(each, _FLOOR_PERCENT))),
        clipped=_clipped(np.abs(raw) >= _FULL),
    )


def _clipped(full: np.typing.NDArray[np.bool_]) -> float:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], full, [False]))))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= _RUN].sum() / full.size)


def _db(power: float) -> float:
    return round(float(10 * np.log10(power)), 1) if power > 10 ** (_NOTHING_DB / 10) else _NOTHING_DB

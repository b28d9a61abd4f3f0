"""What a barge-in is judged by: each 10 ms of sound as numbers.

In 28 bands of a voice how loud it is, and how far that stands out of the noise that was there before; how much it is a tone
with a pitch (breath, clicks and consonants are not), and which.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vivavoce.pcm import RATE_HZ

Sound = NDArray[np.float64]

FRAME = RATE_HZ // 100
HISTORY = 4 * FRAME
"""Samples that a frame is judged by, its own the last of them."""
BANDS = 28
FEATURES = 2 * BANDS + 3
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 7000.0
_WINDOW = np.hanning(2 * FRAME + 1)[:-1]
_SIZE = 1024
_SCALE = 4 / _WINDOW.sum() ** 2  # a full-scale tone: 0 dB
_PITCH_WINDOW = np.hanning(HISTORY + 1)[:-1]
_PITCH_SIZE = 2048
_PITCH_BINS = round(1400 * _PITCH_SIZE / RATE_HZ)  # the first harmonics tell it, and noise is above
_LAG_SIZE = 1024  # lags in steps of 1/12,000 s
_LAG_HZ = RATE_HZ * _LAG_SIZE // _PITCH_SIZE
_SHORTEST, _LONGEST = _LAG_HZ // 400, _LAG_HZ // 70
_RATHER_SHORT = np.linspace(1, 0.8, _LONGEST + 1 - _SHORTEST)  # two periods are as much alike as one
_MIDDLE_HZ = 150.0
_TINY = 1e-12
_SHUT_DB = -95.0  # no microphone is so quiet: an echo gate is shut, and nothing is learned of the noise
_QUIETEST_DB = -65.0  # of what a microphone hears in a still room; an echo gate that is all but shut is quieter
_FLOOR_DB, _LEAST_DB, _MOST_DB = -85.0, -95.0, -35.0
_FALL, _RISE_DB, _FAR_RISE_DB, _FAR_DB = 0.2, 0.06, 0.02, 12.0


def _mel(hz: Sound | float) -> Sound:
    return np.asarray(1127 * np.log1p(np.asarray(hz) / 700))


def _bank() -> Sound:
    """Triangles, evenly spaced in mel: (bins, BANDS)."""
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(_HIGHEST_HZ), BANDS + 2)
    at = _mel(np.arange(_SIZE // 2 + 1) * RATE_HZ / _SIZE)[:, None]
    up = (at - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(up, down), 0, None))


_BANK = _bank()
_OWN_LAGS = np.fft.irfft(np.abs(np.fft.rfft(_PITCH_WINDOW, _PITCH_SIZE))[:_PITCH_BINS] ** 2, _LAG_SIZE)[: _LONGEST + 1]


def spectra(windows: Sound) -> Sound:
    """(n, HISTORY) of sound, full scale 1 -> (n, BANDS + 3): dB of each band, of all; voicing 0 to 1; octaves over 150 Hz."""
    power = np.abs(np.fft.rfft(windows[:, -2 * FRAME :] * _WINDOW, _SIZE)) ** 2 * _SCALE
    bands = power @ _BANK
    level = 10 * np.log10(bands.sum(axis=1) + _TINY)
    voicing, octaves = _pitch(windows)
    return np.concatenate((10 * np.log10(bands + _TINY), level[:, None], voicing[:, None], octaves[:, None]), axis=1)


def _pitch(windows: Sound) -> tuple[Sound, Sound]:
    power = np.abs(np.fft.rfft(windows * _PITCH_WINDOW, _PITCH_SIZE)[:, :_PITCH_BINS]) ** 2
    power[:, 0] = 0
    lags = np.fft.irfft(power, _LAG_SIZE)[:, : _LONGEST + 1] / (_OWN_LAGS / _OWN_LAGS[0])
    alike = lags[:, _SHORTEST:] / (lags[:, :1] + _TINY)
    best = (alike * _RATHER_SHORT).argmax(axis=1)
    voicing = np.clip(alike.max(axis=1), 0, 1)
    octaves = np.log2(_LAG_HZ / (best + _SHORTEST) / _MIDDLE_HZ)
    return voicing, np.where(voicing > 0.5, octaves, 0.0)  # noqa: PLR2004  below it there is no pitch


class Floor:
    """How loud each band is when nobody makes a sound: follows down at once, up slowly.

    Attributes:
        db: of each band.
        over_db: how far the last frame stood out of all of them together, or of the stillest room.
    """

    def __init__(self) -> None:
        self.db: Sound = np.full(BANDS, _FLOOR_DB)
        self.over_db = 0.0

    def features(self, spectrum: Sound) -> Sound:
        """One row of `spectra` -> `FEATURES` numbers of about 0 to 2."""
        bands, level = spectrum[:BANDS], float(spectrum[BANDS])
        over = bands - self.db
        self.over_db = level - max(10 * float(np.log10((10 ** (self.db / 10)).sum())), _QUIETEST_DB)
        if level > _SHUT_DB:
            rise = np.where(over < _FAR_DB, _RISE_DB, _FAR_RISE_DB)
            self.db = np.clip(self.db + np.where(over < 0, _FALL * over, rise), _LEAST_DB, _MOST_DB)
        return np.concatenate(
            (
                np.clip((bands + 90) / 25, 0, None),
                np.clip(over / 20, 0, 2),
                ((level + 60) / 20, spectrum[BANDS + 1], spectrum[BANDS + 2]),
            )
        )


def features(sound: Sound) -> Sound:
    """Of a whole sound at once: (frames, FEATURES)."""
    padded = np.concatenate((np.zeros(HISTORY - FRAME), sound[: len(sound) // FRAME * FRAME]))
    windows = np.lib.stride_tricks.sliding_window_view(padded, HISTORY)[::FRAME]
    floor = Floor()
    rows = [floor.features(row) for at in range(0, len(windows), 500) for row in spectra(windows[at : at + 500])]
    return np.array(rows)

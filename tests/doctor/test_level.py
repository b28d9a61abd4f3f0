from __future__ import annotations

import numpy as np
import pytest

from vivavoce.doctor.level import level
from vivavoce.pcm import RATE_HZ, silence


def pcm(samples: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bytes:
    return np.clip(samples, -32768, 32767).astype("<i2").tobytes()


def tone(peak: float, seconds: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return peak * np.sin(2 * np.pi * 200 * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)


def test_a_full_tone_is_3_db_below_the_loudest_and_not_cut() -> None:
    found = level(pcm(tone(32_000)))
    assert found.loudest_db == pytest.approx(-3.2, abs=0.1)
    assert found.clipped == 0.0


def test_the_loudest_syllable_counts_not_the_average() -> None:
    found = level(pcm(np.concatenate([np.zeros(RATE_HZ), tone(3200, 0.4), np.zeros(RATE_HZ)])))
    assert found.loudest_db == pytest.approx(-23.2, abs=0.2)
    assert found.floor_db == -120.0


@pytest.mark.parametrize("offset", [0, 1000, -1])
def test_a_constant_is_no_sound(offset: int) -> None:
    found = level(pcm(np.full(RATE_HZ, float(offset))))
    assert (found.steps, found.loudest_db) == (0, -120.0)


def test_what_stands_at_the_limit_is_cut() -> None:
    assert level(pcm(tone(60_000))).clipped > 0.5
    assert level(pcm(tone(33_500))).clipped > 0.05


def test_single_samples_at_the_limit_are_no_cut() -> None:
    sound = np.zeros(RATE_HZ)
    sound[::10] = 32_767
    assert level(pcm(sound)).clipped == 0.0


def test_less_than_a_block_is_nothing() -> None:
    assert level(silence(10)).steps == 0
    assert level(b"").steps == 0

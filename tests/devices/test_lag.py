"""Finding how late an echo is."""

from __future__ import annotations

import numpy as np
import pytest
from tests.devices.acoustics import at_level, recorded

from vivavoce.devices.lag import Lag
from vivavoce.pcm import RATE_HZ

BLOCK = 240


@pytest.mark.parametrize("late", [-1200, 0, 240, 7213, 23_000])
def test_the_lag_is_exact_to_the_sample(late: int) -> None:
    far = at_level(recorded("LJ001-0004.wav"), -20)
    noise = np.random.default_rng(1).normal(0, 1e-3, len(far))
    mic = 0.2 * np.roll(far, late) + noise
    lag = Lag()
    for at in range(0, len(far) - BLOCK + 1, BLOCK):
        lag.add(far[at : at + BLOCK], mic[at : at + BLOCK])
    assert lag.find() == late


def test_what_is_no_echo_has_no_lag() -> None:
    far, mic = recorded("LJ001-0004.wav"), recorded("jfk.wav")
    lag = Lag()
    for at in range(0, 4 * RATE_HZ, BLOCK):
        lag.add(far[at : at + BLOCK], mic[at : at + BLOCK])
    assert lag.find() is None


def test_too_little_was_heard_to_know() -> None:
    lag = Lag()
    noise = np.random.default_rng(2).normal(size=BLOCK)
    for _ in range(100):
        lag.add(noise, noise)
    assert lag.find() is None
    lag.clear()
    assert lag.find() is None


def test_only_the_last_seconds_count() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, 12 * RATE_HZ)
    lag = Lag()
    for at in range(2 * BLOCK, 6 * RATE_HZ, BLOCK):
        lag.add(noise[at : at + BLOCK], noise[at - BLOCK : at])
    for at in range(6 * RATE_HZ, 12 * RATE_HZ, BLOCK):
        lag.add(noise[at : at + BLOCK], noise[at - 2 * BLOCK : at - BLOCK])
    assert lag.find() == 2 * BLOCK

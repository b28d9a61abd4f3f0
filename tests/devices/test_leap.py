"""Finding an echo that leapt."""

from __future__ import annotations

import numpy as np
import pytest
from tests.devices.acoustics import Sound, at_level, recorded

from vivavoce.devices.leap import HEARD, LATEST, Leap
from vivavoce.pcm import RATE_HZ

BLOCK = 240
AHEAD = 1200
BEGIN = RATE_HZ


def _lags(echo: Sound, late: int, person: Sound | float = 0.0, blocks: int = 30) -> list[int | None]:
    """What is found in each of the blocks that follow when `echo` comes `late` samples later than expected."""
    heard = np.roll(echo, late) + person + np.random.default_rng(1).normal(0, 1e-4, len(echo))
    leap = Leap()
    found = []
    for n in range(blocks):
        end = BEGIN + (n + 1) * BLOCK
        leap.add(heard[end - BLOCK : end])
        found.append(leap.look(echo[end - LATEST - HEARD : end + AHEAD], AHEAD))
    return found


@pytest.mark.parametrize("late", [-960, -100, 24, 499, 2400])
def test_a_leap_is_found_to_the_sample(late: int) -> None:
    found = [lag for lag in _lags(at_level(recorded("LJ001-0004.wav"), -20), late) if lag is not None]
    assert found
    assert set(found) <= {late - 1, late, late + 1}


def test_an_echo_in_its_place_has_not_leapt() -> None:
    assert not any(_lags(at_level(recorded("LJ001-0004.wav"), -20), 0))


def test_a_person_over_the_echo_is_no_leap() -> None:
    echo = at_level(recorded("LJ001-0004.wav"), -25)
    person = np.resize(at_level(recorded("jfk.wav"), -20), len(echo))
    assert not any(_lags(echo, 0, person, blocks=150))


def test_too_little_was_heard_to_know() -> None:
    echo = at_level(recorded("LJ001-0004.wav"), -20)
    assert not any(_lags(echo, 499, blocks=HEARD // BLOCK - 1))

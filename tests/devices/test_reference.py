"""The far end by device time: gaps, drops, drift, and a reader that never slips."""

from __future__ import annotations

import numpy as np
import pytest
from tests.devices.acoustics import Sound, to_bytes

from vivavoce.devices.reference import Reference, Steady
from vivavoce.pcm import RATE_HZ

BLOCK = 240
LEAD = 480  # 20 ms


def _ramp(samples: int) -> Sound:
    return np.arange(1, samples + 1) / 32768


def _numbers(sound: Sound) -> list[int]:
    return [int(n) for n in np.rint(sound * 32768)]


def _told(reference: Reference, sound: Sound, at_s: float, block: int = BLOCK) -> None:
    for at in range(0, len(sound), block):
        reference.played(to_bytes(sound[at : at + block]), at_s + at / RATE_HZ)


def test_nothing_was_ever_played_is_silence() -> None:
    assert not Reference().take(BLOCK, 5.0).any()


@pytest.mark.parametrize("block", [64, 240, 441, 480])
def test_a_block_is_what_leaves_twenty_ms_later_whatever_its_size(block: int) -> None:
    reference = Reference()
    _told(reference, _ramp(4 * RATE_HZ // 10), 2.0, block)
    first = _numbers(reference.take(BLOCK, 2.0))
    assert first == list(range(LEAD + 1, LEAD + BLOCK + 1))
    assert _numbers(reference.take(BLOCK, 2.01)) == list(range(LEAD + BLOCK + 1, LEAD + 2 * BLOCK + 1))
    assert reference.missed == 0


def test_a_gap_in_the_stated_times_is_filled_with_silence() -> None:
    reference = Reference()
    _told(reference, _ramp(2400), 0.0)
    _told(reference, _ramp(2400), 0.15)  # 50 ms later than it would follow
    heard = _numbers(np.concatenate([reference.take(BLOCK, n / 100) for n in range(15)]))
    assert heard == [*range(LEAD + 1, 2401), *[0] * 1200, *range(1, 481)]


def test_what_was_told_and_then_dropped_is_replaced() -> None:
    reference = Reference()
    _told(reference, _ramp(4800), 0.0)
    _told(reference, np.zeros(2400), 0.1)  # the speaker was hushed: its second 100 ms never left
    heard = _numbers(np.concatenate([reference.take(BLOCK, n / 100) for n in range(15)]))
    assert heard[: 2400 - LEAD] == list(range(LEAD + 1, 2401))
    assert not any(heard[2400 - LEAD :])


def test_scattered_times_move_nothing() -> None:
    reference, random = Reference(), np.random.default_rng(3)
    ramp = _ramp(RATE_HZ)
    for at in range(0, RATE_HZ, BLOCK):
        reference.played(to_bytes(ramp[at : at + BLOCK]), at / RATE_HZ + random.uniform(-0.007, 0.007))
    heard = np.concatenate([reference.take(BLOCK, n / 100) for n in range(80)])
    assert set(np.diff(_numbers(heard))) == {1}


def test_a_reader_who_knows_the_drift_reads_between_the_samples() -> None:
    reference = Reference()
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)
    _told(reference, tone, 0.0)
    reference.rate = 4e-4
    heard = np.concatenate([reference.take(BLOCK, n / 100) for n in range(90)])
    at = LEAD + np.arange(len(heard)) * (1 + 4e-4)
    assert np.abs(heard - 0.5 * np.sin(2 * np.pi * 440 * at / RATE_HZ)).max() < 1e-3


def test_what_is_not_known_yet_is_silence_and_its_time_is_kept() -> None:
    reference = Reference()
    _told(reference, _ramp(2400), 0.0)
    heard = np.concatenate([reference.take(BLOCK, n / 100) for n in range(12)])
    _told(reference, _ramp(2400), 0.15)  # the speaker was dry for 50 ms
    heard = np.concatenate([heard, *(reference.take(BLOCK, n / 100) for n in range(12, 17))])
    assert _numbers(heard) == [*range(LEAD + 1, 2401), *[0] * 1200, *range(1, 961)]
    assert reference.missed > 0


def test_a_reader_who_is_always_too_early_goes_back_once() -> None:
    reference = Reference()
    ramp = _ramp(RATE_HZ)
    taken = []
    for n in range(100):
        _told(reference, ramp[n * BLOCK : (n + 1) * BLOCK], n / 100 + (0.02 if n > 10 else 0.0))
        taken.append(reference.take(BLOCK, n / 100 + (0.04 if n > 10 else 0.0), 0.04 if n == 11 else 0.0))
    missed = reference.missed
    assert missed > 0
    assert set(np.diff(_numbers(np.concatenate(taken[60:])))) == {1}


def test_no_clock_is_worse_than_five_hundred_ppm() -> None:
    reference = Reference()
    reference.rate = 1.0
    assert reference.rate == 5e-4


def test_one_wild_time_is_no_jump_and_three_are() -> None:
    clock = Steady()
    assert [clock.jump(n / 100, BLOCK) for n in range(3)] == [0.0] * 3
    assert clock.jump(0.05, BLOCK) == 0.0  # 20 ms late, once
    assert clock.jump(0.04, BLOCK) == 0.0
    steps = [clock.jump(0.07 + n / 100, BLOCK) for n in range(4)]
    assert steps[:2] == [0.0, 0.0]
    assert steps[2] == pytest.approx(0.02, abs=0.001)
    assert steps[3] == 0.0


def test_around_is_what_was_taken_and_what_is_told_already() -> None:
    reference = Reference()
    _told(reference, _ramp(2400), 0.0)
    reference.take(BLOCK, 0.0)
    sound, more = reference.around(BLOCK, 10_000)
    assert more == 2400 - LEAD - BLOCK
    assert _numbers(sound) == list(range(LEAD + 1, 2401))
    assert len(reference.around(5000, 0)[0]) == 5000


def test_around_a_speaker_that_ran_dry_ends_in_silence() -> None:
    reference = Reference()
    _told(reference, _ramp(960), 0.0)
    for n in range(4):
        reference.take(BLOCK, n / 100)
    sound, more = reference.around(3 * BLOCK, 1000)
    assert (more, len(sound)) == (0, 3 * BLOCK)
    assert not sound[-LEAD:].any()
    assert _numbers(sound[:BLOCK]) == list(range(721, 961))


def test_a_speaker_that_tells_too_late_is_read_later_and_that_is_said_once() -> None:
    reference = Reference()
    for n in range(20):
        if n >= 6:  # from here on six blocks behind
            reference.played(to_bytes(_ramp(BLOCK)), (n - 6) / 100)
        elif n < 3:
            _told(reference, _ramp(BLOCK), n / 100)
        reference.take(BLOCK, n / 100)
    slipped = reference.take_slip()
    assert 0 < slipped <= 7 * BLOCK
    assert reference.take_slip() == 0


def test_a_speaker_that_ran_dry_is_told_once() -> None:
    reference = Reference()
    _told(reference, _ramp(RATE_HZ // 10), 2.0)
    assert not reference.take_step()
    _told(reference, _ramp(RATE_HZ // 10), 2.15)
    assert reference.take_step()
    assert not reference.take_step()

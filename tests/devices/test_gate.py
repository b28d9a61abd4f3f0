"""What the gate takes for a person, and what for the rest of an echo. Noise stands for both: it is heard everywhere alike."""

from __future__ import annotations

import numpy as np

from vivavoce.devices.echopath import BLOCK
from vivavoce.devices.gate import ResidualGate
from vivavoce.devices.reference import Sound

_REST, _PERSON = 0.004, 0.1


class _Room:
    """A gate with an assistant that speaks all the time; its echo is a tenth as loud, and the filter leaves `_REST` of it."""

    def __init__(self) -> None:
        self.gate = ResidualGate()
        self._random = np.random.default_rng(1)

    def _noise(self, level: float) -> Sound:
        return self._random.normal(0, level, BLOCK)

    def goes_on(self, blocks: int, *, person: float = 0.0, rest: float = _REST, trusted: bool = True) -> list[bool]:
        """Whether each block passed."""
        passed = []
        for _ in range(blocks):
            far = self._noise(0.1)
            passed.append(self.gate.hear(far, far / 10, self._noise(rest) + self._noise(person), trusted=trusted))
        return passed


def test_the_rest_of_an_echo_is_held_back_and_a_person_passes() -> None:
    room = _Room()
    assert not any(room.goes_on(400)[100:])
    assert np.mean(room.goes_on(100, person=_PERSON)) > 0.9


def test_a_person_who_speaks_right_after_the_echo_moved_is_not_taken_for_echo() -> None:
    room = _Room()
    room.goes_on(400)
    room.goes_on(5, trusted=False)
    room.goes_on(60)
    assert np.mean(room.goes_on(300, person=_PERSON)) > 0.9


def test_what_was_taken_for_echo_while_the_echo_moved_is_soon_forgotten() -> None:
    room = _Room()
    room.goes_on(400)
    room.goes_on(30, person=_PERSON, trusted=False)  # taken for echo: it may be one
    room.goes_on(200)
    assert np.mean(room.goes_on(100, person=_PERSON)) > 0.9


def test_who_was_surely_heard_is_given_a_second_between_two_phrases() -> None:
    room = _Room()
    room.goes_on(400)
    assert not room.gate.spoken
    room.goes_on(50, person=_PERSON)
    assert room.gate.spoken
    room.goes_on(100)
    assert room.gate.spoken
    assert not room.gate.open
    room.goes_on(100)
    assert not room.gate.spoken


def test_an_echo_that_often_stands_out_asks_for_more() -> None:
    calm, restless = _Room(), _Room()
    for room, louder in ((calm, 1.0), (restless, 2.0)):
        for _ in range(150):
            room.goes_on(24)
            room.goes_on(6, rest=louder * _REST)
        room.goes_on(200)
    assert np.mean(calm.goes_on(100, person=3.0 * _REST)) > 0.5
    assert np.mean(restless.goes_on(100, person=3.0 * _REST)) < 0.2
    assert np.mean(restless.goes_on(100, person=_PERSON)) > 0.9


def test_while_the_times_are_in_doubt_a_little_is_not_enough() -> None:
    sure, doubting = _Room(), _Room()
    for room in (sure, doubting):
        room.goes_on(600)
    doubting.gate.doubt()
    assert sum(doubting.goes_on(60, person=2.7 * _REST)) < sum(sure.goes_on(60, person=2.7 * _REST))


def test_what_is_heard_right_after_the_speaker_ran_dry_is_taken_for_echo() -> None:
    room = _Room()
    room.goes_on(600)
    room.gate.doubt()
    assert not any(room.goes_on(100, rest=4 * _REST))

"""Who is speaking: every pair of the table."""

from __future__ import annotations

import pytest

from vivavoce.session.floor import Floor, Signal, move

Q, L, T, S = Floor.QUIET, Floor.LISTENING, Floor.THINKING, Floor.SPEAKING


@pytest.mark.parametrize(
    ("signal", "after"),
    [
        (Signal.SPEECH_STARTED, {Q: L, L: L, T: L, S: L}),
        (Signal.SPEECH_STOPPED, {Q: Q, L: T, T: T, S: S}),
        (Signal.ASKED, {Q: T, L: L, T: T, S: S}),
        (Signal.SOUND, {Q: S, L: L, T: S, S: S}),
        (Signal.SETTLED, {Q: Q, L: L, T: Q, S: Q}),
    ],
)
def test_each_signal_moves_the_floor_as_the_table_says_and_else_not_at_all(
    signal: Signal, after: dict[Floor, Floor]
) -> None:
    assert {floor: move(floor, signal) for floor in Floor} == after


def test_the_person_has_the_floor_from_anywhere_and_only_gives_it_up_by_stopping() -> None:
    assert {move(floor, Signal.SPEECH_STARTED) for floor in Floor} == {L}
    assert [signal for signal in Signal if move(L, signal) is not L] == [Signal.SPEECH_STOPPED]

"""A few conversations of `bench/chaos.py` and the beginning of `bench/long.py`: nothing is lost, nobody notices a new session."""

from __future__ import annotations

import pytest
from bench import chaos, long

from vivavoce.events.client import CreateItem
from vivavoce.session.history import History
from vivavoce.session.kept import Kept
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings
from vivavoce.testing import hurried

pytestmark = pytest.mark.slow

# 7: a stall before `response.done`; 16: speech into a server that is silent, but answers pings; 78: a stall while sound is said
# again; 137: a standby that was ready in the very moment in which it took over; 331: a server that repeats the history, then stalls
SEEDS = [7, 16, 78, 137, 331, 2037, 4711]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_in_a_conversation_with_a_server_that_breaks(seed: int) -> None:
    lost = hurried(chaos.converse(seed, turns=20, count=6))
    assert sum(lost.faults.values()) >= 3
    assert lost.connections > 2
    assert not lost.anything, lost


class Forgetful(History):
    """Tells nothing of what was said."""

    def since(self, number: int) -> list[CreateItem]:
        del number
        return []


class Deaf(Kept):
    """Says no sound again."""

    def again(self, last_s: float | None = None) -> list[bytes]:
        super().again(last_s)
        return []


def forgetful(settings: Settings) -> Session:
    session = Session(settings)
    session._state.continuity.history = Forgetful(settings.history_characters)
    return session


def deaf(settings: Settings) -> Session:
    session = Session(settings)
    session._state.continuity.kept = Deaf(60.0, 600.0)
    return session


def test_the_bench_sees_what_a_client_loses() -> None:
    assert hurried(chaos.converse(4711, turns=20, count=6, make=forgetful)).history
    found = [hurried(chaos.converse(seed, turns=20, count=6, make=deaf)) for seed in SEEDS[:3]]
    assert any(lost.microphone_ms or lost.unanswered for lost in found)


def test_new_sessions_leave_the_history_and_the_sound_as_they_are_in_one() -> None:
    renewed = hurried(long.hold(4.0, 40.0))
    single = hurried(long.hold(4.0, 3600.0))
    assert renewed.renewed >= 5
    assert single.renewed == 0
    assert renewed.lost == single.lost == 0
    assert renewed.history == single.history
    assert len(renewed.history) == 48
    assert renewed.unanswered == single.unanswered == 0
    assert renewed.gap_ms <= 50

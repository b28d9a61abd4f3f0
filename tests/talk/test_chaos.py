"""A few conversations of `bench/chaos.py` and the beginning of `bench/long.py`: nothing is lost, nobody notices a new session."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bench import chaos, long
from bench.chaos import Lost, Wish

from vivavoce.events.client import CreateItem
from vivavoce.events.server import ResponseDone, ServerEvent
from vivavoce.pcm import bytes_to_ms
from vivavoce.session.history import History
from vivavoce.session.kept import Kept
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings
from vivavoce.testing import hurried

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent

# 7: a stall before `response.done`; 16: speech into a server that is silent, but answers pings; 78: a stall while sound is said
# again; 137: a standby that was ready in the very moment in which it took over; 331: a server that repeats the history, then
# stalls; 78, 1098, 1108, 1125, 1177: a turn that was told as an item to a server that is dead, and said again to the next one
SEEDS = [7, 16, 78, 137, 331, 1098, 1108, 1125, 1177, 2037, 4711]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_lost_in_a_conversation_with_a_server_that_breaks(seed: int) -> None:
    lost = hurried(chaos.converse(Wish(seed)))
    assert sum(lost.faults.values()) >= 3
    assert lost.connections > 2
    assert not lost.anything, lost


@pytest.mark.parametrize("seed", [2006, 3009])  # 3009: half a word to a client that has just left
def test_nothing_is_lost_where_sessions_are_short(seed: int) -> None:
    lost = hurried(chaos.converse(Wish(seed, life_s=12.0)))
    assert lost.renewed >= 3
    assert not lost.anything, lost


# 6016: a rollover while the answer to a probe was still owed; 6032, 6033: probes that a loss had overtaken counted as in vain
@pytest.mark.parametrize("seed", [6016, 6032, 6033])
def test_nothing_is_lost_where_there_are_twice_as_many_faults(seed: int) -> None:
    lost = hurried(chaos.converse(Wish(seed, faults=12, life_s=30.0)))
    assert sum(lost.faults.values()) >= 10
    assert not lost.anything, lost


class Forgetful(History):
    """Tells nothing of what was said."""

    def since(self, number: int) -> list[CreateItem]:
        del number
        return []


class Slurring(History):
    """Drops the last word of the third line."""

    def since(self, number: int) -> list[CreateItem]:
        told = super().since(number)
        if len(told) > 2 and "text" in (part := told[2].item["content"][0]):
            shorter = {**part, "text": part["text"].rpartition(" ")[0]}
            told[2] = CreateItem({**told[2].item, "content": [shorter]}, told[2].previous_item_id)
        return told


class Deaf(Kept):
    """Says no sound again."""

    def again(self, last_s: float | None = None) -> list[bytes]:
        super().again(last_s)
        return []


class HardOfHearing(Session):
    """Does not hear 200 ms of the microphone, at the tenth second."""

    heard_bytes = 0

    def hear(self, pcm: bytes) -> None:
        before = bytes_to_ms(self.heard_bytes)
        self.heard_bytes += len(pcm)
        if not 10_000 <= before < 10_200:
            super().hear(pcm)


class AnswersTwice(Session):
    """Asks for one more reply, once."""

    asked = 0

    def receive(self, event: ServerEvent) -> None:
        super().receive(event)
        self.asked += isinstance(event, ResponseDone)
        if self.asked == 3 and isinstance(event, ResponseDone):
            self._state.ask({})


def forgetful(settings: Settings) -> Session:
    session = Session(settings)
    session._state.continuity.history = Forgetful(settings.history_characters)
    return session


def slurring(settings: Settings) -> Session:
    session = Session(settings)
    session._state.continuity.history = Slurring(settings.history_characters)
    return session


def deaf(settings: Settings) -> Session:
    session = Session(settings)
    session._state.continuity.kept = Deaf(60.0, 600.0)
    return session


def with_a_bad_client(make: Callable[[Settings], Session], seed: int = 4711, faults: int = 6) -> Lost:
    return hurried(chaos.converse(Wish(seed, faults=faults, make=make)))


def test_the_bench_sees_one_word_of_the_history_that_is_missing() -> None:
    assert with_a_bad_client(forgetful).history
    assert with_a_bad_client(slurring).history


def test_the_bench_sees_200_ms_of_the_microphone_that_are_missing() -> None:
    assert with_a_bad_client(HardOfHearing, faults=0).microphone_ms == 200


def test_the_bench_sees_sound_that_is_not_said_again() -> None:
    found = [with_a_bad_client(deaf, seed) for seed in SEEDS[:3]]
    assert any(lost.microphone_ms or lost.unheard or lost.unanswered for lost in found)


def test_the_bench_sees_a_turn_that_is_answered_twice() -> None:
    assert with_a_bad_client(AnswersTwice, faults=0).twice


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


def test_a_client_that_meets_many_sessions_does_not_grow() -> None:
    command = [sys.executable, "-m", "bench.memory", "--minutes", "9", "--life", "40", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # our own bench
    assert done.returncode == 0, done.stderr + done.stdout  # 1 where it grew by a tenth
    figures = json.loads(done.stdout)
    assert figures["renewed"] >= 20
    assert figures["unanswered"] == figures["lost"] == 0
    assert not figures["numpy_loaded"]

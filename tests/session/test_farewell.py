"""Leaving: one farewell, heard to its end."""

from __future__ import annotations

from vivavoce.session.calls import Batch
from vivavoce.session.farewell import Farewell
from vivavoce.session.settings import FINISH_TOOL


def batch(*names: str) -> Batch:
    return Batch("R", [*names])


def test_nobody_leaves_until_somebody_decides_and_the_first_reason_holds() -> None:
    farewell = Farewell(3.0)
    assert farewell.reason is None
    farewell.decide("goodbye")
    farewell.decide("script_done")
    assert farewell.reason == "goodbye"


def test_a_silent_finish_call_is_owed_a_farewell_once() -> None:
    farewell = Farewell(3.0)
    assert farewell.owed([batch(FINISH_TOOL)], said=False)
    assert not farewell.owed([batch(FINISH_TOOL)], said=False)
    assert not farewell.owed([batch("weather")], said=True)


def test_a_finish_call_behind_spoken_words_has_said_goodbye() -> None:
    farewell = Farewell(3.0)
    assert not farewell.owed([batch(FINISH_TOOL)], said=True)
    assert not farewell.owed([batch(FINISH_TOOL), batch(FINISH_TOOL)], said=True)


def test_other_functions_beside_it_are_owed_an_answer_though_something_was_said() -> None:
    assert Farewell(3.0).owed([batch(FINISH_TOOL, "weather")], said=True)
    assert Farewell(3.0).owed([batch(FINISH_TOOL), batch("weather")], said=True)
    assert Farewell(3.0).owed([batch("weather")], said=True)


def test_a_person_who_speaks_after_all_gets_a_farewell_of_their_own() -> None:
    farewell = Farewell(3.0)
    farewell.owed([batch(FINISH_TOOL)], said=False)
    farewell.may_end(1.0, words_owed=True)
    farewell.overtaken()
    assert farewell.deadline is None
    assert farewell.owed([batch("weather")], said=False)


def test_the_end_waits_for_the_last_words_of_the_person_but_not_for_ever() -> None:
    farewell = Farewell(3.0)
    assert farewell.may_end(0.0, words_owed=False)
    assert farewell.deadline is None
    assert not farewell.may_end(1.0, words_owed=True)
    assert farewell.deadline == 4.0
    assert not farewell.may_end(3.9, words_owed=True)
    assert farewell.deadline == 4.0
    assert farewell.may_end(2.0, words_owed=False)
    assert farewell.may_end(4.0, words_owed=True)

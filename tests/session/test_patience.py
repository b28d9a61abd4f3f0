"""How long a reply is waited for, and when the silence of a server means that it is gone."""

from __future__ import annotations

from vivavoce.session.patience import Patience
from vivavoce.session.settings import Timeouts

WAITS = Timeouts(reply_s=30.0, stall_s=10.0, stalls=2)


def test_a_reply_that_is_owed_has_its_time_and_all_of_it_again_at_each_sign_of_life() -> None:
    patience = Patience(WAITS)
    assert patience.reply_by is None
    patience.owed(5.0)
    assert patience.reply_by == 35.0
    patience.owed(8.0)
    assert patience.reply_by == 38.0
    patience.nothing_owed()
    assert patience.reply_by is None


def test_silence_counts_from_the_last_word_or_from_when_the_reply_was_owed() -> None:
    patience = Patience(WAITS)
    patience.heard(3.0)
    assert patience.silent_at(owed=True) is None, "owed since never"
    patience.owed(5.0)
    assert patience.silent_at(owed=True) == 15.0
    patience.heard(7.0)
    assert patience.silent_at(owed=True) == 17.0
    assert patience.silent_at(owed=False) is None


def test_silence_after_a_fault_counts_though_nothing_is_owed_until_the_next_word() -> None:
    patience = Patience(WAITS)
    patience.heard(3.0)
    patience.suspect()
    assert patience.silent_at(owed=False) == 13.0
    patience.heard(4.0)
    assert patience.silent_at(owed=False) is None


def test_a_server_that_may_be_silent_for_ever_is_never_given_up_for_it() -> None:
    patience = Patience(Timeouts(stall_s=None))
    patience.owed(0.0)
    patience.suspect()
    assert patience.silent_at(owed=True) is None


def test_a_few_connections_are_tried_in_turn_and_a_reply_begins_the_count_anew() -> None:
    patience = Patience(WAITS)
    assert [patience.stalled() for _ in range(3)] == [True, True, False]
    patience.replied()
    assert patience.stalled()

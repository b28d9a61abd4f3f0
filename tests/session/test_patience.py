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


# ---- a server that may be deaf


def test_a_loud_sound_without_a_word_after_it_is_asked_about_after_half_the_time_of_a_stall() -> None:
    patience = Patience(WAITS)
    assert patience.probe_at is None
    patience.loud(3.0)
    patience.loud(4.0)
    assert patience.doubtful
    assert patience.probe_at == 8.0
    assert patience.probe(8.0)
    assert patience.probe_at is None, "it was asked"
    assert patience.silent_at(owed=False) == 13.0
    patience.heard(9.0)
    assert not patience.doubtful
    assert patience.silent_at(owed=False) is None


def test_a_server_that_has_sound_to_take_first_has_so_much_longer_to_answer() -> None:
    patience = Patience(WAITS)
    assert patience.probe(8.0, backlog_s=60.0)
    assert patience.silent_at(owed=False) == 73.0


def test_a_server_that_never_answers_a_probe_is_not_asked_for_ever() -> None:
    patience = Patience(WAITS)
    for _ in range(2):
        assert patience.probe(8.0)
        assert patience.doubtful
        assert patience.stalled()
        patience.severed()
        assert patience.silent_at(owed=False) is None
    assert not patience.probe(8.0)
    patience.loud(9.0)
    assert not patience.doubtful


def test_a_probe_whose_connection_was_lost_before_its_answer_says_nothing_of_the_server() -> None:
    patience = Patience(WAITS)
    for _ in range(9):
        assert patience.probe(8.0)
        patience.severed()
    patience.loud(9.0)
    assert patience.doubtful


def test_an_answer_to_a_probe_begins_the_count_anew() -> None:
    patience = Patience(WAITS)
    patience.probe(8.0)
    patience.stalled()
    patience.heard(9.0)
    for _ in range(2):
        assert patience.probe(10.0)
        patience.stalled()
    assert not patience.probe(10.0)


def test_a_server_that_may_be_silent_for_ever_is_not_probed() -> None:
    patience = Patience(Timeouts(stall_s=None))
    patience.loud(0.0)
    assert patience.probe_at is None
    assert not patience.probe(0.0)

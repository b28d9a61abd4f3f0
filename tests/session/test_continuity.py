"""How a conversation outlives its connections."""

from __future__ import annotations

import pytest
from tests.session.conversation import error

from vivavoce.events import server as said
from vivavoce.events.client import AppendAudio, CreateItem, UpdateSession
from vivavoce.pcm import silence
from vivavoce.session.continuity import Continuity
from vivavoce.session.effects import Discard, Prepare, Reopen
from vivavoce.session.happenings import AssistantSaid, Called, UserSaid, Warned
from vivavoce.session.opening import Opening
from vivavoce.session.settings import Settings, Timeouts

WAITS = Timeouts(reconnect_s=10.0, backoff_first_s=1.0, backoff_longest_s=4.0, renew_before_s=100.0, life_s=500.0)
UNIX_S = 1_000_000.0


def continuity() -> Continuity:
    return Continuity(WAITS, 1_000)


def opening(life_s: float | None = 1_000.0, *, unix_s: float | None = UNIX_S, at: float = 0.0) -> Opening:
    """Of a connection that stands since `at`, and ends after `life_s`."""
    found = Opening(Settings())
    found.opened(at, unix_s)
    found.created({"expires_at": life_s and UNIX_S + life_s}, at)
    return found


def told(words: list[CreateItem]) -> list[tuple[str, str | None]]:
    return [(word.item["content"][0].get("text", "(sound)"), word.previous_item_id) for word in words]


def standing_by(found: Continuity, now: float = 900.0) -> None:
    """A standby that is ready."""
    found.lives(opening())
    found.tick(now, opening())
    assert found.standby is not None
    found.standby.opened(UNIX_S, now)
    found.receive(said.SessionCreated({}), now)
    found.receive(said.SessionUpdated({}), now)
    found.to_world()


# ---- lost and back


def test_a_lost_connection_is_made_anew_at_once_then_after_growing_pauses_until_it_was_tried_for_long_enough() -> None:
    found = continuity()
    assert found.lost_s(99.0) == 0.0
    found.lose(100.0)
    assert found.lost_at == 100.0
    assert found.lost_s(101.0) == 1.0
    assert found.failed(100.0)
    assert found.failed(101.0)
    assert found.failed(103.0)
    assert not found.failed(107.0)
    assert found.to_world() == [Reopen(0.0), Reopen(1.0), Reopen(2.0), Reopen(4.0)]
    assert found.to_world() == []
    found.back(0, [])
    assert found.lost_at is None
    found.lose(200.0)
    found.failed(200.0)
    assert found.to_world() == [Reopen(0.0), Reopen(1.0)]


def test_a_pause_that_the_server_asks_for_is_kept_whole_and_a_little_more() -> None:
    found = continuity()
    found.lose(100.0)
    found.to_world()
    assert found.failed(100.0, 5.0)
    assert found.failed(106.0, 4.0)
    assert found.to_world() == [Reopen(6.0, 5.0), Reopen(4.0, 4.0)], "but no longer than it is tried for"
    assert not found.failed(106.0, 4.5)
    assert found.to_world() == []


def test_who_is_back_is_told_the_lines_that_it_does_not_know() -> None:
    found = continuity()
    found.saw(UserSaid("u1", "one"))
    knows = found.history.end
    found.saw(UserSaid("u2", "two"))
    assert told(found.back(0, [])) == [("one", None), ("two", None)]
    assert told(found.back(knows, [])) == [("two", None)]


def test_the_last_words_of_an_earlier_connection_are_told_behind_what_was_told_before() -> None:
    found = continuity()
    found.saw(UserSaid("u1", "one"))
    found.back(0, ["a1", "c1"])
    assert found.late(["a1", "v1"])
    assert not found.late(["v1"])
    assert found.saw(UserSaid("v1", "of this connection")) == []
    assert found.saw(Warned("code", "nobody's line")) == []
    assert told(found.saw(AssistantSaid("a1", "two", "two", 9, interrupted=False))) == [("two", "viva_line_1")]
    call, answer = found.saw(Called("c1", "weather", {}, "sunny", None))
    assert [word.previous_item_id for word in (call, answer)] == ["viva_line_3", "viva_line_4"]
    assert not found.late(["a1", "c1"])
    assert found.saw(AssistantSaid("a1", "two", "two", 9, interrupted=False)) == []


def test_late_words_of_a_talk_in_which_nothing_was_said_stand_in_front() -> None:
    found = continuity()
    found.back(0, ["a1"])
    assert told(found.saw(AssistantSaid("a1", "one", "one", 9, interrupted=False))) == [("one", "root")]


def test_nothing_more_is_told_to_a_connection_that_is_gone() -> None:
    found = continuity()
    found.back(0, ["a1"])
    found.sever(nothing, owed=False, silent=False)
    assert found.saw(AssistantSaid("a1", "one", "one", 9, interrupted=False)) == []


def nothing(item_id: str) -> bool:
    """No words are awaited."""
    del item_id
    return False


def in_a_turn(*, again: bool = True) -> Continuity:
    """The first connection was lost before the reply to `u1`; the second is ready at 100 s and is told its sound `again`."""
    found = continuity()
    found.kept.hear(silence(500), sent=True)
    found.started(0)
    assert found.ended("u1", 500)
    assert not found.ended("u1", None)
    assert found.turn == "u1"
    found.sever(nothing, owed=True, silent=again)
    assert found.owed
    assert found.turn == ""
    found.back(0, [])
    assert found.again(None, 100.0) == ([AppendAudio(silence(500))] if again else [])
    return found


def test_a_turn_that_nobody_noticed_is_told_as_sound_and_then_asked_for() -> None:
    found = in_a_turn()
    assert found.deadlines(100.0) == [110.5, None]  # a server that is dead is found out after 5.5 s
    found.has_it_all(101.0)
    assert found.deadlines(101.0) == [106.0, None]
    assert not found.may_ask([])
    assert found.heard_out(105.9) == []
    assert told(found.heard_out(106.0)) == [("(sound)", None)]
    assert not found.unheard
    assert found.may_ask([])
    assert found.heard_out(999.0) == []
    assert found.deadlines(106.0) == [None, None]


def test_a_turn_that_was_told_as_an_item_is_not_said_once_more_but_what_came_after_it_is() -> None:
    found = in_a_turn()
    found.kept.hear(b"\1\0" * 480, sent=True)
    found.heard_out(999.0)
    found.sever(nothing, owed=True, silent=True)
    assert told(found.back(0, [])) == [("(sound)", None)]
    assert found.again(None, 1_000.0) == [AppendAudio(b"\1\0" * 480)]


def test_of_two_turns_that_nobody_noticed_none_is_forgotten() -> None:
    found = continuity()
    found.kept.hear(silence(400) + b"\1\0" * 4_800, sent=True)
    found.started(0)
    found.ended("u1", 400)
    found.started(400)
    found.ended("u2", 600)
    found.sever(lambda item_id: item_id == "u1", owed=True, silent=True)  # the words of the first were still to come
    found.back(0, [])
    found.again(None, 100.0)
    assert [len(word.item["content"][0]["audio"]) for word in found.heard_out(999.0)] == [19_200, 9_600]
    assert found.heard_out(9_999.0) == []
    assert found.again(None, 1_000.0) == []


def test_a_turn_that_is_noticed_is_neither_told_nor_asked_for() -> None:
    for begins in (True, False):
        found = in_a_turn()
        if begins:
            found.started(0)
        assert found.ended("v1", 400)
        assert not found.may_ask([])
        assert found.deadlines(100.0) == [None, None]
        assert found.heard_out(999.0) == []


def test_a_turn_whose_reply_was_heard_in_part_is_not_said_again() -> None:
    found = in_a_turn(again=False)
    assert told(found.history.since(0)) == [("(sound)", None)]
    assert found.may_ask([])
    found.back(0, ["a1"])
    assert not found.may_ask(["a1"])


def test_a_turn_that_waits_for_its_words_is_not_settled() -> None:
    found = continuity()
    found.kept.hear(silence(1_500), sent=True)
    for number in range(3):
        found.started(500 * number)
        found.ended(f"u{number}", 500 * number + 400)
    found.settle(lambda item_id: item_id == "u1", but="u2")
    assert found.kept.unsafe() == ["u1", "u2"]
    found.settle(nothing)
    assert found.kept.unsafe() == []
    assert told(found.history.since(0)) == [("(sound)", None)] * 3
    found.started(1_500)
    found.ended("u3", 1_500)
    found.settle(nothing)
    assert len(found.history.since(0)) == 3, "a turn without sound says nothing"


def test_a_server_that_answers_behind_the_sound_has_half_a_second_left_unless_a_turn_is_missing() -> None:
    found = continuity()
    found.has_it_all(1.0)
    found.kept.hear(silence(500), sent=True)
    found.again(None, 100.0)
    found.has_it_all(101.0)
    assert found.deadlines(101.0) == [101.5, None]
    found.has_it_all(101.2)
    assert found.deadlines(101.0) == [101.5, None]
    missing = in_a_turn()
    missing.has_it_all(101.0)
    assert missing.deadlines(101.0) == [106.0, None]


def test_listening_that_goes_on_over_a_swap_ends_when_it_would_have_ended() -> None:
    found = continuity()
    found.kept.hear(silence(500), sent=True)
    found.again(None, 100.0)
    found.again(None, 103.0)
    assert found.deadlines(103.0) == [105.0, None]
    found.again(5.0, 104.0)
    assert found.deadlines(104.0) == [None, None]


def test_the_person_is_unheard_during_an_outage_that_began_in_a_turn_and_while_sound_is_told_again() -> None:
    found = continuity()
    found.kept.hear(silence(100), sent=True)
    assert not found.unheard
    found.kept.started(0)
    assert not found.unheard, "a server is listening"
    found.lose(0.0)
    assert found.unheard
    found.back(0, [])
    found.kept.again()
    assert found.unheard
    found.kept.heard_out()
    assert not found.unheard


def test_a_connection_that_is_lost_for_good_leaves_nothing_to_be_waited_for() -> None:
    found = in_a_turn()
    found.lose_for_good()
    assert not found.owed
    assert not found.unheard
    assert found.heard_out(999.0) == [], "and nothing to be told again"
    assert found.to_world() == []


# ---- growing old


@pytest.mark.parametrize(
    ("life_s", "renew_at"), [(1_000.0, 900.0), (150.0, 75.0), (-5.0, 400.0), (24 * 3600.0 + 1, 400.0)]
)
def test_a_second_connection_is_prepared_before_the_first_ends(life_s: float, renew_at: float) -> None:
    found = continuity()
    found.lives(opening(life_s))
    assert found.deadlines(0.0) == [None, renew_at]
    found.tick(renew_at - 0.1, opening(life_s))
    assert found.to_world() == []
    found.tick(renew_at, opening(life_s))
    assert found.to_world() == [Prepare()]
    assert found.standby is not None
    assert found.deadlines(renew_at) == [None, None], "nobody waits for a connection that does not stand"
    found.standby.opened(UNIX_S, renew_at)
    assert found.deadlines(renew_at) == [None, renew_at + 10.0]


@pytest.mark.parametrize("unknown", [opening(None), opening(unix_s=None)])
def test_without_an_end_or_a_clock_nothing_is_renewed(unknown: Opening) -> None:
    found = continuity()
    found.lives(unknown)
    assert found.deadlines(0.0) == [None, None]
    found.tick(99_999.0, unknown)
    assert found.to_world() == []


def test_it_takes_over_when_nobody_notices_or_time_presses_and_in_the_end_in_any_case() -> None:
    found = continuity()
    assert not found.may_swap(0.0, idle=True, quiet=True), "there is none"
    standing_by(found)
    assert found.deadlines(900.0) == [None, 945.0, 990.0]
    assert found.may_swap(900.0, idle=True, quiet=True)
    assert not found.may_swap(944.9, idle=True, quiet=False)
    assert found.may_swap(945.0, idle=True, quiet=False)
    assert not found.may_swap(989.9, idle=False, quiet=True)
    assert found.may_swap(990.0, idle=False, quiet=False)
    assert found.deadlines(950.0) == [None, 990.0]
    assert found.deadlines(990.0) == [None]


def test_it_does_not_take_over_before_it_is_ready() -> None:
    found = continuity()
    found.lives(opening())
    found.tick(900.0, opening())
    assert not found.may_swap(999.0, idle=True, quiet=True)


def test_a_standby_that_fails_is_tried_again_after_a_quarter_of_the_time_that_is_left() -> None:
    found = continuity()
    found.lives(opening())
    found.tick(900.0, opening())
    found.abandon(910.0)
    assert found.to_world() == [Prepare(), Discard()]
    assert found.deadlines(910.0) == [None, 930.0]
    found.tick(930.0, opening())
    found.abandon(989.5)
    assert found.deadlines(989.5) == [None, None], "there is no time left for another"
    found.abandon(989.5)
    assert found.to_world() == [Prepare(), Discard()]


def test_a_standby_of_a_connection_that_is_lost_is_given_up_and_no_other_made() -> None:
    found = continuity()
    standing_by(found)
    found.lose(950.0)
    assert found.to_world() == [Discard(), Reopen(0.0)]
    assert found.to_standby() == []
    assert found.deadlines(950.0) == [None, 975.0]
    found.lose_for_good()
    found.tick(999.0, opening())
    assert found.to_world() == []


def test_a_standby_without_a_connection_whose_end_is_known_is_not_tried_again() -> None:
    found = continuity()
    standing_by(found)
    found.lives(opening(None))
    assert found.deadlines(950.0) == [None]
    assert not found.may_swap(9_999.0, idle=True, quiet=False)
    found.abandon(950.0)
    assert found.deadlines(950.0) == [None, None]


def test_what_a_standby_says_is_answered_to_it_and_a_refusal_or_silence_ends_it() -> None:
    found = continuity()
    found.receive(said.SessionCreated({}), 0.0)
    assert found.to_standby() == []
    found.lives(opening())
    found.tick(900.0, opening())
    found.receive(said.SessionCreated({}), 900.0)
    assert [type(word) for word in found.to_standby()] == [UpdateSession]
    assert found.to_standby() == []
    found.receive(error("invalid_value", param="session.instructions"), 901.0)
    assert found.standby is None
    found.tick(950.0, opening())
    found.receive(said.SessionCreated({}), 950.0)
    found.tick(954.9, opening())
    assert found.standby is not None
    found.tick(955.0, opening())
    assert found.standby is None
    assert found.to_world() == [Prepare(), Discard(), Prepare(), Discard()]

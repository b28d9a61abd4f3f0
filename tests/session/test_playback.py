"""What was received and heard of each reply, and where to cut."""

from __future__ import annotations

import pytest

from vivavoce.session.playback import Playback, Reply, Verdict

MS = 48  # bytes


def playing(**received_ms: int) -> Playback:
    """Items of response R, in this order."""
    playback = Playback()
    for item, ms in received_ms.items():
        playback.begin(item, "R")
        if ms:
            assert playback.receive(item, "R", ms * MS)
    return playback


def verdicts(found: list[tuple[Reply, Verdict]]) -> dict[str, tuple[Verdict, int]]:
    return {reply.item_id: (verdict, reply.heard_ms) for reply, verdict in found}


def test_received_milliseconds_are_counted_in_samples_and_rounded_down() -> None:
    playback = Playback()
    playback.receive("a", "R", 47)
    assert playback.begin("a", "R").received_ms == 0
    playback.receive("a", "R", 2)
    assert playback.begin("a", "R").received_ms == 1
    playback.receive("a", "R", 10 * MS + 46)
    assert playback.begin("a", "R").received_ms == 11


def test_half_samples_are_not_counted_because_the_speaker_drops_each_of_them() -> None:
    playback = Playback()
    for _ in range(200):
        playback.receive("a", "R", MS + 1)
    assert playback.begin("a", "R").received_ms == 200


def test_heard_is_never_beyond_received_and_never_backwards() -> None:
    playback = playing(a=100)
    reply = playback.heard("a", 40)
    assert reply is playback.begin("a", "R")
    assert reply.heard_ms == 40
    playback.heard("a", 30)
    assert reply.heard_ms == 40
    playback.heard("a", 999)
    assert reply.heard_ms == 100


def test_an_item_nobody_knows_is_not_heard() -> None:
    assert playing(a=100).heard("ghost", 10) is None


def test_an_item_begins_once_and_belongs_to_its_first_response() -> None:
    playback = Playback()
    first = playback.begin("a", "R")
    assert playback.begin("a", "S") is first
    assert first.response_id == "R"
    assert playback.of("R") == [first]
    assert playback.of("S") == []


def test_a_reply_is_drained_once_when_complete_and_heard() -> None:
    playback = playing(a=100)
    reply = playback.begin("a", "R")
    playback.heard("a", 100)
    assert playback.newly_drained() == []
    reply.complete = True
    playback.receive("a", "R", MS)
    assert playback.newly_drained() == []
    playback.heard("a", 101)
    assert playback.newly_drained() == [reply]
    assert playback.newly_drained() == []
    assert reply.drained


def test_sound_after_the_end_sounds_again() -> None:
    playback = playing(a=100)
    playback.begin("a", "R").complete = True
    playback.heard("a", 100)
    playback.newly_drained()
    assert not playback.sounding
    assert playback.receive("a", "R", MS)
    assert playback.sounding
    assert playback.cut(["R"])
    assert verdicts(playback.settle("a", 100)) == {"a": (Verdict.TRUNCATE, 100)}


def test_something_sounds_until_all_that_came_was_heard() -> None:
    playback = playing(a=100)
    assert playback.sounding
    playback.heard("a", 99)
    assert playback.sounding
    playback.heard("a", 100)
    assert not playback.sounding
    assert not Playback().sounding


def test_a_cut_in_the_middle_truncates_there_and_deletes_what_is_behind() -> None:
    playback = playing(a=100, b=100, c=0)
    playback.heard("a", 30)
    assert playback.cut(["R"])
    assert playback.hushing
    assert playback.sounding
    assert verdicts(playback.settle("a", 42)) == {
        "a": (Verdict.TRUNCATE, 42),
        "b": (Verdict.DELETE, 0),
        "c": (Verdict.DELETE, 0),
    }
    assert not playback.hushing
    assert not playback.sounding


def test_a_cut_in_the_second_item_leaves_the_first_alone() -> None:
    playback = playing(a=100, b=100)
    playback.begin("a", "R").complete = True
    assert playback.cut(["R"])
    assert verdicts(playback.settle("b", 7)) == {"a": (Verdict.HEARD, 100), "b": (Verdict.TRUNCATE, 7)}


def test_a_cut_at_the_end_of_an_item_that_was_drained_before_deletes_what_is_behind() -> None:
    playback = playing(a=100, b=100)
    playback.begin("a", "R").complete = True
    playback.heard("a", 100)
    playback.newly_drained()
    assert playback.cut(["R"])
    assert verdicts(playback.settle("a", 100)) == {"b": (Verdict.DELETE, 0)}


def test_a_speaker_that_had_nothing_queued_any_more_has_played_all() -> None:
    playback = playing(a=100, b=50)
    for item in ("a", "b"):
        playback.begin(item, "R").complete = True
    assert playback.cut(["R"])
    assert verdicts(playback.settle(None, 0)) == {"a": (Verdict.HEARD, 100), "b": (Verdict.HEARD, 50)}


def test_an_item_of_which_more_was_to_come_is_truncated_where_it_ended() -> None:
    playback = playing(a=100)
    playback.heard("a", 100)
    assert not playback.cut(["R"])
    assert verdicts(playback.settle(None, 0)) == {"a": (Verdict.TRUNCATE, 100)}


def test_an_item_that_never_left_the_device_is_deleted() -> None:
    playback = playing(a=100)
    assert playback.cut([])
    assert verdicts(playback.settle("a", 0)) == {"a": (Verdict.DELETE, 0)}


def test_a_speaker_that_names_a_stranger_changes_nothing_that_was_heard() -> None:
    playback = playing(a=100)
    playback.heard("a", 30)
    playback.cut([])
    assert verdicts(playback.settle("ghost", 90)) == {"a": (Verdict.TRUNCATE, 30)}


def test_an_answer_without_a_cut_settles_nothing() -> None:
    assert playing(a=100).settle("a", 30) == []


def test_the_device_answers_beyond_what_came_and_is_held_to_it() -> None:
    playback = playing(a=100)
    playback.cut([])
    assert verdicts(playback.settle("a", 120)) == {"a": (Verdict.TRUNCATE, 100)}


def test_late_sound_of_a_cut_reply_is_refused_and_remembered_as_unheard() -> None:
    playback = playing(a=100)
    playback.cut(["R"])
    assert not playback.receive("a", "R", MS)
    reply = playback.begin("a", "R")
    assert reply.received_ms == 100
    reply.complete = True
    assert verdicts(playback.settle(None, 0)) == {"a": (Verdict.TRUNCATE, 100)}


def test_sound_of_a_new_item_of_a_cut_response_is_refused() -> None:
    playback = playing(a=100)
    playback.cut(["R"])
    assert playback.is_cut("R")
    assert not playback.receive("b", "R", MS)
    assert playback.begin("b", "R").received_ms == 0


def test_a_reply_that_sounds_is_cut_though_its_response_is_over() -> None:
    playback = playing(a=100)
    assert playback.cut([])
    assert playback.is_cut("R")
    assert not playback.receive("a", "R", MS)


def test_a_response_without_a_name_is_not_silenced_for_good() -> None:
    playback = Playback()
    playback.receive("a", "", 100 * MS)
    assert playback.cut([])
    assert not playback.receive("a", "", MS)
    assert not playback.is_cut("")
    assert playback.receive("b", "", MS)


def test_what_was_drained_is_not_cut() -> None:
    playback = playing(a=100)
    playback.begin("a", "R").complete = True
    playback.heard("a", 100)
    playback.newly_drained()
    assert not playback.cut(["R"])
    assert playback.settle(None, 0) == []


def test_a_reply_of_another_response_that_is_not_sounding_is_left_alone() -> None:
    playback = playing(a=100)
    playback.begin("b", "S")
    assert playback.cut(["R"])
    assert verdicts(playback.settle("a", 5)) == {"a": (Verdict.TRUNCATE, 5)}
    assert playback.receive("b", "S", MS)


def test_a_reply_is_cut_once() -> None:
    playback = playing(a=100)
    assert playback.cut(["R"])
    assert not playback.cut(["R"])
    assert [reply.item_id for reply, _ in playback.settle("a", 5)] == ["a"]
    assert not playback.hushing
    assert not playback.cut(["R"])
    assert playback.settle(None, 0) == []


def test_two_hushes_are_answered_in_their_order() -> None:
    playback = playing(a=100)
    assert playback.cut([])
    playback.receive("b", "S", 100 * MS)
    assert playback.cut([])
    assert verdicts(playback.settle("a", 5)) == {"a": (Verdict.TRUNCATE, 5)}
    assert playback.hushing
    assert verdicts(playback.settle("b", 6)) == {"b": (Verdict.TRUNCATE, 6)}
    assert not playback.hushing


def test_a_silent_reply_cut_while_the_speaker_is_being_hushed_is_settled_with_it() -> None:
    playback = playing(a=100)
    assert playback.cut([])
    playback.begin("b", "S")
    assert not playback.cut(["S"])
    assert verdicts(playback.settle("a", 5)) == {"a": (Verdict.TRUNCATE, 5), "b": (Verdict.DELETE, 0)}
    assert not playback.hushing


def test_after_the_verdict_nothing_is_heard_any_more() -> None:
    playback = playing(a=100)
    playback.cut([])
    playback.settle("a", 5)
    assert playback.heard("a", 50) is None
    assert playback.begin("a", "R").heard_ms == 5


def test_between_cut_and_verdict_the_reports_still_count() -> None:
    playback = playing(a=100)
    playback.cut([])
    playback.heard("a", 30)
    assert verdicts(playback.settle("a", 20)) == {"a": (Verdict.TRUNCATE, 30)}


def test_an_unwanted_response_is_silent_before_it_speaks_and_nothing_is_hushed() -> None:
    playback = playing(a=100)
    playback.silence("S")
    assert not playback.hushing
    assert not playback.receive("b", "S", MS)
    assert playback.receive("a", "R", MS)


def test_an_item_that_begins_too_late_is_known_and_never_heard() -> None:
    playback = Playback()
    reply = playback.reject("a", "R")
    assert (reply.item_id, reply.response_id, reply.cut, reply.judged) == ("a", "R", True, True)
    assert playback.begin("a", "R") is reply
    assert not playback.receive("a", "R", MS)
    assert playback.heard("a", 5) is None
    assert playback.newly_drained() == []


@pytest.mark.parametrize("complete", [True, False])
def test_nothing_received_is_deleted_whether_complete_or_not(complete: bool) -> None:
    playback = playing(a=0)
    playback.begin("a", "R").complete = complete
    assert not playback.cut(["R"])
    assert playback.hushing
    assert verdicts(playback.settle(None, 0)) == {"a": (Verdict.DELETE, 0)}


# ---- a connection that is gone


def test_a_response_is_whole_when_all_that_it_said_is_complete_and_it_said_something() -> None:
    playback = playing(a=100, b=0)
    assert not playback.whole("R")
    playback.begin("a", "R").complete = True
    assert not playback.whole("R")
    playback.begin("b", "R").complete = True
    assert playback.whole("R")
    assert not playback.whole("S"), "it has said nothing"


def test_what_came_of_a_reply_is_heard_to_its_end_after_its_connection_is_gone() -> None:
    playback = playing(a=100, b=50)
    playback.begin("a", "R").complete = True
    playback.sever()
    assert playback.sounding
    playback.heard("a", 100)
    playback.heard("b", 50)
    drained = playback.newly_drained()
    assert [(reply.item_id, reply.broken) for reply in drained] == [("a", False), ("b", True)]
    assert all(reply.severed for reply in drained)
    assert not playback.sounding


def test_what_is_settled_is_forgotten_with_its_connection_and_what_was_cut_may_be_said_again() -> None:
    playback = playing(a=100, b=50)
    playback.begin("a", "R").complete = True
    playback.heard("a", 100)
    playback.newly_drained()
    playback.cut(["R"])
    playback.settle("b", 20)
    playback.sever()
    assert playback.replies == {}
    assert not playback.is_cut("R")
    assert playback.receive("a", "R", 10 * MS)


def test_a_hush_under_way_is_judged_after_the_connection_is_gone() -> None:
    playback = playing(a=100, b=50)
    assert playback.cut(["R"])
    playback.sever()
    assert playback.hushing
    assert verdicts(playback.settle("a", 40)) == {"a": (Verdict.TRUNCATE, 40), "b": (Verdict.DELETE, 0)}
    assert all(reply.broken for reply in playback.replies.values())


def settled(playback: Playback, count: int) -> None:
    for number in range(count):
        playback.receive(f"later {number}", f"later R{number}", MS)
        playback.begin(f"later {number}", "").complete = True
        playback.heard(f"later {number}", 1)
        playback.newly_drained()


def test_a_talk_without_end_remembers_only_the_last_settled_replies() -> None:
    playback = Playback()
    settled(playback, 5_000)
    assert len(playback.replies) == 256
    assert playback.replies["later 4999"].drained
    for number in range(5_000):
        playback.cut([f"R{number}"])
        playback.settle(None, 0)
    assert playback.is_cut("R4999")
    assert not playback.is_cut("R0")


def test_a_reply_that_is_not_settled_is_never_forgotten() -> None:
    playback = playing(old=100)
    playback.begin("old", "R").complete = True
    playback.heard("old", 100)
    playback.newly_drained()
    playback.receive("old", "R", 50 * MS)  # more of it came after its end
    playback.begin("silent", "S")
    settled(playback, 1_000)
    assert playback.sounding
    assert playback.heard("old", 120) is playback.replies["old"]
    assert playback.cut(["S"])
    settled(playback, 1_000)  # while the speaker is still being hushed
    assert verdicts(playback.settle("old", 130)) == {"old": (Verdict.TRUNCATE, 130), "silent": (Verdict.DELETE, 0)}
    settled(playback, 1_000)
    assert not {"old", "silent"} & set(playback.replies)


def test_replies_that_begin_too_late_are_forgotten_in_the_end() -> None:
    playback = Playback()
    for number in range(1_000):
        playback.reject(f"late {number}", "R")
    assert len(playback.replies) == 256

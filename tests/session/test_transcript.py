"""What was said, in order; and what was heard of it."""

from __future__ import annotations

import pytest

from vivavoce.session.happenings import AssistantDelta, AssistantSaid, Happening, UserSaid
from vivavoce.session.transcript import Entry, Transcript, Who

TEN = "one two three four five six seven eight nine ten"  # 48 characters


def transcript(*, written: bool = True) -> Transcript:
    found = Transcript(10.0, person_is_written_down=written)
    found.tick(0.0)
    return found


def reply(found: Transcript, item: str, text: str = "hello", previous: str | None = None) -> None:
    """A whole reply, heard to its end."""
    found.place(item, Who.ASSISTANT, previous)
    found.words(item, text, 0, spoken=True)
    found.progress(item, 1000, 1000, complete=True)
    found.close(item)


def texts(lines: list[Happening]) -> list[str]:
    return [f"{line.item_id}:{line.text}" for line in lines if isinstance(line, UserSaid | AssistantSaid)]


def heard(text: str, heard_ms: int, received_ms: int, *, complete: bool = True, at_ms: int = 0) -> str:
    """What counts as heard of a text whose words came when `at_ms` of sound had come."""
    entry = Entry("a", Who.ASSISTANT, text, [(0, at_ms)], spoken=True, words_complete=True)
    entry.heard_ms, entry.received_ms, entry.sound_complete = heard_ms, received_ms, complete
    return text[: entry.heard_chars()]


def test_the_words_of_the_person_stand_before_the_answer_though_they_come_later() -> None:
    found = transcript()
    found.person_spoke("u", None)
    reply(found, "a", previous="u")
    assert found.waiting
    assert found.to_show() == []
    found.person_said("u", "hi")
    assert not found.waiting
    assert found.to_show() == [
        UserSaid("u", "hi"),
        AssistantDelta("a", "hello"),
        AssistantSaid("a", "hello", "hello", 1000, interrupted=False),
    ]
    assert found.to_show() == []


def test_words_are_kept_by_their_item_and_not_by_their_arrival() -> None:
    found = transcript()
    found.person_spoke("u1", None)
    found.person_spoke("u2", "u1")
    found.person_said("u2", "second")
    assert found.to_show() == []
    found.person_said("u1", "first")
    assert texts(found.to_show()) == ["u1:first", "u2:second"]


def test_the_order_is_that_of_previous_item_id() -> None:
    found = transcript()
    found.person_spoke("u1", None)
    found.person_spoke("u2", "u1")
    found.place("a2", Who.ASSISTANT, "u2")
    reply(found, "a1", previous="u1")
    found.words("a2", "later", 0, spoken=False)
    found.close("a2")
    found.person_said("u1", "one")
    found.person_said("u2", "two")
    assert texts(found.to_show()) == ["u1:one", "a1:hello", "u2:two", "a2:later"]


def test_what_follows_an_item_that_was_shown_already_goes_to_the_front() -> None:
    found = transcript()
    reply(found, "a")
    found.to_show()
    found.person_spoke("u2", "unheard-of")
    found.person_spoke("u1", "a")
    found.person_said("u2", "two")
    assert found.to_show() == []
    found.person_said("u1", "one")
    assert texts(found.to_show()) == ["u1:one", "u2:two"]


def test_what_follows_overdue_words_goes_to_the_front() -> None:
    found = transcript()
    found.person_spoke("u1", None)
    found.tick(10.0)
    assert found.to_show() == []
    found.person_spoke("u2", "a1")
    reply(found, "a1", previous="u1")
    assert texts(found.to_show()) == ["a1:hello"]


def test_a_failed_or_empty_transcription_settles_its_place() -> None:
    found = transcript()
    found.person_spoke("u", None)
    reply(found, "a", previous="u")
    found.person_said("u", "")
    assert texts(found.to_show()) == ["u:", "a:hello"]


def test_words_of_the_person_keep_back_an_answer_for_ten_seconds_and_no_longer() -> None:
    found = transcript()
    found.tick(1.0)
    found.person_spoke("u", None)
    reply(found, "a", previous="u")
    assert found.next_deadline() == 11.0
    found.tick(10.9)
    assert found.to_show() == []
    found.tick(11.0)
    assert texts(found.to_show()) == ["a:hello"]
    assert found.next_deadline() is None
    assert found.waiting


def test_a_turn_that_is_announced_twice_is_waited_for_from_the_first_time() -> None:
    found = transcript()
    found.person_spoke("u", None)
    found.tick(5.0)
    found.person_spoke("u", None)
    assert found.next_deadline() == 10.0


def test_the_nearest_deadline_counts() -> None:
    found = transcript()
    found.person_spoke("u1", None)
    found.tick(5.0)
    found.person_spoke("u2", "u1")
    assert found.next_deadline() == 10.0
    found.person_said("u1", "one")
    found.to_show()
    assert found.next_deadline() == 15.0


def test_words_that_come_too_late_for_their_place_are_shown_all_the_same_and_once() -> None:
    found = transcript()
    found.person_spoke("u", None)
    reply(found, "a", previous="u")
    found.tick(10.0)
    found.to_show()
    found.person_said("u", "hi")
    found.person_said("u", "hi again")
    assert found.to_show() == [UserSaid("u", "hi")]
    assert not found.waiting


def test_words_of_a_person_are_final() -> None:
    found = transcript()
    found.person_spoke("front", None)
    found.person_said("u", "hi")
    found.person_said("u", "ho")
    found.person_said("front", "x")
    assert texts(found.to_show()) == ["front:x", "u:hi"]
    found.person_said("u", "ho")
    assert found.to_show() == []


def test_words_without_an_announcement_find_their_place_by_their_own_previous_item() -> None:
    found = transcript()
    found.person_spoke("u1", None)
    found.person_spoke("u2", None)
    found.person_said("typed", "x", "u1")
    found.person_said("u1", "1")
    found.person_said("u2", "2")
    assert texts(found.to_show()) == ["u1:1", "typed:x", "u2:2"]


def test_where_nobody_writes_down_the_person_nothing_is_waited_for() -> None:
    found = transcript(written=False)
    found.person_spoke("u", None)
    assert not found.waiting
    assert found.next_deadline() is None
    reply(found, "a", previous="u")
    assert texts(found.to_show()) == ["a:hello"]


def test_when_writing_down_stops_what_waits_is_let_go_and_nothing_more_is_waited_for() -> None:
    found = transcript()
    found.person_spoke("u1", None)
    reply(found, "a", previous="u1")
    found.stop_waiting()
    assert not found.waiting
    assert texts(found.to_show()) == ["a:hello"]
    found.person_spoke("u2", "a")
    assert not found.waiting
    assert found.to_show() == []


def test_stopping_keeps_the_words_that_are_there() -> None:
    found = transcript()
    found.person_spoke("u1", None)
    found.person_spoke("u2", "u1")
    found.person_said("u2", "two")
    found.place("a", Who.ASSISTANT, "u2")
    found.stop_waiting()
    assert texts(found.to_show()) == ["u2:two"]
    reply(found, "a")
    assert texts(found.to_show()) == ["a:hello"]


def test_a_place_is_never_shown_and_keeps_nobody_back() -> None:
    found = transcript()
    found.place("f", Who.PLACE)
    reply(found, "a", previous="f")
    assert texts(found.to_show()) == ["a:hello"]


def test_an_item_belongs_to_whom_it_was_first() -> None:
    found = transcript()
    found.person_spoke("u", None)
    assert found.place("u", Who.ASSISTANT) is None
    found.words("u", "not mine", 0, spoken=True)
    found.all_words("u", "not mine", spoken=True)
    found.progress("u", 5, 10, complete=False)
    found.place("a", Who.ASSISTANT)
    found.person_said("a", "not yours")
    found.person_said("u", "mine")
    found.words("a", "yours", 0, spoken=False)
    found.close("a")
    assert texts(found.to_show()) == ["u:mine", "a:yours"]
    assert found.place("u", Who.PERSON) is None


def test_the_words_of_the_assistant_come_as_they_are_heard() -> None:
    found = transcript()
    found.words("a", TEN, 0, spoken=True)
    assert found.to_show() == []
    found.progress("a", 0, 4800, complete=False)
    assert found.to_show() == []
    found.progress("a", 2400, 4800, complete=True)
    assert found.to_show() == [AssistantDelta("a", "one two three four five")]
    found.progress("a", 4800, 4800, complete=True)
    found.all_words("a", TEN, spoken=True)
    assert found.to_show() == [AssistantDelta("a", " six seven eight nine ten")]
    found.close("a")
    assert found.to_show() == [AssistantSaid("a", TEN, TEN, 4800, interrupted=False)]


def test_a_cut_reply_says_what_was_heard_of_it_and_that_it_was_cut() -> None:
    found = transcript()
    found.words("a", TEN, 0, spoken=True)
    found.progress("a", 2400, 4800, complete=True)
    found.close("a", cut_by="person")
    assert found.to_show() == [
        AssistantDelta("a", "one two three four five"),
        AssistantSaid("a", TEN, "one two three four five", 2400, interrupted=True, cut_by="person"),
    ]


def test_an_unheard_reply_with_words_is_said_to_be_unheard() -> None:
    found = transcript()
    found.words("a", TEN, 0, spoken=True)
    found.close("a", cut_by="person")
    assert found.to_show() == [AssistantSaid("a", TEN, "", 0, interrupted=True, cut_by="person")]


def test_sound_without_words_is_a_line_without_words() -> None:
    found = transcript()
    found.progress("a", 50, 100, complete=True)
    found.close("a", cut_by="person")
    assert found.to_show() == [AssistantSaid("a", "", "", 50, interrupted=True, cut_by="person")]


def test_an_item_without_words_of_which_nothing_was_heard_is_no_line() -> None:
    found = transcript()
    found.place("a", Who.ASSISTANT)
    found.close("a", cut_by="person")
    found.progress("c", 0, 100, complete=True)
    found.close("c", cut_by="person")
    reply(found, "b")
    assert texts(found.to_show()) == ["b:hello"]


def test_after_its_last_line_an_item_says_nothing_more() -> None:
    found = transcript()
    reply(found, "a")
    found.to_show()
    found.words("a", "more", 0, spoken=True)
    found.all_words("a", "more", spoken=True)
    found.progress("a", 2000, 2000, complete=True)
    found.close("a", cut_by="person")
    assert found.place("a", Who.ASSISTANT) is None
    assert found.to_show() == []


def test_a_settled_line_that_waits_its_turn_does_not_change() -> None:
    found = transcript()
    found.person_spoke("u", None)
    reply(found, "a", previous="u")
    found.words("a", "more", 0, spoken=True)
    found.all_words("a", "more", spoken=False)
    found.progress("a", 1, 2000, complete=False)
    found.close("a", cut_by="person")
    found.person_said("u", "hi")
    assert found.to_show()[1:] == [
        AssistantDelta("a", "hello"),
        AssistantSaid("a", "hello", "hello", 1000, interrupted=False),
    ]


def test_closing_what_nobody_knows_is_nothing() -> None:
    found = transcript()
    found.close("ghost", cut_by="person")
    assert found.to_show() == []


def test_pieces_are_joined_and_the_whole_text_counts_only_where_no_piece_came() -> None:
    found = transcript()
    found.words("a", "one ", 0, spoken=False)
    found.words("a", "two", 0, spoken=False)
    found.all_words("a", "something else", spoken=False)
    found.words("a", " three", 0, spoken=False)
    found.close("a")
    found.all_words("b", "whole", spoken=False)
    found.close("b")
    assert texts(found.to_show()) == ["a:one two", "b:whole"]


def test_words_without_sound_are_shown_as_they_come() -> None:
    found = transcript()
    found.words("a", "one", 0, spoken=False)
    assert found.to_show() == [AssistantDelta("a", "one")]
    found.words("a", " two", 0, spoken=False)
    assert found.to_show() == [AssistantDelta("a", " two")]
    found.all_words("a", "one two", spoken=False)
    found.close("a")
    assert found.to_show() == [AssistantSaid("a", "one two", "one two", 0, interrupted=False)]


def test_an_estimate_that_was_shown_is_not_taken_back() -> None:
    found = transcript()
    found.words("a", TEN, 0, spoken=True)
    found.progress("a", 1000, 1000, complete=False)
    (delta,) = found.to_show()
    assert delta == AssistantDelta("a", "one two three")
    found.progress("a", 1000, 24_000, complete=True)
    found.close("a", cut_by="person")
    assert found.to_show() == [AssistantSaid("a", TEN, "one two three", 1000, interrupted=True, cut_by="person")]


def test_at_the_end_of_the_talk_nothing_is_waited_for_and_unheard_speech_is_cut_speech() -> None:
    found = transcript()
    found.person_spoke("u", None)
    found.words("a", TEN, 0, spoken=True)
    found.progress("a", 2400, 4800, complete=True)
    found.words("b", "typed", 0, spoken=False)
    found.words("c", "heard", 0, spoken=True)
    found.progress("c", 100, 100, complete=True)
    found.words("d", "more to come", 0, spoken=True)
    found.progress("d", 100, 100, complete=False)
    found.flush()
    said = [line for line in found.to_show() if isinstance(line, AssistantSaid)]
    assert [(line.item_id, line.interrupted) for line in said] == [("a", True), ("b", False), ("c", False), ("d", True)]


def test_the_end_does_not_reopen_what_is_settled() -> None:
    found = transcript()
    found.person_spoke("u", None)
    reply(found, "a", previous="u")
    found.flush()
    assert texts(found.to_show()) == ["a:hello"]


@pytest.mark.parametrize("heard_ms", [0, -5])
def test_of_sound_nobody_heard_no_word_was_heard(heard_ms: int) -> None:
    assert heard("hello", heard_ms, 1000) == ""


@pytest.mark.parametrize(
    ("heard_ms", "so_far"),
    [
        (1, ""),
        (299, ""),
        (300, "one"),
        (699, "one"),
        (700, "one two"),
        (2400, "one two three four five"),
        (4799, "one two three four five six seven eight nine"),
        (4800, TEN),
    ],
)
def test_when_all_is_there_words_and_sound_run_evenly_and_only_whole_words_count(heard_ms: int, so_far: str) -> None:
    assert heard(TEN, heard_ms, 4800) == so_far


def test_words_are_never_heard_before_the_sound_that_had_come_when_they_did() -> None:
    entry = Entry("a", Who.ASSISTANT, "one two three four", [(0, 0), (8, 2000)], spoken=True, words_complete=True)
    entry.received_ms, entry.sound_complete = 4000, True
    heard_at = {}
    for ms in (749, 750, 1749, 1750, 2999, 3000, 3999, 4000):
        entry.heard_ms = ms
        heard_at[ms] = entry.text[: entry.heard_chars()]
    assert heard_at == {
        749: "",
        750: "one",
        1749: "one",
        1750: "one two",
        2999: "one two",
        3000: "one two three",
        3999: "one two three",
        4000: "one two three four",
    }


@pytest.mark.parametrize(("heard_ms", "so_far"), [(134, ""), (135, "one"), (314, "one"), (315, "one two")])
def test_while_sound_is_still_coming_nobody_speaks_faster_than_45_ms_a_character(heard_ms: int, so_far: str) -> None:
    entry = Entry("a", Who.ASSISTANT, "one two three", [(0, 0), (4, 0), (8, 0)], spoken=True, words_complete=True)
    entry.heard_ms, entry.received_ms = heard_ms, 400
    assert entry.text[: entry.heard_chars()] == so_far


def test_where_words_came_early_the_even_share_of_the_sound_decides() -> None:
    entry = Entry("a", Who.ASSISTANT, "one two three", [(0, 0), (4, 0), (8, 0)], spoken=True, words_complete=True)
    entry.heard_ms, entry.received_ms, entry.sound_complete = 500, 1000, True
    assert entry.text[: entry.heard_chars()] == "one"


def test_the_last_piece_takes_the_time_of_its_own_characters() -> None:
    entry = Entry("a", Who.ASSISTANT, "one two", [(0, 0), (4, 1000)], spoken=True)
    entry.heard_ms = entry.received_ms = 1000 + 3 * 60
    assert entry.text[: entry.heard_chars()] == "one two"
    entry.heard_ms -= 1
    assert entry.text[: entry.heard_chars()] == "one"


def test_a_text_that_comes_as_a_whole_is_heard_as_its_sound_is() -> None:
    found = transcript()
    found.all_words("a", TEN, spoken=True)
    found.progress("a", 2400, 4800, complete=True)
    assert found.to_show() == [AssistantDelta("a", "one two three four five")]


def test_closing_an_item_of_the_person_does_not_take_its_words() -> None:
    found = transcript()
    found.person_spoke("u", None)
    found.close("u")
    assert found.waiting
    found.person_said("u", "hi")
    assert texts(found.to_show()) == ["u:hi"]


MESSAGE = {"type": "message", "role": "user"}


@pytest.mark.parametrize(
    ("between", "line"),
    [
        ({"type": "message", "role": "assistant"}, ["x:said"]),
        ({**MESSAGE, "content": [{"type": "input_text", "text": "typed"}]}, ["x:typed"]),
        ({**MESSAGE, "content": [{"type": "input_audio"}]}, ["x:spoken"]),
        ({"type": "function_call"}, []),
    ],
)
def test_every_kind_of_item_stands_behind_its_previous_one(between: dict[str, object], line: list[str]) -> None:
    found = transcript()
    found.person_spoke("u1", None)
    found.person_spoke("u2", "u1")
    found.item({"id": "x", **between}, "u1")
    found.person_spoke("u3", "x")
    found.words("x", "said", 0, spoken=False)
    found.close("x")
    found.person_said("x", "spoken")
    for user in ("u3", "u2", "u1"):
        found.person_said(user, user)
    assert texts(found.to_show()) == ["u1:u1", *line, "u3:u3", "u2:u2"]


def test_until_its_sound_has_come_a_word_takes_60_ms_a_character() -> None:
    assert heard(TEN, 60 * 3 - 1, 100, complete=False) == ""
    assert heard(TEN, 60 * 3, 100, complete=False) == "one"
    assert heard(TEN, 60 * 13 - 1, 100, complete=False) == "one two"
    assert heard(TEN, 60 * 13, 100, complete=False) == "one two three"


def test_words_that_came_behind_sound_begin_there() -> None:
    assert heard(TEN, 1000 + 60 * 3 - 1, 1000, complete=False, at_ms=1000) == ""
    assert heard(TEN, 1000 + 60 * 3, 1000, complete=False, at_ms=1000) == "one"


def test_sound_that_has_come_stretches_the_words_over_it() -> None:
    assert heard("one two", 3000, 7000, complete=False) == "one"
    assert heard("one two", 2999, 7000, complete=False) == ""


def test_heard_to_the_end_is_heard_whole_only_when_words_and_sound_are_complete() -> None:
    entry = Entry("a", Who.ASSISTANT, "one two", [(0, 100)], spoken=True)
    entry.heard_ms = entry.received_ms = 100
    entry.sound_complete = True
    assert entry.heard_chars() == 7
    entry.marks = [(0, 0), (4, 200)]
    assert entry.heard_chars() == 0, "no word is heard whole in half the sound it came with"
    entry.words_complete = True
    assert entry.heard_chars() == 7


def test_no_words_are_no_words_however_much_was_heard() -> None:
    entry = Entry("a", Who.ASSISTANT, spoken=True)
    entry.heard_ms, entry.received_ms = 500, 1000
    assert entry.heard_chars() == 0


# ---- a connection that is gone


def test_words_that_have_not_come_keep_nothing_back_when_their_connection_is_gone() -> None:
    found = transcript()
    found.person_spoke("u1", None)
    reply(found, "a1")
    assert found.to_show() == []
    found.sever(lambda _: True)
    assert not found.waiting
    assert texts(found.to_show()) == ["a1:hello"]


def test_words_that_were_waited_for_long_enough_are_forgotten_with_their_connection() -> None:
    found = transcript()
    found.person_spoke("u1", None)
    found.tick(10.0)
    assert found.to_show() == []
    assert found.waiting
    found.sever(lambda _: True)
    assert not found.waiting
    assert found.pending == []


def test_items_of_the_assistant_stay_while_they_sound_and_are_closed_when_they_do_not() -> None:
    found = transcript()
    found.words("a1", "One two", 0, spoken=True)
    found.words("a2", "Three", 0, spoken=False)
    found.place("x", Who.ASSISTANT)
    found.sever(lambda item_id: item_id == "a1")
    assert found.pending == ["a1", "a2", "x"]
    found.progress("a1", 1000, 1000, complete=True)
    found.close("a1", cut_by="person")
    lines = [line for line in found.to_show() if isinstance(line, AssistantSaid)]
    assert [(line.item_id, line.interrupted) for line in lines] == [("a1", True), ("a2", True)]
    assert found.pending == []


def test_lines_of_a_new_connection_stand_behind_those_that_are_still_to_come() -> None:
    found = transcript()
    found.knows(["told"])
    found.words("a1", "One", 0, spoken=True)
    found.words("a2", "Two", 0, spoken=True)
    found.sever(lambda _: True)
    found.knows(["told"])
    found.resume()
    found.person_said("v1", "Stop.", "told")
    found.person_said("v2", "Now.", "a1")
    assert found.pending == ["a1", "a2", "v2", "v1"]
    found.close("a1", cut_by="person")
    found.to_show()
    found.person_said("v3", "Please.", "told")
    assert found.pending == ["a2", "v3", "v2", "v1"]


def test_what_is_known_under_another_name_is_not_shown_again() -> None:
    found = transcript()
    found.knows(["viva_line_1"])
    found.item({"id": "viva_line_1", "type": "message", "role": "user", "content": [TYPED]}, None)
    assert found.to_show() == []


TYPED = {"type": "input_text", "text": "typed"}


# ---- a talk without end


def test_only_the_last_lines_are_known_to_be_shown() -> None:
    found = transcript()
    for number in range(3_000):
        reply(found, f"a{number}")
    assert len(found.to_show()) == 2 * 3_000
    reply(found, "a2999")
    assert found.to_show() == []
    assert len(found._gone) == 1_024


def test_what_a_connection_was_told_is_never_taken_for_new_however_much_it_says() -> None:
    found = transcript()
    found.knows(["viva_line_1"])
    for number in range(3_000):
        reply(found, f"a{number}")
    found.to_show()
    found.person_said("viva_line_1", "hello")
    assert found.to_show() == []
    found.sever(lambda _: False)
    found.person_said("viva_line_1", "hello")  # the next connection gives its names itself
    assert texts(found.to_show()) == ["viva_line_1:hello"]


def test_of_turns_whose_words_never_come_only_the_last_are_waited_for() -> None:
    found = transcript()
    for number in range(1_000):
        found.person_spoke(f"u{number}", None)
        found.tick(20.0 * (number + 1))
        assert found.to_show() == []
    assert len(found._entries) == 64
    found.person_said("u999", "late")
    found.person_said("u936", "later")
    found.person_said("u935", "too late")
    assert texts(found.to_show()) == ["u999:late", "u936:later"]
    found.person_spoke("u1000", None)
    found.person_said("u1000", "in time")
    for number in range(1_001, 1_070):  # one whose words came is not given up again
        found.person_spoke(f"u{number}", None)
        found.tick(30_000.0 + 20.0 * number)
        found.to_show()
    assert len(found._entries) == 64

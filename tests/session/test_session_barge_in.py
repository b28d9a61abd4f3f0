"""Interruption: Hush first, then what was finally heard, then truncate, delete or nothing (reference section 2.5)."""

from __future__ import annotations

import pytest
from tests.session.conversation import (
    Conversation,
    began,
    begins,
    created,
    done,
    error,
    item_done,
    sound,
    spoken,
    turn,
    words,
)

from vivavoce.events import server as said
from vivavoce.events.client import CancelResponse, CreateItem, CreateResponse, DeleteItem, TruncateItem
from vivavoce.session.effects import Hush, Play, Show
from vivavoce.session.floor import Floor
from vivavoce.session.happenings import AssistantSaid, Deleted, Interrupted, SpeechBegan, Truncated, UserSaid
from vivavoce.session.settings import Settings


def speaking(*, done_already: bool = False, settings: Settings | None = None) -> Conversation:
    """Reply `a` of response R is being heard: 300 of 1000 ms."""
    talk = Conversation(settings)
    talk.says(*turn("u"), created("R"), *begins("R", "a", "u"), words("R", "a", "one two three"), sound("R", "a", 1000))
    if done_already:
        talk.says(item_done("R", "a"), done("R"))
    talk.heard("a", 300)
    talk.forget()
    return talk


@pytest.mark.parametrize("done_already", [True, False])
def test_speech_over_a_reply_hushes_first_and_cuts_it_where_it_was_heard(done_already: bool) -> None:
    talk = speaking(done_already=done_already)
    talk.says(began("v"))
    assert talk.did == [Hush(), Show(SpeechBegan("v", 100))]
    assert talk.sent == []
    assert talk.session.floor is Floor.LISTENING
    talk.forget()
    talk.hushed("a", 351)
    assert talk.sent == [TruncateItem("a", 351)]
    assert talk.lines()[:2] == [Interrupted("a", 351), Truncated("a", 351)]
    assert talk.shown(AssistantSaid) == [
        AssistantSaid("a", "one two three", "one", 351, interrupted=True, cut_by="person")
    ]


def test_the_server_cancels_its_own_response_and_is_not_told_to() -> None:
    talk = speaking()
    talk.says(began("v"))
    assert talk.words(CancelResponse) == []


def test_a_server_that_does_not_interrupt_itself_is_told_to_cancel() -> None:
    talk = speaking(settings=Settings(interrupt_response=False))
    talk.says(began("v"))
    assert talk.sent == [CancelResponse("R")]
    assert talk.did[0] == Hush()


def test_nothing_is_cancelled_where_nothing_is_active() -> None:
    talk = speaking(done_already=True, settings=Settings(interrupt_response=False))
    talk.says(began("v"))
    assert talk.words(CancelResponse) == []


def test_a_reply_of_which_nothing_was_heard_is_deleted() -> None:
    talk = Conversation()
    talk.says(
        *turn("u"), created("R"), *begins("R", "a", "u"), words("R", "a", "one"), sound("R", "a", 1000), began("v")
    )
    talk.forget()
    talk.hushed("a", 0)
    assert talk.sent == [DeleteItem("a")]
    assert talk.shown(Deleted) == [Deleted("a")]
    assert talk.shown(AssistantSaid) == [AssistantSaid("a", "one", "", 0, interrupted=True, cut_by="person")]


def test_a_reply_that_was_heard_to_its_end_is_left_alone() -> None:
    talk = Conversation()
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 1000), done("R"))
    talk.heard("a", 1000)
    talk.forget()
    talk.says(began("v"))
    assert talk.did == [Show(SpeechBegan("v", 100))]
    assert talk.sent == []


def test_a_reply_whose_last_sample_was_heard_while_hushing_is_left_alone() -> None:
    talk = speaking(done_already=True)
    talk.says(began("v"))
    talk.hushed(None, 0)
    assert talk.sent == []
    assert talk.shown(AssistantSaid) == [AssistantSaid("a", "one two three", "one two three", 1000, interrupted=False)]
    assert talk.shown(Interrupted) == []


def test_a_reply_that_ran_dry_is_truncated_at_what_came_because_more_was_on_its_way() -> None:
    talk = Conversation()
    talk.says(*turn("u"), created("R"), sound("R", "a", 1000))
    talk.heard("a", 1000)
    talk.says(began("v"))
    assert talk.deeds(Hush) == []
    assert talk.sent == [TruncateItem("a", 1000)]
    assert talk.shown(Interrupted) == [Interrupted("a", 1000)]


def test_the_cut_is_never_beyond_what_was_received() -> None:
    talk = speaking()
    talk.says(began("v"))
    talk.hushed("a", 5000)
    assert talk.sent == [TruncateItem("a", 1000)]


def test_of_several_items_the_heard_one_stays_the_playing_one_is_cut_and_the_others_are_deleted() -> None:
    talk = Conversation()
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 1000), *spoken("R", "b", 1000), *spoken("R", "c", 1000))
    talk.heard("a", 1000)
    talk.heard("b", 10)
    talk.says(began("v"))
    talk.forget()
    talk.hushed("b", 400)
    assert talk.sent == [TruncateItem("b", 400), DeleteItem("c")]
    assert [(line.item_id, line.interrupted) for line in talk.shown(AssistantSaid)] == [("b", True), ("c", True)]


def test_milliseconds_are_counted_for_each_item_from_its_own_first_sample() -> None:
    talk = Conversation()
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 9000), *spoken("R", "b", 300))
    talk.heard("a", 9000)
    talk.says(began("v"))
    talk.hushed("b", 9200)
    assert talk.words(TruncateItem) == [TruncateItem("b", 300)] or talk.sent == []


def test_late_sound_and_words_of_a_cut_reply_are_silent() -> None:
    talk = speaking()
    talk.says(began("v"), sound("R", "a", 500), words("R", "a", " four"), *begins("R", "b"), sound("R", "b", 500))
    talk.hushed("a", 351)
    talk.says(sound("R", "a", 500), sound("R", "b", 500), item_done("R", "a"), done("R", "cancelled"))
    assert talk.deeds(Play) == []
    assert [line.text for line in talk.shown(AssistantSaid)] == ["one two three"]
    assert talk.words(TruncateItem) == [TruncateItem("a", 351)]
    assert talk.words(DeleteItem) == [DeleteItem("b")]


def test_a_reply_cut_while_more_of_it_was_under_way_is_truncated_though_all_that_was_played_was_heard() -> None:
    talk = speaking()
    talk.says(began("v"), sound("R", "a", 500), done("R", "cancelled"))
    talk.hushed(None, 0)
    assert talk.sent == [TruncateItem("a", 1000)]


def test_an_item_is_truncated_once() -> None:
    talk = speaking()
    talk.says(began("v"), said.SpeechStopped("v", 5), began("w"))
    talk.hushed("a", 351)
    talk.hushed("a", 360)
    talk.says(began("x"))
    talk.hushed("a", 370)
    assert talk.words(TruncateItem) == [TruncateItem("a", 351)]
    assert len(talk.deeds(Hush)) == 1


def test_the_answer_to_the_new_turn_is_heard_while_the_old_one_is_still_being_hushed() -> None:
    talk = speaking()
    talk.says(*turn("v"), done("R", "cancelled"), created("S"), *spoken("S", "b", 500), done("S"))
    assert talk.deeds(Play) == [Play("b", sound("S", "b", 500).audio)]
    talk.hushed("a", 351)
    assert talk.sent == [TruncateItem("a", 351)]
    talk.heard("b", 500)
    assert talk.session.quiet


def test_a_speaker_that_does_not_answer_keeps_the_floor_taken() -> None:
    talk = speaking(done_already=True)
    talk.says(*turn("v"), created("S"), done("S"))
    assert not talk.session.quiet
    talk.hushed("a", 351)
    assert talk.session.quiet


def test_a_response_that_was_asked_for_when_the_person_spoke_is_cancelled_and_silent_when_it_comes() -> None:
    talk = Conversation()
    talk.types("hello")
    asked = talk.asked
    talk.says(began("v"))
    talk.forget()
    talk.says(created("R", asked))
    assert talk.sent == [CancelResponse("R")]
    talk.says(*spoken("R", "a", 500), done("R", "cancelled"))
    assert talk.deeds(Play) == []
    assert talk.shown(AssistantSaid) == []
    assert talk.deeds(Hush) == []


def test_after_an_unwanted_response_the_floor_is_free_again() -> None:
    talk = Conversation()
    talk.types("hello")
    asked = talk.asked
    talk.says(
        began("v"), created("R", asked), done("R", "cancelled"), said.SpeechStopped("v", 5), said.AudioCommitted("v")
    )
    talk.says(created("S"), *spoken("S", "b", 500), done("S"))
    talk.heard("b", 500)
    assert talk.session.quiet
    assert [line.item_id for line in talk.shown(AssistantSaid)] == ["b"]


def test_an_unwanted_response_does_not_silence_the_answer_that_is_being_heard() -> None:
    talk = Conversation()
    talk.types("hello")
    asked = talk.asked
    talk.says(
        *turn("v"), created("S", CreateResponse({"metadata": {"client_event_id": "theirs"}})), sound("S", "b", 500)
    )
    talk.says(created("R", asked))
    assert talk.deeds(Hush) == []
    talk.says(sound("S", "b", 500))
    assert len(talk.deeds(Play)) == 2


# ---- typed turns


def test_a_typed_turn_is_an_item_a_line_and_a_request_for_a_reply() -> None:
    talk = Conversation()
    talk.types("  hello \n")
    content = [{"type": "input_text", "text": "hello"}]
    item, ask = talk.sent
    assert item == CreateItem({"id": "viva_typed_1", "type": "message", "role": "user", "content": content})
    assert isinstance(ask, CreateResponse)
    assert talk.shown(UserSaid) == [UserSaid("viva_typed_1", "hello")]
    assert talk.session.floor is Floor.THINKING


def test_each_typed_turn_is_an_item_of_its_own_and_its_echo_is_no_second_line() -> None:
    talk = Conversation()
    talk.types("one")
    talk.says(said.ItemAdded(talk.words(CreateItem)[0].item), created("R", talk.asked), done("R"))
    talk.types("two")
    assert [line.item_id for line in talk.shown(UserSaid)] == ["viva_typed_1", "viva_typed_2"]


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_line_is_no_turn_and_interrupts_nobody(text: str) -> None:
    talk = speaking()
    talk.types(text)
    assert (talk.did, talk.sent) == ([], [])


def test_a_typed_turn_interrupts_a_reply_and_is_answered_when_the_server_has_stopped() -> None:
    talk = speaking()
    talk.types("stop")
    assert talk.did[0] == Hush()
    assert [type(word) for word in talk.sent] == [CancelResponse, CreateItem]
    assert talk.words(CancelResponse) == [CancelResponse("R")]
    talk.hushed("a", 351)
    assert talk.words(TruncateItem) == [TruncateItem("a", 351)]
    assert talk.words(CreateResponse) == []
    talk.says(done("R", "cancelled"))
    assert len(talk.words(CreateResponse)) == 1
    talk.says(created("S", talk.asked), *spoken("S", "b", 100), done("S"))
    talk.heard("b", 100)
    assert talk.session.quiet


def test_a_typed_turn_over_a_reply_that_is_done_is_answered_at_once() -> None:
    talk = speaking(done_already=True)
    talk.types("stop")
    assert talk.did[0] == Hush()
    assert [type(word) for word in talk.sent] == [CreateItem, CreateResponse]


def test_a_second_typed_turn_overtakes_the_first_before_it_was_answered() -> None:
    talk = Conversation()
    talk.types("one")
    first = talk.asked
    talk.types("two")
    assert len(talk.words(CreateResponse)) == 1
    talk.says(created("R", first))
    assert talk.words(CancelResponse) == [CancelResponse("R")]
    talk.says(done("R", "cancelled"))
    assert len(talk.words(CreateResponse)) == 2
    talk.says(created("S", talk.asked), sound("S", "a", 100))
    assert len(talk.deeds(Play)) == 1


def test_a_typed_turn_whose_request_is_refused_leaves_the_floor_free() -> None:
    talk = Conversation()
    talk.types("hello")
    talk.says(error("invalid_value", "No.", event_id=talk.asked.event_id))
    assert talk.session.quiet

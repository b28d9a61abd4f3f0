"""Functions, one response after all of them, and goodbye (reference section 2.6)."""

from __future__ import annotations

import json

import pytest
from tests.session.conversation import (
    Conversation,
    began,
    called,
    created,
    done,
    error,
    goodbye,
    item_done,
    sound,
    spoken,
    turn,
)

from vivavoce.events import server as said
from vivavoce.events.client import CreateItem, CreateResponse, TruncateItem
from vivavoce.session.effects import Call, Hush, Play
from vivavoce.session.floor import Floor
from vivavoce.session.happenings import AssistantSaid, Called, Errored
from vivavoce.session.settings import FINISH_TOOL


def outputs(talk: Conversation) -> list[tuple[str, str]]:
    return [(word.item["call_id"], word.item["output"]) for word in talk.words(CreateItem)]


def asking() -> Conversation:
    """Response R answers the person."""
    talk = Conversation()
    talk.says(*turn("u"), created("R"))
    talk.forget()
    return talk


# ---- functions


def test_a_function_runs_once_from_the_item_that_is_done() -> None:
    talk = asking()
    talk.says(
        said.ArgumentsDone("f", "c", '{"city":"Oslo"}', "weather", "R"),
        called("R", "c", arguments='{"city":"Oslo"}'),
        called("R", "c", arguments='{"city":"Oslo"}'),
    )
    assert talk.deeds(Call) == [Call("c", "weather", {"city": "Oslo"})]


def test_a_call_that_was_cut_short_does_not_run() -> None:
    talk = asking()
    talk.says(called("R", "c", status="incomplete"), done("R", "cancelled"))
    assert talk.deeds(Call) == []
    assert talk.session.quiet


def test_one_response_is_asked_for_after_all_outputs_and_the_response_itself() -> None:
    talk = asking()
    talk.says(called("R", "c1"), called("R", "c2", "time"))
    talk.answers("c2", "noon")
    assert outputs(talk) == [("c2", "noon")]
    talk.says(done("R"))
    assert talk.words(CreateResponse) == []
    talk.answers("c1", "sunny")
    assert outputs(talk) == [("c2", "noon"), ("c1", "sunny")]
    assert len(talk.words(CreateResponse)) == 1
    assert isinstance(talk.sent[-1], CreateResponse)
    assert set(talk.asked.response or {}) == {"metadata"}
    talk.says(created("S", talk.asked), *spoken("S", "a", 100), done("S"))
    talk.heard("a", 100)
    assert talk.session.quiet
    assert len(talk.words(CreateResponse)) == 1


def test_a_fast_function_waits_for_the_response_that_called_it() -> None:
    talk = asking()
    talk.says(called("R", "c"))
    talk.answers("c")
    assert talk.words(CreateResponse) == []
    talk.says(done("R"))
    assert len(talk.words(CreateResponse)) == 1


def test_a_slow_function_keeps_the_floor_and_is_not_a_missing_reply() -> None:
    talk = asking()
    talk.says(called("R", "c"), done("R"))
    assert not talk.session.quiet
    talk.wait(100.0)
    assert talk.ended is None
    talk.answers("c")
    talk.says(created("S", talk.asked))
    talk.wait(29.9)
    assert talk.ended is None


def test_a_response_that_never_ends_behind_its_functions_is_a_missing_reply() -> None:
    talk = asking()
    talk.says(called("R", "c"))
    talk.wait(100.0)
    talk.answers("c")
    talk.wait(29.9)
    assert talk.ended is None
    talk.wait(0.1)
    assert talk.ended == "no_reply"


def test_words_before_a_call_are_heard_to_their_end_and_not_flushed() -> None:
    talk = asking()
    talk.says(*spoken("R", "a", 2000, "let me look"), called("R", "c"), done("R"))
    talk.heard("a", 500)
    talk.answers("c")
    talk.says(created("S", talk.asked), *spoken("S", "b", 1000), done("S"))
    assert talk.deeds(Hush) == []
    assert [deed.item_id for deed in talk.deeds(Play)] == ["a", "b"]
    talk.heard("a", 2000)
    talk.heard("b", 1000)
    assert [(line.item_id, line.interrupted) for line in talk.shown(AssistantSaid)] == [("a", False), ("b", False)]
    assert talk.words(TruncateItem) == []


@pytest.mark.parametrize("arguments", ["{", "[]", "3"])
def test_arguments_that_are_no_object_become_an_output_the_model_can_speak_about(arguments: str) -> None:
    talk = asking()
    talk.says(called("R", "c", arguments=arguments), done("R"))
    assert talk.deeds(Call) == []
    ((call_id, output),) = outputs(talk)
    assert call_id == "c"
    assert json.loads(output) == {"error": "the arguments are not a JSON object"}
    assert len(talk.words(CreateResponse)) == 1


def test_an_answer_is_shown_with_its_function() -> None:
    talk = asking()
    talk.says(called("R", "c", arguments='{"a":1}'))
    talk.do(talk.session.answered, "c", "no", "it broke")
    assert talk.shown(Called) == [Called("c", "weather", {"a": 1}, "no", "it broke")]


def test_an_answer_nobody_waits_for_is_dropped() -> None:
    talk = asking()
    talk.answers("ghost")
    assert (talk.did, talk.sent) == ([], [])


def test_a_person_who_speaks_over_a_running_function_gets_their_own_answer_and_the_output_is_still_sent() -> None:
    talk = asking()
    talk.says(called("R", "c"), done("R"), began("v"))
    talk.answers("c")
    assert outputs(talk) == [("c", "sunny")]
    assert talk.words(CreateResponse) == []
    assert talk.session.floor is Floor.LISTENING
    talk.says(said.SpeechStopped("v", 5), said.AudioCommitted("v"), created("S"), *spoken("S", "a", 100), done("S"))
    talk.heard("a", 100)
    assert talk.words(CreateResponse) == []
    assert talk.session.quiet


def test_a_function_that_answers_while_another_reply_is_made_is_spoken_of_afterwards() -> None:
    talk = asking()
    talk.says(called("R", "c"), done("R"), *turn("v"), created("S"))
    talk.answers("c")
    assert talk.words(CreateResponse) == []
    talk.says(done("S"))
    assert len(talk.words(CreateResponse)) == 1


def test_a_call_of_a_response_that_was_never_created_does_not_hold_the_floor_for_ever() -> None:
    talk = Conversation()
    talk.says(called("ghost", "c"))
    assert not talk.session.quiet
    talk.answers("c")
    talk.says(done("ghost"))
    talk.says(created("S", talk.asked), done("S"))
    assert talk.session.quiet


def test_a_call_that_comes_after_its_response_was_done_is_answered_too() -> None:
    talk = asking()
    talk.says(done("R"), called("R", "c"))
    talk.answers("c")
    assert len(talk.words(CreateResponse)) == 1
    talk.says(created("S", talk.asked), done("S"))
    assert talk.session.quiet


# ---- goodbye


def test_a_silent_goodbye_is_answered_and_one_farewell_is_asked_for_without_functions() -> None:
    talk = asking()
    talk.says(goodbye("R"), done("R"))
    assert outputs(talk) == [("bye", '{"ok":true}')]
    assert talk.shown(Called) == [Called("bye", FINISH_TOOL, {}, '{"ok":true}', None)]
    assert talk.deeds(Call) == []
    assert (talk.asked.response or {})["tool_choice"] == "none"
    talk.says(created("S", talk.asked), *spoken("S", "a", 1000, "goodbye"), done("S"))
    assert talk.ended is None
    talk.heard("a", 999)
    assert talk.ended is None
    talk.heard("a", 1000)
    assert talk.ended == "goodbye"
    assert [line.heard_text for line in talk.shown(AssistantSaid)] == ["goodbye"]
    assert len(talk.words(CreateResponse)) == 1


def test_a_goodbye_that_was_spoken_already_needs_no_second_one() -> None:
    talk = asking()
    talk.says(*spoken("R", "a", 1000, "goodbye"), goodbye("R"), done("R"))
    assert talk.words(CreateResponse) == []
    assert talk.ended is None
    talk.heard("a", 1000)
    assert talk.ended == "goodbye"


def test_beside_other_functions_all_run_and_there_is_one_farewell() -> None:
    talk = asking()
    talk.says(*spoken("R", "a", 100), called("R", "c"), goodbye("R"), done("R"))
    talk.heard("a", 100)
    assert talk.deeds(Call) == [Call("c", "weather", {})]
    assert talk.words(CreateResponse) == []
    talk.answers("c")
    assert [ask.response["tool_choice"] for ask in talk.words(CreateResponse) if ask.response] == ["none"]
    talk.says(created("S", talk.asked), *spoken("S", "b", 100), done("S"))
    talk.heard("b", 100)
    assert talk.ended == "goodbye"
    assert len(talk.words(CreateResponse)) == 1


def test_a_function_that_answers_after_the_farewell_was_asked_for_gets_no_second_one() -> None:
    talk = asking()
    talk.says(called("R", "slow"), done("R"), *turn("v"), created("S"), goodbye("S"), done("S"))
    talk.says(created("F", talk.asked), *spoken("F", "a", 100), done("F"))
    talk.heard("a", 100)
    assert talk.ended is None
    talk.answers("slow")
    assert outputs(talk)[-1] == ("slow", "sunny")
    assert len(talk.words(CreateResponse)) == 1
    assert talk.ended == "goodbye"


def test_a_model_that_says_goodbye_with_nothing_but_the_tool_again_is_not_asked_for_ever() -> None:
    talk = asking()
    talk.says(goodbye("R"), done("R"))
    talk.says(created("S", talk.asked), goodbye("S", "bye_again"), done("S"))
    assert len(talk.words(CreateResponse)) == 1
    assert talk.ended == "goodbye"


def test_a_farewell_that_fails_ends_the_talk_all_the_same() -> None:
    talk = asking()
    talk.says(goodbye("R"), done("R"))
    talk.says(created("S", talk.asked))
    talk.says(done("S", "failed", status_details={"error": {"code": "server_error", "message": "no"}}))
    assert talk.ended == "goodbye"
    assert [line.fatal for line in talk.shown(Errored)] == [False]


def test_a_farewell_that_is_refused_ends_the_talk_all_the_same() -> None:
    talk = asking()
    talk.says(goodbye("R"), done("R"))
    talk.says(error("invalid_value", event_id=talk.asked.event_id))
    assert talk.ended == "goodbye"


def test_a_farewell_that_never_comes_ends_the_talk_all_the_same() -> None:
    talk = asking()
    talk.says(goodbye("R"), done("R"))
    talk.wait(30.0)
    assert talk.ended == "goodbye"
    assert talk.shown(Errored) == []


def test_a_farewell_that_stops_on_its_way_ends_the_talk_all_the_same() -> None:
    talk = asking()
    talk.says(goodbye("R"), done("R"))
    talk.says(created("S", talk.asked))
    talk.wait(30.0)
    assert talk.ended == "goodbye"
    assert talk.shown(Errored) == []


def test_after_goodbye_the_microphone_and_the_keyboard_are_deaf() -> None:
    talk = asking()
    talk.says(goodbye("R"))
    assert not talk.listens
    talk.says(done("R"))
    talk.forget()
    talk.types("wait")
    assert not talk.listens
    assert (talk.did, talk.sent) == ([], [])


def test_a_turn_that_had_begun_before_goodbye_is_listened_to_and_answered() -> None:
    talk = asking()
    talk.says(goodbye("R"), done("R"), began("v"))
    assert talk.listens
    talk.says(created("F", talk.asked), done("F", "cancelled"), said.SpeechStopped("v", 5), said.AudioCommitted("v"))
    assert not talk.listens
    talk.says(created("S"), *spoken("S", "a", 100), done("S"))
    assert talk.ended is None
    talk.heard("a", 100)
    assert talk.ended == "goodbye"


def test_speech_over_the_farewell_cuts_it_and_the_talk_ends_after_the_answer_to_it() -> None:
    talk = asking()
    talk.says(goodbye("R"), done("R"))
    talk.says(created("F", talk.asked), sound("F", "a", 1000), item_done("F", "a"), done("F"))
    talk.heard("a", 200)
    talk.says(*turn("v"))
    talk.hushed("a", 250)
    assert talk.words(TruncateItem) == [TruncateItem("a", 250)]
    talk.says(created("S"), called("S", "c"), done("S"))
    talk.answers("c")
    assert (talk.asked.response or {})["tool_choice"] == "none"
    assert len(talk.words(CreateResponse)) == 2
    talk.says(created("G", talk.asked), *spoken("G", "b", 100), done("G"))
    talk.heard("b", 100)
    assert talk.ended == "goodbye"


def test_a_goodbye_whose_words_were_cut_off_is_said_again() -> None:
    talk = asking()
    talk.says(sound("R", "a", 1000))
    talk.heard("a", 100)
    talk.says(*turn("v"), goodbye("R"))
    talk.hushed("a", 120)
    talk.says(done("R"), created("S"), done("S"))
    assert len(talk.words(CreateResponse)) == 1

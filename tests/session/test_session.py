"""Opening, listening, time, errors and the end: the laws of a session as a whole."""

from __future__ import annotations

import pytest
from tests.session.conversation import (
    Conversation,
    began,
    begins,
    created,
    done,
    error,
    goodbye,
    item_done,
    sound,
    spoken,
    turn,
    words,
    written,
)

from vivavoce.events import Unknown
from vivavoce.events import server as said
from vivavoce.events.client import AppendAudio, CreateResponse, TruncateItem, UpdateSession
from vivavoce.pcm import silence
from vivavoce.session.effects import Finish, Hush, Play, Show
from vivavoce.session.floor import Floor
from vivavoce.session.happenings import (
    AssistantDelta,
    AssistantSaid,
    Errored,
    Interrupted,
    Ready,
    SpeechBegan,
    SpeechEnded,
    Truncated,
    Used,
    UserSaid,
    Warned,
)
from vivavoce.session.opening import Stage
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings, Timeouts

WRITTEN = Settings(transcription_model="gpt-transcribe")


# ---- opening


def test_nothing_of_the_microphone_is_sent_before_the_settings_are_agreed() -> None:
    talk = Conversation(Settings(server="azure"), ready=False)
    assert not talk.listens
    talk.do(talk.session.opened)
    assert not talk.listens
    talk.says(said.SessionCreated({"id": "s"}))
    assert not talk.listens
    assert talk.words(UpdateSession) == [UpdateSession(Settings().as_session())]
    assert not talk.session.quiet
    talk.says(said.SessionUpdated({"id": "s", "model": "m"}))
    assert talk.shown(Ready) == [Ready("azure", "m", "s")]
    assert talk.listens
    assert talk.session.quiet
    assert talk.session.stage is Stage.READY


def test_a_second_created_or_updated_changes_nothing() -> None:
    talk = Conversation()
    talk.says(said.SessionCreated({"id": "s"}), said.SessionUpdated({"id": "s"}))
    assert talk.sent == []
    assert talk.did == []


def test_no_sound_is_not_sent() -> None:
    talk = Conversation()
    talk.do(talk.session.hear, b"")
    assert talk.sent == []


def test_typing_before_ready_says_nothing() -> None:
    talk = Conversation(ready=False)
    talk.types("hello")
    assert talk.sent == []


@pytest.mark.parametrize("events", [[], [said.SessionCreated({})]])
def test_a_server_that_keeps_silent_while_connecting_is_lost(events: list[said.ServerEvent]) -> None:
    talk = Conversation(ready=False)
    talk.wait(60.0)
    assert talk.ended is None
    talk.do(talk.session.opened)
    talk.says(*events)
    wait_s = 5.0 if events else 10.0
    talk.wait(wait_s - 0.1)
    assert talk.ended is None
    talk.wait(0.1)
    assert talk.ended == "lost"
    (failure,) = talk.shown(Errored)
    assert failure.fatal
    assert failure.code == "no_answer"
    assert ("session.updated" if events else "session.created") in failure.message


def test_settings_refused_for_a_field_that_can_be_spared_are_offered_again_without_it() -> None:
    talk = Conversation(Settings(noise_reduction="far_field"), ready=False)
    talk.says(said.SessionCreated({}), error("unsupported", "No.", param="session.audio.input.noise_reduction"))
    first, second = talk.words(UpdateSession)
    assert "noise_reduction" in first.session["audio"]["input"]
    assert "noise_reduction" not in second.session["audio"]["input"]
    assert [line.code for line in talk.shown(Warned)] == ["setting_refused"]
    assert talk.shown(Errored) == []
    talk.says(said.SessionUpdated({}))
    assert talk.session.quiet


def test_the_second_offer_has_its_full_time() -> None:
    talk = Conversation(Settings(voice="x"), ready=False)
    talk.says(said.SessionCreated({}))
    talk.wait(4.0)
    talk.says(error("x", param="session.audio.output.voice"))
    talk.wait(4.9)
    assert talk.ended is None
    talk.wait(0.1)
    assert talk.ended == "lost"


def test_settings_refused_for_anything_else_fail_loudly() -> None:
    talk = Conversation(ready=False)
    talk.says(
        said.SessionCreated({}), error("missing_required_parameter", "Missing: 'session.type'.", param="session.type")
    )
    (failure,) = talk.shown(Errored)
    assert failure == Errored(
        "missing_required_parameter",
        "The server refused our settings: Missing: 'session.type'. This endpoint speaks the GA protocol: leave --preview out.",
        fatal=True,
        raw={
            "type": "invalid_request_error",
            "code": "missing_required_parameter",
            "message": "Missing: 'session.type'.",
            "param": "session.type",
        },
    )
    assert talk.ended == "settings"


def test_an_error_about_another_word_does_not_refuse_the_settings() -> None:
    talk = Conversation(ready=False)
    talk.says(said.SessionCreated({}), error("x", event_id="another"))
    assert talk.ended is None
    assert [line.fatal for line in talk.shown(Errored)] == [False]


def test_where_the_transcription_was_refused_no_words_of_the_person_are_waited_for() -> None:
    talk = Conversation(WRITTEN, ready=False)
    talk.says(said.SessionCreated({}), error("x", param="session.audio.input.transcription"), said.SessionUpdated({}))
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 100, previous="u"), done("R"))
    talk.heard("a", 100)
    assert [line.item_id for line in talk.shown(AssistantSaid)] == ["a"]


def test_where_another_field_was_refused_the_words_of_the_person_are_still_waited_for() -> None:
    talk = Conversation(Settings(transcription_model="w", voice="x"), ready=False)
    talk.says(said.SessionCreated({}), error("x", param="session.audio.output.voice"), said.SessionUpdated({}))
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 100, previous="u"), done("R"))
    talk.heard("a", 100)
    assert talk.shown(AssistantSaid) == []


# ---- a turn


def test_a_turn_is_shown_from_the_first_sound_to_the_last_word_heard() -> None:
    talk = Conversation(WRITTEN)
    floors = [talk.session.floor]
    talk.says(*turn("u"))
    floors.append(talk.session.floor)
    talk.says(created("R"), *spoken("R", "a", 1000, "hello there", previous="u"), written("u", " hi \n"), done("R"))
    floors.append(talk.session.floor)
    assert floors == [Floor.QUIET, Floor.THINKING, Floor.SPEAKING]
    talk.heard("a", 500)
    assert not talk.session.quiet
    talk.heard("a", 1000)
    assert talk.session.quiet
    assert talk.lines() == [
        SpeechBegan("u", 100),
        SpeechEnded("u", 900),
        UserSaid("u", "hi"),
        Used("R", {"total_tokens": 9}),
        AssistantDelta("a", "hello"),
        AssistantDelta("a", " there"),
        AssistantSaid("a", "hello there", "hello there", 1000, interrupted=False),
    ]
    assert talk.deeds(Play) == [Play("a", silence(1000))]
    assert talk.sent == []


def test_the_words_of_the_person_stand_before_the_answer_even_when_they_come_after_it() -> None:
    talk = Conversation(WRITTEN)
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 100, previous="u"), done("R"))
    talk.heard("a", 100)
    talk.says(written("u", "late"))
    kinds = [type(line) for line in talk.lines()]
    assert kinds.index(UserSaid) < kinds.index(AssistantDelta) < kinds.index(AssistantSaid)


def test_words_of_the_person_that_never_come_keep_the_answer_back_for_ten_seconds() -> None:
    talk = Conversation(WRITTEN)
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 100, previous="u"), done("R"))
    talk.heard("a", 100)
    talk.wait(9.9)
    assert talk.shown(AssistantSaid) == []
    talk.wait(0.1)
    assert len(talk.shown(AssistantSaid)) == 1


def test_a_failed_transcription_is_words_that_were_not_understood_and_one_warning() -> None:
    talk = Conversation(WRITTEN)
    failure = {"type": "server_error", "code": None, "message": "no such deployment"}
    talk.says(*turn("u"), said.TranscriptionFailed("u", failure), *turn("v"), said.TranscriptionFailed("v", failure))
    assert talk.shown(UserSaid) == [UserSaid("u", ""), UserSaid("v", "")]
    assert talk.shown(Warned) == [
        Warned("transcription_failed", "Your words could not be written down by 'gpt-transcribe': no such deployment"),
    ]
    assert talk.words(UpdateSession) == []


def test_a_transcription_that_was_only_a_guess_is_switched_off_at_its_first_failure() -> None:
    talk = Conversation(Settings(transcription_model="whisper-1", transcription_tentative=True))
    talk.says(*turn("u"), *turn("v", "u"), said.TranscriptionFailed("u", {"message": "no"}))
    assert talk.words(UpdateSession) == [
        UpdateSession({"type": "realtime", "audio": {"input": {"transcription": None}}}),
    ]
    assert [line.code for line in talk.shown(Warned)] == ["transcription_off"]
    talk.says(created("R"), *spoken("R", "a", 100, previous="v"), done("R"))
    talk.heard("a", 100)
    assert len(talk.shown(AssistantSaid)) == 1


def test_a_turn_that_is_announced_twice_is_answered_once() -> None:
    talk = Conversation()
    talk.says(began("u"), said.SpeechStopped("u", 900), created("R"), said.AudioCommitted("u"))
    talk.says(*spoken("R", "a", 100), done("R"))
    talk.heard("a", 100)
    assert talk.session.quiet


def test_a_turn_without_voice_activity_is_owed_an_answer_too() -> None:
    talk = Conversation()
    talk.says(said.AudioCommitted("u"))
    assert not talk.session.quiet
    assert talk.session.floor is Floor.THINKING


def test_an_item_that_carries_its_words_is_not_waited_for() -> None:
    talk = Conversation(WRITTEN)
    text = {"type": "input_text", "text": "typed"}
    item = {
        "id": "t",
        "type": "message",
        "role": "user",
        "content": [text, {"type": "other", "text": "x"}, "odd", text],
    }
    talk.says(said.ItemAdded(item))
    assert talk.shown(UserSaid) == [UserSaid("t", "typed typed")]


@pytest.mark.parametrize(
    "content", [None, 5, "text", [], {"type": "input_text", "text": "x"}, [{"type": "input_text"}]]
)
def test_an_item_of_odd_content_is_a_turn_that_will_be_written_down(content: object) -> None:
    talk = Conversation(WRITTEN)
    talk.says(said.ItemCreated({"id": "t", "type": "message", "role": "user", "content": content}))
    assert talk.shown(UserSaid) == []
    talk.says(written("t", "hi"))
    assert talk.shown(UserSaid) == [UserSaid("t", "hi")]


@pytest.mark.parametrize(
    "item",
    [{"type": "message", "role": "user"}, {"id": 3, "type": "message", "role": "user"}],
)
def test_an_item_without_an_id_is_passed_over(item: dict[str, object]) -> None:
    talk = Conversation(WRITTEN)
    talk.says(said.ItemAdded(item))
    assert talk.session.next_deadline() is None


@pytest.mark.parametrize(
    "item",
    [{"type": "function_call"}, {"type": "message", "role": "system"}, {"type": "message", "role": "assistant"}],
)
def test_an_item_nobody_says_holds_its_place_and_keeps_nobody_back(item: dict[str, object]) -> None:
    talk = Conversation(WRITTEN)
    talk.says(*turn("u"), said.ItemAdded({"id": "x", **item}, "u"), said.ItemDone({"id": "x", **item}, "u"))
    talk.says(created("R"), *spoken("R", "a", 100, previous="x"), done("R"))
    talk.heard("a", 100)
    talk.says(written("u", "hi"))
    assert [line.item_id for line in talk.shown(AssistantSaid)] == ["a"]


def test_an_item_that_is_being_said_is_not_closed_by_its_own_completion() -> None:
    talk = Conversation()
    talk.says(created("R"), *spoken("R", "a", 1000), said.ItemDone({"id": "a", "type": "message", "role": "assistant"}))
    talk.heard("a", 100)
    assert talk.shown(AssistantSaid) == []


def test_a_committed_turn_stands_behind_its_previous_item() -> None:
    talk = Conversation(WRITTEN)
    talk.says(said.AudioCommitted("u1"), said.AudioCommitted("u3", "u1"), said.AudioCommitted("u2", "u1"))
    talk.says(written("u3", "three"), written("u2", "two"), written("u1", "one"))
    assert [line.text for line in talk.shown(UserSaid)] == ["one", "two", "three"]


def test_an_item_stands_behind_its_previous_item() -> None:
    talk = Conversation(WRITTEN)
    for user, previous in (("u1", None), ("u3", "u1"), ("u2", "u1")):
        talk.says(said.ItemAdded({"id": user, "type": "message", "role": "user"}, previous))
    talk.says(written("u3", "three"), written("u2", "two"), written("u1", "one"))
    assert [line.text for line in talk.shown(UserSaid)] == ["one", "two", "three"]


def test_a_reply_without_a_turn_takes_the_floor() -> None:
    talk = Conversation()
    talk.says(created("R"))
    assert talk.session.floor is Floor.THINKING
    assert not talk.session.quiet


def test_a_reply_ends_with_its_response_where_nobody_says_that_its_item_is_done() -> None:
    talk = Conversation()
    talk.says(created("R"), words("R", "a", "hello"), sound("R", "a", 100), done("R"))
    talk.heard("a", 100)
    assert [line.heard_text for line in talk.shown(AssistantSaid)] == ["hello"]


def test_a_response_that_carries_another_name_does_not_answer_our_request() -> None:
    talk = Conversation()
    talk.types("hello")
    theirs = CreateResponse({"metadata": {"client_event_id": "theirs"}})
    talk.says(created("X", theirs), done("X"))
    assert not talk.session.quiet
    talk.says(created("R", talk.asked), done("R"))
    assert talk.session.quiet


def test_responses_without_an_id_each_show_their_usage() -> None:
    talk = Conversation()
    talk.says(said.ResponseDone({"usage": {"n": 1}}), said.ResponseDone({"id": None, "usage": {"n": 2}}))
    assert talk.shown(Used) == [Used("", {"n": 1}), Used("", {"n": 2})]


def test_what_the_time_brought_is_not_lost_when_the_person_speaks_at_that_moment() -> None:
    talk = Conversation()
    talk.types("hello")
    talk.now = 15.0
    talk.says(began("v"))
    assert len(talk.words(CreateResponse)) == 2


def test_usage_is_shown_for_every_response_once_also_for_a_cancelled_or_unknown_one() -> None:
    talk = Conversation()
    talk.says(created("R"), done("R"), done("R"), created("S"), done("S", "cancelled"), done("ghost"))
    talk.says(done("free", usage=None))
    assert [line.response_id for line in talk.shown(Used)] == ["R", "S", "ghost"]


def test_words_that_mean_nothing_to_us_change_nothing() -> None:
    talk = Conversation()
    part = {"type": "audio"}
    talk.says(
        said.ConversationCreated({}),
        said.ItemRetrieved({}),
        said.ItemTruncated("a", 5),
        said.ItemDeleted("a"),
        said.TranscriptionDelta("u"),
        said.TranscriptionSegment("u", "x"),
        said.AudioCleared(),
        said.TimeoutTriggered("u", 0, 5),
        said.ContentPartAdded("R", "a", part),
        said.ContentPartDone("R", "a", part),
        said.AudioDone("a"),
        said.ArgumentsDelta("f", "c", "{"),
        said.ArgumentsDone("f", "c", "{}", "weather"),
        said.RateLimitsUpdated([]),
        Unknown(type="invented.later", fields={}),
    )
    assert (talk.did, talk.sent) == ([], [])
    assert talk.session.quiet


def test_a_thing_that_is_no_server_event_is_a_bug_and_said_loudly() -> None:
    with pytest.raises(AssertionError):
        Conversation().session.receive(UpdateSession({}))  # type: ignore[arg-type]  # that is the point


def test_a_late_created_of_a_finished_response_does_not_hold_the_floor() -> None:
    talk = Conversation()
    talk.says(created("R"), done("R"), created("R"))
    assert talk.session.quiet


# ---- time


def test_a_reply_that_is_owed_and_does_not_come_ends_the_talk_after_thirty_seconds() -> None:
    talk = Conversation()
    talk.says(*turn("u"))
    assert talk.session.next_deadline() == 30.0
    talk.wait(29.9)
    assert talk.ended is None
    talk.wait(0.1)
    assert talk.ended == "no_reply"
    assert talk.shown(Errored) == [
        Errored("no_reply", "No reply came within 30 s; try again, or another model.", fatal=True),
    ]


@pytest.mark.parametrize(
    "sign", [[created("R")], [created("R"), *begins("R", "a")], [created("R"), words("R", "a", "hm")]]
)
def test_any_sign_of_a_reply_gives_it_its_full_time_again(sign: list[said.ServerEvent]) -> None:
    talk = Conversation()
    talk.says(*turn("u"))
    talk.wait(29.0)
    talk.says(*sign)
    talk.wait(29.9)
    assert talk.ended is None
    talk.wait(0.1)
    assert talk.ended == "no_reply"


def test_a_report_of_an_item_nobody_knows_is_no_sign_of_a_reply() -> None:
    talk = Conversation()
    talk.says(*turn("u"))
    talk.wait(29.0)
    talk.heard("ghost", 100)
    assert talk.session.next_deadline() == 30.0


def test_a_reply_that_is_being_heard_is_not_missing_however_long_it_takes() -> None:
    talk = Conversation()
    talk.says(*turn("u"), created("R"), sound("R", "a", 120_000))
    talk.wait(100.0)
    assert talk.session.next_deadline() is None
    talk.heard("a", 100_000)
    talk.wait(20.0)
    talk.heard("a", 120_000)
    assert talk.session.next_deadline() == 150.0
    talk.wait(30.0)
    assert talk.ended == "no_reply"


def test_while_the_person_speaks_no_reply_is_missing() -> None:
    talk = Conversation()
    talk.says(*turn("u"), created("R"), began("v"))
    talk.wait(1000.0)
    assert talk.ended is None


def test_a_create_that_nobody_answers_twice_ends_the_talk_without_a_reply() -> None:
    talk = Conversation()
    talk.types("hello")
    talk.wait(29.9)
    assert len(talk.words(CreateResponse)) == 2
    assert talk.ended is None
    talk.wait(0.1)
    assert talk.ended == "no_reply"
    assert [(line.code, line.fatal) for line in talk.shown(Errored)] == [("no_reply", True)]


def test_the_talk_ends_when_its_time_is_over_counted_from_ready() -> None:
    talk = Conversation(Settings(max_s=60.0), ready=False)
    talk.now = 100.0
    talk.says(said.SessionCreated({}))
    talk.now = 103.0
    talk.says(said.SessionUpdated({}))
    assert talk.session.next_deadline() == 163.0
    talk.wait(59.9)
    assert talk.ended is None
    talk.wait(0.1)
    assert talk.ended == "max_minutes"
    assert talk.shown(Errored) == []


def test_without_a_limit_a_quiet_talk_goes_on_for_ever() -> None:
    talk = Conversation()
    assert talk.session.next_deadline() is None
    talk.wait(100_000.0)
    assert talk.ended is None


def test_the_earliest_deadline_is_the_next_one() -> None:
    talk = Conversation(Settings(transcription_model="w", max_s=500.0, timeouts=Timeouts(stall_s=None)))
    assert talk.session.next_deadline() == 500.0
    talk.says(*turn("u"))
    assert talk.session.next_deadline() == 10.0
    talk.wait(10.0)
    assert talk.session.next_deadline() == 30.0


# ---- errors


@pytest.mark.parametrize(
    "code", ["insufficient_quota", "invalid_api_key", "model_not_found", "beta_api_shape_disabled"]
)
def test_a_fatal_code_ends_the_talk_at_any_time(code: str) -> None:
    for ready in (True, False):
        talk = Conversation(ready=ready)
        talk.says(error(code, "No money."))
        assert talk.shown(Errored) == [
            Errored(
                code,
                "No money.",
                fatal=True,
                raw={"type": "invalid_request_error", "code": code, "message": "No money."},
            )
        ]
        assert talk.did[-1] == Finish("refused")
        assert talk.session.stage is Stage.OVER


@pytest.mark.parametrize("code", ["server_error", "cannot_update_voice", "rate_limit_exceeded", None])
def test_any_other_error_is_shown_and_the_talk_goes_on(code: str | None) -> None:
    talk = Conversation()
    talk.says(error(code, "Oh."))
    (shown,) = talk.shown(Errored)
    assert (shown.code, shown.message) == (code or "invalid_request_error", "Oh.")
    assert (shown.fatal, shown.expected) == (False, False)
    assert shown.raw == {"type": "invalid_request_error", "code": code, "message": "Oh."}
    assert talk.ended is None
    assert talk.listens


@pytest.mark.parametrize(
    "code", ["response_cancel_not_active", "item_truncate_invalid_item_id", "invalid_tool_call_id"]
)
def test_the_price_of_a_race_is_marked_as_expected(code: str) -> None:
    talk = Conversation()
    talk.says(error(code))
    assert [(line.expected, line.fatal) for line in talk.shown(Errored)] == [(True, False)]


def test_a_lost_race_for_the_slot_is_retried_and_marked_as_expected() -> None:
    talk = Conversation()
    talk.types("hello")
    talk.says(created("resp_X", CreateResponse({"metadata": {"client_event_id": "theirs"}})))
    talk.says(error("conversation_already_has_active_response", "... resp_X ...", event_id=talk.asked.event_id))
    assert [(line.expected, line.fatal) for line in talk.shown(Errored)] == [(True, False)]
    assert len(talk.words(CreateResponse)) == 1
    talk.says(done("resp_X"))
    assert len(talk.words(CreateResponse)) == 2
    talk.says(error("conversation_already_has_active_response", "... resp_Y ...", event_id=talk.asked.event_id))
    assert [line.expected for line in talk.shown(Errored)] == [True, False]
    assert talk.session.quiet


def test_an_error_alone_does_not_end_a_response() -> None:
    talk = Conversation()
    talk.says(*turn("u"), created("R"), error("server_error"))
    assert not talk.session.quiet
    talk.says(*spoken("R", "a", 100))
    assert len(talk.deeds(Play)) == 1


def test_a_failed_response_is_shown_and_the_talk_goes_on() -> None:
    talk = Conversation()
    details = {"type": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}}
    talk.says(*turn("u"), created("R"), done("R", "failed", status_details=details))
    assert talk.shown(Errored) == [Errored("rate_limit_exceeded", "Slow down.", fatal=False, raw=details)]
    assert talk.ended is None


def test_a_response_that_failed_for_lack_of_money_ends_the_talk() -> None:
    talk = Conversation()
    details = {"type": "failed", "error": {"code": "insufficient_quota", "message": "No money."}}
    talk.says(*turn("u"), done("R", "failed", status_details=details))
    assert talk.shown(Errored) == [Errored("insufficient_quota", "No money.", fatal=True, raw=details)]
    assert talk.ended == "refused"


def test_an_incomplete_reply_is_heard_to_its_end_and_a_warning() -> None:
    talk = Conversation()
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 100))
    talk.says(done("R", "incomplete", status_details={"reason": "content_filter"}))
    assert [line.code for line in talk.shown(Warned)] == ["incomplete"]
    talk.heard("a", 100)
    assert [line.heard_text for line in talk.shown(AssistantSaid)] == ["hello there"]


def test_a_word_that_is_not_the_protocols_is_an_error_and_the_talk_goes_on() -> None:
    talk = Conversation()
    talk.do(talk.session.misread, "Missing required parameter: 'item'.")
    assert talk.shown(Errored) == [Errored("protocol_error", "Missing required parameter: 'item'.", fatal=False)]
    assert talk.listens


def test_a_device_may_warn_the_person() -> None:
    talk = Conversation()
    talk.do(talk.session.warn, "overrun", "Sound was lost.")
    assert talk.shown(Warned) == [Warned("overrun", "Sound was lost.")]


def test_a_connection_that_never_stood_is_a_fatal_error_and_the_end() -> None:
    talk = Conversation(ready=False)
    talk.do(talk.session.gone, "no_connection", "Nobody there.", "lost", {"code": 1006})
    assert talk.did == [
        Show(Errored("no_connection", "Nobody there.", fatal=True, raw={"code": 1006})),
        Finish("lost"),
    ]


# ---- the end


def test_leaving_hushes_the_speaker_shows_what_is_left_and_finishes() -> None:
    talk = Conversation(WRITTEN)
    talk.says(*turn("u"), created("R"), words("R", "a", "hello"), sound("R", "a", 1000))
    talk.forget()
    talk.do(talk.session.leave, "interrupt")
    assert talk.did == [
        Hush(),
        Show(AssistantSaid("a", "hello", "", 0, interrupted=True, cut_by="end")),
        Finish("interrupt"),
    ]
    assert talk.session.stage is Stage.OVER


def test_leaving_in_silence_only_finishes() -> None:
    talk = Conversation()
    talk.do(talk.session.leave, "interrupt")
    assert talk.did == [Finish("interrupt")]


def test_after_the_end_nothing_happens_any_more() -> None:
    talk = Conversation(WRITTEN)
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 1000), began("v"))
    talk.do(talk.session.leave, "interrupt")
    talk.forget()
    talk.says(*turn("w"), sound("R", "a", 5), error("insufficient_quota"))
    talk.hushed("a", 10)
    talk.heard("a", 20)
    talk.types("hello")
    talk.answers("c")
    talk.do(talk.session.opened)
    talk.do(talk.session.leave, "goodbye")
    talk.do(talk.session.leave_when_quiet, "goodbye")
    talk.wait(1000.0)
    assert not talk.listens
    assert (talk.did, talk.sent) == ([], [])
    assert talk.session.next_deadline() is None
    assert not talk.session.quiet


def test_leaving_when_quiet_waits_for_the_last_word() -> None:
    talk = Conversation()
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 1000), done("R"))
    talk.do(talk.session.leave_when_quiet, "script_done")
    assert not talk.listens
    assert talk.ended is None
    talk.heard("a", 1000)
    assert talk.ended == "script_done"


def test_leaving_when_it_is_quiet_already_is_at_once() -> None:
    talk = Conversation()
    talk.do(talk.session.leave_when_quiet, "script_done")
    assert talk.did == [Finish("script_done")]


def test_the_last_words_of_the_person_are_waited_for_three_seconds() -> None:
    talk = Conversation(WRITTEN)
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 100, previous="u"), done("R"))
    talk.heard("a", 100)
    talk.do(talk.session.leave_when_quiet, "script_done")
    assert talk.session.next_deadline() == 3.0
    talk.wait(2.9)
    assert talk.ended is None
    talk.wait(0.1)
    assert talk.ended == "script_done"


def test_the_last_words_of_the_person_end_the_waiting() -> None:
    talk = Conversation(WRITTEN)
    talk.says(*turn("u"), created("R"), goodbye("R"), done("R"))
    talk.says(created("S", talk.asked), *spoken("S", "a", 100, previous="u"), done("S"))
    talk.heard("a", 100)
    assert talk.ended is None
    talk.says(written("u", "bye"))
    assert talk.ended == "goodbye"
    assert [type(line) for line in talk.lines()[-3:]] == [UserSaid, AssistantDelta, AssistantSaid]


def test_a_person_who_speaks_while_their_last_words_are_waited_for_is_not_cut_off() -> None:
    talk = Conversation(WRITTEN)
    talk.says(*turn("u"), created("R"), *spoken("R", "a", 100, previous="u"), done("R"))
    talk.heard("a", 100)
    talk.do(talk.session.leave_when_quiet, "script_done")
    talk.says(began("v"))
    talk.wait(20.0)
    assert talk.ended is None


def test_a_reply_that_begins_while_the_last_words_are_waited_for_is_heard_to_its_end() -> None:
    talk = Conversation(WRITTEN)
    talk.says(*turn("u"), created("R"), done("R"))
    talk.do(talk.session.leave_when_quiet, "script_done")
    talk.says(created("S"), *spoken("S", "a", 5000, previous="u"), done("S"))
    talk.wait(4.0)
    assert talk.ended is None
    talk.heard("a", 5000)
    assert talk.ended == "script_done"


def test_the_waits_are_settings() -> None:
    waits = Timeouts(
        created_s=1.0, updated_s=2.0, response_created_s=3.0, reply_s=4.0, transcript_s=5.0, farewell_s=6.0
    )
    talk = Conversation(Settings(timeouts=waits, transcription_model="w"), ready=False)
    talk.do(talk.session.opened)
    assert talk.session.next_deadline() == 1.0
    talk.says(said.SessionCreated({}))
    assert talk.session.next_deadline() == 2.0
    talk.says(said.SessionUpdated({}))
    assert talk.session.next_deadline() is None
    talk.types("hello")
    assert talk.session.next_deadline() == 3.0
    talk.says(created("R", talk.asked))
    assert talk.session.next_deadline() == 4.0
    talk.says(done("R"), said.AudioCommitted("u"), done("R"))
    assert talk.session.next_deadline() == 4.0
    talk.says(created("S"), done("S"))
    assert talk.session.next_deadline() == 5.0
    talk.do(talk.session.leave_when_quiet, "script_done")
    talk.wait(5.0)
    assert talk.session.next_deadline() == 6.0


def test_the_example_of_the_style_guide_holds() -> None:
    session = Session(Settings())
    one_second = silence(1000)
    session.receive(said.AudioDelta("item_1", one_second))
    session.heard("item_1", ms=380)
    session.receive(said.SpeechStarted("item_2", audio_start_ms=0))
    assert session.to_world() == [Play("item_1", one_second), Hush(), Show(SpeechBegan("item_2", 0))]
    session.hushed("item_1", ms=400)
    assert session.to_server() == [TruncateItem("item_1", heard_ms=400)]
    assert session.to_world() == [
        Show(Interrupted("item_1", 400)),
        Show(Truncated("item_1", 400)),
        Show(AssistantSaid("item_1", "", "", 400, interrupted=True, cut_by="person")),
    ]


def test_the_microphone_is_heard_block_by_block_and_in_order() -> None:
    talk = Conversation()
    talk.do(talk.session.hear, b"\1\0")
    talk.do(talk.session.hear, b"\2\0")
    assert talk.sent == [AppendAudio(b"\1\0"), AppendAudio(b"\2\0")]


def test_a_truncation_the_server_confirms_or_refuses_is_no_news() -> None:
    talk = Conversation()
    talk.says(created("R"), words("R", "a", "hello"), sound("R", "a", 1000), began("v"))
    talk.hushed("a", 300)
    talk.says(error(None, "Audio content of 200ms is already shorter than 300ms"), said.ItemTruncated("a", 300))
    assert [line.audio_end_ms for line in talk.shown(Truncated)] == [300]
    assert [line.expected for line in talk.shown(Errored)] == [True]
    talk.says(item_done("R", "a", "incomplete"), done("R", "cancelled"))
    assert len(talk.words(TruncateItem)) == 1

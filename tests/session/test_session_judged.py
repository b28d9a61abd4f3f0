"""A barge-in that can be taken back: a sound over a reply makes it quieter; only speech cuts it, here and at the server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.session.conversation import (
    Conversation,
    began,
    begins,
    called,
    created,
    done,
    goodbye,
    item_done,
    sound,
    spoken,
    turn,
    words,
    written,
)

from vivavoce.events import server as said
from vivavoce.events.client import (
    AppendAudio,
    CancelResponse,
    CreateResponse,
    DeleteItem,
    TruncateItem,
    UpdateSession,
)
from vivavoce.session.bargein import HELD, LOW, Judged
from vivavoce.session.effects import Duck, Hush, Play
from vivavoce.session.floor import Floor
from vivavoce.session.happenings import (
    AssistantSaid,
    Ducked,
    Interrupted,
    Restored,
    SpeechBegan,
    SpeechEnded,
    UserSaid,
    Warned,
)
from vivavoce.session.settings import Settings, Timeouts

OURS = Settings(confirm_barge_in=True, transcription_model="t", timeouts=Timeouts(stall_s=None))
SOUND, SPEECH, NOTHING = Judged.SOUND, Judged.SPEECH, Judged.NOTHING


def ready(settings: Settings = OURS) -> Conversation:
    return Conversation(settings)


def judges(talk: Conversation, *verdicts: Judged) -> None:
    for verdict in verdicts:
        talk.do(talk.session.judged, verdict)


def speaking(settings: Settings = OURS) -> Conversation:
    """Reply `a` of response R is being heard: 300 of 2000 ms."""
    talk = ready(settings)
    talk.says(*turn("u"), written("u", "hello"))
    talk.says(created("R", talk.asked), *begins("R", "a", "u"), words("R", "a", "one two three"), sound("R", "a", 2000))
    talk.heard("a", 300)
    talk.forget()
    return talk


def coughed(talk: Conversation, item: str = "c", previous: str = "a") -> None:
    """The server takes a cough for a turn."""
    talk.says(*turn(item, previous))


def test_the_server_is_asked_neither_to_cut_nor_to_answer() -> None:
    detection = OURS.as_session()["audio"]["input"]["turn_detection"]
    assert (detection["create_response"], detection["interrupt_response"]) == (False, False)


def test_a_turn_in_silence_is_answered_because_we_ask_for_it_once() -> None:
    talk = ready()
    talk.says(began("u"), said.SpeechStopped("u", 900))
    assert talk.words(CreateResponse) == []
    assert talk.session.floor is Floor.THINKING
    talk.says(said.AudioCommitted("u", None), said.AudioCommitted("u", None))
    assert len(talk.words(CreateResponse)) == 1


def test_a_sound_over_a_reply_makes_it_quieter_and_cuts_nothing() -> None:
    talk = speaking()
    judges(talk, SOUND)
    assert talk.did[0] == Duck(LOW)
    assert talk.shown(Ducked) == [Ducked()]
    assert talk.sent == []


def test_a_sound_that_was_nothing_leaves_the_conversation_as_it_was() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    assert talk.deeds(Duck) == [Duck(LOW), Duck(1.0)]
    assert talk.shown(Restored) == [Restored()]
    coughed(talk)
    talk.says(said.ItemDone({"id": "c", "type": "message", "role": "user"}, "a"), written("c", "you"))
    assert talk.sent == [DeleteItem("c")]
    assert talk.deeds(Hush) == []
    assert not talk.shown(SpeechBegan)
    assert not talk.shown(UserSaid)
    talk.says(item_done("R", "a"), done("R"))
    talk.heard("a", 2000)
    assert talk.shown(AssistantSaid) == [AssistantSaid("a", "one two three", "one two three", 2000, interrupted=False)]
    assert talk.session.quiet
    assert talk.words(CreateResponse) == []


@pytest.mark.parametrize("verdict_first", [True, False])
def test_a_cough_that_the_server_hears_before_or_after_its_verdict_is_deleted_once(verdict_first: bool) -> None:
    talk = speaking()
    judges(talk, SOUND)
    if verdict_first:
        judges(talk, NOTHING)
        coughed(talk)
    else:
        coughed(talk)
        assert talk.sent == []
        judges(talk, NOTHING)
    assert talk.sent == [DeleteItem("c")]


def test_speech_over_a_reply_hushes_it_and_the_server_is_told_what_was_heard() -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.forget()
    judges(talk, SPEECH)
    assert talk.did == [Hush(), Duck(1.0)]
    assert talk.sent == [CancelResponse("R")]
    talk.hushed("a", 420)
    assert talk.words(TruncateItem) == [TruncateItem("a", 420)]
    assert talk.shown(Interrupted) == [Interrupted("a", 420)]
    assert talk.shown(Restored) == []


def test_the_turn_that_cut_a_reply_is_answered_and_nothing_is_cancelled_twice() -> None:
    talk = speaking()
    judges(talk, SOUND, SPEECH)
    talk.says(began("v"), done("R", "cancelled"))
    talk.hushed("a", 420)
    talk.says(*turn("v", "a")[1:])
    assert talk.words(CancelResponse) == [CancelResponse("R")]
    assert talk.shown(SpeechBegan) == [SpeechBegan("v", 100)]
    assert len(talk.words(CreateResponse)) == 1
    assert talk.words(DeleteItem) == []


@pytest.mark.parametrize("upto", [1, 2, 4])
def test_a_turn_that_was_kept_back_is_told_in_order_once_it_is_speech(upto: int) -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.says(*turn("v", "a")[:upto])
    assert talk.lines() == [Ducked()]
    judges(talk, SPEECH)
    talk.says(*turn("v", "a")[upto:])
    assert [*talk.shown(SpeechBegan), *talk.shown(SpeechEnded)] == [SpeechBegan("v", 100), SpeechEnded("v", 900)]
    talk.hushed("a", 420)
    talk.says(done("R", "cancelled"), written("v", "stop"))
    assert [line.text for line in talk.shown(UserSaid)] == ["stop"]
    assert len(talk.words(CreateResponse)) == 1


def test_a_sound_that_is_not_judged_soon_holds_the_reply_and_in_the_end_cuts_it() -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.wait(0.2)
    assert talk.deeds(Duck) == [Duck(LOW), Duck(HELD)]
    assert talk.deeds(Hush) == []
    talk.wait(1.6)
    assert talk.deeds(Hush) == [Hush()]
    assert talk.sent == [CancelResponse("R")]


def test_a_reply_that_was_held_goes_on_when_it_was_nothing() -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.wait(0.3)
    judges(talk, NOTHING)
    assert talk.deeds(Duck) == [Duck(LOW), Duck(HELD), Duck(1.0)]
    talk.wait(5)
    assert talk.sent == []
    assert talk.deeds(Hush) == []


def test_what_only_the_server_takes_for_speech_over_a_reply_is_believed_after_a_while() -> None:
    talk = speaking()
    talk.says(began("v"))
    assert talk.did == []
    talk.wait(0.6)
    assert talk.deeds(Hush) == [Hush()]
    assert talk.shown(SpeechBegan) == [SpeechBegan("v", 100)]
    assert talk.sent == [CancelResponse("R")]


def test_what_only_the_server_hears_waits_for_the_verdict_where_a_sound_begins_meanwhile() -> None:
    talk = speaking()
    talk.says(began("v"))
    judges(talk, SOUND)
    talk.wait(0.6)
    assert talk.deeds(Hush) == []
    judges(talk, NOTHING)
    talk.says(*turn("v", "a")[1:])
    assert talk.sent == [DeleteItem("v")]


def test_words_after_a_cough_in_one_turn_of_the_server_are_speech() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.says(began("v"))
    judges(talk, SOUND, SPEECH)
    assert talk.deeds(Hush) == [Hush()]
    assert talk.shown(SpeechBegan) == [SpeechBegan("v", 100)]


def test_an_old_cough_does_not_explain_what_the_server_hears_now() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.wait(2)
    talk.says(began("v"))
    talk.wait(0.6)
    assert talk.deeds(Hush) == [Hush()]


def test_a_turn_whose_reply_ended_meanwhile_is_an_ordinary_turn() -> None:
    talk = speaking()
    talk.says(began("v"), item_done("R", "a"), done("R"))
    talk.heard("a", 2000)
    assert talk.shown(SpeechBegan) == [SpeechBegan("v", 100)]
    assert talk.session.floor is Floor.LISTENING


def test_a_reply_that_ends_while_it_is_quieter_leaves_the_next_one_loud() -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.says(item_done("R", "a"), done("R"))
    talk.heard("a", 2000)
    assert talk.deeds(Duck) == [Duck(LOW), Duck(1.0)]
    assert not talk.session.quiet
    judges(talk, NOTHING)
    assert talk.session.quiet


def test_sounds_where_there_is_nothing_to_interrupt_do_nothing() -> None:
    talk = ready()
    judges(talk, SOUND, NOTHING, SOUND, SPEECH)
    assert (talk.did, talk.sent) == ([], [])
    talk.says(began("u"))
    assert talk.shown(SpeechBegan) == [SpeechBegan("u", 100)]


def test_a_reply_that_is_still_thought_of_is_cut_by_speech_and_not_by_a_cough() -> None:
    talk = ready()
    talk.says(*turn("u"))
    talk.says(created("R", talk.asked))
    talk.forget()
    judges(talk, SOUND, NOTHING)
    coughed(talk, previous="u")
    assert talk.sent == [DeleteItem("c")]
    judges(talk, SOUND, SPEECH)
    assert talk.words(CancelResponse) == []  # the server's word follows; else the answer would be lost for a noise
    talk.says(began("v"))
    assert talk.words(CancelResponse) == [CancelResponse("R")]
    talk.says(sound("R", "a", 1000))
    assert talk.deeds(Play) == []


def test_a_cough_while_a_function_runs_does_not_cost_its_answer() -> None:
    talk = ready()
    talk.says(*turn("u"), written("u", "hello"))
    talk.says(created("R", talk.asked), called("R", "c1"), done("R"))
    talk.forget()
    judges(talk, SOUND, NOTHING)
    coughed(talk, previous="u")
    talk.answers("c1")
    assert talk.words(DeleteItem) == [DeleteItem("c")]
    assert len(talk.words(CreateResponse)) == 1


def test_a_typed_turn_over_a_doubtful_sound_cuts_the_reply_and_the_next_one_is_loud() -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.types("stop")
    assert talk.deeds(Duck) == [Duck(LOW), Duck(1.0)]
    judges(talk, NOTHING)
    assert talk.shown(Restored) == []


def test_a_server_that_answers_by_itself_whatever_it_was_asked_cuts_by_itself() -> None:
    talk = Conversation(OURS, ready=False)
    talk.do(talk.session.opened)
    echo = {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": True}}}}
    talk.says(said.SessionCreated({"id": "s"}), said.SessionUpdated({"id": "s", **echo}))
    talk.says(*turn("u"), created("R"), *begins("R", "a", "u"), sound("R", "a", 1000))
    talk.heard("a", 100)
    talk.forget()
    judges(talk, SOUND, SPEECH)
    assert (talk.did, talk.sent) == ([], [])
    talk.says(began("v"))
    assert talk.did[0] == Hush()
    assert talk.words(CreateResponse) == []


def test_a_server_that_keeps_its_own_turn_taking_answers_by_itself() -> None:
    talk = Conversation(OURS, ready=False)
    talk.do(talk.session.opened)
    refusal = {"code": "unknown_parameter", "param": "session.audio.input.turn_detection.create_response"}
    talk.says(said.SessionCreated({"id": "s"}), said.ServerError({"type": "invalid_request_error", **refusal}))
    assert "turn_detection" not in talk.words(UpdateSession)[-1].session["audio"]["input"]
    talk.says(said.SessionUpdated({"id": "s"}), *turn("u"))
    assert talk.words(CreateResponse) == []


def test_speech_is_heard_though_the_connection_is_lost() -> None:
    talk = speaking()
    talk.do(talk.session.gone, "lost", "gone", "lost")
    talk.forget()
    judges(talk, SOUND, SPEECH)
    assert [deed for deed in talk.did if isinstance(deed, Duck | Hush)] == [Duck(LOW), Hush(), Duck(1.0)]


def test_a_turn_that_was_kept_back_is_lost_with_its_connection_and_its_sound_is_said_again() -> None:
    talk = speaking()
    talk.do(talk.session.hear, b"\1\0" * 24_000)
    judges(talk, SOUND)
    talk.says(began("v"))
    talk.do(talk.session.gone, "lost", "gone", "lost")
    judges(talk, SPEECH)
    assert talk.shown(SpeechBegan) == []
    talk.hushed("a", 420)
    talk.forget()
    talk.do(talk.session.opened)
    talk.says(said.SessionCreated({"id": "s2"}), said.SessionUpdated({"id": "s2"}))
    assert sum(len(word.audio) for word in talk.words(AppendAudio)) == 48_000


def test_goodbye_is_not_interrupted_by_a_sound() -> None:
    talk = speaking()
    talk.do(talk.session.leave_when_quiet, "goodbye")
    judges(talk, SOUND, SPEECH)
    assert (talk.did, talk.sent) == ([], [])


def test_a_reply_cut_after_several_items_hears_of_each_word_once() -> None:
    talk = ready()
    talk.says(*turn("u"), written("u", "hello"))
    talk.says(created("R", talk.asked), *spoken("R", "a", 500), *spoken("R", "b", 500), done("R"))
    talk.heard("a", 500)
    talk.forget()
    judges(talk, SOUND, SPEECH)
    talk.hushed("b", 100)
    assert talk.sent == [TruncateItem("b", 100)]
    assert talk.words(CancelResponse) == []


def test_words_of_items_that_are_nobodys_turn_pass() -> None:
    talk = speaking()
    talk.says(said.ItemAdded({"type": "message"}, None), said.ItemAdded({"id": "x", "type": "function_call"}, None))
    assert talk.sent == []


def test_a_sound_in_a_turn_that_was_kept_back_is_judged_though_the_reply_has_ended() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.says(began("v"), item_done("R", "a"), done("R"))
    talk.heard("a", 2000)
    assert talk.shown(SpeechBegan) == []
    judges(talk, SOUND)
    assert len(talk.deeds(Duck)) == 2
    judges(talk, SPEECH)
    assert talk.shown(SpeechBegan) == [SpeechBegan("v", 100)]


@pytest.mark.parametrize("wait_s", [0, 3])
def test_a_cough_that_the_server_is_long_in_telling_of_is_deleted_when_it_has_it_and_once(wait_s: float) -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.says(*turn("c", "a")[:2])
    talk.wait(wait_s)
    judges(talk, SOUND, SPEECH)
    assert talk.shown(SpeechBegan) == []
    assert talk.words(DeleteItem) == []
    talk.says(said.AudioCommitted("c", "a"), said.AudioCommitted("c", "a"))
    assert talk.words(DeleteItem) == [DeleteItem("c")]


def test_the_end_of_a_turn_under_another_name_ends_the_turn_whatever_was_judged_meanwhile() -> None:
    talk = ready()
    talk.says(began("u"), created("R"), *begins("R", "a"), sound("R", "a", 1000))
    judges(talk, SOUND, NOTHING)
    talk.says(said.SpeechStopped("other", 900))
    assert talk.session.floor is not Floor.LISTENING


# ---- orders of events that a review found


def lose_and_come_back(talk: Conversation) -> None:
    talk.do(talk.session.gone, "lost", "gone", "lost")
    talk.do(talk.session.opened)
    talk.says(said.SessionCreated({"id": "s2"}), said.SessionUpdated({"id": "s2"}))


def test_a_question_that_is_said_again_after_a_loss_is_no_barge_in() -> None:
    talk = ready()
    talk.do(talk.session.hear, b"\1\0" * 24_000)
    talk.says(*turn("u"))
    talk.says(created("R", talk.asked))
    lose_and_come_back(talk)
    talk.forget()
    judges(talk, SOUND, NOTHING)
    talk.says(began("u2"))
    assert talk.words(CreateResponse) == []
    talk.says(*turn("u2")[1:])
    assert len(talk.words(CreateResponse)) == 1
    assert talk.words(DeleteItem) == []


def test_the_verdict_on_a_turn_that_has_ended_already_does_not_cancel_its_answer() -> None:
    talk = ready()
    judges(talk, SOUND)
    talk.says(began("u"), said.SpeechStopped("u", 300))
    judges(talk, SPEECH)
    talk.says(said.AudioCommitted("u", None))
    assert len(talk.words(CreateResponse)) == 1
    judges(talk, SPEECH)
    assert talk.words(CancelResponse) == []


def test_words_long_after_a_cough_in_a_turn_that_the_server_never_ended_are_heard() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.says(began("v"))
    talk.wait(1.5)
    judges(talk, SOUND, SPEECH)
    talk.hushed("a", 420)
    talk.says(done("R", "cancelled"), *turn("v", "a")[1:], written("v", "please stop"))
    assert [line.text for line in talk.shown(UserSaid)] == ["please stop"]
    assert len(talk.words(CreateResponse)) == 1


def test_what_the_server_goes_on_hearing_long_after_a_cough_is_believed() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.says(began("v"))
    talk.wait(1.9)
    assert talk.deeds(Hush) == []
    talk.wait(0.2)
    assert talk.deeds(Hush) == [Hush()]


def test_a_server_that_judges_from_the_words_is_given_longer() -> None:
    talk = speaking(replace(OURS, semantic=True))
    judges(talk, SOUND, NOTHING)
    talk.says(began("c"))
    talk.wait(8)
    talk.says(*turn("c", "a")[1:])
    assert talk.sent == [DeleteItem("c")]


def test_a_cough_before_new_words_is_not_taken_for_them() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.says(*turn("c", "a")[:2])
    judges(talk, SOUND)
    talk.says(said.AudioCommitted("c", "a"))
    judges(talk, SPEECH)
    assert talk.shown(SpeechBegan) == []
    assert talk.words(DeleteItem) == [DeleteItem("c")]


def test_a_cough_around_the_goodbye_does_not_cut_the_farewell() -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.says(goodbye("R"))
    judges(talk, NOTHING)
    assert talk.deeds(Duck) == [Duck(LOW), Duck(1.0)]
    talk.wait(2)
    assert talk.deeds(Hush) == []


def test_a_talk_does_not_end_while_a_turn_is_in_doubt() -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.says(began("v"), goodbye("R"), item_done("R", "a"), done("R"))
    talk.heard("a", 2000)
    talk.answers("bye")
    assert talk.ended is None
    judges(talk, SPEECH)
    assert talk.shown(SpeechBegan) == [SpeechBegan("v", 100)]


def test_a_cough_whose_doubt_a_typed_turn_ended_is_deleted_all_the_same() -> None:
    talk = speaking()
    judges(talk, SOUND)
    coughed(talk)
    talk.types("stop")
    judges(talk, NOTHING)
    assert talk.words(DeleteItem) == [DeleteItem("c")]


def test_a_detector_that_begins_again_and_again_holds_nothing_for_ever() -> None:
    talk = speaking()
    for _ in range(7):
        judges(talk, SOUND)
        talk.wait(0.3)
    assert talk.deeds(Hush) == [Hush()]


def test_a_server_that_answers_a_turn_before_it_is_asked_answers_by_itself_from_then_on() -> None:
    talk = ready()
    talk.says(began("u"), said.SpeechStopped("u", 900), created("R"), said.AudioCommitted("u", None))
    talk.says(*spoken("R", "a", 300), done("R"))
    talk.heard("a", 300)
    assert talk.words(CreateResponse) == []
    judges(talk, SOUND, SPEECH)
    assert talk.deeds(Duck) == []


def test_a_cough_is_not_said_again_to_the_next_connection() -> None:
    talk = speaking()
    talk.do(talk.session.hear, b"\1\0" * 24_000)
    judges(talk, SOUND)
    talk.says(began("c"))
    judges(talk, NOTHING)
    talk.says(done("R"))
    talk.forget()
    lose_and_come_back(talk)
    assert not talk.session._state.continuity.kept.open or talk.session._state.continuity.kept.rehearing
    assert sum(len(word.audio) for word in talk.words(AppendAudio)) <= 48_000


def test_a_late_word_of_a_dismissed_turn_opens_nothing() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    coughed(talk)
    talk.says(began("c"))
    assert not talk.session._state.continuity.kept.open


def test_a_turn_of_which_only_the_commit_is_told_is_deleted_at_once() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.says(said.ItemAdded({"id": "c", "type": "message", "role": "user", "content": []}, "a"))
    talk.says(said.AudioCommitted("c", "a"))
    assert talk.words(DeleteItem) == [DeleteItem("c")]
    talk.says(item_done("R", "a"), done("R"))
    talk.heard("a", 2000)
    assert talk.shown(AssistantSaid) == [AssistantSaid("a", "one two three", "one two three", 2000, interrupted=False)]


def test_a_doubt_ends_where_the_next_server_decides_by_itself() -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.do(talk.session.gone, "lost", "gone", "lost")
    talk.do(talk.session.opened)
    echo = {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": True}}}}
    talk.says(said.SessionCreated({"id": "s2"}), said.SessionUpdated({"id": "s2", **echo}))
    assert talk.deeds(Duck) == [Duck(LOW), Duck(1.0)]


def test_of_many_turns_only_the_last_are_remembered() -> None:
    talk = ready()
    for number in range(70):
        talk.says(*turn(f"u{number}"))
        judges(talk, SOUND, NOTHING)
    assert len(talk.session._state.barge_in._past) == 64


def test_a_reply_that_was_cut_for_nobody_is_taken_up_again() -> None:
    talk = speaking()
    judges(talk, SOUND, SPEECH)
    talk.hushed("a", 420)
    talk.says(done("R", "cancelled"))
    talk.wait(1.9)
    assert talk.words(CreateResponse) == []
    assert talk.shown(Warned) == []
    talk.wait(0.2)
    assert len(talk.words(CreateResponse)) == 1
    assert [warning.code for warning in talk.shown(Warned)] == ["nobody_spoke"]


@pytest.mark.parametrize("by", ["turn", "typed", "loss", "loss before", "goodbye"])
def test_a_reply_that_was_cut_for_somebody_is_not(by: str) -> None:
    talk = speaking()
    if by == "loss before":
        talk.do(talk.session.gone, "lost", "gone", "lost")
    judges(talk, SOUND, SPEECH)
    talk.hushed("a", 420)
    talk.says(done("R", "cancelled"))
    match by:
        case "turn":
            talk.says(began("v"))
        case "typed":
            talk.types("go on")
        case "goodbye":
            talk.do(talk.session.leave_when_quiet, "goodbye")
        case "loss":
            talk.do(talk.session.gone, "lost", "gone", "lost")
    talk.forget()
    talk.wait(3)
    assert talk.words(CreateResponse) == []
    assert "nobody_spoke" not in [warning.code for warning in talk.shown(Warned)]


# ---- a detector that is in doubt again and again; sounds that are not a turn's own


def test_a_turn_that_goes_on_is_believed_though_the_detector_takes_it_for_one_cough_after_the_other() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.says(began("v"))
    for _ in range(3):
        judges(talk, SOUND)
        talk.wait(0.3)
        judges(talk, NOTHING)
        talk.wait(0.3)
    assert talk.deeds(Hush) == []
    judges(talk, SOUND)
    talk.wait(0.3)
    assert talk.deeds(Hush) == [Hush()]
    assert talk.shown(SpeechBegan) == [SpeechBegan("v", 100)]
    judges(talk, NOTHING)
    talk.says(*turn("v", "a")[1:])
    assert talk.words(DeleteItem) == []


def test_a_turn_that_began_in_doubt_counts_from_the_first_time_that_it_was_nothing() -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.says(began("v"))
    talk.wait(1)
    judges(talk, NOTHING)
    talk.wait(1.9)
    judges(talk, SOUND)
    assert talk.deeds(Hush) == []
    talk.wait(0.11)
    assert talk.deeds(Hush) == [Hush()]


def test_one_cough_after_the_other_and_quiet_behind_them_is_dismissed() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.says(began("c"))
    talk.wait(1.5)
    judges(talk, SOUND)
    talk.says(*turn("c", "a")[1:])
    talk.wait(1)
    judges(talk, NOTHING)
    assert talk.deeds(Hush) == []
    assert talk.sent == [DeleteItem("c")]


def test_a_server_that_judges_from_the_words_is_given_longer_whatever_is_in_doubt() -> None:
    talk = speaking(replace(OURS, semantic=True))
    judges(talk, SOUND, NOTHING)
    talk.says(began("v"))
    for _ in range(9):
        judges(talk, SOUND, NOTHING)
        talk.wait(1)
    judges(talk, SOUND)
    assert talk.deeds(Hush) == []
    talk.wait(1.1)
    assert talk.deeds(Hush) == [Hush()]


@pytest.mark.parametrize(
    ("judged_after_s", "wait_s", "own"), [(0.3, 1.1, True), (0.3, 1.3, False), (1.4, 0.9, True), (1.4, 1.0, False)]
)
def test_a_turn_long_after_a_sound_was_last_there_is_not_its_own(
    judged_after_s: float, wait_s: float, own: bool
) -> None:
    talk = speaking()
    judges(talk, SOUND)
    talk.wait(judged_after_s)
    judges(talk, NOTHING)
    talk.wait(wait_s)
    talk.says(began("v"))
    talk.wait(0.6)
    assert talk.deeds(Hush) == ([] if own else [Hush()])


def test_what_only_the_server_heard_is_believed_in_time_though_another_sound_is_in_doubt() -> None:
    talk = speaking()
    talk.says(*turn("v", "a"))
    talk.wait(0.4)
    judges(talk, SOUND)
    talk.wait(0.2)
    assert talk.deeds(Hush) == [Hush()]
    assert talk.shown(SpeechBegan) == [SpeechBegan("v", 100)]


def test_a_cough_that_the_server_never_had_makes_nothing_of_a_turn_that_goes_on() -> None:
    talk = speaking()
    judges(talk, SOUND, NOTHING)
    talk.says(began("c"), said.SpeechStopped("c", 300))
    talk.wait(1.4)
    talk.says(began("v"))
    talk.wait(1.9)
    assert talk.deeds(Hush) == []
    talk.wait(0.2)
    assert talk.shown(SpeechBegan) == [SpeechBegan("v", 100)]
    assert talk.deeds(Hush) == [Hush()]

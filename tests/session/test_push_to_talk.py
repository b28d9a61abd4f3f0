"""The person says when a turn begins and when it ends."""

from __future__ import annotations

from tests.session.conversation import Conversation, created, done, spoken, written
from tests.session.test_session_continuity import come_back, lose, loud, told

from vivavoce.events import server as said
from vivavoce.events.client import (
    AppendAudio,
    CancelResponse,
    ClearAudio,
    ClientEvent,
    CommitAudio,
    CreateResponse,
    TruncateItem,
)
from vivavoce.session.button import Button
from vivavoce.session.effects import Hush
from vivavoce.session.floor import Floor
from vivavoce.session.happenings import SpeechBegan, SpeechEnded, UserSaid, Warned
from vivavoce.session.settings import Settings

PRESSED = Settings(transcription_model="w", push_to_talk=True)


def kinds(talk: Conversation) -> list[type[ClientEvent]]:
    return [type(word) for word in talk.sent]


def press(talk: Conversation, ms: int = 500, value: int = 7) -> None:
    talk.do(talk.session.press)
    talk.do(talk.session.hear, loud(ms, value))


def a_turn(talk: Conversation, number: int = 1) -> None:
    press(talk)
    talk.do(talk.session.release)
    talk.says(said.AudioCommitted(f"u{number}"), written(f"u{number}", "Hello?"), created(f"R{number}", talk.asked))
    talk.says(*spoken(f"R{number}", f"a{number}", 1000, "hi"), done(f"R{number}"))


def test_the_server_is_told_to_detect_nothing() -> None:
    assert PRESSED.as_session()["audio"]["input"]["turn_detection"] is None


def test_only_what_is_said_while_it_is_pressed_is_sent_and_then_it_is_committed_and_answered() -> None:
    talk = Conversation(PRESSED)
    talk.do(talk.session.hear, loud(500, 1))
    assert talk.sent == []
    press(talk)
    assert talk.session.pressed
    assert talk.session.floor is Floor.LISTENING
    talk.do(talk.session.release)
    assert not talk.session.pressed
    assert kinds(talk) == [AppendAudio, CommitAudio, CreateResponse]
    assert talk.words(AppendAudio) == [AppendAudio(loud(500, 7))]
    talk.do(talk.session.hear, loud(500, 1))
    assert len(talk.words(AppendAudio)) == 1
    talk.says(said.AudioCommitted("u1"), written("u1", "Hello?"), created("R1", talk.asked))
    talk.says(*spoken("R1", "a1", 100), done("R1"))
    talk.heard("a1", 100)
    assert [line.text for line in talk.shown(UserSaid)] == ["Hello?"]
    assert (len(talk.shown(SpeechBegan)), len(talk.shown(SpeechEnded))) == (1, 1)
    assert len(talk.words(CreateResponse)) == 1
    assert talk.session.quiet


def test_less_than_a_tenth_of_a_second_is_no_turn_and_nothing_of_it_is_left() -> None:
    talk = Conversation(PRESSED)
    press(talk, 99)
    talk.do(talk.session.release)
    assert kinds(talk) == [AppendAudio, ClearAudio]
    assert [line.code for line in talk.shown(Warned)] == ["too_short"]
    assert talk.session.quiet
    press(talk, 100)
    talk.do(talk.session.release)
    assert kinds(talk)[-2:] == [CommitAudio, CreateResponse]


def test_a_press_interrupts_the_reply_where_it_was_heard() -> None:
    talk = Conversation(PRESSED)
    a_turn(talk)
    talk.heard("a1", 300)
    talk.forget()
    talk.do(talk.session.press)
    assert talk.deeds(Hush) == [Hush()]
    talk.hushed("a1", 400)
    assert talk.words(TruncateItem) == [TruncateItem("a1", 400)]


def test_a_press_cancels_a_reply_that_has_not_begun() -> None:
    talk = Conversation(PRESSED)
    press(talk)
    talk.do(talk.session.release)
    talk.says(said.AudioCommitted("u1"), created("R1", talk.asked))
    talk.do(talk.session.press)
    assert talk.words(CancelResponse) == [CancelResponse("R1")]


def test_a_second_press_and_a_release_without_one_change_nothing() -> None:
    talk = Conversation(PRESSED)
    talk.do(talk.session.release)
    press(talk)
    talk.do(talk.session.press)
    assert len(talk.shown(SpeechBegan)) == 1
    talk.do(talk.session.leave, "interrupt")
    talk.do(talk.session.release)
    talk.do(talk.session.press)
    assert len(talk.shown(SpeechEnded)) == 0


def test_a_press_before_anything_is_agreed_is_none() -> None:
    talk = Conversation(PRESSED, ready=False)
    talk.do(talk.session.press)
    assert not talk.session.pressed


def test_a_turn_that_is_being_said_when_the_connection_is_lost_is_said_whole_to_the_next_one() -> None:
    talk = Conversation(PRESSED)
    press(talk, 500, 5)
    lose(talk)
    talk.do(talk.session.hear, loud(200, 6))
    talk.forget()
    come_back(talk)
    talk.do(talk.session.hear, loud(100, 7))
    talk.do(talk.session.release)
    assert b"".join(word.audio for word in talk.words(AppendAudio)) == loud(500, 5) + loud(200, 6) + loud(100, 7)
    assert kinds(talk)[-2:] == [CommitAudio, CreateResponse]


def test_a_turn_that_ended_during_the_outage_is_told_as_sound_and_answered() -> None:
    talk = Conversation(PRESSED)
    lose(talk)
    press(talk)
    talk.do(talk.session.release)
    talk.forget()
    come_back(talk)
    assert told(talk) == [("user", "(sound)")]
    assert talk.words(AppendAudio) == []
    assert len(talk.words(CreateResponse)) == 1


def test_a_turn_that_was_on_its_way_when_the_connection_was_lost_is_told_as_sound_and_answered() -> None:
    talk = Conversation(PRESSED)
    press(talk)
    talk.do(talk.session.release)
    lose(talk)
    talk.forget()
    come_back(talk)
    assert told(talk) == [("user", "(sound)")]
    assert len(talk.words(CreateResponse)) == 1


def test_a_turn_whose_words_were_not_known_yet_is_told_as_sound_and_answered() -> None:
    talk = Conversation(PRESSED)
    press(talk)
    talk.do(talk.session.release)
    talk.says(said.AudioCommitted("u1"), created("R1", talk.asked))
    lose(talk)
    talk.forget()
    come_back(talk)
    assert told(talk) == [("user", "(sound)")]
    assert len(talk.words(CreateResponse)) == 1
    assert talk.words(AppendAudio) == []


def test_a_turn_that_is_too_short_in_the_outage_is_none() -> None:
    talk = Conversation(PRESSED)
    lose(talk)
    press(talk, 50)
    talk.do(talk.session.release)
    talk.forget()
    come_back(talk)
    assert told(talk) == []
    assert talk.words(CreateResponse) == []
    assert talk.session.quiet


def test_a_button_counts_from_its_press() -> None:
    button = Button()
    button.press()
    button.hear(4_800)
    assert button.release()
    button.press()
    assert not button.release()

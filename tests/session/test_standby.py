"""A second connection, made ready beside the one in use."""

from __future__ import annotations

from tests.session.conversation import error

from vivavoce.events import server as said
from vivavoce.events.client import CreateItem, UpdateSession
from vivavoce.session.happenings import UserSaid
from vivavoce.session.history import History
from vivavoce.session.opening import Opening
from vivavoce.session.settings import Settings
from vivavoce.session.standby import Standby


def standing() -> tuple[Standby, History]:
    """A connection that stands, of a talk in which one line was said."""
    history = History(1_000)
    history.saw(UserSaid("u1", "Hello?"))
    standby = Standby(Opening(Settings(voice="marin")), history)
    standby.opened(1_000_000.0, 5.0)
    return standby, history


def test_it_is_told_the_settings_then_what_was_said_so_far() -> None:
    standby, history = standing()
    assert standby.opening.opened_unix_s == 1_000_000.0
    standby.receive(said.SessionCreated({"id": "sess_2"}), 6.0)
    assert [type(word) for word in standby.to_server()] == [UpdateSession]
    assert not standby.ready
    standby.receive(said.SessionUpdated({"id": "sess_2"}), 6.0)
    assert [type(word) for word in standby.to_server()] == [CreateItem]
    assert standby.to_server() == []
    assert standby.ready
    assert standby.session_id == "sess_2"
    assert standby.told == history.end


def test_its_words_count_once() -> None:
    standby, history = standing()
    for _ in range(2):
        standby.receive(said.SessionCreated({}), 6.0)
    assert len(standby.to_server()) == 1
    standby.receive(said.SessionUpdated({"id": "a"}), 6.0)
    standby.to_server()
    history.saw(UserSaid("u2", "And?"))
    standby.receive(said.SessionUpdated({"id": "b"}), 6.0)
    assert standby.to_server() == []
    assert (standby.session_id, standby.told) == ("a", 2)


def test_what_it_can_be_spared_is_left_out() -> None:
    standby, _ = standing()
    standby.receive(said.SessionCreated({}), 6.0)
    standby.to_server()
    standby.receive(error("invalid_value", param="session.audio.output.voice"), 6.0)
    assert standby.to_server() == [UpdateSession(Settings().as_session(), event_id="viva_settings")]
    assert not standby.failed
    standby.receive(said.SessionUpdated({}), 6.0)
    assert standby.ready


def test_a_refusal_of_what_cannot_be_spared_is_the_end_of_it() -> None:
    standby, _ = standing()
    standby.receive(said.SessionCreated({}), 6.0)
    standby.to_server()
    standby.receive(error("invalid_value", param="session.instructions"), 6.0)
    assert standby.failed
    assert standby.to_server() == []
    standby.receive(said.SessionUpdated({}), 6.0)
    assert not standby.ready


def test_what_is_not_about_its_settings_does_not_matter() -> None:
    standby, _ = standing()
    standby.receive(error("server_error"), 6.0)
    standby.receive(said.ConversationCreated({}), 6.0)
    assert not standby.failed
    assert standby.to_server() == []


def test_it_is_overdue_when_it_keeps_silent() -> None:
    standby, _ = standing()
    assert not standby.overdue(14.9)
    assert standby.overdue(15.0)

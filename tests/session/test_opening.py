"""From the first word of the server to an agreement on the settings."""

from __future__ import annotations

import pytest
from tests.session.conversation import error

from vivavoce.events.client import UpdateSession
from vivavoce.session.happenings import Ready, Warned
from vivavoce.session.opening import Opening, Stage
from vivavoce.session.settings import Settings, without

SETTINGS = Settings(
    server="azure", model="asked-for", voice="marin", transcription_model="w", noise_reduction="far_field"
)


def configuring() -> Opening:
    opening = Opening(SETTINGS)
    opening.opened(0.0)
    opening.created({"id": "sess_1"}, 1.0)
    return opening


def test_the_offer_is_made_when_the_server_has_spoken_and_once() -> None:
    opening = Opening(SETTINGS)
    offer = opening.created({}, 0.0)
    assert offer == UpdateSession(SETTINGS.as_session())
    assert offer.event_id == "viva_settings"
    assert opening.stage is Stage.CONFIGURING
    assert opening.created({}, 0.0) is None


def test_it_is_agreed_when_the_server_says_so_and_once() -> None:
    opening = configuring()
    assert opening.updated({"id": "sess_2", "model": "gpt"}) == Ready("azure", "gpt", "sess_2")
    assert opening.stage is Stage.READY
    assert opening.deadline is None
    assert opening.updated({"id": "sess_2", "model": "gpt"}) is None


def test_an_update_before_the_offer_agrees_to_nothing() -> None:
    opening = Opening(SETTINGS)
    assert opening.updated({"id": "s"}) is None
    assert opening.stage is Stage.CONNECTING


def test_what_the_server_leaves_out_is_what_was_known_before() -> None:
    assert configuring().updated({}) == Ready("azure", "asked-for", "sess_1")
    opening = Opening(SETTINGS)
    opening.created({}, 0.0)
    assert opening.updated({}) == Ready("azure", "asked-for", "")


def test_the_server_has_ten_seconds_for_its_first_word_and_five_for_its_answer() -> None:
    opening = Opening(SETTINGS)
    assert opening.deadline is None
    assert opening.overdue(99.0) is None
    opening.opened(1.0)
    assert opening.deadline == 11.0
    assert opening.overdue(10.9) is None
    assert opening.overdue(11.0) == (
        "The server is connected but never said session.created; is the address a Realtime API?"
    )
    opening.created({}, 2.0)
    assert opening.deadline == 7.0
    assert opening.overdue(6.9) is None
    assert opening.overdue(7.0) == (
        "The server is connected but never said session.updated; is the address a Realtime API?"
    )
    opening.updated({})
    assert opening.overdue(99.0) is None


def test_a_connection_that_is_reported_late_changes_nothing() -> None:
    opening = configuring()
    opening.opened(50.0)
    assert opening.deadline == 6.0


def test_only_an_error_that_names_our_offer_or_nothing_answers_it() -> None:
    opening = configuring()
    assert opening.concerns(error("x", event_id="viva_settings"))
    assert opening.concerns(error("x"))
    assert not opening.concerns(error("x", event_id="another"))
    opening.updated({})
    assert not opening.concerns(error("x", event_id="viva_settings"))
    assert not Opening(SETTINGS).concerns(error("x"))


def test_a_refused_field_that_can_be_spared_is_left_out_of_the_next_offer() -> None:
    opening = configuring()
    found = opening.refused(error("x", "Bad value.", param="session.audio.input.noise_reduction.type"), 3.0)
    assert found is not None
    warning, offer = found
    assert warning == Warned(
        "setting_refused", "The server does not take audio.input.noise_reduction and goes on without it: Bad value."
    )
    assert "noise_reduction" not in offer.session["audio"]["input"]
    assert offer.session["audio"]["output"]["voice"] == "marin"
    assert offer.event_id == "viva_settings"
    assert opening.deadline == 8.0


def test_every_refusal_leaves_out_one_more() -> None:
    opening = configuring()
    opening.refused(error("x", param="session.audio.input.noise_reduction"), 0.0)
    found = opening.refused(error("x", param="session.audio.output.voice"), 0.0)
    assert found is not None
    assert found[1].session["audio"]["output"] == {"format": {"type": "audio/pcm", "rate": 24_000}}
    assert "noise_reduction" not in found[1].session["audio"]["input"]


def test_whether_the_person_is_written_down_follows_the_offer() -> None:
    opening = configuring()
    assert opening.writes_down
    opening.refused(error("x", param="session.audio.output.voice"), 0.0)
    assert opening.writes_down
    opening.refused(error("x", param="session.audio.input.transcription.model"), 0.0)
    assert not opening.writes_down
    assert not Opening(Settings()).writes_down


@pytest.mark.parametrize("param", [None, "", 3, "session.type", "session.audio.input.speed"])
def test_a_refused_field_that_cannot_be_spared_has_no_next_offer(param: object) -> None:
    opening = configuring()
    assert opening.refused(error("x", param=param), 3.0) is None
    assert opening.deadline == 6.0


@pytest.mark.parametrize(
    ("code", "param", "hint"),
    [
        ("unknown_parameter", "session.type", " This endpoint speaks the preview protocol: try --preview."),
        (
            "unknown_parameter",
            "session.output_modalities",
            " This endpoint speaks the preview protocol: try --preview.",
        ),
        ("unknown_parameter", "session.audio", " This endpoint speaks the preview protocol: try --preview."),
        ("missing_required_parameter", "session.type", " This endpoint speaks the GA protocol: leave --preview out."),
        ("unknown_parameter", "session.modalities", " This endpoint speaks the GA protocol: leave --preview out."),
        ("invalid_value", "session.type", ""),
        ("unknown_parameter", None, ""),
    ],
)
def test_a_wrong_dialect_is_named_with_the_flag_that_mends_it(code: str, param: str | None, hint: str) -> None:
    said = Opening.complaint(error(code, "No such thing.", param=param))
    assert said == f"The server refused our settings: No such thing.{hint}"


def test_the_next_connection_is_offered_what_the_last_one_took() -> None:
    opening = configuring()
    opening.refused(error("invalid_value", param="session.audio.output.voice"), 2.0)
    opening.updated({})
    following = opening.again()
    assert following.stage is Stage.CONNECTING
    assert following.deadline is None
    offer = following.created({}, 9.0)
    assert offer is not None
    assert offer.session == without(SETTINGS.as_session(), "audio.output.voice")[0]  # type: ignore[index]  # it is there
    assert opening.stage is Stage.READY


def test_where_nobody_can_write_the_next_connections_are_not_asked_to() -> None:
    opening = configuring()
    assert opening.writes_down
    for _ in range(2):
        opening.write_nothing_down()
        assert not opening.writes_down
    assert not opening.again().writes_down


def test_when_it_was_opened_is_remembered_by_both_clocks_and_once() -> None:
    opening = Opening(SETTINGS)
    opening.opened(5.0, 1_000_000.0)
    opening.created({}, 6.0)
    opening.opened(7.0, 2_000_000.0)
    assert (opening.opened_at, opening.opened_unix_s) == (5.0, 1_000_000.0)


@pytest.mark.parametrize(("said", "known"), [(1_000, 1_000.0), (1.5, 1.5), (0, None), ("soon", None), (None, None)])
def test_when_the_session_ends_is_what_the_server_says_if_it_is_a_number(said: object, known: float | None) -> None:
    opening = Opening(SETTINGS)
    opening.created({"expires_at": said}, 0.0)
    assert opening.expires_at == known

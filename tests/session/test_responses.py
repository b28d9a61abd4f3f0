"""The response slot: one response at a time, a remembered wish, one retry, and no waiting for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.session.conversation import error

from vivavoce.events.client import CancelResponse, CreateResponse
from vivavoce.session.responses import Responses

ACTIVE = "conversation_already_has_active_response"
IN_THE_WAY = "Conversation already has an active response in progress: resp_X. Wait until the response is finished."
LEGACY = "Conversation already has an active response"


def slot() -> Responses:
    found = Responses(created_s=10.0)
    found.tick(0.0)
    return found


def name(count: int) -> dict[str, str]:
    return {"client_event_id": f"viva_response_{count}"}


def create(count: int, **options: Any) -> CreateResponse:
    return CreateResponse({**options, "metadata": name(count)})


def asked(responses: Responses) -> str:
    """The event id of the one `response.create` that is sent."""
    (found,) = responses.to_server()
    assert isinstance(found, CreateResponse)
    assert found.event_id is not None
    assert found.response is not None
    assert found.response["metadata"] == {"client_event_id": found.event_id}
    return found.event_id


def test_a_wish_for_a_free_slot_is_sent_at_once_with_its_name_in_the_metadata() -> None:
    responses = slot()
    assert not responses.busy
    responses.want({"tool_choice": "none"})
    assert responses.busy
    (sent,) = responses.to_server()
    assert sent == create(1, tool_choice="none")
    assert sent.event_id == "viva_response_1"
    assert responses.to_server() == []


def test_a_wish_without_options_is_a_plain_response() -> None:
    responses = slot()
    responses.want()
    assert responses.to_server() == [create(1)]


def test_a_response_is_active_from_created_to_done() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    assert responses.active == []
    assert responses.created("R", name(1))
    assert responses.active == ["R"]
    assert responses.busy
    assert not responses.is_done("R")
    assert responses.done("R", name(1))
    assert responses.active == []
    assert responses.is_done("R")
    assert not responses.busy
    assert responses.to_server() == []


def test_a_wish_that_meets_a_pending_create_waits_for_its_response_to_be_done() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    responses.want({"n": 2})
    assert responses.to_server() == []
    responses.created("R", name(1))
    assert responses.to_server() == []
    responses.done("R", {})
    assert responses.to_server() == [create(2, n=2)]


def test_several_wishes_are_one_and_the_last_options_hold() -> None:
    responses = slot()
    responses.created("R", {})
    responses.want({"n": 1})
    responses.want({"n": 2})
    responses.done("R", {})
    assert responses.to_server() == [create(1, n=2)]
    responses.created("S", name(1))
    responses.done("S", {})
    assert responses.to_server() == []
    assert not responses.busy


def test_a_wish_waits_for_every_active_response() -> None:
    responses = slot()
    responses.created("R", {})
    responses.created("S", {})
    assert responses.active == ["R", "S"]
    responses.want()
    responses.done("R", {})
    assert responses.to_server() == []
    responses.done("S", {})
    assert responses.to_server() == [create(1)]


def test_a_turn_the_server_answers_by_itself_keeps_the_slot_until_created() -> None:
    responses = slot()
    responses.expect()
    assert responses.busy
    responses.want()
    assert responses.to_server() == []
    responses.created("R", {})
    responses.done("R", {})
    assert responses.to_server() == [create(1)]


def test_a_response_of_another_name_leaves_ours_pending() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    assert responses.created("R", {"client_event_id": "somebody"})
    responses.done("R", {})
    assert responses.busy
    assert responses.created("S", name(1))
    responses.done("S", {})
    assert not responses.busy


def test_without_metadata_a_response_is_the_servers_own_where_it_owes_one_and_else_ours() -> None:
    responses = slot()
    responses.want()
    responses.expect()
    responses.created("theirs", {})
    responses.done("theirs", {})
    assert responses.busy
    responses.created("ours", {})
    responses.done("ours", {})
    assert not responses.busy


def test_a_create_nobody_answers_is_asked_once_more_and_then_given_up() -> None:
    responses = slot()
    responses.tick(1.0)
    responses.want({"n": 1})
    assert asked(responses) == "viva_response_1"
    assert responses.next_deadline() == 11.0
    assert not responses.tick(10.9)
    assert responses.to_server() == []
    assert not responses.tick(11.0)
    assert responses.to_server() == [create(2, n=1)]
    assert responses.next_deadline() == 21.0
    assert responses.tick(21.0)
    assert responses.to_server() == []
    assert not responses.busy
    assert responses.next_deadline() is None
    assert not responses.tick(99.0)


def test_a_create_that_was_answered_has_no_deadline() -> None:
    responses = slot()
    responses.want()
    responses.created("R", name(1))
    assert responses.next_deadline() is None
    assert not responses.tick(99.0)
    responses.to_server()
    responses.done("R", {})
    assert responses.to_server() == []


def test_a_give_up_leaves_a_newer_wish_alone() -> None:
    responses = slot()
    responses.want({"n": 1})
    responses.to_server()
    responses.want({"n": 2})
    assert not responses.tick(10.0)
    assert responses.to_server() == [create(2, n=2)]
    assert not responses.tick(20.0), "the newer wish has a retry of its own"
    assert responses.to_server() == [create(3, n=2)]
    assert responses.tick(30.0)


@pytest.mark.parametrize("caused_by", [None, "viva_response_1"])
def test_a_create_that_lost_the_race_is_asked_again_once_the_winner_is_done(caused_by: str | None) -> None:
    responses = slot()
    responses.want({"n": 1})
    responses.to_server()
    assert responses.refused(error(ACTIVE, IN_THE_WAY, event_id=caused_by))
    assert responses.to_server() == []
    assert responses.busy
    responses.created("resp_X", {})
    responses.done("resp_X", {})
    assert responses.to_server() == [create(2, n=1)]


def test_a_create_that_loses_the_race_twice_is_lost() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    assert responses.refused(error(ACTIVE, IN_THE_WAY))
    responses.done("resp_X", {})
    responses.to_server()
    assert not responses.refused(error(ACTIVE, IN_THE_WAY))
    assert responses.to_server() == []
    assert not responses.busy


def test_the_retry_does_not_wait_for_a_done_that_came_before_the_error() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    responses.created("resp_X", {"client_event_id": "theirs"})
    responses.done("resp_X", {})
    assert responses.refused(error(ACTIVE, IN_THE_WAY))
    assert responses.to_server() == [create(2)]


def test_the_old_error_without_a_code_is_the_same_race() -> None:
    responses = slot()
    responses.created("R", {})
    responses.done("R", {})
    responses.want()
    responses.to_server()
    assert responses.refused(error(None, LEGACY))
    assert responses.to_server() == []
    responses.done("resp_Y", {})
    assert responses.to_server() == [create(2)]


def test_the_old_error_after_the_done_does_not_wait_either() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    responses.created("R", {"client_event_id": "theirs"})
    responses.done("R", {})
    assert responses.refused(error(None, LEGACY))
    assert responses.to_server() == [create(2)]


@pytest.mark.parametrize("message", [IN_THE_WAY, LEGACY])
def test_a_winner_that_is_never_seen_is_waited_for_five_seconds(message: str) -> None:
    responses = slot()
    responses.tick(1.0)
    responses.want()
    responses.to_server()
    responses.refused(error(ACTIVE, message))
    assert responses.next_deadline() == 6.0
    responses.tick(5.9)
    assert responses.to_server() == []
    responses.tick(6.0)
    assert responses.to_server() == [create(2)]
    assert responses.next_deadline() == 16.0


def test_a_winner_that_is_active_is_waited_for_without_a_deadline() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    responses.created("resp_X", {"client_event_id": "theirs"})
    responses.refused(error(ACTIVE, IN_THE_WAY))
    assert responses.next_deadline() is None
    responses.done("resp_X", {})
    assert responses.to_server() == [create(2)]


def test_a_winner_that_is_created_after_the_error_ends_the_waiting_for_it() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    responses.refused(error(ACTIVE, IN_THE_WAY))
    responses.created("resp_X", {})
    assert responses.next_deadline() is None
    responses.tick(60.0)
    assert responses.to_server() == []


def test_an_error_that_names_our_create_frees_the_slot_and_is_not_hidden() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    assert not responses.refused(error("invalid_value", event_id="viva_response_1"))
    assert not responses.busy
    assert responses.next_deadline() is None
    assert responses.to_server() == []


def test_an_error_that_names_our_create_lets_the_next_wish_through() -> None:
    responses = slot()
    responses.want({"n": 1})
    responses.to_server()
    responses.want({"n": 2})
    assert not responses.refused(error("invalid_value", event_id="viva_response_1"))
    assert responses.to_server() == [create(2, n=2)]


@pytest.mark.parametrize("more", [{"event_id": None}, {"event_id": "another_word"}])
def test_an_error_about_something_else_leaves_our_create_pending(more: dict[str, Any]) -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    assert not responses.refused(error("invalid_value", **more))
    assert responses.busy
    assert responses.next_deadline() == 10.0
    assert responses.created("R", name(1))


def test_an_active_response_error_about_another_word_is_not_ours() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    assert not responses.refused(error(ACTIVE, IN_THE_WAY, event_id="another_word"))
    assert responses.next_deadline() == 10.0


def test_an_active_response_error_without_a_create_of_ours_is_not_ours() -> None:
    assert not slot().refused(error(ACTIVE, IN_THE_WAY))


def test_speech_overtakes_a_wish_and_an_expected_answer() -> None:
    responses = slot()
    responses.created("R", {})
    responses.want()
    responses.expect()
    responses.speech_started()
    assert responses.to_server() == []
    responses.done("R", {})
    assert responses.to_server() == []
    assert not responses.busy


def test_a_create_that_speech_overtook_is_cancelled_when_its_response_comes() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    responses.speech_started()
    assert responses.to_server() == []
    assert responses.busy
    assert not responses.created("R", name(1))
    assert responses.to_server() == [CancelResponse("R")]
    assert responses.active == ["R"]
    responses.done("R", {})
    assert not responses.busy
    assert responses.to_server() == []


def test_speech_after_the_response_came_does_not_disown_the_next_one() -> None:
    responses = slot()
    responses.want()
    responses.created("R", name(1))
    responses.speech_started()
    responses.done("R", {})
    responses.to_server()
    responses.want()
    assert responses.created("S", name(2))


def test_a_create_that_speech_overtook_is_not_asked_again() -> None:
    for ending in ("refused", "silence"):
        responses = slot()
        responses.want()
        responses.to_server()
        responses.speech_started()
        if ending == "refused":
            assert responses.refused(error(ACTIVE, IN_THE_WAY)), "nothing is lost by it"
            responses.done("resp_X", {})
        else:
            assert not responses.tick(10.0)
        assert responses.to_server() == []
        assert not responses.busy


def test_cancel_stops_what_is_active_by_name_and_forgets_the_rest() -> None:
    responses = slot()
    responses.created("R", {})
    responses.created("S", {})
    responses.want()
    responses.cancel()
    assert responses.to_server() == [CancelResponse("R"), CancelResponse("S")]
    responses.done("R", {})
    responses.done("S", {})
    assert responses.to_server() == []


def test_cancelling_nothing_says_nothing() -> None:
    responses = slot()
    responses.cancel()
    assert responses.to_server() == []


def test_a_done_is_told_once() -> None:
    responses = slot()
    responses.created("R", {})
    assert responses.done("R", {})
    assert not responses.done("R", {})


def test_a_done_without_a_created_is_taken_note_of_and_frees_nothing_else() -> None:
    responses = slot()
    responses.created("R", {})
    assert responses.done("ghost", {})
    assert responses.active == ["R"]
    assert responses.is_done("ghost")


def test_a_done_of_our_create_whose_created_was_lost_frees_the_slot() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    assert responses.done("R", name(1))
    assert not responses.busy
    assert responses.next_deadline() is None


def test_a_created_that_comes_after_its_done_is_too_late() -> None:
    responses = slot()
    responses.done("R", {})
    assert responses.created("R", {})
    assert not responses.busy


def test_a_created_said_twice_is_one_response() -> None:
    responses = slot()
    responses.created("R", {})
    responses.want()
    assert responses.created("R", {})
    responses.done("R", {})
    assert responses.to_server() == [create(1)]


def test_responses_without_an_id_do_not_hide_each_other() -> None:
    responses = slot()
    assert responses.done("", {})
    assert responses.done("", {})
    assert not responses.is_done("")


def test_old_identifiers_are_forgotten_in_the_end() -> None:
    responses = slot()
    for count in range(65):
        responses.done(f"R{count}", {})
    assert not responses.is_done("R0")
    assert responses.is_done("R1")
    assert responses.is_done("R64")


def test_cancelling_keeps_what_is_still_to_be_sent() -> None:
    responses = slot()
    responses.want()
    responses.cancel()
    assert responses.to_server() == [create(1)]


def test_a_response_of_the_server_after_an_unwanted_one_of_ours_is_wanted() -> None:
    responses = slot()
    responses.want()
    responses.speech_started()
    assert not responses.created("R", name(1))
    responses.done("R", {})
    responses.to_server()
    assert responses.created("S", {})
    assert responses.to_server() == []


def test_a_done_of_another_response_does_not_free_the_way_of_the_one_that_is_named() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    responses.done("resp_Y", {})
    assert responses.refused(error(ACTIVE, IN_THE_WAY))
    assert responses.to_server() == []
    assert responses.next_deadline() == 5.0


def test_a_lost_race_that_speech_overtook_is_not_asked_again_though_a_response_came_in_between() -> None:
    responses = slot()
    responses.want()
    responses.to_server()
    responses.created("theirs", {})
    responses.speech_started()
    assert responses.refused(error(ACTIVE, IN_THE_WAY))
    responses.done("theirs", {})
    assert responses.to_server() == []


# ---- what a server that is gone still owed


def whole(*responses: str) -> Callable[[str], bool]:
    return lambda response_id: response_id in responses


def test_a_reply_is_owed_while_it_is_wished_for_asked_for_expected_or_not_all_here() -> None:
    responses = slot()
    assert not responses.owes(whole())
    responses.expect()
    assert responses.owes(whole())
    responses.created("R", {})
    assert responses.owes(whole())
    assert not responses.owes(whole("R"))
    responses.want()
    assert responses.owes(whole("R")), "another one is wished for"
    responses.done("R", {})
    assert responses.owes(whole()), "and asked for"
    responses.created("S", name(1))
    responses.done("S", name(1))
    assert not responses.owes(whole())


def test_the_options_of_a_response_are_those_it_was_asked_for_with() -> None:
    responses = slot()
    assert responses.options({}) == {}
    responses.want({"tool_choice": "none"})
    assert responses.options(name(1)) == {"tool_choice": "none"}
    assert responses.options({}) == {}, "one of the server's own"


def test_the_time_of_a_new_connection_is_known_from_the_beginning() -> None:
    responses = Responses(10.0, 100.0)
    responses.want()
    assert responses.next_deadline() == 110.0

"""What an error means: fatal, the price of a race, or a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.session.conversation import error

from vivavoce.events.server import ServerError
from vivavoce.session.happenings import Errored, Warned
from vivavoce.session.trouble import Weight, outcome, weigh

REFERENCE = Path(__file__).parents[1] / "events" / "reference"
FATAL = [
    "insufficient_quota",
    "credit_balance_exhausted",
    "invalid_api_key",
    "account_deactivated",
    "billing_hard_limit_reached",
    "model_not_found",
    "beta_api_shape_disabled",
]
EXPECTED = [
    "response_cancel_not_active",
    "input_audio_buffer_commit_empty",
    "item_truncate_invalid_item_id",
    "item_delete_invalid_item_id",
    "item_retrieve_invalid_item_id",
    "invalid_tool_call_id",
]


def example(name: str) -> Any:
    return json.loads((REFERENCE / f"ga-server.{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("code", FATAL)
def test_the_fatal_codes_end_the_talk_as_code_or_as_type(code: str) -> None:
    assert weigh(error(code)) is Weight.FATAL
    assert weigh(ServerError({"type": code, "code": None})) is Weight.FATAL
    assert weigh(ServerError({"type": code, "code": "something_else"})) is Weight.FATAL


@pytest.mark.parametrize("code", EXPECTED)
def test_the_price_of_a_race_is_expected(code: str) -> None:
    assert weigh(error(code)) is Weight.EXPECTED


@pytest.mark.parametrize(
    "message",
    ["Audio content of 9800ms is already shorter than 11579ms", "Only model output audio messages can be truncated"],
)
def test_a_race_without_a_code_is_known_by_its_sentence(message: str) -> None:
    assert weigh(error(None, message)) is Weight.EXPECTED
    assert weigh(error("invalid_value", message)) is Weight.EXPECTED


@pytest.mark.parametrize("code", ["session_expired", "server_error", "invalid_value", "cannot_update_voice", None, ""])
def test_everything_else_is_said_and_the_talk_goes_on(code: str | None) -> None:
    assert weigh(error(code)) is Weight.ORDINARY


@pytest.mark.parametrize("odd", [[], {}, 3, ["insufficient_quota"]])
def test_an_error_of_odd_types_is_an_ordinary_error(odd: Any) -> None:
    assert weigh(ServerError({"type": odd, "code": odd, "message": odd})) is Weight.ORDINARY


def test_the_errors_of_the_reference_weigh_what_section_2_7_says() -> None:
    weights = {
        path.name.removeprefix("ga-server.error.").removesuffix(".json"): path
        for path in REFERENCE.glob("ga-server.error.*")
    }
    found = {
        name: weigh(ServerError(json.loads(path.read_text(encoding="utf-8"))["error"]))
        for name, path in weights.items()
    }
    assert {name for name, weight in found.items() if weight is Weight.FATAL} == {
        "beta_api_shape_disabled",
        "insufficient_quota",
    }
    assert {name for name, weight in found.items() if weight is Weight.EXPECTED} == {
        "input_audio_buffer_commit_empty",
        "invalid_tool_call_id",
        "item_retrieve_invalid_item_id",
        "item_truncate_invalid_item_id",
        "response_cancel_not_active",
        "truncate_already_shorter",
        "truncate_unsupported_content_type",
    }


@pytest.mark.parametrize(
    "name", ["response.done", "response.done.cancelled_client", "response.done.cancelled_turn_detected"]
)
def test_a_response_that_was_completed_or_cancelled_says_nothing(name: str) -> None:
    assert outcome(example(name)["response"]) is None


def test_a_failed_response_is_an_error_with_its_raw_words() -> None:
    response = example("response.done.failed_rate_limit")["response"]
    found = outcome(response)
    assert isinstance(found, Errored)
    assert not found.fatal
    assert found.code == "rate_limit_exceeded"
    assert found.message == response["status_details"]["error"]["message"]
    assert found.raw == response["status_details"]


def test_a_response_that_failed_for_lack_of_money_is_fatal() -> None:
    found = outcome(example("response.done.failed_quota")["response"])
    assert isinstance(found, Errored)
    assert found.fatal
    assert found.code == "insufficient_quota"


@pytest.mark.parametrize("details", [None, {}, {"error": None}, {"error": "odd"}, "odd"])
def test_a_response_that_failed_without_a_reason_says_so(details: Any) -> None:
    found = outcome({"status": "failed", "status_details": details})
    assert isinstance(found, Errored)
    assert (found.code, found.message, found.fatal) == ("response_failed", "the server gave no reason", False)


def test_an_incomplete_response_says_why() -> None:
    assert outcome(example("response.done.incomplete_max_tokens")["response"]) == Warned(
        "incomplete", "The reply ends before its end: max_output_tokens."
    )
    assert outcome(example("response.done.incomplete_content_filter")["response"]) == Warned(
        "incomplete", "The reply ends before its end: content_filter."
    )
    assert outcome({"status": "incomplete"}) == Warned(
        "incomplete", "The reply ends before its end: the server did not say why."
    )

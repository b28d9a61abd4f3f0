"""A reply that failed, and may succeed when it is asked for again."""

from __future__ import annotations

import pytest
from tests.session.conversation import error

from vivavoce.events.server import ServerError
from vivavoce.session.retries import Retries, hinted_s


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 1m26.4s. Visit ...", 86.4),
        ("Please try again in 6.2s.", 6.2),
        ("Please try again in 20ms.", 0.02),
        ("Please retry after 26 seconds.", 26.0),
        ("Please RETRY AFTER 1 second", 1.0),
        ("try again in 1h2m3s", 3723.0),
        ("try again in 2 minutes 5 seconds", 125.0),
        ("retry after 500 milliseconds", 0.5),
        ("Limit 30000, Used 29000. Slow down.", None),
        ("try again in a while", None),
        ("", None),
    ],
)
def test_the_time_to_wait_is_read_from_the_message(message: str, seconds: float | None) -> None:
    found = hinted_s(message)
    assert found == (None if seconds is None else pytest.approx(seconds))


def limited(message: str = "try again in 5s") -> ServerError:
    return error("rate_limit_exceeded", message)


def test_a_rate_limit_is_waited_for_as_long_as_the_server_hints_with_the_same_options() -> None:
    retries = Retries()
    assert not retries.waiting
    assert retries.failed(limited(), {"tool_choice": "none"}, 10.0) == 5.0
    assert retries.waiting
    assert retries.deadline == 15.0
    assert retries.due(14.9) is None
    assert retries.due(15.0) == {"tool_choice": "none"}
    assert not retries.waiting
    assert retries.due(99.0) is None


def test_without_a_hint_the_pauses_double() -> None:
    retries = Retries()
    assert [retries.failed(limited("Slow down."), {}, 0.0) for _ in range(4)] == [2.0, 4.0, 8.0, None]


def test_a_rate_limit_is_waited_for_three_times_and_then_from_the_beginning() -> None:
    retries = Retries()
    assert [retries.failed(limited(), {}, 0.0) for _ in range(5)] == [5.0, 5.0, 5.0, None, 5.0]


def test_nobody_waits_for_longer_than_two_minutes() -> None:
    assert Retries().failed(limited("try again in 120s"), {}, 0.0) == 120.0
    assert Retries().failed(limited("try again in 121s"), {}, 0.0) is None


@pytest.mark.parametrize("fault", [error("server_error"), ServerError({"type": "server_error", "code": None})])
def test_a_fault_of_the_server_is_tried_once_more(fault: ServerError) -> None:
    retries = Retries()
    assert [retries.failed(fault, {}, 0.0) for _ in range(2)] == [0.5, None]


def test_another_failure_is_final() -> None:
    retries = Retries()
    assert retries.failed(error("content_filter", "try again in 5s"), {}, 0.0) is None
    assert retries.deadline is None


def test_a_reply_that_succeeds_gives_the_next_one_all_its_tries() -> None:
    retries = Retries()
    retries.failed(error("server_error"), {}, 0.0)
    retries.due(1.0)
    retries.succeeded()
    assert retries.failed(error("server_error"), {}, 2.0) == 0.5


def test_who_goes_on_waits_for_no_reply() -> None:
    retries = Retries()
    retries.failed(error("server_error"), {}, 0.0)
    retries.overtaken()
    assert not retries.waiting
    assert retries.due(9.0) is None
    assert retries.failed(error("server_error"), {}, 2.0) == 0.5

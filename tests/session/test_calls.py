"""Functions asked for, running, answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vivavoce.events.client import CreateItem
from vivavoce.session.calls import Calls
from vivavoce.session.effects import Call, Show
from vivavoce.session.happenings import Called
from vivavoce.session.settings import FINISH_TOOL


def item(call_id: Any = "c1", name: Any = "weather", arguments: Any = '{"city":"Oslo"}', **more: Any) -> dict[str, Any]:
    return {
        "type": "function_call",
        "status": "completed",
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    } | more


def output(call_id: str, text: str) -> CreateItem:
    return CreateItem({"type": "function_call_output", "call_id": call_id, "output": text})


def test_a_completed_call_runs_with_its_arguments() -> None:
    calls = Calls()
    assert calls.receive("R", item()) == "weather"
    assert calls.to_world() == [Call("c1", "weather", {"city": "Oslo"})]
    assert calls.to_world() == []
    assert calls.to_server() == []
    assert calls.running
    assert calls.open


def test_a_call_runs_once_however_often_it_is_announced() -> None:
    calls = Calls()
    calls.receive("R", item())
    assert calls.receive("R", item()) is None
    calls.answered("c1", "x", None)
    assert calls.receive("S", item()) is None
    assert len([deed for deed in calls.to_world() if isinstance(deed, Call)]) == 1


@pytest.mark.parametrize(
    "other",
    [
        item(type="message"),
        item(type=None),
        item(status="incomplete"),
        item(status="in_progress"),
        item(call_id=""),
        item(call_id=None),
        {},
    ],
)
def test_what_is_no_completed_call_does_not_run(other: dict[str, Any]) -> None:
    calls = Calls()
    assert calls.receive("R", other) is None
    assert calls.to_world() == []
    assert not calls.open


@pytest.mark.parametrize("status", [None, ""])
def test_a_server_that_names_no_status_means_completed(status: str | None) -> None:
    assert Calls().receive("R", item(status=status)) == "weather"
    without = item()
    del without["status"]
    assert Calls().receive("R", without) == "weather"


@pytest.mark.parametrize("arguments", ["", None, "{}"])
def test_no_arguments_are_an_empty_object(arguments: str | None) -> None:
    calls = Calls()
    calls.receive("R", item(arguments=arguments))
    assert calls.to_world() == [Call("c1", "weather", {})]


@pytest.mark.parametrize("arguments", ["{", "[1]", "3", "null", '"x"', "[" * 100_000])
def test_arguments_that_are_no_object_are_answered_with_an_error_and_nothing_runs(arguments: str) -> None:
    calls = Calls()
    assert calls.receive("R", item(arguments=arguments)) == "weather"
    problem = "the arguments are not a JSON object"
    assert calls.to_server() == [output("c1", json.dumps({"error": problem}))]
    assert calls.to_world() == [Show(Called("c1", "weather", arguments, json.dumps({"error": problem}), problem))]
    assert not calls.running
    calls.response_done("R")
    assert [batch.names for batch in calls.take_due()] == [["weather"]]


def test_a_function_without_a_name_is_asked_for_all_the_same() -> None:
    calls = Calls()
    assert calls.receive("R", item(name=None)) == ""
    assert calls.to_world() == [Call("c1", "", {"city": "Oslo"})]


def test_the_finish_tool_is_answered_here() -> None:
    calls = Calls()
    assert calls.receive("R", item(name=FINISH_TOOL, arguments="not json")) == FINISH_TOOL
    assert calls.to_server() == [output("c1", '{"ok":true}')]
    assert calls.to_server() == []
    assert calls.to_world() == [Show(Called("c1", FINISH_TOOL, "not json", '{"ok":true}', None))]
    assert not calls.running
    assert calls.open


def test_an_answer_goes_to_the_server_and_to_the_person() -> None:
    calls = Calls()
    calls.receive("R", item())
    calls.to_world()
    assert calls.answered("c1", "sunny", "too hot")
    assert calls.to_server() == [output("c1", "sunny")]
    assert calls.to_world() == [Show(Called("c1", "weather", {"city": "Oslo"}, "sunny", "too hot"))]
    assert not calls.running
    assert calls.open


def test_an_answer_nobody_waits_for_is_dropped() -> None:
    calls = Calls()
    assert not calls.answered("ghost", "x", None)
    calls.receive("R", item())
    assert not calls.answered("ghost", "x", None)
    assert calls.answered("c1", "x", None)
    assert not calls.answered("c1", "x", None)
    assert len(calls.to_server()) == 1


def test_a_response_is_due_once_when_all_is_answered_and_it_is_done() -> None:
    calls = Calls()
    calls.receive("R", item("c1"))
    calls.receive("R", item("c2", "time"))
    calls.answered("c2", "x", None)
    calls.response_done("R")
    assert calls.take_due() == []
    calls.answered("c1", "x", None)
    (batch,) = calls.take_due()
    assert (batch.response_id, batch.names) == ("R", ["weather", "time"])
    assert calls.take_due() == []
    assert not calls.open


def test_a_response_is_not_due_before_it_is_done() -> None:
    calls = Calls()
    calls.receive("R", item())
    calls.answered("c1", "x", None)
    assert calls.take_due() == []
    assert calls.open
    calls.response_done("other")
    assert calls.take_due() == []
    calls.response_done("R")
    assert len(calls.take_due()) == 1


def test_each_response_waits_for_its_own_calls_only() -> None:
    calls = Calls()
    calls.receive("R", item("c1"))
    calls.receive("S", item("c2"))
    calls.response_done("R")
    calls.response_done("S")
    assert calls.answered("c2", "x", None)
    assert [batch.response_id for batch in calls.take_due()] == ["S"]
    assert calls.running


def test_a_call_that_outlives_its_server_is_told_to_nobody_and_shown() -> None:
    calls = Calls()
    calls.receive("R", item())
    calls.receive("R", item("c2"))
    calls.answered("c2", "cloudy", None)
    calls.to_world()
    calls.sever()
    assert calls.to_server() == []
    assert calls.orphans == ["c1"]
    assert calls.take_due() == []
    assert calls.answered("c1", "sunny", None)
    assert calls.to_server() == []
    assert calls.to_world() == [Show(Called("c1", "weather", {"city": "Oslo"}, "sunny", None))]
    assert calls.orphans == []
    assert [batch.response_id for batch in calls.take_due()] == ["R"]


def test_calls_that_were_answered_are_forgotten_with_their_server_and_so_are_their_names() -> None:
    calls = Calls()
    calls.receive("R", item())
    calls.receive("S", item("c2"))
    calls.answered("c1", "sunny", None)
    calls.sever()
    assert calls.take_due() == []
    assert calls.receive("T", item("c1")) == "weather"
    assert calls.receive("T", item("c2")) is None, "it still runs"


def test_the_calls_of_this_server_are_no_orphans() -> None:
    calls = Calls()
    calls.receive("R", item())
    assert calls.orphans == []


def test_only_the_last_calls_are_known_again() -> None:
    calls = Calls()
    for number in range(1_000):
        calls.receive(f"resp_{number}", item(f"call_{number}"))
        calls.answered(f"call_{number}", "sunny", None)
    assert calls.receive("resp_999", item("call_999")) is None
    assert len(calls._seen) == 256

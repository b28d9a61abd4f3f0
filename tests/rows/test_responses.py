"""Rows 10 to 12, 18, 20, 21, 24, 25, 28, 29 and 31: the response slot, functions, and what fails within a reply."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from tests.rows.person import Person, Seen, hold, scripted, when

from vivavoce.errors import Reason
from vivavoce.events.server import ResponseDone
from vivavoce.testing import (
    Expect,
    RealtimeServer,
    Reply,
    Say,
    SayText,
    Speak,
    Stall,
    Talk,
    in_order,
    numbered,
    reply_words,
)

TAKEN = "conversation_already_has_active_response"
GOODBYE = "user_wants_to_finish_conversation"
SLOT = (
    "Conversation already has an active response in progress: resp_server. "
    "Wait until the response is finished before creating a new one."
)


def error(code: str | None, message: str, **more: Any) -> Mapping[str, Any]:
    said = {"type": "invalid_request_error", "code": code, "message": message, "param": None, "event_id": None}
    return {"type": "error", "error": said | more}


def created(response_id: str, metadata: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    return {"type": "response.created", "response": {"id": response_id, "status": "in_progress", "metadata": metadata}}


def done(response_id: str, status: str = "completed", **more: Any) -> Mapping[str, Any]:
    return {"type": "response.done", "response": {"id": response_id, "status": status, "output": [], **more}}


async def type_once(person: Person) -> None:
    person.type("Hello?")
    await person.sees("assistant")
    await person.ends()


def creates(seen: Seen) -> list[Mapping[str, Any]]:
    return seen.server.connections[0].words("response.create")


@pytest.mark.parametrize("code", [TAKEN, None])
@pytest.mark.parametrize("order", ["error first", "done first"])
def test_row_10_a_response_that_meets_another_is_asked_for_again_once_and_nothing_hangs(code: str, order: str) -> None:
    refusal = error(code, SLOT if code else "Conversation already has an active response")
    middle = [refusal, done("resp_server")] if order == "error first" else [done("resp_server"), refusal]
    server = scripted(
        Expect("response.create"),
        Say(created("resp_server"), *middle),
        Expect("response.create"),
        Speak("Here I am.", numbered(200)),
    )
    seen = hold(server, type_once)
    assert seen.lines.texts("user", "assistant") == ["Hello?", "Here I am."]
    assert all(not fatal for _, fatal in seen.errors)
    first, again = creates(seen)
    assert first["response"]["metadata"] != again["response"]["metadata"]
    assert seen.server.connections[0].types == ["session.update", "conversation.item.create", *["response.create"] * 2]


def test_row_10_a_wish_waits_until_the_slot_is_free() -> None:
    """openai-agents-python#1466, livekit#6817: the reply to a function must not collide with the one that asked for it."""

    async def talk(person: Person) -> None:
        person.say("Open it.")
        await person.sees("assistant", 2)
        await person.ends()

    replies = in_order(Reply("Let me see.", 100, calls=(("a", "{}"), ("b", "{}"))), Reply("Done.", 100))
    seen = hold(RealtimeServer(Talk(answer=replies, pace=4.0)), talk, functions=Instant())
    assert seen.errors == []
    assert len(creates(seen)) == 1


def test_row_11_a_cancel_that_comes_too_late_is_no_matter() -> None:
    async def interrupt(person: Person) -> None:
        await person.received(300)
        person.type("Stop!")
        await person.until(lambda: "Yes." in person.lines.texts("assistant"))
        await person.ends()

    words = reply_words("A story.", numbered(300))
    late = error("response_cancel_not_active", "Cancellation failed: no active response found")
    server = scripted(
        Say(*words[:-1]),
        Expect("response.cancel"),
        Say(words[-1], late),
        Expect("response.create"),
        Speak("Yes.", numbered(200), name="next"),
    )
    seen = hold(server, interrupt)
    assert seen.errors == [("response_cancel_not_active", False)]
    assert [happening.expected for happening in seen.lines.happenings if happening.TYPE == "error"] == [True]  # type: ignore[union-attr]  # errors have it
    assert seen.lines.texts("assistant")[-1] == "Yes."
    assert seen.server.connections[0].words("response.cancel")[0]["response_id"] == "resp_spoken"


def test_row_12_a_reply_that_nobody_wants_any_more_is_cancelled_when_it_is_born_and_never_heard() -> None:
    async def change_ones_mind(person: Person) -> None:
        person.type("Tell me a story.")
        await person.told("response.create")
        person.type("No, the time, please.")
        await person.sees("assistant")
        await person.ends()

    unwanted: dict[str, Any] = {}

    def keep(word: Mapping[str, Any]) -> bool:
        found = str(word["type"]) == "response.create"
        if found and not unwanted:
            unwanted.update(word["response"]["metadata"])
        return found

    class Late:
        """The response to the first wish, long after."""

        async def __call__(self, line: Any) -> None:
            story = reply_words("A story.", numbered(400), name="story", metadata=unwanted)
            await line.say(story[0])
            await line.expect("response.cancel", 10)
            for word in story[1:-1]:
                await line.say(word)
            await line.say(done("resp_story", "cancelled", metadata=unwanted))

    server = scripted(
        Expect(keep, lambda word: "time" in str(word.get("item"))),
        Late(),
        Expect("response.create"),
        Speak("Ten to nine.", numbered(200), name="time"),
    )
    seen = hold(server, change_ones_mind)
    (cancel,) = seen.server.connections[0].words("response.cancel")
    assert cancel["response_id"] == "resp_story"
    assert seen.lines.texts("assistant")[-1] == "Ten to nine."
    assert "A story." not in seen.lines.texts("assistant")
    assert seen.played.count(numbered(100)[:200]) == 1  # the beginning of one reply only


def test_row_18_nothing_is_ever_committed_where_the_server_listens_for_turns() -> None:
    async def talk(person: Person) -> None:
        for turn in range(1, 4):
            person.say(f"Turn {turn}.", ms=120)
            await person.sees("assistant", turn)
        await person.ends()

    seen = hold(RealtimeServer(Talk(answer=in_order(Reply("Yes.", 60)))), talk)
    assert seen.server.connections[0].types == ["session.update"]
    assert seen.errors == []


class Instant:
    """Functions that answer at once, or when they are told to."""

    def __init__(self, *, slow: bool = False) -> None:
        self.called: list[str] = []
        self.go = not slow

    async def call(self, name: str, arguments: Any) -> tuple[str, str | None]:
        del arguments
        self.called.append(name)
        while not self.go:  # noqa: ASYNC110  # set by the test
            await asyncio.sleep(0.002)
        return f"{name} is done", None


def test_row_20_a_result_that_the_server_does_not_want_is_dropped_and_the_talk_goes_on() -> None:
    call = {"id": "item_call", "type": "function_call", "status": "completed", "name": "look", "call_id": "call_1"}
    at = {"response_id": "resp_1", "output_index": 0}
    unknown = error("invalid_tool_call_id", "Tool call ID 'call_1' not found in conversation.")
    server = scripted(
        Say(created("resp_1"), {"type": "response.output_item.done", **at, "item": call | {"arguments": "{}"}}),
        Say(done("resp_1")),
        Expect("conversation.item.create"),
        Say(unknown),
        Expect("response.create"),
        Speak("Well.", numbered(100)),
    )

    async def listen(person: Person) -> None:
        await person.sees("assistant")
        await person.ends()

    seen = hold(server, listen, functions=Instant())
    assert seen.errors == [("invalid_tool_call_id", False)]
    assert len(creates(seen)) == 1
    assert seen.lines.texts("assistant") == ["Well."]


def test_row_21_each_function_is_run_once_and_all_together_are_answered_once() -> None:
    functions = Instant()

    async def talk(person: Person) -> None:
        person.say("Do it all.")
        await person.sees("assistant", 2)
        await person.ends()

    replies = in_order(Reply("Wait.", 100, calls=(("a", "{}"), ("b", "{}"), ("c", "{}"))), Reply("All done.", 100))
    seen = hold(RealtimeServer(Talk(answer=replies)), talk, functions=functions)
    said = [word["type"] for word in map(lambda w: w.event, seen.server.connections[0].said)]  # noqa: C417  # types
    assert said.count("response.function_call_arguments.done") == said.count("response.output_item.done") - 2 == 3
    assert sorted(functions.called) == ["a", "b", "c"]
    assert len(creates(seen)) == 1
    assert len(seen.server.connections[0].words("conversation.item.create")) == 3
    assert seen.lines.texts("assistant") == ["Wait.", "All done."]
    assert sorted(line["output"] for line in seen.lines.of("call")) == ["a is done", "b is done", "c is done"]


def test_a_slow_function_neither_deafens_nor_silences_the_talk() -> None:
    """livekit/agents#2825, pipecat#1564: dead air and a frozen barge-in."""
    functions = Instant(slow=True)

    async def talk(person: Person) -> None:
        person.say("Look it up.")
        await person.until(lambda: functions.called == ["look"])
        person.say("And what time is it?")
        await person.sees("assistant")
        assert person.lines.of("call") == []
        functions.go = True
        await person.sees("call")
        await person.told("conversation.item.create")
        await person.ends()

    replies = in_order(Reply("", 0, calls=(("look", "{}"),)), Reply("Ten to nine.", 100), Reply("Found it.", 100))
    seen = hold(RealtimeServer(Talk(answer=replies)), talk, functions=functions)
    assert seen.lines.texts("assistant")[0] == "Ten to nine."
    assert seen.errors == []


def limited(hint: str) -> Reply:
    failure = {
        "type": "tokens",
        "code": "rate_limit_exceeded",
        "message": f"Rate limit reached. Please try again in {hint}.",
    }
    return Reply("", 0, error=failure)


@pytest.mark.parametrize(("limits", "asked"), [(2, 3), (3, 4)])
def test_row_24_a_rate_limit_is_shown_waited_for_and_overcome(limits: int, asked: int) -> None:
    replies = in_order(*[limited("1m26.4s")] * limits, Reply("At last.", 100))
    seen = hold(RealtimeServer(Talk(answer=replies)), type_once)
    assert seen.errors == [("rate_limit_exceeded", False)] * limits
    assert [line["code"] for line in seen.lines.of("warning")] == ["retrying"] * limits
    assert len(creates(seen)) == asked
    assert seen.lines.texts("assistant") == ["At last."]


def test_row_24_after_three_tries_it_is_the_persons_turn_again() -> None:
    async def talk(person: Person) -> None:
        person.type("Hello?")
        await person.sees("error", 4)
        person.type("Still there?")
        await person.sees("assistant")
        await person.ends()

    replies = in_order(*[limited("900ms")] * 4, Reply("Yes.", 100))
    seen = hold(RealtimeServer(Talk(answer=replies)), talk)
    assert len(creates(seen)) == 5
    assert seen.lines.texts("assistant") == ["Yes."]


def test_row_24_no_money_left_is_the_end() -> None:
    quota = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "You exceeded your current quota."}
    seen = hold(RealtimeServer(Talk(answer=in_order(Reply("", 0, error=quota)))), type_once)
    assert seen.errors == [("insufficient_quota", True)]
    assert seen.outcome.reason == "refused"
    assert len(creates(seen)) == 1
    assert len(seen.server.connections) == 1


FAULT = {
    "type": "server_error",
    "code": None,
    "message": "The server had an error while processing your request. Sorry about that! (session ID sess_1)",
    "event_id": None,
}


def test_row_25_a_fault_of_the_server_is_told_and_the_talk_goes_on() -> None:
    server = scripted(
        Expect("response.create"),
        Say({"type": "error", "error": FAULT}),
        Speak("Hello.", numbered(100)),
    )
    seen = hold(server, type_once)
    assert [line["message"] for line in seen.lines.of("error")] == [FAULT["message"]]
    assert seen.lines.texts("assistant") == ["Hello."]
    assert len(seen.server.connections) == 1


def test_row_25_a_server_that_is_silent_after_its_fault_is_left_for_another_connection() -> None:
    behaves = Talk(answer=in_order(Reply("Hello.", 100)))
    server = scripted(Expect("response.create"), Say({"type": "error", "error": FAULT}), Stall(), then=[behaves])
    seen = hold(server, type_once)
    assert [line for line in seen.lines.types if line.startswith("reconnect")] == ["reconnecting", "reconnected"]
    assert seen.lines.texts("user", "assistant") == ["Hello?", "Hello."]
    assert [item["content"][0].get("text") for item in seen.server.connections[1].items[:1]] == ["Hello?"]


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
def test_row_28_a_reply_that_ends_early_keeps_its_words_and_says_so(reason: str) -> None:
    seen = hold(RealtimeServer(Talk(answer=in_order(Reply("And then the", 200, incomplete=reason)))), type_once)
    assert seen.lines.texts("assistant") == ["And then the"]
    (warning,) = seen.lines.of("warning")
    assert (warning["code"], reason in warning["message"]) == ("incomplete", True)
    assert len(creates(seen)) == 1


def test_row_29_words_of_tomorrow_and_words_that_are_none_do_not_end_the_talk() -> None:
    server = scripted(
        Expect("response.create"),
        Say({"type": "response.telepathy.delta", "thought": [1, {"a": None}]}),
        SayText("this is no JSON"),
        SayText(b"\x00\x01"),
        SayText('{"type":"response.output_audio.delta","item_id":7,"delta":"AAAA"}'),
        Speak("Hello.", numbered(100)),
    )
    seen = hold(server, type_once)
    assert seen.lines.texts("assistant") == ["Hello."]
    assert seen.errors == [("protocol_error", False)] * 3
    assert seen.server.connections[0].types == ["session.update", "conversation.item.create", "response.create"]


def test_row_31_the_end_of_a_response_that_never_began_is_no_matter() -> None:
    words = reply_words("Hello.", numbered(100))
    server = scripted(Expect("response.create"), Say(done("resp_ghost", "cancelled"), *words, done("resp_ghost")))
    seen = hold(server, type_once)
    assert seen.lines.texts("assistant") == ["Hello."]
    assert seen.errors == []
    assert isinstance(words[-1], ResponseDone)


@pytest.mark.parametrize(
    "said",
    [
        error("invalid_value", "Invalid value: 'x'."),
        error(None, "Something odd happened."),
        {"type": "error", "error": {}},
        error("input_audio_buffer_commit_empty", "Error committing input audio buffer: buffer too small."),
    ],
)
def test_an_error_that_kills_nothing_ends_nothing(said: Mapping[str, Any]) -> None:
    """pipecat#3755, #3960: harmless errors end the call."""
    heard: list[bool] = []

    async def two_turns(person: Person) -> None:
        person.type("One?")
        await person.sees("assistant")
        heard.append(True)
        await person.sees("error")
        person.type("Two?")
        await person.sees("assistant", 2)
        await person.ends()

    server = scripted(
        Expect("response.create"),
        Speak("One.", numbered(100), name="one"),
        when(lambda: bool(heard)),
        Say(said),
        Expect("response.create"),
        Speak("Two.", numbered(100), name="two"),
    )
    seen = hold(server, two_turns)
    expected: Reason = "script_done"
    assert seen.outcome.reason == expected
    assert [fatal for _, fatal in seen.errors] == [False]
    assert seen.lines.texts("assistant") == ["One.", "Two."]


def test_a_goodbye_hangs_up_after_its_last_word_was_heard() -> None:
    """livekit/agents#1033, AIReceptionist#10: cut off in the farewell, or never hung up."""

    async def leave(person: Person) -> None:
        person.say("Goodbye!")
        await person.until(lambda: False)

    replies = in_order(Reply("Goodbye, my friend.", 600))
    seen = hold(RealtimeServer(Talk(answer=replies)), leave)
    assert seen.outcome.reason == "goodbye"
    assert seen.lines.texts("assistant") == ["Goodbye, my friend."]
    assert seen.lines.of("assistant")[0]["heard_ms"] == 600
    (asked,) = creates(seen)
    assert asked["response"]["tool_choice"] == "none"
    assert [line["name"] for line in seen.lines.of("call")] == [GOODBYE]
    seen_close = seen.server.connections[0]
    assert (seen_close.closed, seen_close.code) == ("client", 1000)

"""Rows 13 to 16 and 32, and what user-needs.md (group B) adds: a conversation outlives its sockets."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.rows.person import Person, Seen, hold
from tests.rows.test_responses import Instant

from vivavoce.pcm import ms_to_bytes, silence
from vivavoce.testing import (
    Close,
    Cut,
    Fault,
    Half,
    RealtimeServer,
    Refuse,
    Reply,
    Stall,
    Talk,
    Utterance,
    in_order,
    runs,
    spoken,
)

DELTA = "response.output_audio.delta"
EXPIRED = "Your session hit the maximum duration of 60 minutes."
STORY = Reply("one two three four five", 500)


def losses(seen: Seen) -> list[str]:
    return [line for line in seen.lines.types if line.startswith("reconnect") or line in {"renewed", "end"}]


def replayed(seen: Seen, connection: int) -> list[str]:
    """What that connection was told of the conversation, in words."""
    items = [word["item"] for word in seen.server.connections[connection - 1].words("conversation.item.create")]
    return [str(item["content"][0].get("text")) for item in items if item["type"] == "message"]


def turns(*texts: str) -> Callable[[Person], Any]:
    """Say these, each when the last one was answered."""

    async def does(person: Person) -> None:
        for count, text in enumerate(texts, 1):
            person.say(text)
            await person.until(lambda text=text: f"You said: {text}" in person.lines.texts("assistant"))  # type: ignore[misc]  # bound now
            assert count <= len(person.lines.of("user"))
        await person.ends()

    return does


def each_once(seen: Seen, *texts: str) -> None:
    """Every turn was understood by some server and answered to its end, in order."""
    said = [text for text in seen.lines.texts("user", "assistant") if text in texts or text.startswith("You said")]
    assert [text for text in said if text in texts] == list(texts)
    assert [text for text in said if text.removeprefix("You said: ") in texts and text not in texts] == [
        f"You said: {text}" for text in texts
    ]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "do",
    [Close(1000), Close(1001, "going away"), Close(1011, "oops"), Close(1012), Cut(), Half(), Half(of="message")],
    ids=lambda do: f"{type(do).__name__}{getattr(do, 'code', getattr(do, 'of', ''))}",
)
def test_row_14_any_end_that_we_did_not_make_is_a_loss_and_the_talk_goes_on(do: Any, when: Any) -> None:
    server = RealtimeServer(Talk(answer=in_order(Reply("You said: one", 100), STORY, Reply("You said: two", 100))))
    server.faults.waiting.append(Fault("response.created", do, nth=2, when=when))
    seen = hold(server, turns("one", "two"))
    assert losses(seen) == ["reconnecting", "reconnected", "end"]
    assert seen.outcome.reason == "script_done"
    assert seen.errors == []
    assert seen.lines.texts("user") == ["one", "two"]
    (line,) = seen.lines.of("reconnecting")
    assert line["message"].startswith("The connection ended (")
    assert not re.search(r"\b(start|check)\b", line["message"]), "nothing is to be done by anybody"
    first, second = server.connections
    assert second.types[0] == "session.update"
    assert second.received[0].event["session"] == first.received[0].event["session"]
    assert replayed(seen, 2)[:2] == ["one", "You said: one"]


@pytest.mark.parametrize("moment", ["before_it_is_heard", "before_it_is_answered"])
def test_row_14_a_turn_that_the_lost_connection_took_with_it_is_answered_all_the_same(moment: str) -> None:
    on = "input_audio_buffer.committed" if moment == "before_it_is_heard" else "response.created"
    seen = hold(RealtimeServer(Talk(), faults=[Fault(on, Cut())]), turns("one", "two"))
    each_once(seen, "one", "two")
    assert losses(seen) == ["reconnecting", "reconnected", "end"]


def test_row_16_a_new_connection_is_told_what_was_heard_and_old_names_are_forgotten() -> None:
    async def talk(person: Person) -> None:
        person.say("one")
        await person.sees("assistant")
        person.say("Go on.")
        await person.received(1260)
        await person.sees("reconnected")
        await person.until(lambda: "Again." in person.lines.texts("assistant"))
        await person.ends()

    story = Reply(STORY.text, 1500)  # a word in 300 ms, as people speak
    replies = in_order(Reply("First.", 60), story, Reply("Again.", 100))
    server = RealtimeServer(Talk(answer=replies), faults=[Fault(DELTA, Cut(), nth=13, when="after")])
    seen = hold(server, talk)
    told = replayed(seen, 2)
    assert told[:3] == ["one", "First.", "Go on."]
    assert told[3].startswith("one two three four")
    assert "five" not in told[3]
    first, second = server.connections
    old = {item["id"] for item in first.items}
    named = {str(word.event.get("item_id")) for word in second.received} | {
        str(word.event.get("response_id")) for word in second.received
    }
    assert not old & named
    roles = [item["role"] for item in second.items if item["type"] == "message"]
    assert roles[:4] == ["user", "assistant", "user", "assistant"]
    assert seen.errors == []


def test_row_16_what_a_function_found_out_is_not_lost_with_its_connection() -> None:
    """agents-python#5068: an old call_id means nothing to the new server."""
    functions = Instant(slow=True)

    async def talk(person: Person) -> None:
        person.say("Look it up.")
        await person.until(lambda: functions.called == ["look"])
        await person.sees("reconnected")
        functions.go = True
        await person.until(lambda: "Found it." in person.lines.texts("assistant"))
        await person.ends()

    replies = in_order(Reply("", 0, calls=(("look", "{}"),)), Reply("Found it.", 100))
    server = RealtimeServer(Talk(answer=replies), faults=[Fault("response.done", Cut(), when="after")])
    seen = hold(server, talk, functions=functions)
    first, second = server.connections
    (old,) = [item["call_id"] for item in first.items if item["type"] == "function_call"]
    sent = [word["item"] for word in second.words("conversation.item.create")]
    assert old not in [item.get("call_id") for item in sent]
    assert [item["output"] for item in sent if item["type"] == "function_call_output"] == ["look is done"]
    assert functions.called == ["look"]
    assert [code for code, _ in seen.errors] == []


def test_row_13_a_session_that_grows_old_is_replaced_in_a_quiet_moment_and_nobody_hears_it() -> None:
    async def talk(person: Person) -> None:
        person.say("one")
        await person.sees("renewed")
        person.say("two")
        await person.until(lambda: "You said: two" in person.lines.texts("assistant"))
        await person.ends()

    server = RealtimeServer(Talk(lasts_s=300), Talk())
    seen = hold(server, talk)
    each_once(seen, "one", "two")
    assert losses(seen) == ["renewed", "end"]
    assert seen.errors == []
    assert replayed(seen, 2) == ["one", "You said: one"]
    assert server.connections[0].code == 1000  # we left it before it expired
    assert [len(connection.utterances) > 0 for connection in server.connections] == [True, True]


def test_row_13_a_reply_that_still_sounds_when_time_presses_is_heard_to_its_end_and_told_to_the_next_session() -> None:
    async def talk(person: Person) -> None:
        person.say("Go on.")
        await person.received(500)
        await person.play(200)
        await person.sees("renewed")
        await person.play(300)
        await person.sees("assistant")
        await person.told("conversation.item.create", 2, connection=2)
        await person.ends()

    seen = hold(RealtimeServer(Talk(answer=in_order(STORY), lasts_s=300), Talk()), talk, by_hand=True)
    assert losses(seen) == ["renewed", "end"]
    (line,) = seen.lines.of("assistant")
    assert (line["heard_text"], line["heard_ms"], line["interrupted"]) == ("one two three four five", 500, False)
    assert [(run.start, run.samples) for run in runs(seen.played)] == [(0, 500 * 24)]  # not one sample is missing
    assert replayed(seen, 2) == ["Go on.", "one two three four five"]
    assert [item["role"] for item in seen.server.connections[1].items] == ["user", "assistant"]


@pytest.mark.parametrize("how", ["as_openai", "as_azure"])
def test_row_13_a_session_that_expires_unannounced_is_a_loss_like_any_other(how: str) -> None:
    code = "session_expired" if how == "as_openai" else "server_error"
    kind = "invalid_request_error" if how == "as_openai" else "server_error"
    error = {"type": kind, "code": code, "message": EXPIRED, "param": None, "event_id": None}

    async def expire(line: Any) -> None:
        await line.say({"type": "error", "error": error})
        await line.close(1001, EXPIRED)

    faults = [Fault("response.done", expire, nth=1, when="after")]
    seen = hold(RealtimeServer(Talk(), faults=faults), turns("one", "two"))
    each_once(seen, "one", "two")
    assert losses(seen) == ["reconnecting", "reconnected", "end"]
    assert seen.outcome.reason == "script_done"


def test_row_15_a_socket_that_answers_no_ping_is_left_for_another() -> None:
    """websockets#1620, pipecat#3960: `keepalive ping timeout`."""
    faults = [Fault("response.done", Stall(), nth=1, when="after")]
    seen = hold(RealtimeServer(Talk(), faults=faults), _after_loss)
    each_once(seen, "one", "two")
    assert losses(seen)[:2] == ["reconnecting", "reconnected"]


async def _after_loss(person: Person) -> None:
    person.say("one")
    await person.sees("reconnected")
    person.say("two")
    await person.until(lambda: "You said: two" in person.lines.texts("assistant"))
    await person.ends()


def test_an_idle_or_muted_socket_stays_alive() -> None:
    """openai-dotnet#274, livekit/agents#1128: nothing is said for a while, and the socket dies."""

    async def idle(person: Person) -> None:
        await asyncio.sleep(300)
        person.type("Still there?")
        await person.sees("assistant")
        await person.ends()

    seen = hold(RealtimeServer(), idle)
    assert seen.lines.texts("user", "assistant") == ["Still there?", "You said: Still there?"]
    assert len(seen.server.connections) == 1
    assert losses(seen) == ["end"]


def test_a_server_that_says_nothing_while_a_reply_is_owed_is_left_for_another() -> None:
    seen = hold(RealtimeServer(Talk(), faults=[Fault(DELTA, Stall())]), turns("one"))
    each_once(seen, "one")
    assert losses(seen) == ["reconnecting", "reconnected", "end"]


def test_refused_handshakes_are_tried_again_with_pauses_and_told_once() -> None:
    faults = [Fault("response.created", Refuse(503, times=3), nth=2)]
    seen = hold(RealtimeServer(Talk(), faults=faults), turns("one", "two", "three"))
    each_once(seen, "one", "two", "three")
    assert losses(seen) == ["reconnecting", "reconnected", "end"]
    assert [connection.refused for connection in seen.server.connections] == [None, 503, 503, 503, None]


@pytest.mark.parametrize(
    "refusal",
    [
        Refuse(429, {"error": {"code": "429", "message": "Too many."}}, {"Retry-After": "25"}),
        Refuse(429, {"error": {"code": "429", "message": "Please try again in 25s."}}),
        Refuse(503, "", {"Retry-After": "25"}),
    ],
    ids=["429 header", "429 message", "503 header"],
)
def test_a_handshake_that_is_refused_for_its_rate_is_not_tried_again_before_the_server_allows_it(
    refusal: Refuse,
) -> None:
    server = RealtimeServer(Talk(), refusal, Talk(), faults=[Fault("response.created", Cut(), nth=2)])
    seen = hold(server, turns("one", "two"))
    each_once(seen, "one", "two")
    assert losses(seen) == ["reconnecting", "reconnected", "end"]
    assert [connection.refused for connection in server.connections] == [None, refusal.status, None]
    (back,) = seen.lines.of("reconnected")
    assert 25_000 <= back["lost_ms"] < 30_000


def test_a_server_that_wants_more_time_than_a_new_connection_is_tried_for_ends_the_talk_at_once_with_exit_5() -> None:
    refusal = Refuse(429, "", {"Retry-After": "600"})
    server = RealtimeServer(Talk(), refusal, faults=[Fault("response.created", Cut(), nth=2)])
    seen = hold(server, turns("one", "two"))
    assert (seen.outcome.reason, seen.exit_code) == ("lost", 5)
    assert len(server.connections) == 2
    (error,) = seen.lines.of("error")
    assert error["message"].startswith("The server asks to wait 600 s, and only ")


def test_a_key_that_is_refused_at_a_reconnect_ends_the_talk_with_exit_4() -> None:
    refusal = {"error": {"code": "invalid_api_key", "message": "Incorrect API key provided."}}
    server = RealtimeServer(Talk(), Refuse(401, refusal), faults=[Fault("response.created", Cut(), nth=2)])
    seen = hold(server, turns("one", "two"))
    assert seen.outcome.reason == "refused"
    assert seen.exit_code == 4
    assert losses(seen) == ["reconnecting", "end"]
    assert len(server.connections) == 2


def test_a_server_that_stays_away_is_given_up_after_a_while_with_exit_5() -> None:
    server = RealtimeServer(Talk(), Refuse(503), faults=[Fault("response.created", Cut(), nth=2)])
    seen = hold(server, turns("one", "two"))
    assert (seen.outcome.reason, seen.exit_code) == ("lost", 5)
    assert losses(seen) == ["reconnecting", "end"]
    assert [fatal for _, fatal in seen.errors] == [True]
    assert len(server.connections) > 10


def test_row_32_no_sound_of_the_person_is_lost_while_the_server_goes_away() -> None:
    """openai-python#2085: the server closes during a send. The sentence it half heard is heard whole by the next one."""
    text = "a long sentence that is cut in its middle"

    async def talk(person: Person) -> None:
        voice = spoken(text, 1200)
        size = ms_to_bytes(40)
        for at in range(0, len(voice), size):
            person.microphone.hear(voice[at : at + size])
        person.microphone.hear(silence(700))
        await person.sees("reconnected")
        await person.until(lambda: bool(person.lines.of("assistant")))
        await person.ends()

    server = RealtimeServer(Talk(), Refuse(503), Talk(), faults=[Fault("input_audio_buffer.append", Cut(), nth=5)])
    seen = hold(server, talk)
    frame = len(text) + 3
    whole = 1200 * 24 // frame * frame
    assert server.connections[-1].utterances == [Utterance(text, 0, whole)]
    assert seen.lines.texts("user", "assistant") == [text, f"You said: {text}"]
    assert losses(seen) == ["reconnecting", "reconnected", "end"]

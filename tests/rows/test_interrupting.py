"""Rows 6 to 9 and 30, and what user-needs.md (group A) adds: a reply is cut exactly where it was heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.rows.person import Person, hold, scripted, when

from vivavoce.events import codec
from vivavoce.events.server import ResponseDone
from vivavoce.testing import Expect, RealtimeServer, Reply, Say, Talk, in_order, numbered, reply_words, runs
from vivavoce.testing.sound import Run

STORY = Reply("one two three four five six seven eight nine ten", 2000)
SPEECH = {"type": "input_audio_buffer.speech_started", "item_id": "item_person", "audio_start_ms": 0}


def error(code: str | None, message: str) -> Mapping[str, Any]:
    said = {"type": "invalid_request_error", "code": code, "message": message, "param": None, "event_id": None}
    return {"type": "error", "error": said}


def told_of_items(seen: Any) -> list[Mapping[str, Any]]:
    return [word.event for word in seen.server.connections[0].received if word.type.startswith("conversation.item.")]


@pytest.mark.parametrize("heard_ms", [1, 437, 1999])
def test_row_6_a_cut_is_told_where_it_was_heard_and_never_past_the_end(heard_ms: int) -> None:
    async def interrupt(person: Person) -> None:
        person.say("Go on.")
        await person.received(2000)
        await person.play(heard_ms)
        person.say("Stop!")
        await person.sees("interrupted")
        await person.received(2100)
        await person.play(100)
        await person.ends()

    seen = hold(RealtimeServer(Talk(answer=in_order(STORY, Reply("Yes.", 100)))), interrupt, by_hand=True)
    (cut,) = told_of_items(seen)
    assert (cut["type"], cut["audio_end_ms"]) == ("conversation.item.truncate", heard_ms)
    assert runs(seen.played)[0] == Run(0, 0, heard_ms * 24)
    assert seen.errors == []
    story = next(item for item in seen.server.connections[0].items if item["id"] == cut["item_id"])
    said = seen.lines.of("assistant")[0]
    assert (said["interrupted"], said["heard_ms"]) == (True, heard_ms)
    assert "".join(story["content"][0]["transcript"].split()).startswith("".join(said["heard_text"].split()))


def test_row_6_a_server_that_finds_a_cut_too_long_does_not_end_the_talk() -> None:
    words = reply_words("A story.", numbered(1000))
    refusal = error(None, "Audio content of 900ms is already shorter than 950ms")
    truncated = {
        "type": "conversation.item.truncated",
        "item_id": "item_spoken",
        "content_index": 0,
        "audio_end_ms": 900,
    }

    async def interrupt(person: Person) -> None:
        await person.received(1000)
        await person.play(950)
        person.type("Stop!")
        await person.sees("error")
        await person.until(lambda: len(person.server.connections[0].said) > len(words) + 5)
        person.talk.leave("interrupt")

    server = scripted(
        Say(*words),
        Expect("conversation.item.truncate"),
        Say(refusal, truncated, *reply_words("Yes.", numbered(100), name="next")),
    )
    seen = hold(server, interrupt, by_hand=True)
    assert seen.errors == [("invalid_request_error", False)]
    assert [happening.expected for happening in seen.lines.happenings if happening.TYPE == "error"] == [True]  # type: ignore[union-attr]  # errors have it
    assert seen.outcome.reason == "interrupt"
    assert seen.server.connections[0].words("conversation.item.truncate")[0]["audio_end_ms"] == 950


def test_row_7_a_reply_of_which_nothing_was_heard_is_deleted_not_cut() -> None:
    async def interrupt(person: Person) -> None:
        person.say("Go on.")
        await person.received(2000)
        person.say("Stop!")
        await person.told("conversation.item.delete")
        await person.received(2100)
        await person.play(100)
        await person.ends()

    seen = hold(RealtimeServer(Talk(answer=in_order(STORY, Reply("Yes.", 100)))), interrupt, by_hand=True)
    (cut,) = told_of_items(seen)
    assert cut["type"] == "conversation.item.delete"
    assert cut["item_id"] not in [item["id"] for item in seen.server.connections[0].items]
    assert [line["item_id"] for line in seen.lines.of("delete")] == [cut["item_id"]]
    assert seen.errors == []
    assert [(run.start, run.samples) for run in runs(seen.played)] == [(0, 2400)]


@pytest.mark.parametrize("code", ["item_truncate_invalid_item_id", "item_delete_invalid_item_id"])
def test_row_8_an_item_that_the_server_does_not_know_is_no_matter_for_the_person(code: str) -> None:
    async def look(person: Person) -> None:
        await person.sees("assistant")
        await person.ends()

    unknown = error(code, "Item with item_id not found: item_old")
    seen = hold(scripted(Say(unknown, *reply_words("Hello.", numbered(300)))), look)
    assert seen.errors == [(code, False)]
    assert [happening.expected for happening in seen.lines.happenings if happening.TYPE == "error"] == [True]  # type: ignore[union-attr]  # errors have it
    assert seen.lines.texts("assistant") == ["Hello."]
    assert told_of_items(seen) == []


def two_items() -> list[Any]:
    """One response of two messages, a second of sound each."""
    first = reply_words("The first part.", numbered(1000), name="a")
    second = reply_words("The second part.", numbered(1000), name="b")
    end = next(at for at, word in enumerate(first) if isinstance(word, ResponseDone))
    begin = next(at for at, word in enumerate(second) if word.TYPE == "response.output_item.added")
    return [*first[:end], *[_in_response(word, "resp_a") for word in second[begin:]]]


def _in_response(word: Any, response_id: str) -> Any:
    fields = codec.to_fields(word)
    if "response_id" in fields:
        fields |= {"response_id": response_id, "output_index": 1}
    if "response" in fields:
        fields["response"] = fields["response"] | {"id": response_id}
    return fields


@pytest.mark.parametrize(
    ("heard_ms", "told"),
    [
        (1250, [("conversation.item.truncate", "item_b", 250)]),
        (400, [("conversation.item.truncate", "item_a", 400), ("conversation.item.delete", "item_b", None)]),
    ],
)
def test_row_9_each_item_of_a_response_has_its_own_clock(heard_ms: int, told: list[Any]) -> None:
    played: list[int] = []

    async def interrupt(person: Person) -> None:
        await person.received(2000)
        await person.play(heard_ms)
        played.append(heard_ms)
        await person.told(*told[-1][:1])
        person.talk.leave("interrupt")

    server = scripted(Say(*two_items()), when(lambda: bool(played)), Say(SPEECH))
    seen = hold(server, interrupt, by_hand=True)
    found = [(word["type"], word["item_id"], word.get("audio_end_ms")) for word in told_of_items(seen)]
    assert found == told
    assert seen.lines.of("interrupted")[0]["item_id"] == told[0][1]


def test_row_30_sound_that_comes_after_the_cut_is_not_heard() -> None:
    words = reply_words("A long story.", numbered(1000))
    half = len(words) // 2
    late = [word for word in words[half:] if not isinstance(word, ResponseDone)]
    cancelled = {"type": "response.done", "response": {"id": "resp_spoken", "status": "cancelled", "output": []}}
    next_turn = reply_words("Yes?", numbered(200), name="next")

    async def listen(person: Person) -> None:
        await person.sees("assistant", 2)
        person.talk.leave("interrupt")

    server = scripted(Say(*words[:half]), Say(SPEECH, *late, cancelled, *next_turn))
    seen = hold(server, listen)
    received = sum(1 for word in words[:half] if word.TYPE == "response.output_audio.delta") * 100
    told = told_of_items(seen)
    assert [word["item_id"] for word in told] == ["item_spoken"]
    heard = [(run.start, run.samples) for run in runs(seen.played)]
    assert heard[-1] == (0, 200 * 24)
    assert sum(samples for _, samples in heard[:-1]) <= received * 24
    assert all(start == 0 for start, _ in heard)  # nothing of the second half


def test_a_reply_that_was_heard_to_its_end_is_neither_cut_nor_deleted() -> None:
    """openai-agents-python#2370: a needless truncate makes the model say it again."""

    async def two_turns(person: Person) -> None:
        person.say("one")
        await person.sees("assistant")
        person.say("two")
        await person.sees("assistant", 2)
        await person.ends()

    seen = hold(RealtimeServer(Talk(answer=in_order(Reply("One.", 300), Reply("Two.", 300)))), two_turns)
    assert told_of_items(seen) == []
    assert [(line["heard_text"], line["interrupted"]) for line in seen.lines.of("assistant")] == [
        ("One.", False),
        ("Two.", False),
    ]


def test_what_was_heard_of_an_interrupted_reply_stays_on_both_sides() -> None:
    """openai-agents-js#523: the words vanish from the history."""

    async def interrupt(person: Person) -> None:
        person.say("Go on.")
        await person.received(2000)
        await person.play(1000)
        person.say("Stop!")
        await person.sees("assistant")
        await person.received(2100)
        await person.play(100)
        await person.ends()

    seen = hold(RealtimeServer(Talk(answer=in_order(STORY, Reply("Yes.", 100)))), interrupt, by_hand=True)
    assert seen.lines.texts("user", "assistant")[:3] == ["Go on.", "one two three four five", "Stop!"]
    items = [item["content"][0]["transcript"].strip() for item in seen.server.connections[0].items]
    assert items == ["Go on.", "one two three four five", "Stop!", "Yes."]

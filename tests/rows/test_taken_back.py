"""A barge-in that can be taken back (user-needs.md, 3 and 4): a cough over a reply leaves no trace, words cut it exactly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from tests.rows.person import WRITTEN, Person, Seen, hold, preview_wire, wire_to

from vivavoce.testing import RealtimeServer, Reply, SpokenEar, Talk, in_order, runs

STORY = Reply("one two three four five six seven eight nine ten", 3000)
CONFIRMED = replace(WRITTEN, confirm_barge_in=True)


def server() -> RealtimeServer:
    return RealtimeServer(Talk(answer=in_order(STORY, Reply("Yes.", 100))))


def conversation(seen: Seen) -> list[Any]:
    """What the server has in the end, without the names of the items."""
    (connection,) = seen.server.connections
    return [(item["role"], item["content"]) for item in connection.items]


def talk(*said: str, judged_after_ms: int = 200, preview: bool = False) -> Seen:
    async def interrupt(person: Person) -> None:
        person.say("Go on.")
        await person.received(3000)
        for text in said:
            await asyncio.sleep(0.5)
            await person.says(text)
        await person.ends()

    ear = SpokenEar(judged_after_ms)
    wire = preview_wire if preview else wire_to
    return hold(server(), interrupt, settings=CONFIRMED, ear=ear, preview=preview, wire=wire)


@pytest.mark.parametrize("judged_after_ms", [60, 200, 400])
def test_a_cough_over_a_reply_leaves_the_conversation_as_it_would_have_been(judged_after_ms: int) -> None:
    coughed, undisturbed = talk("*cough*", judged_after_ms=judged_after_ms), talk()
    assert conversation(coughed) == conversation(undisturbed)
    assert coughed.lines.texts("user", "assistant") == undisturbed.lines.texts("user", "assistant")
    assert coughed.lines.of("assistant")[0]["heard_ms"] == 3000
    assert [t for t in coughed.lines.types if t in {"ducked", "restored"}] == ["ducked", "restored"]
    assert [w.type for w in coughed.server.connections[0].received if "delete" in w.type] == [
        "conversation.item.delete"
    ]
    assert coughed.lines.of("interrupted") == []
    assert coughed.errors == []


def test_a_reply_is_quieter_within_a_block_and_then_goes_on_where_it_was() -> None:
    seen = talk("*cough*")
    whole = [run for run in runs(seen.played) if run.samples > 2400]
    first, last = whole[0], whole[-1]
    assert first.start == 0
    assert last.start + last.samples == 3000 * 24
    held = (last.at - first.at) - (last.start - first.start)
    assert 0 <= held <= 300 * 24, "what was held comes later; nothing is left out"


def test_nothing_is_cut_at_the_server_before_it_is_confirmed() -> None:
    seen = talk("*cough*", "Stop!")
    told = [word.type for word in seen.server.connections[0].received]
    assert told.count("response.cancel") == 0  # all of the reply had come
    assert [t for t in told if t.startswith("conversation.item.")] == [
        "conversation.item.delete",
        "conversation.item.truncate",
    ]
    assert seen.lines.texts("user") == ["Go on.", "Stop!"]
    assert seen.lines.texts("assistant")[-1] == "Yes."


@pytest.mark.parametrize("preview", [False, True])
def test_words_over_a_reply_cut_it_where_it_was_heard_and_are_answered(preview: bool) -> None:
    seen = talk("Stop!", preview=preview)
    (cut,) = seen.lines.of("interrupted")
    (told,) = seen.server.connections[0].words("conversation.item.truncate")
    assert told["audio_end_ms"] == cut["heard_ms"]
    assert seen.lines.texts("user") == ["Go on.", "Stop!"]
    assert seen.lines.texts("assistant")[1:] == ["Yes."]
    assert len(seen.server.connections[0].words("response.create")) == 2
    assert seen.errors == []


def test_a_cough_in_silence_is_a_turn_like_any_other() -> None:
    async def cough(person: Person) -> None:
        await person.says("*cough*")
        await person.sees("assistant")
        await person.ends()

    seen = hold(server(), cough, settings=CONFIRMED, ear=SpokenEar())
    assert seen.lines.of("ducked") == []
    assert seen.lines.texts("user") == ["*cough*"]

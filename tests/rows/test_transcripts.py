"""Rows 22 and 23, and what user-needs.md (group E) adds: what was said, in the order in which it was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.rows.person import Person, hold, scripted, when

from vivavoce.testing import RealtimeServer, Reply, Say, Speak, Talk, in_order, numbered

WRITING = "conversation.item.input_audio_transcription"


async def two_turns(person: Person) -> None:
    person.say("one")
    await person.sees("assistant")
    person.say("two")
    await person.sees("assistant", 2)
    await person.ends()


def turn(item_id: str, after: str | None = None) -> list[Mapping[str, Any]]:
    """A turn of the person, up to its end; its words come later."""
    item = {"id": item_id, "type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}
    return [
        {"type": "input_audio_buffer.speech_started", "item_id": item_id, "audio_start_ms": 0},
        {"type": "input_audio_buffer.speech_stopped", "item_id": item_id, "audio_end_ms": 100},
        {"type": "input_audio_buffer.committed", "item_id": item_id, "previous_item_id": after},
        {"type": "conversation.item.added", "item": item, "previous_item_id": after},
        {"type": "conversation.item.done", "item": item, "previous_item_id": after},
    ]


def words_of(item_id: str, text: str) -> Mapping[str, Any]:
    return {"type": f"{WRITING}.completed", "item_id": item_id, "content_index": 0, "transcript": text}


def test_row_22_words_that_come_after_the_reply_still_stand_before_it() -> None:
    """pipecat#1788, livekit/agents#6579: the text of the person arrives after the answer."""
    seen = hold(RealtimeServer(Talk(transcripts="after_reply")), two_turns)
    order = [
        word.type for word in seen.server.connections[0].said if word.type in {"response.done", f"{WRITING}.completed"}
    ]
    assert order == ["response.done", f"{WRITING}.completed"] * 2
    assert seen.lines.texts("user", "assistant") == ["one", "You said: one", "two", "You said: two"]


def test_row_22_words_of_two_turns_that_overtake_each_other_keep_their_turns() -> None:
    """openclaw#133493: two turns that overlap are merged or swapped."""

    async def listen(person: Person) -> None:
        await person.sees("user", 2)
        await person.sees("assistant")
        await person.ends()

    server = scripted(
        Say(*turn("u1"), *turn("u2", after="u1"), words_of("u2", "second")),
        Say(words_of("u1", "first")),
        Speak("Both.", numbered(100)),
    )
    seen = hold(server, listen)
    assert [(line["item_id"], line["text"]) for line in seen.lines.of("user")] == [("u1", "first"), ("u2", "second")]
    assert seen.lines.texts("user", "assistant") == ["first", "second", "Both."]


def test_row_22_words_that_never_come_hold_up_nothing_for_long() -> None:
    seen = hold(RealtimeServer(Talk(transcripts="never")), two_turns)
    assert seen.lines.texts("user", "assistant") == ["You said: one", "You said: two"]
    assert seen.errors == []


def test_row_22_words_that_are_very_late_are_late_but_not_lost() -> None:
    shown: list[bool] = []

    async def listen(person: Person) -> None:
        await person.sees("assistant")
        shown.append(True)
        await person.sees("user")
        await person.ends()

    server = scripted(
        Say(*turn("u1")), Speak("Yes.", numbered(100)), when(lambda: bool(shown)), Say(words_of("u1", "Hello?"))
    )
    seen = hold(server, listen)
    assert seen.lines.texts("user", "assistant") == ["Yes.", "Hello?"]


def test_row_23_words_that_cannot_be_written_down_are_told_once_and_the_talk_goes_on() -> None:
    seen = hold(RealtimeServer(Talk(transcripts="failed", answer=in_order(Reply("Yes.", 100)))), two_turns)
    assert seen.lines.texts("user", "assistant") == ["", "Yes.", "", "Yes."]
    (warning,) = seen.lines.of("warning")
    assert (warning["code"], "scribe" in warning["message"]) == ("transcription_failed", True)
    assert seen.errors == []
    assert seen.server.connections[0].types == ["session.update"]


def test_row_23_a_cough_says_nothing_about_the_scribe() -> None:
    async def cough(person: Person) -> None:
        await person.sees("user")
        await person.sees("assistant")
        await person.ends()

    error = {"type": "transcription_error", "code": "audio_unintelligible", "message": "Unintelligible.", "param": None}
    failed = {"type": f"{WRITING}.failed", "item_id": "u1", "content_index": 0, "error": error}
    seen = hold(scripted(Say(*turn("u1"), failed), Speak("Pardon?", numbered(100))), cough)
    assert seen.lines.of("warning") == []
    assert seen.lines.texts("user", "assistant") == ["", "Pardon?"]


def test_typed_and_spoken_turns_stand_in_one_order() -> None:
    async def talk(person: Person) -> None:
        person.say("spoken")
        await person.sees("assistant")
        person.type("typed")
        await person.sees("assistant", 2)
        person.say("spoken again")
        await person.sees("assistant", 3)
        await person.ends()

    seen = hold(RealtimeServer(Talk(transcripts="after_reply")), talk)
    said = [text for turn_ in ("spoken", "typed", "spoken again") for text in (turn_, f"You said: {turn_}")]
    assert seen.lines.texts("user", "assistant") == said
    assert [
        item["content"][0].get("transcript") or item["content"][0]["text"] for item in seen.server.connections[0].items
    ] == said

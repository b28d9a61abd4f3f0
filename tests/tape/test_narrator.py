"""The story of a tape: turns where they sound, replies where they were heard, and how long each answer took."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.tape.talk import LOUD, SETTINGS, Recording, small_talk, tone

from vivavoce.events import server as said
from vivavoce.tape import parts
from vivavoce.tape.narrator import narrate
from vivavoce.tape.reader import TapeReader
from vivavoce.tape.story import Latency, Story, Stretch
from vivavoce.tape.summary import as_data, rows


def story_of(folder: Path) -> Story:
    with TapeReader(folder) as tape:
        return narrate(tape)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("tape") / "t"
    small_talk(folder)
    return story_of(folder)


def near(value: float) -> object:
    return pytest.approx(value, abs=0.011)


def test_a_turn_lies_where_it_sounds_not_where_the_server_noticed_it(story: Story) -> None:
    spoken = [(turn.start_s, turn.end_s, turn.text) for turn in story.turns if not turn.typed]
    assert spoken[:2] == [(near(0), near(0.6), "What is it?"), (near(1.5), near(1.9), "Tell me more.")]
    assert story.turns[0].noticed_s == near(0.9)
    assert [turn.text for turn in story.turns if turn.typed] == ["Thank you!"]


def test_a_reply_lies_where_it_was_heard_and_ends_where_it_was_cut(story: Story) -> None:
    first, second, *_ = story.replies
    assert first.stretches == (Stretch(near(1.0), 0, 500),)  # type: ignore[arg-type]  # approx stands for a number
    assert (second.start_s, second.heard_ms, second.received_ms) == (near(2.4), 740, 2000)
    assert (second.cut_by, second.truncated_ms) == ("person", 740)
    assert [mark.text for mark in story.marked("interruption")] == ["0.7 s"]


def test_the_wait_for_an_answer_is_from_the_last_sound_to_the_first(story: Story) -> None:
    assert [latency.ms for latency in story.latencies] == [
        near_ms(400),
        near_ms(500),
        near_ms(450),
        near_ms(500),
    ]


def near_ms(value: int) -> object:
    return pytest.approx(value, abs=11)


def test_a_function_lasts_from_the_call_to_its_answer(story: Story) -> None:
    (call,) = story.marked("call")
    assert call.text == "open_door"
    assert call.end_s - call.at_s == near(0.25)


def test_median_and_p90_are_of_what_was_measured(story: Story) -> None:
    waits = story.waits
    assert waits is not None
    assert waits.count == 4
    assert waits.median_ms == near_ms(475)
    assert (waits.p90_ms, waits.longest_ms) == (near_ms(500), near_ms(500))


def test_a_speaker_that_ran_dry_leaves_a_gap(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    talk.do("type", "Go on.")
    talk.reply("item_1", "One two three.", 600)
    talk.heard("item_1", 300)
    talk.at += 0.5
    for ms in (400, 500, 600):
        talk.at += 0.1
        talk.do("heard", "item_1", ms)
    talk.close()
    (reply,) = story_of(tmp_path).replies
    assert reply.stretches == (Stretch(near(0.0), 0, 300), Stretch(near(0.8), 300, 600))  # type: ignore[arg-type]  # as above


def test_each_press_of_the_button_is_a_turn_and_one_that_was_too_short_is_none(tmp_path: Path) -> None:
    talk = Recording(tmp_path, replace(SETTINGS, push_to_talk=True))
    talk.open()
    for n, text in enumerate(("Hello?", "Hello!")):
        talk.do("press")
        talk.hears(LOUD, 30)
        talk.do("release")
        talk.do("press")
        talk.hears(LOUD, 1)
        talk.do("release")
        talk.says(said.AudioCommitted(f"user_{n}"), said.TranscriptionCompleted(f"user_{n}", text))
        talk.at += 1
    talk.close()
    turns = [(turn.item_id, turn.start_s, turn.end_s, turn.text) for turn in story_of(tmp_path).turns]
    assert turns == [("user_0", near(0), near(0.6), "Hello?"), ("user_1", near(1.62), near(2.22), "Hello!")]


def test_a_press_that_a_lost_connection_did_not_take_leaves_the_next_its_name(tmp_path: Path) -> None:
    talk = Recording(tmp_path, replace(SETTINGS, push_to_talk=True))
    talk.open()
    talk.do("press")
    talk.hears(LOUD, 20)
    talk.do("release")
    talk.do("gone", "connection_lost", "cut", "lost")
    talk.at += 1
    talk.open()
    talk.do("press")
    talk.hears(LOUD, 30)
    talk.do("release")
    talk.says(said.AudioCommitted("user_2"), said.TranscriptionCompleted("user_2", "Hello!"))
    talk.close()
    assert [(turn.item_id, turn.text) for turn in story_of(tmp_path).turns] == [("", None), ("user_2", "Hello!")]


def test_a_line_that_is_typed_over_a_reply_is_typed(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    talk.person("user_1", "Tell me a story.", 600)
    talk.reply("item_1", "Once upon a time there was a cat.", 2000)
    talk.heard("item_1", 300)
    talk.do("type", "Stop.")
    talk.at += 0.1
    talk.do("hushed", "item_1", 340)
    talk.close()
    assert [(turn.text, turn.typed) for turn in story_of(tmp_path).turns] == [
        ("Tell me a story.", False),
        ("Stop.", True),
    ]


def test_a_turn_without_an_answer_has_no_wait(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    talk.person("user_1", "Hello?", 400)
    talk.person("user_2", "Hello!", 400)
    talk.at += 0.1
    talk.reply("item_1", "Hello.", 200)
    talk.heard("item_1", 200)
    talk.close()
    story = story_of(tmp_path)
    assert story.latencies == (Latency(near(1.1), near(1.5)),)  # type: ignore[arg-type]  # approx stands for a number
    assert story.reason is None


def test_a_tape_that_ends_in_a_reply_tells_of_it_as_far_as_it_was_heard(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    talk.person("user_1", "Tell me a story.", 600)
    talk.at += 0.1
    talk.reply("item_1", "Once upon a time there was a cat.", 2000)
    talk.heard("item_1", 800)
    asyncio.run(talk.tape.close())
    end_the_tape_here(tmp_path)
    story = story_of(tmp_path)
    (reply,) = story.replies
    assert (reply.start_s, reply.heard_ms, reply.received_ms) == (near(1.0), 800, 2000)
    assert reply.text == "Once upon a time there was a cat."
    assert reply.heard_text
    assert reply.text.startswith(reply.heard_text)
    assert reply.heard_text != reply.text
    assert (reply.interrupted, reply.cut_by) == (True, "end")
    assert story.reason is None
    assert [latency.ms for latency in story.latencies] == [near_ms(400)]
    assert story.assistant.loudest > 0
    told = dict(rows(story))
    assert told == told | {"replies": "1", "replies not finished": "1", "interruptions": "0"}


def end_the_tape_here(folder: Path) -> None:
    """As if the program had been killed: nobody said that this was all."""
    meta = json.loads((folder / parts.META).read_text())
    del meta["closed"]
    (folder / parts.META).write_text(json.dumps(meta))


def test_a_reply_that_nobody_heard_when_the_tape_ended_is_none(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    talk.do("type", "Go on.")
    talk.reply("item_1", "Once upon a time.", 300)
    asyncio.run(talk.tape.close())
    end_the_tape_here(tmp_path)
    assert story_of(tmp_path).replies == ()


def test_what_cut_a_reply_is_told_apart(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.open()
    talk.do("type", "Go on.")
    talk.says(
        said.ResponseCreated({"id": "resp_1"}),
        said.TranscriptDelta("item_1", "One two three.", "resp_1"),
        said.AudioDelta("item_1", tone(600), "resp_1"),
    )
    talk.heard("item_1", 300)
    talk.do("gone", "connection_lost", "cut", "lost")
    talk.at += 0.3
    talk.do("heard", "item_1", 600)
    talk.open()
    talk.reply("item_2", "Four five six.", 600)
    talk.heard("item_2", 300)
    talk.do("leave", "interrupt")
    talk.close()
    story = story_of(tmp_path)
    assert [(reply.heard_ms, reply.cut_by) for reply in story.replies] == [(600, "connection"), (300, "end")]
    told = dict(rows(story))
    assert told == told | {"interruptions": "0", "replies cut by the connection": "1", "replies not finished": "1"}


def test_a_talk_that_never_was_has_an_empty_story(tmp_path: Path) -> None:
    talk = Recording(tmp_path)
    talk.do("gone", "no_connection", "Nobody is there.", "lost", None)
    talk.close()
    story = story_of(tmp_path)
    assert (story.turns, story.replies, story.waits, story.ready_s) == ((), (), None, None)
    assert dict(rows(story))["ended"] == story.reason == "lost"


def test_the_data_says_all_of_it_in_plain_json(story: Story) -> None:
    data = as_data(story)
    assert [turn["text"] for turn in data["turns"]] == [turn.text for turn in story.turns]
    assert data["latency_ms"]["count"] == 4
    assert data["replies"][1]["stretches"][0] == {"at_s": near(2.4), "from_ms": 0, "to_ms": 740}
    told = dict(rows(story))
    assert told == told | {
        "your turns": "4 (1 typed)",
        "replies": "4",
        "interruptions": "1",
        "replies truncated": "1",
        "functions called": "1",
    }

"""The sound and the words of each reply, kept together."""

from __future__ import annotations

import pytest
from tests.session.conversation import begins, item_done, sound, words

from vivavoce.events import server as said
from vivavoce.events.client import DeleteItem, TruncateItem
from vivavoce.pcm import silence
from vivavoce.session.effects import Play, Show
from vivavoce.session.happenings import AssistantDelta, AssistantSaid, Deleted, Happening, Interrupted, Truncated
from vivavoce.session.speech import Speech
from vivavoce.session.transcript import Transcript


class Stage:
    """Speech with the transcript it tells."""

    def __init__(self) -> None:
        self.transcript = Transcript(10.0, person_is_written_down=False)
        self.speech = Speech(self.transcript)

    def hears(self, *events: said.ServerEvent) -> None:
        for event in events:
            if not isinstance(event, said.ItemAdded):
                self.speech.receive(event)  # type: ignore[arg-type]  # the events given are speech

    def lines(self) -> list[Happening]:
        self.speech.close_drained()
        return self.transcript.to_show()

    def said(self) -> list[AssistantSaid]:
        return [line for line in self.lines() if isinstance(line, AssistantSaid)]


def test_sound_is_played_at_once_and_in_order() -> None:
    stage = Stage()
    assert stage.speech.receive(sound("R", "a", 20))
    assert stage.speech.receive(sound("R", "b", 40))
    assert stage.speech.to_world() == [Play("a", silence(20)), Play("b", silence(40))]
    assert stage.speech.to_world() == []
    assert stage.speech.sounding
    assert not stage.speech.hushing


@pytest.mark.parametrize("event", [words("R", "a", "hi"), item_done("R", "a"), begins("R", "a")[0]])
def test_what_is_no_sound_is_not_played(event: said.TranscriptDelta | said.OutputItemDone) -> None:
    speech = Stage().speech
    assert not speech.receive(event)
    assert speech.to_world() == []
    assert speech.knows("a")


def test_a_reply_is_a_line_when_it_was_heard_to_its_end() -> None:
    stage = Stage()
    stage.hears(*begins("R", "a"), words("R", "a", "hello there"), sound("R", "a", 1000), item_done("R", "a"))
    assert stage.said() == []
    assert stage.speech.heard("a", 999)
    assert stage.said() == []
    assert stage.speech.heard("a", 1000)
    assert stage.said() == [AssistantSaid("a", "hello there", "hello there", 1000, interrupted=False)]
    assert not stage.speech.sounding


def test_sound_that_is_heard_before_its_words_came_is_no_trouble() -> None:
    stage = Stage()
    stage.hears(sound("R", "a", 1000))
    assert stage.speech.heard("a", 500)
    assert stage.lines() == []
    stage.hears(words("R", "a", "hello"), item_done("R", "a"))
    stage.speech.heard("a", 1000)
    assert [line.heard_text for line in stage.said()] == ["hello"]


def test_a_response_that_is_done_completes_its_items() -> None:
    stage = Stage()
    stage.hears(sound("R", "a", 100), sound("S", "b", 100))
    stage.speech.response_done("R")
    stage.speech.heard("a", 100)
    stage.speech.heard("b", 100)
    assert [line.item_id for line in stage.said()] == ["a"]


def test_words_know_how_much_sound_came_before_them() -> None:
    stage = Stage()
    stage.hears(sound("R", "a", 1000), words("R", "a", "late words"))
    stage.speech.heard("a", 999)
    assert stage.lines() == []


def test_the_whole_transcript_stands_in_for_pieces_that_never_came() -> None:
    stage = Stage()
    stage.hears(said.TranscriptDone("a", "hello", "R"), sound("R", "a", 100), item_done("R", "a"))
    stage.speech.heard("a", 100)
    assert [(line.text, line.heard_text) for line in stage.said()] == [("hello", "hello")]


def test_the_whole_transcript_is_not_read_before_its_sound_is_heard() -> None:
    stage = Stage()
    stage.hears(said.TranscriptDone("a", "hello", "R"))
    assert stage.lines() == []


def test_an_item_that_is_done_before_its_sound_came_belongs_to_its_response() -> None:
    stage = Stage()
    stage.hears(item_done("R", "a"), sound("R", "a", 100))
    assert stage.speech.said(["R"])


def test_an_item_done_elsewhere_is_closed_only_where_nobody_says_it() -> None:
    stage = Stage()
    for item in ("a", "b"):
        stage.transcript.item({"id": item, "type": "message", "role": "assistant"}, None)
    stage.hears(words("R", "a", "hello"), sound("R", "a", 100))
    for item in ("a", "b"):
        stage.speech.item_done_elsewhere({"id": item, "type": "message"})
    stage.speech.item_done_elsewhere({"id": "a"})
    stage.speech.heard("a", 100)
    assert stage.said() == []
    stage.speech.response_done("R")
    stage.hears(said.TextDone("c", "next", "S"))
    stage.speech.response_done("S")
    assert [line.item_id for line in stage.said()] == ["a", "c"]


def test_an_answer_in_text_is_read_as_it_comes() -> None:
    stage = Stage()
    stage.hears(said.TextDelta("a", "one", "R"))
    assert stage.lines() == [AssistantDelta("a", "one")]
    stage.hears(said.TextDone("a", "one", "R"), said.TextDone("b", "two", "R"))
    stage.speech.response_done("R")
    assert [(line.item_id, line.heard_text) for line in stage.said()] == [("a", "one"), ("b", "two")]


def test_an_item_that_is_no_message_is_no_reply() -> None:
    stage = Stage()
    call = {"id": "f", "type": "function_call"}
    stage.hears(said.OutputItemAdded("R", call), said.OutputItemDone("R", call))
    stage.hears(said.OutputItemAdded("R", {"type": "message"}), said.OutputItemDone("R", {"id": 3, "type": "message"}))
    assert not stage.speech.knows("f")
    assert not stage.speech.cut(["R"])
    stage.speech.settle(None, 0)
    assert stage.speech.to_server() == []


def test_a_stranger_is_not_heard() -> None:
    assert not Stage().speech.heard("ghost", 10)


def test_a_cut_says_where_the_playing_item_stopped_and_forgets_the_rest() -> None:
    stage = Stage()
    stage.hears(words("R", "a", "one two"), sound("R", "a", 700), *begins("R", "b"), sound("R", "b", 100))
    stage.speech.to_world()
    assert stage.speech.cut(["R"])
    assert stage.speech.hushing
    stage.speech.settle("a", 300)
    assert stage.speech.to_server() == [TruncateItem("a", 300), DeleteItem("b")]
    assert stage.speech.to_server() == []
    assert stage.speech.to_world() == [
        Show(Interrupted("a", 300)),
        Show(Truncated("a", 300)),
        Show(Deleted("b")),
    ]
    assert stage.said() == [AssistantSaid("a", "one two", "one", 300, interrupted=True, cut_by="person")]


def test_an_item_that_was_heard_whole_is_not_interrupted() -> None:
    stage = Stage()
    stage.hears(words("R", "a", "one"), sound("R", "a", 100), item_done("R", "a"), sound("R", "b", 100))
    stage.speech.cut(["R"])
    stage.speech.to_world()
    stage.speech.settle("b", 20)
    assert stage.speech.to_world() == [Show(Interrupted("b", 20)), Show(Truncated("b", 20))]
    assert [(line.item_id, line.heard_text, line.interrupted) for line in stage.said()] == [
        ("a", "one", False),
        ("b", "", True),
    ]


def test_an_item_that_had_not_begun_is_deleted_without_being_called_interrupted() -> None:
    stage = Stage()
    stage.hears(*begins("R", "a"))
    stage.speech.cut(["R"])
    stage.speech.settle(None, 0)
    assert stage.speech.to_server() == [DeleteItem("a")]
    assert stage.speech.to_world() == [Show(Deleted("a"))]
    assert stage.lines() == []


def test_late_sound_and_words_of_a_cut_reply_are_silent() -> None:
    stage = Stage()
    stage.hears(words("R", "a", "one"), sound("R", "a", 100))
    stage.speech.to_world()
    stage.speech.cut(["R"])
    assert not stage.speech.receive(sound("R", "a", 100))
    stage.hears(words("R", "a", " more"), said.TextDelta("a", " more", "R"), said.TextDone("b", "more", "R"))
    stage.speech.settle("a", 50)
    assert stage.speech.to_world() == [Show(Interrupted("a", 50)), Show(Truncated("a", 50))]
    assert [line.text for line in stage.said()] == ["one"]


def test_an_item_that_begins_after_the_cut_is_deleted_and_never_heard() -> None:
    stage = Stage()
    stage.hears(sound("R", "a", 100))
    stage.speech.cut(["R"])
    stage.speech.settle("a", 50)
    stage.speech.to_server()
    stage.speech.to_world()
    stage.hears(*begins("R", "a"), *begins("R", "b"), *begins("R", "b"), sound("R", "b", 100), item_done("R", "b"))
    assert stage.speech.to_server() == [DeleteItem("b")]
    assert stage.speech.to_world() == [Show(Deleted("b"))]
    assert not stage.speech.sounding


def test_a_response_nobody_wants_is_silent_from_its_first_word() -> None:
    stage = Stage()
    stage.speech.silence("R")
    assert not stage.speech.hushing
    stage.hears(*begins("R", "a"), sound("R", "a", 100), words("R", "a", "hi"))
    assert stage.speech.to_world() == [Show(Deleted("a"))]
    assert stage.speech.to_server() == [DeleteItem("a")]


def test_what_was_said_counts_only_where_nobody_interrupted_it() -> None:
    stage = Stage()
    assert not stage.speech.said(["R"])
    stage.hears(*begins("R", "a"))
    assert not stage.speech.said(["R"])
    stage.hears(sound("R", "a", 100))
    assert stage.speech.said(["R"])
    assert stage.speech.said(["S", "R"])
    assert not stage.speech.said(["S"])
    stage.speech.cut(["R"])
    assert not stage.speech.said(["R"])


# ---- a connection that is gone


def test_a_response_is_not_whole_while_a_call_of_it_has_begun() -> None:
    stage = Stage()
    stage.hears(*begins("R", "a"), sound("R", "a", 100), item_done("R", "a"))
    assert stage.speech.whole("R")
    call = {"id": "i1", "type": "function_call", "call_id": "c1"}
    stage.hears(said.OutputItemAdded("R", call))
    assert not stage.speech.whole("R")
    stage.hears(said.OutputItemDone("R", call))
    assert stage.speech.whole("R")
    stage.hears(said.OutputItemAdded("R", call), said.OutputItemAdded("S", call))
    stage.speech.response_done("R")
    assert stage.speech.whole("R")
    assert not stage.speech.whole("S")


def test_a_reply_that_was_broken_off_is_a_line_with_what_was_heard() -> None:
    stage = Stage()
    stage.hears(*begins("R", "a"), words("R", "a", "One two"), sound("R", "a", 1000))
    stage.speech.sever()
    assert stage.said() == []
    assert stage.speech.heard("a", 1000)
    assert stage.said() == [AssistantSaid("a", "One two", "One two", 1000, interrupted=True, cut_by="connection")]


def test_a_reply_that_was_broken_off_and_then_spoken_over_was_cut_by_the_person() -> None:
    stage = Stage()
    stage.hears(*begins("R", "a"), words("R", "a", "One two"), sound("R", "a", 1000))
    stage.speech.sever()
    stage.speech.cut([])
    stage.speech.settle("a", 400)
    assert [(line.heard_ms, line.cut_by) for line in stage.said()] == [(400, "person")]


def test_nothing_is_forgotten_on_a_server_that_is_gone() -> None:
    stage = Stage()
    stage.hears(*begins("R", "a"), words("R", "a", "One two"), sound("R", "a", 1000), sound("R", "b", 1000))
    stage.speech.cut(["R"])
    stage.speech.sever()
    stage.speech.settle("a", 500)
    assert stage.speech.to_server() == []
    assert [effect.what for effect in stage.speech.to_world() if isinstance(effect, Show)] == [Interrupted("a", 500)]
    assert [(line.item_id, line.heard_ms) for line in stage.said()] == [("a", 500)]


def test_what_was_still_to_be_said_to_a_server_that_is_gone_is_not_said() -> None:
    stage = Stage()
    stage.hears(*begins("R", "a"), sound("R", "a", 1000))
    stage.speech.cut(["R"])
    stage.speech.settle("a", 500)
    stage.speech.sever()
    assert stage.speech.to_server() == []

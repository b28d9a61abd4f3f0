"""The picture: written where one wants it, with the words of the talk in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.tape.talk import small_talk

from vivavoce.errors import BadSettings
from vivavoce.tape.loudness import Loudness
from vivavoce.tape.narrator import narrate
from vivavoce.tape.picture import draw
from vivavoce.tape.reader import TapeReader
from vivavoce.tape.story import Mark, Story


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("tape") / "t"
    small_talk(folder)
    with TapeReader(folder) as tape:
        return narrate(tape)


def svg(story: Story, folder: Path) -> str:
    draw(story, folder / "talk.svg")
    text = (folder / "talk.svg").read_text(encoding="utf-8")
    ET.fromstring(text)  # noqa: S314  # our own file: what is tested is that it is XML
    return text


def test_a_picture_has_the_words_the_waits_the_cut_and_the_function(story: Story, tmp_path: Path) -> None:
    text = svg(story, tmp_path)
    for words in ("Talk with numbered-1", "What is it?", "It is a cat.", "cut after 0.7 s", "open_door", "0.40 s"):
        assert words in text, words
    assert "no connection" not in text  # the legend has what is there


def test_what_went_wrong_is_in_the_picture(story: Story, tmp_path: Path) -> None:
    marks = (
        Mark("reconnect", 1.0, 3.5, "closed"),
        Mark("renewal", 4.0, 4.0, ""),
        Mark("warning", 4.2, 4.2, "Too slow."),
    )
    text = svg(dataclasses.replace(story, marks=marks), tmp_path)
    for words in ("no connection for 2.5 s", "renewed", "Too slow.", "warning or error"):
        assert words in text, words


def test_what_cut_a_reply_is_in_the_picture(story: Story, tmp_path: Path) -> None:
    first, second, *_ = story.replies
    cut = dataclasses.replace(first, interrupted=True, cut_by="connection")
    end = dataclasses.replace(second, interrupted=True, cut_by="end")
    text = svg(dataclasses.replace(story, replies=(cut, end)), tmp_path)
    for words in ("(cut by the connection)", "(not finished)"):
        assert words.split()[0] in text, words
        assert words.rpartition(" ")[2] in text, words


def test_words_are_words_whatever_they_hold(story: Story, tmp_path: Path) -> None:
    said = dataclasses.replace(story.turns[0], text="$5^2 und <b> \x07 \ud800 日本")
    text = svg(dataclasses.replace(story, turns=(said,)), tmp_path)
    assert "$5^2 und &lt;b&gt;" in text
    draw(dataclasses.replace(story, turns=(said,)), tmp_path / "talk.png")  # a font without these letters is no error


def test_a_png_is_a_png(story: Story, tmp_path: Path) -> None:
    draw(story, tmp_path / "talk.PNG")
    assert (tmp_path / "talk.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_talk_in_which_nothing_happened_is_drawn(story: Story, tmp_path: Path) -> None:
    empty = dataclasses.replace(
        story, turns=(), replies=(), marks=(), latencies=(), length_s=0.0, person=Loudness(), assistant=Loudness()
    )
    assert "0 turns" in svg(empty, tmp_path)


def test_another_ending_or_no_place_to_write_is_one_sentence(story: Story, tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"\.svg or \.png"):
        draw(story, tmp_path / "talk.pdf")
    with pytest.raises(BadSettings, match="cannot be written"):
        draw(story, tmp_path / "nowhere" / "talk.svg")

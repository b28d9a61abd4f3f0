from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engine.models.spoken import Stream, clean


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("**Bold** and *soft* words.", "Bold and soft words."),
        ("Use `print` now.", "Use print now."),
        ("# Title\nText.", "Title. Text."),
        ("1. Eggs\n2. Milk", "Eggs. Milk"),
        ("- one\n- two", "one. two"),
        ("See [the page](http://x.y/z) for more.", "See the page for more."),
        ("Nice \U0001f600 day \u2600\ufe0f!", "Nice day !"),
        ("It is 72\u00b0F and $20.", "It is 72\u00b0F and $20."),
        ("snake_case stays", "snake_case stays"),
        ("First line.\n\nSecond line.", "First line. Second line."),
        ("three - two is one", "three - two is one"),
    ],
)
def test_what_cannot_be_said_is_taken_out(written: str, said: str) -> None:
    assert clean(written) == said


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_pieces_give_the_same_words_as_the_whole(size: int) -> None:
    text = "Answer: **Sure**, here it is:\n\n1. Eggs and `milk`\n2. Some [bread](http://a.b) \U0001f600\nThat is _all_ of it."
    stream = Stream()
    said = "".join(stream.add(text[at : at + size]) for at in range(0, len(text), size)) + stream.end()
    assert said.split() == [
        "Sure,",
        "here",
        "it",
        "is:",
        "Eggs",
        "and",
        "milk.",
        "Some",
        "bread.",
        "That",
        "is",
        "all",
        "of",
        "it.",
    ]


def test_words_come_before_the_text_is_whole() -> None:
    stream = Stream()
    assert stream.add("The capital of Peru ") == "The capital of Peru"
    assert stream.add("is Lima.") == " is"
    assert stream.end() == " Lima."


@given(st.text(max_size=200), st.integers(1, 9))
def test_no_text_breaks_it_and_no_mark_is_left(text: str, size: int) -> None:
    stream = Stream()
    said = "".join(stream.add(text[at : at + size]) for at in range(0, len(text), size)) + stream.end()
    assert "`" not in said

"""The rule, held against labelled sentences: `+` wants to finish, `-` does not. What the rule still gets wrong is named here."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.engine.goodbye import wants_to_finish

_HERE = Path(__file__).parent
_PARTS = ("before", "after", "third", "fourth")
_MISSED = {
    "I'm finished with you for today.",
    "Well, that wraps it up for me.",
    "I think I've heard enough for today, thank you.",
    "Catch you on the flip side.",
}
_WRONGLY_ENDED = {"Cheers.", "See you.. I told you so."}


def _sentences(part: str) -> list[tuple[bool, str]]:
    lines = (_HERE / f"goodbyes_{part}.txt").read_text(encoding="utf-8").splitlines()
    return [(line[0] == "+", line[2:].strip()) for line in lines if line[:2] in {"+ ", "- "}]


@pytest.mark.parametrize("part", _PARTS)
def test_no_sentence_that_goes_on_is_taken_for_a_goodbye_except_those_named(part: str) -> None:
    assert {text for wanted, text in _sentences(part) if not wanted and wants_to_finish(text)} <= _WRONGLY_ENDED


@pytest.mark.parametrize("part", _PARTS)
def test_goodbyes_are_understood_except_those_named(part: str) -> None:
    missed = {text for wanted, text in _sentences(part) if wanted and not wants_to_finish(text)}
    assert missed <= _MISSED


def test_there_are_enough_sentences_each_way() -> None:
    labels = [wanted for part in _PARTS for wanted, _ in _sentences(part)]
    assert labels.count(True) >= 150
    assert labels.count(False) >= 150


@pytest.mark.parametrize("text", ["GOODBYE", "goodbye", "  Good-bye !!", "good bye.", "Thank you, goodbye.", "by by"])
def test_spelling_and_case_do_not_matter(text: str) -> None:
    assert wants_to_finish(text)


@pytest.mark.parametrize("text", ["", "   ", "...", "?!", "\u266a", "123", "\u4f60\u597d"])
def test_what_has_no_words_to_judge_is_not_a_goodbye(text: str) -> None:
    assert not wants_to_finish(text)


def test_a_request_behind_a_goodbye_goes_on() -> None:
    assert not wants_to_finish("Goodbye is a nice word, tell me another")
    assert not wants_to_finish("Okay bye, but first what is the weather in Rome?")


def test_a_quoted_goodbye_is_not_said_to_us() -> None:
    assert not wants_to_finish('"Goodbye", he said.')


def test_a_long_text_is_judged_without_delay() -> None:
    assert not wants_to_finish("thanks for the " * 3000 + "x")
    assert not wants_to_finish("okay no thanks for your well right " * 6 + "tell me")

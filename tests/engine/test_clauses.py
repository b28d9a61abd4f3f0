from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engine.clauses import LONGEST, Clauses


def spoken(*pieces: str) -> list[str]:
    clauses = Clauses()
    return [clause for piece in pieces for clause in clauses.feed(piece)] + clauses.rest()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello there. How are you?", ["Hello there.", " How are you?"]),
        ("It costs 3.5 dollars, or 1,000 yen.", ["It costs 3.5 dollars,", " or 1,000 yen."]),
        ("Dr. Who met Mr. A. Smith.", ["Dr. Who met Mr. A. Smith."]),
        ("Yes, we can do it together, and we will do it together, you and I.",
         ["Yes, we can do it together,", " and we will do it together, you and I."]),
        ("First:\nsecond", ["First:", "\nsecond"]),
        ("... Well.", ["... Well."]),
        ("  ", []),
        ("", []),
    ],
)  # fmt: skip
def test_clauses_end_where_a_voice_would_breathe(text: str, expected: list[str]) -> None:
    assert spoken(text) == expected
    assert spoken(*re.findall(r"\S+\s*|\s+", text)) == expected
    assert spoken(*re.findall(r"\s*\S+|\s+", text)) == expected


def test_the_first_clause_is_given_as_soon_as_it_is_complete() -> None:
    clauses = Clauses()
    assert clauses.feed("Let me") == []
    assert clauses.feed(" think, ") == ["Let me think,"]
    assert clauses.feed("then talk.") == [" then talk."]


def test_words_without_any_stop_are_cut_at_a_space() -> None:
    text = "word " * 60
    first, *_ = spoken(text)
    assert len(first) <= LONGEST
    assert not first.endswith("wor")


@given(st.lists(st.text(alphabet="aB1 .,!\n", max_size=20), max_size=20))
def test_no_word_is_lost(pieces: list[str]) -> None:
    assert "".join(spoken(*pieces)).rstrip() == "".join(pieces).rstrip()

"""Words in the picture: each in its place, none over another."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from vivavoce.tape.layout import Lane, clean, placed, row_s, rows, width_in

END_IN = 14.0
_WORDS = st.lists(st.tuples(st.floats(0, END_IN), st.text(max_size=120)), max_size=12).map(
    lambda found: sorted(found, key=lambda pair: pair[0])
)


@given(_WORDS)
def test_no_text_stands_over_another_or_leaves_its_row(words: list[tuple[float, str]]) -> None:
    free_in = 0.0
    for note in placed(words, END_IN):
        lines = note.text.split("\n")
        assert len(lines) <= 3
        assert note.x_in >= free_in - 1e-9
        free_in = note.x_in + max(map(width_in, lines))
    assert free_in <= END_IN + 1e-9


@given(_WORDS)
def test_no_label_stands_over_another_or_leaves_its_row(words: list[tuple[float, str]]) -> None:
    lane, free_in = Lane(END_IN), 0.0
    for x_in, text in words:
        left = lane.place(x_in, text)
        if left is not None:
            assert left >= free_in
            free_in = left + width_in(text)
    assert free_in <= END_IN + 1e-9


def test_words_that_have_room_stand_whole_at_their_place() -> None:
    (note,) = placed([(2.0, clean("What is\nthe\x07weather like?"))], END_IN)
    assert (note.x_in, note.text) == (2.0, "What is the weather like?")


def test_a_text_without_room_is_cut_with_dots() -> None:
    first, _ = placed([(2.0, "word " * 40), (4.0, "next")], END_IN)
    assert first.text.endswith("…")
    assert len(first.text.split("\n")) == 3


@given(st.floats(0, 3 * 3600))
def test_the_rows_hold_the_whole_talk_and_stay_few(length_s: float) -> None:
    found = list(rows(length_s))
    assert found[0][0] == 0
    assert found[-1][1] >= length_s
    assert all(a[1] == b[0] for a, b in itertools.pairwise(found))
    assert len(found) <= 60


def test_a_short_talk_is_one_row_and_a_long_one_has_a_minute_in_each() -> None:
    assert (row_s(0.0), row_s(5.5), row_s(75.0), row_s(1200.0)) == (2, 6, 30, 60)

"""Sound of the person that may have to be said again."""

from __future__ import annotations

import pytest

from vivavoce.session.kept import Kept

MS = 48  # bytes


def piece(value: int, ms: int) -> bytes:
    return bytes([value, 0]) * 24 * ms


def hearing(*pieces: tuple[int, int], sent: bool = True) -> Kept:
    """10 s are kept of silence, 100 s at most."""
    kept = Kept(10.0, 100.0)
    for value, ms in pieces:
        kept.hear(piece(value, ms), sent=sent)
    return kept


def said(kept: Kept, last_s: float | None = None) -> bytes:
    return b"".join(kept.again(last_s))


def test_where_no_turn_is_open_the_last_seconds_are_kept() -> None:
    kept = hearing((1, 4_000), (2, 8_000))
    assert not kept.open
    assert said(kept) == piece(1, 2_000) + piece(2, 8_000)


def test_while_a_turn_is_open_all_is_kept_up_to_a_limit() -> None:
    kept = hearing()
    kept.started(0)
    assert kept.open
    kept.hear(piece(1, 60_000), sent=True)
    kept.hear(piece(2, 60_000), sent=True)
    assert said(kept) == piece(1, 40_000) + piece(2, 60_000)


def test_sound_that_no_server_has_is_kept_up_to_the_limit() -> None:
    assert len(said(hearing((1, 60_000), (2, 60_000), sent=False))) == 100_000 * MS


def test_a_turn_that_is_safe_takes_its_sound_and_all_before_it_along() -> None:
    kept = hearing((1, 1_000), (2, 1_000), (3, 1_000))
    kept.started(1_000)
    assert kept.stopped("u", 2_000)
    assert kept.unsafe() == ["u"]
    assert kept.sound_of("u") == piece(2, 1_000)
    assert kept.sound_of("ghost") == b""
    kept.safe("u")
    assert kept.unsafe() == []
    assert not kept.open
    assert said(kept) == piece(3, 1_000)


def test_a_later_turn_that_is_safe_waits_for_the_earlier_one() -> None:
    kept = hearing((1, 1_000), (2, 1_000), (3, 500))
    kept.started(0)
    kept.stopped("u1", 1_000)
    kept.started(1_000)
    kept.stopped("u2", 2_000)
    kept.safe("u2")
    assert kept.unsafe() == ["u1"]
    assert kept.sound_of("u1") == piece(1, 1_000)
    kept.safe("u1")
    assert not kept.open
    assert said(kept) == piece(3, 500)


def test_a_turn_that_begins_before_the_end_of_one_that_is_safe_is_kept_whole() -> None:
    kept = hearing((1, 1_000), (2, 1_000))
    kept.started(0)
    kept.stopped("u1", 1_000)
    kept.started(700)
    kept.safe("u1")
    assert said(kept) == piece(1, 300) + piece(2, 1_000)
    kept = hearing((1, 1_000), (2, 1_000))
    kept.stopped("u1", 1_000)
    kept.started(700)
    kept.stopped("u2", 2_000)
    kept.safe("u1")
    assert kept.sound_of("u2") == piece(1, 300) + piece(2, 1_000)


def test_a_turn_ends_once_and_the_first_word_of_it_counts() -> None:
    kept = hearing((1, 1_000), (2, 1_000))
    kept.started(0)
    kept.started(500)
    assert kept.stopped("u", 1_000)
    assert not kept.stopped("u", None)
    assert kept.sound_of("u") == piece(1, 1_000)
    kept.safe("u")
    assert not kept.stopped("u", None)
    assert not kept.open
    assert said(kept) == piece(2, 1_000)


def test_a_turn_that_was_safe_before_it_ended_is_safe_when_it_ends() -> None:
    kept = hearing((1, 1_000), (2, 1_000))
    kept.started(0)
    kept.safe("u")
    assert kept.stopped("u", 1_000)
    assert not kept.open
    assert said(kept) == piece(2, 1_000)


def test_a_server_that_names_no_turn_ends_each_of_them_once() -> None:
    kept = hearing((1, 1_000))
    for _ in range(2):
        kept.started(0)
        assert kept.stopped("", 500)
        assert not kept.stopped("", None)


@pytest.mark.parametrize(
    ("start", "end", "ms"), [(-5, 500, 500), (0, 9_999, 1_000), (700, 200, 0), (0, -1, 0), (400, None, 600)]
)
def test_positions_that_cannot_be_are_brought_to_the_sound_that_is_here(start: int, end: int | None, ms: int) -> None:
    kept = hearing((1, 1_000))
    kept.started(start)
    kept.stopped("u", end)
    assert kept.sound_of("u") == piece(1, ms)


def test_a_connection_that_is_lost_leaves_one_piece_of_speech() -> None:
    kept = hearing((1, 1_000), (2, 1_000), (3, 1_000))
    kept.sever()
    assert not kept.open
    kept.started(1_000)
    kept.stopped("u1", 2_000)
    kept.started(2_000)
    kept.sever()
    assert kept.unsafe() == []
    assert kept.open


def test_the_line_of_a_new_connection_begins_with_what_it_is_told_again_in_pieces_of_a_second() -> None:
    kept = hearing((1, 8_000), (2, 8_000))
    kept.started(15_000)
    kept.sever()
    pieces = kept.again()
    assert [len(piece) // MS for piece in pieces] == [1_000] * 10
    kept.hear(piece(3, 1_000), sent=True)
    kept.started(9_500)
    assert kept.stopped("v", 10_500)
    assert kept.sound_of("v") == piece(2, 500) + piece(3, 500)


def test_after_a_calm_change_of_connections_only_the_last_seconds_are_said_again() -> None:
    kept = hearing((1, 4_000), (2, 4_000))
    assert said(kept, 5.0) == piece(1, 1_000) + piece(2, 4_000)
    assert not kept.rehearing


def test_what_is_said_again_is_kept_until_somebody_was_heard_in_it_or_it_was_heard_out() -> None:
    for begins in (True, False):
        kept = hearing((1, 60_000), sent=False)
        kept.again()
        assert kept.rehearing
        kept.hear(piece(2, 1_000), sent=True)
        if begins:
            kept.started(0)
        else:
            kept.stopped("v", 100)
        assert not kept.rehearing
        assert len(said(kept)) == 61_000 * MS
    kept = hearing((1, 60_000), sent=False)
    kept.again()
    kept.heard_out()
    assert not kept.open
    kept.hear(piece(2, 1_000), sent=True)
    assert said(kept) == piece(1, 9_000) + piece(2, 1_000)


def test_where_nothing_was_heard_nothing_is_said_again() -> None:
    kept = hearing()
    assert kept.again() == []
    assert not kept.rehearing


def test_names_of_turns_mean_nothing_to_the_next_connection() -> None:
    kept = hearing((1, 1_000))
    kept.stopped("u", 500)
    kept.safe("u")
    kept.again()
    assert kept.stopped("u", 400)
    assert kept.unsafe() == ["u"]


def test_what_was_said_since_a_press_is_forgotten_and_without_a_press_nothing_is() -> None:
    kept = Kept(60.0, 600.0)
    kept.hear(bytes(480), sent=True)
    kept.forget_press()
    assert kept.length_s == 0.01
    kept.pressed()
    kept.hear(bytes(480), sent=True)
    kept.forget_press()
    assert kept.length_s == 0.01
    assert not kept.open

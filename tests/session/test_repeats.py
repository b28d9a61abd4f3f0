"""Words that come twice."""

from __future__ import annotations

from vivavoce.events.server import AudioDelta
from vivavoce.session.repeats import Repeats


def word(number: int, audio: bytes = b"") -> AudioDelta:
    return AudioDelta("a1", audio, "R1", event_id=f"event_{number}")


def test_the_very_same_word_is_known_again() -> None:
    repeats = Repeats()
    assert not repeats.is_one(word(1))
    assert not repeats.is_one(word(2))
    assert repeats.is_one(word(1))


def test_words_without_a_name_are_never_taken_for_the_same() -> None:
    repeats = Repeats()
    assert not any(repeats.is_one(AudioDelta("a1", b"", "R1")) for _ in range(2))


def test_a_server_that_names_different_words_alike_is_believed_from_then_on() -> None:
    repeats = Repeats()
    repeats.is_one(word(1))
    assert not repeats.is_one(word(1, b"else"))
    assert not repeats.is_one(word(1))


def test_only_the_last_words_are_remembered() -> None:
    repeats = Repeats()
    for number in range(129):
        repeats.is_one(word(number))
    assert repeats.is_one(word(1))
    assert not repeats.is_one(word(0))


def test_names_mean_nothing_to_the_next_connection() -> None:
    repeats = Repeats()
    repeats.is_one(word(1))
    repeats.sever()
    assert not repeats.is_one(word(1))

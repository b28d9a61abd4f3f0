"""Sound that says what it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivavoce.pcm import ms_to_bytes, silence
from vivavoce.testing.sound import NUMBERS, Run, Utterance, numbered, runs, spoken, understood, utterances


def test_numbered_samples_tell_their_position_wherever_they_are_cut() -> None:
    whole = numbered(100)
    played = silence(7) + whole[: ms_to_bytes(40)] + silence(1) + whole[ms_to_bytes(60) :]
    assert runs(played) == [Run(168, 0, 960), Run(168 + 960 + 24, 1440, 960)]


def test_a_missing_or_repeated_sample_breaks_a_run() -> None:
    whole = numbered(10)
    assert runs(whole[:100] + whole[102:]) == [Run(0, 0, 50), Run(50, 51, 189)]
    assert runs(whole[:100] + whole[98:]) == [Run(0, 0, 50), Run(50, 49, 191)]


def test_numbers_go_on_over_their_greatest() -> None:
    assert runs(numbered(2000)) == [Run(0, 0, 48_000)]
    assert runs(numbered(2, start=NUMBERS - 10)) == [Run(0, NUMBERS - 10, 48)]


def test_silence_has_no_runs_and_says_nothing() -> None:
    assert runs(silence(5)) == []
    assert runs(b"") == []
    assert utterances(silence(5)) == []
    assert understood(silence(5)) == "(5 ms of speech)"


@given(st.text(min_size=1, max_size=40), st.integers(10, 60), st.integers(0, 500))
def test_what_is_spoken_is_understood_whatever_stands_around_it(text: str, ms: int, cut: int) -> None:
    size = len(text.encode()) + 3
    voice = spoken(text, ms)
    (found,) = utterances(silence(2) + voice[cut * 2 :] + silence(1)) or [Utterance(text, 0, 0)]
    first, last = -(-cut // size) * size, ms * 24 // size * size
    assert found == (Utterance(text, first, last) if last > first else Utterance(text, 0, 0))


def test_a_voice_with_a_gap_is_two_utterances_and_the_gap_is_known() -> None:
    voice = spoken("abcde", 4)  # frames of 8 samples
    assert utterances(voice[:64] + voice[96:]) == [Utterance("abcde", 0, 32), Utterance("abcde", 48, 96)]
    assert understood(voice + silence(1) + spoken("and more", 2)) == "abcde and more"

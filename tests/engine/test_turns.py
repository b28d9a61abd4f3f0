from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivavoce.engine.turns import (
    CHUNK_SAMPLES,
    DEBOUNCE_CHUNKS,
    MAX_TURN_MS,
    Paused,
    Resumed,
    Started,
    Stopped,
    TurnChange,
    Turns,
    TurnSettings,
)

LOUD, QUIET = 0.9, 0.05


def changes(turns: Turns, probabilities: list[float]) -> list[TurnChange]:
    return [change for p in probabilities if (change := turns.hear(p)) is not None]


def test_a_turn_begins_at_its_first_loud_chunk_minus_the_padding_and_ends_after_exactly_the_silence() -> None:
    turns = Turns(TurnSettings(prefix_padding_ms=300, silence_duration_ms=500))
    heard = changes(turns, [QUIET] * 20 + [LOUD] * 10 + [QUIET] * 20)
    first_loud, last_loud_end = 20 * CHUNK_SAMPLES, 30 * CHUNK_SAMPLES
    assert heard == [
        Started(first_loud - 300 * 24),
        Paused(33 * CHUNK_SAMPLES),
        Stopped(last_loud_end + 500 * 24),
    ]


def test_a_click_of_two_chunks_does_not_start_a_turn() -> None:
    turns = Turns(TurnSettings())
    assert changes(turns, ([LOUD] * (DEBOUNCE_CHUNKS - 1) + [QUIET]) * 20) == []


def test_padding_does_not_reach_before_the_beginning() -> None:
    assert changes(Turns(TurnSettings(prefix_padding_ms=5000)), [LOUD] * 3) == [Started(0)]


def test_padding_does_not_reach_into_the_turn_before() -> None:
    turns = Turns(TurnSettings(prefix_padding_ms=5000, silence_duration_ms=64))
    heard = changes(turns, [LOUD] * 3 + [QUIET] * 2 + [LOUD] * 3)
    assert heard == [Started(0), Stopped(3 * CHUNK_SAMPLES + 64 * 24), Started(3 * CHUNK_SAMPLES + 64 * 24)]


def test_the_threshold_is_what_the_settings_say() -> None:
    assert changes(Turns(TurnSettings(threshold=0.8)), [0.79] * 10) == []
    assert changes(Turns(TurnSettings(threshold=0.8)), [0.8] * 3) == [Started(0)]


def test_a_voice_that_sinks_a_little_goes_on() -> None:
    turns = Turns(TurnSettings(threshold=0.5))
    assert changes(turns, [LOUD] * 3 + [0.36] * 60) == [Started(0)]


def test_with_the_lowest_threshold_silence_still_ends_a_turn() -> None:
    turns = Turns(TurnSettings(threshold=0.0, silence_duration_ms=64))
    assert changes(turns, [LOUD] * 3 + [0.0] * 2)[-1] == Stopped(3 * CHUNK_SAMPLES + 64 * 24)


def test_speech_after_a_pause_resumes_the_turn_and_the_next_pause_is_told_again() -> None:
    turns = Turns(TurnSettings())
    heard = changes(turns, [LOUD] * 3 + [QUIET] * 8 + [LOUD] + [QUIET] * 8)
    assert heard == [Started(0), Paused(6 * CHUNK_SAMPLES), Resumed(), Paused(15 * CHUNK_SAMPLES)]


def test_a_short_silence_ends_the_turn_without_a_pause() -> None:
    turns = Turns(TurnSettings(silence_duration_ms=0))
    assert changes(turns, [LOUD] * 3 + [QUIET]) == [Started(0), Stopped(3 * CHUNK_SAMPLES)]


def test_a_radio_does_not_grow_one_turn_for_ever() -> None:
    turns = Turns(TurnSettings())
    chunks = MAX_TURN_MS // 32
    assert [type(c) for c in changes(turns, [LOUD] * (chunks + 2))] == [Started, Stopped]


def test_forgetting_drops_the_turn_and_moves_the_floor() -> None:
    turns = Turns(TurnSettings())
    changes(turns, [LOUD] * 3)
    turns.forget(turns.position)
    assert not turns.speaking
    assert changes(turns, [LOUD] * 3) == [Started(3 * CHUNK_SAMPLES)]


def test_what_is_kept_reaches_back_to_the_padding_or_to_the_beginning_of_the_turn() -> None:
    turns = Turns(TurnSettings(prefix_padding_ms=96))
    changes(turns, [QUIET] * 10 + [LOUD])
    assert turns.keep_from == (10 - 3) * CHUNK_SAMPLES
    changes(turns, [LOUD] * 30)
    assert turns.keep_from == (10 - 3) * CHUNK_SAMPLES


@given(st.lists(st.floats(0, 1), max_size=300), st.integers(0, 1000), st.integers(0, 1000))
def test_turns_never_overlap_and_never_lie_in_the_future(
    probabilities: list[float], padding: int, silence: int
) -> None:
    turns = Turns(TurnSettings(0.5, padding, silence))
    floor = 0
    for probability in probabilities:
        match turns.hear(probability):
            case Started(at) | Stopped(at):
                assert floor <= at <= turns.position
                floor = at
            case _:
                assert turns.keep_from >= floor

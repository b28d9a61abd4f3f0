"""The second ear: what it is asked, what its answers make of a sound, and that a deaf one stops nobody's talk."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import weakref
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.devices.acoustics import Sound, to_bytes, to_sound

from vivavoce.devices.barge_sound import FRAME
from vivavoce.devices.barge_words import (
    BEFORE,
    HEAR_RATE_HZ,
    MOST_ROWS,
    MOST_S,
    WIDTH,
    WINDOW_S,
    Later,
    Numbers,
    WordsEar,
    rows,
    window,
)
from vivavoce.devices.bargein import BargeInDetector, Limits, Second
from vivavoce.pcm import RATE_HZ
from vivavoce.session.bargein import Judged

LIMITS, SECOND = Limits(), Second()
STILL, SOUND_ON = (0.5, 0.0, 0.0), (0.5, 0.9, 30.0)
UNLIKELY = (0.0, 0.9, 30.0)
LONGEST = SECOND.last + SECOND.late + 2
ENDED_BY = 55  # frames: what ports.Ear promises


@dataclass
class Told:
    """Answers what it was told to, some frames after it was asked; None: never."""

    answers: list[float | None]
    late: int = 3
    gone: bool = False
    asked: list[tuple[Sound, bool]] = field(default_factory=list)
    waits: int = 0
    now: float | None = None
    woken: bool = False

    def wake(self) -> None:
        self.woken = True

    def close(self) -> None:
        self.gone = True

    def ask(self, sound: Sound, *, over: bool) -> None:
        self.asked.append((sound, over))
        self.now = self.answers.pop(0) if self.answers else None
        self.waits = self.late

    def answer(self) -> float | None:
        self.waits -= 1
        if self.waits > 0:
            return None
        answer, self.now = self.now, None
        return answer


def _judged(detector: BargeInDetector, said: list[tuple[float, float, float]]) -> list[tuple[int, Judged]]:
    """(frame, verdict)."""
    found = [(n, detector.judge(*row)) for n, row in enumerate(said)]
    return [(n, verdict) for n, verdict in found if verdict is not None]


def test_it_is_asked_after_a_quarter_of_a_second_and_a_sure_answer_is_the_verdict() -> None:
    ear = Told([0.99])
    judged = _judged(BargeInDetector(ear), [STILL] * 5 + [SOUND_ON] * 60)
    assert judged == [(5, Judged.SOUND), (5 + SECOND.asks[0].after + ear.late, Judged.SPEECH)]
    assert [over for _, over in ear.asked] == [False]


def test_an_unsure_answer_leaves_it_open_until_the_last_question_which_decides() -> None:
    for last, verdict in ((SECOND.decides, Judged.SPEECH), (SECOND.decides - 0.01, Judged.NOTHING)):
        ear = Told([0.5, 0.5, 0.5, 0.5, last])
        judged = _judged(BargeInDetector(ear), [SOUND_ON] * 150)
        assert judged[:2] == [(0, Judged.SOUND), (SECOND.last + ear.late, verdict)]
        assert len(ear.asked) >= len([*SECOND.asks, SECOND.last])


def test_what_the_network_heard_counts_beside_the_answer() -> None:
    for words, verdict in ((0.95, Judged.SPEECH), (0.05, Judged.NOTHING)):
        ear = Told([0.5])
        judged = _judged(BargeInDetector(ear), [(words, 0.9, 30.0)] * 8 + [(words, 0.0, 0.0)] * 60)
        assert judged == [(0, Judged.SOUND), (7 + LIMITS.quiet + ear.late, verdict)]


def test_the_end_of_a_sound_decides() -> None:
    for likely, verdict in ((0.9, Judged.SPEECH), (0.01, Judged.NOTHING)):
        ear = Told([likely])
        judged = _judged(BargeInDetector(ear), [SOUND_ON] * 8 + [STILL] * 60)
        assert judged == [(0, Judged.SOUND), (7 + LIMITS.quiet + ear.late, verdict)]
        assert [over for _, over in ear.asked] == [True]


def test_what_the_network_is_sure_of_is_dismissed_without_asking() -> None:
    ear = Told([0.99])
    judged = _judged(BargeInDetector(ear), [SOUND_ON] * 3 + [UNLIKELY] * 15)
    assert judged == [(0, Judged.SOUND), (2 + SECOND.patience, Judged.NOTHING)]
    assert ear.asked == []


def test_words_after_a_sound_that_was_dismissed_are_heard() -> None:
    ear = Told([0.5, 0.0, 0.9, 0.99])
    judged = _judged(BargeInDetector(ear), [SOUND_ON] * 120)
    assert [verdict for _, verdict in judged[:4]] == [Judged.SOUND, Judged.NOTHING, Judged.SOUND, Judged.SPEECH]


def test_what_the_network_dismissed_at_once_the_ear_hears_from_its_beginning() -> None:
    ear = Told([0.99])
    judged = _judged(BargeInDetector(ear), [SOUND_ON] * 3 + [UNLIKELY] * 40)
    again = SECOND.listens_on + ear.late
    assert judged[1:] == [(2 + SECOND.patience, Judged.NOTHING), (again, Judged.SOUND), (again + 1, Judged.SPEECH)]
    assert [len(sound) for sound, _ in ear.asked] == [(SECOND.listens_on + 1) * FRAME + BEFORE]


def test_an_ear_that_goes_in_the_middle_of_a_sound_leaves_what_the_network_heard_of_it() -> None:
    for words, verdict in ((0.7, Judged.SPEECH), (0.3, Judged.NOTHING)):
        ear = Told([])
        detector = BargeInDetector(ear)
        judged = _judged(detector, [(words, 0.9, 30.0)] * 80)
        ear.gone = True
        assert judged == [(0, Judged.SOUND)]
        assert _judged(detector, [(0.5, 0.9, 30.0)]) == [(0, verdict)]


def test_a_short_word_whose_answer_does_not_come_is_judged_by_what_was_heard_of_it() -> None:
    judged = _judged(BargeInDetector(Told([])), [(0.95, 0.9, 30.0)] * 30 + [(0.05, 0.0, 0.0)] * 80)
    assert [verdict for _, verdict in judged] == [Judged.SOUND, Judged.SPEECH]


def test_of_an_ear_that_does_not_answer_in_time_the_network_takes_over() -> None:
    for words, verdict in ((0.9, Judged.SPEECH), (0.3, Judged.NOTHING)):
        judged = _judged(BargeInDetector(Told([])), [(words, 0.9, 30.0)] * 200)
        assert judged[:2] == [(0, Judged.SOUND), (SECOND.last + SECOND.late, verdict)]


def test_without_its_ear_the_network_judges_alone() -> None:
    said = [SOUND_ON] * 100
    assert _judged(BargeInDetector(Told([], gone=True)), said) == _judged(BargeInDetector(), said)


def test_what_it_hears_begins_four_tenths_before_the_sound_and_ends_now() -> None:
    ear, pcm = Told([0.5] * 9), to_bytes(np.random.default_rng(5).normal(0, 0.1, 3 * RATE_HZ))
    detector = _Scripted(ear, loud_from=100)
    for at in range(0, len(pcm), 2 * FRAME):
        detector.hear(pcm[at : at + 2 * FRAME])
    sound = to_sound(pcm)
    assert ear.woken
    for (heard, _), after in zip(ear.asked, [*(ask.after for ask in SECOND.asks), SECOND.last], strict=False):
        begin, now = 100 * FRAME - BEFORE, (101 + after) * FRAME
        assert np.array_equal(heard, sound[begin:now])


def test_a_word_while_the_verdict_on_a_cough_is_waited_for_is_a_sound_of_its_own() -> None:
    cough, gap, word = [SOUND_ON] * 8, [STILL] * (LIMITS.quiet + 5), [(0.6, 0.9, 30.0)] * 12
    for answers in ([0.01, 0.99], [0.01, None]):
        ear = Told(list(answers), late=30)
        judged = _judged(BargeInDetector(ear), [*cough, *gap, *word, *[STILL] * 100])
        assert [verdict for _, verdict in judged] == [Judged.SOUND, Judged.NOTHING, Judged.SOUND, Judged.SPEECH][
            : len(judged)
        ]
        dismissed, began = judged[1][0], judged[2][0]
        assert (dismissed, began) == (7 + LIMITS.quiet + ear.late, dismissed + 1)
        heard, over = ear.asked[1]
        assert over
        assert len(heard) == BEFORE + (began + 2 - len(cough) - len(gap)) * FRAME, "from its beginning to its end"
        assert len(judged) == 4


def test_a_word_after_a_sound_that_was_speech_goes_with_it() -> None:
    said = [*[SOUND_ON] * 8, *[STILL] * (LIMITS.quiet + 5), *[(0.6, 0.9, 30.0)] * 12, *[STILL] * 100]
    judged = _judged(BargeInDetector(Told([0.99], late=30)), said)
    assert [verdict for _, verdict in judged] == [Judged.SOUND, Judged.SPEECH]


def test_what_goes_on_while_its_last_verdict_is_waited_for_is_no_new_sound() -> None:
    said = [*[SOUND_ON] * (SECOND.last + 5), *[STILL] * 3, *[SOUND_ON] * 10, *[STILL] * 60]
    judged = _judged(BargeInDetector(Told([0.5, 0.5, 0.01], late=30)), said)
    assert [verdict for _, verdict in judged] == [Judged.SOUND, Judged.NOTHING]


def test_a_slow_ear_is_not_asked_on_while_it_judges_but_for_what_decides() -> None:
    ear = Told([0.5, 0.5, 0.99], late=30)
    judged = _judged(BargeInDetector(ear), [SOUND_ON] * (SECOND.last + 40))
    assert [len(sound) // FRAME for sound, _ in ear.asked] == [BEFORE // FRAME + 1 + n for n in (25, 60, SECOND.last)]
    assert judged[1] == (SECOND.last + 30, Judged.SPEECH)


def test_what_begins_after_the_end_of_a_long_sound_whose_verdict_is_waited_for_is_a_new_one() -> None:
    said = [*[SOUND_ON] * (SECOND.last + 2), *[STILL] * LIMITS.quiet, *[SOUND_ON] * 30, *[STILL] * 60]
    judged = _judged(BargeInDetector(Told([0.5, 0.5, 0.5, 0.01, 0.99], late=20)), said)
    assert [verdict for _, verdict in judged] == [Judged.SOUND, Judged.NOTHING, Judged.SOUND, Judged.SPEECH]


class _Scripted(BargeInDetector):
    """Hears real sound, and is told what its network says."""

    def __init__(self, ear: Told, loud_from: int) -> None:
        super().__init__(ear)
        self.frame, self.loud_from = 0, loud_from

    def judge(self, words: float, person: float, over_db: float) -> Judged | None:
        del words, person, over_db
        self.frame += 1
        return super().judge(*(SOUND_ON if self.frame > self.loud_from else STILL))


frames = st.sampled_from([STILL, SOUND_ON, UNLIKELY, (0.95, 0.9, 30.0), (0.4, 0.6, 8.0)])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(frames, st.integers(1, 60)), max_size=25),
    st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=30),
    st.integers(1, 50),
)
def test_each_sound_gets_one_verdict_in_time(
    runs: list[tuple[tuple[float, float, float], int]], answers: list[float | None], late: int
) -> None:
    said = [row for row, count in runs for _ in range(count)] + [STILL] * 2 * LONGEST
    judged = _judged(BargeInDetector(Told(answers, late)), said)
    assert len(judged) % 2 == 0
    for (began, first), (ended, second) in zip(judged[::2], judged[1::2], strict=True):
        assert first is Judged.SOUND
        assert second in {Judged.SPEECH, Judged.NOTHING}
        assert ended - began <= LONGEST
        still = next(n for n in range(began + 1, len(said)) if said[n : n + LIMITS.quiet] == [STILL] * LIMITS.quiet)
        assert ended - still <= ENDED_BY, "the end of a sound decides"


# ---- the ear itself


def test_the_window_is_the_sound_at_16_khz_with_silence_behind_it() -> None:
    at = np.arange(RATE_HZ) / RATE_HZ
    made = window(0.5 * np.sin(2 * np.pi * 440 * at))
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(HEAR_RATE_HZ) / HEAR_RATE_HZ)
    assert made.shape == (round(WINDOW_S * HEAR_RATE_HZ),)
    assert np.abs(made[200 : HEAR_RATE_HZ - 200] - wanted[200:-200]).max() < 0.01
    assert not made[HEAR_RATE_HZ:].any()


def test_no_more_of_a_sound_is_heard_than_the_longest() -> None:
    made = window(np.ones(3 * RATE_HZ))
    assert not made[round(MOST_S * HEAR_RATE_HZ) :].any()
    assert made[: round(MOST_S * HEAR_RATE_HZ)].all()


@pytest.mark.parametrize(("after_s", "count"), [(0.0, 5), (0.25, 17), (1.0, 55), (1.2, MOST_ROWS)])
def test_it_is_judged_by_the_rows_from_a_tenth_of_a_second_before_the_sound_to_now(after_s: float, count: int) -> None:
    encoded = np.arange(80 * WIDTH, dtype=np.float32).reshape(80, WIDTH)
    found = rows(encoded, BEFORE + round(after_s * RATE_HZ))
    assert np.array_equal(found, encoded[15 : 15 + count])


class _Encoder:
    """A row is the loudness of its 20 ms in each place."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def encode(self, sound: Numbers) -> Numbers:
        self.threads.append(threading.current_thread().name)
        power = np.sqrt((sound.reshape(-1, 320) ** 2).mean(axis=1))
        return np.repeat(power[:, None], WIDTH, axis=1).astype(np.float32)


def _weights(seen: int = 2) -> dict[str, Numbers]:
    """Loud is words."""
    known = np.zeros((1, 3 * seen + 2), np.float32)
    known[0, 2 * seen : 3 * seen] = 1
    head = {
        "first": np.full((seen, WIDTH), 1 / WIDTH), "first_bias": np.zeros(seen), "matters": np.zeros((2, seen)),
        "matters_bias": np.zeros(2), "known": known, "known_bias": np.zeros(1), "out": np.full(1, 40.0), "out_bias": -4.0,
    }  # fmt: skip
    heads = {name: np.asarray([value, value], np.float32) for name, value in head.items()}
    return {"mean": np.zeros(WIDTH, np.float32), "spread": np.ones(WIDTH, np.float32), **heads}


def test_the_likelihood_follows_what_the_encoder_hears() -> None:
    ear = WordsEar(_Encoder(), _weights())
    quiet, loud = (ear.likely(np.full(BEFORE + RATE_HZ // 2, level), over=False) for level in (0.0, 0.5))
    assert quiet == pytest.approx(1 / (1 + np.exp(4)), rel=1e-3)
    assert loud > 0.9


def test_the_encoder_works_on_a_thread_of_its_own_and_each_question_is_answered_once() -> None:
    encoder = _Encoder()
    later = Later(lambda: WordsEar(encoder, _weights()))
    assert later.answer() is None
    later.ask(np.full(BEFORE + RATE_HZ // 2, 0.5), over=True)
    assert _answer(later) > 0.9
    assert later.answer() is None
    assert threading.current_thread().name not in encoder.threads
    later.close()


def _answer(later: Later) -> float:
    while (found := later.answer()) is None:
        if later.gone:
            raise AssertionError("it is gone")
        threading.Event().wait(0.001)
    return found


@pytest.mark.parametrize("asked", [False, True])
def test_an_ear_that_is_closed_ends_its_thread_and_frees_its_encoder(asked: bool) -> None:
    encoders: list[weakref.ref[_Encoder]] = []

    def load() -> WordsEar:
        encoder = _Encoder()
        encoders.append(weakref.ref(encoder))
        return WordsEar(encoder, _weights())

    before = set(threading.enumerate())
    later = Later(load)
    later.wake()
    (thread,) = set(threading.enumerate()) - before
    if asked:
        later.ask(np.full(BEFORE + RATE_HZ // 2, 0.5), over=True)
        assert _answer(later) > 0.9
    for _ in range(2):
        later.close()
    thread.join(20)
    assert not thread.is_alive()
    assert [encoder() for encoder in encoders] == [None]


def test_an_ear_that_is_closed_answers_nothing_and_does_not_come_back() -> None:
    later = Later(lambda: WordsEar(_Encoder(), _weights()))
    before = threading.active_count()
    later.close()
    later.wake()
    later.ask(np.zeros(BEFORE), over=True)
    assert threading.active_count() == before
    assert later.gone
    assert not later.busy
    assert later.answer() is None


@pytest.mark.parametrize("closes", [False, True])
def test_whoever_leaves_the_program_waits_for_what_the_thread_is_about(closes: bool) -> None:
    program = f"""
import time
from vivavoce.devices.barge_words import Later
def load():
    time.sleep(0.5)
    print("loaded", flush=True)
    raise OSError("there is none")
later = Later(load)
later.wake()
{"later.close()" if closes else ""}
"""
    left = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)  # noqa: S603  ours
    assert left.stdout == "loaded\n"


def test_a_detector_that_is_closed_hears_on_with_its_network_alone() -> None:
    ear = Told([0.99])
    detector = BargeInDetector(ear)
    asyncio.run(detector.close())
    assert ear.gone
    said = [SOUND_ON] * 100
    assert _judged(detector, said) == _judged(BargeInDetector(), said)
    asyncio.run(BargeInDetector().close())


def test_an_ear_that_cannot_be_loaded_is_gone_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> WordsEar:
        raise RuntimeError("no such model")

    later = Later(broken)
    with caplog.at_level(logging.WARNING):
        later.ask(np.zeros(BEFORE), over=True)
        while not later.gone:
            assert later.answer() is None
    assert "no such model" in caplog.text
    said = [SOUND_ON] * 100
    assert _judged(BargeInDetector(later), said) == _judged(BargeInDetector(), said)

"""The laws of the Speaker port, for every speaker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from vivavoce.devices.memory import MemorySpeaker
from vivavoce.devices.soundcard import SoundCardSpeaker
from vivavoce.devices.wav import WavSpeaker
from vivavoce.pcm import silence
from vivavoce.ports import Heard, Hushed, Speaker
from vivavoce.testing.hurry import hurried

Pass = Callable[[float], Awaitable[None]]
Law = Callable[[Speaker, Pass], Coroutine[Any, Any, None]]


def _memory() -> tuple[Speaker, Pass]:
    speaker = MemorySpeaker()

    async def pass_ms(ms: float) -> None:
        speaker.advance(ms)

    return speaker, pass_ms


async def _pass_ms(ms: float) -> None:
    await asyncio.sleep(ms / 1000)


@pytest.fixture(params=["memory", "wav", "none", pytest.param("card", marks=pytest.mark.sound)])
def obeys(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Law], None]:
    """Runs a law on one kind of speaker and closes it. Time is real for the card only."""
    if request.param == "card":
        request.getfixturevalue("virtual_audio")
    make: dict[str, Callable[[], tuple[Speaker, Pass]]] = {
        "memory": _memory,
        "wav": lambda: (WavSpeaker(tmp_path / "out.wav", clock=asyncio.get_running_loop().time), _pass_ms),
        "none": lambda: (WavSpeaker(clock=asyncio.get_running_loop().time), _pass_ms),
        "card": lambda: (SoundCardSpeaker(), _pass_ms),
    }

    async def run(law: Law) -> None:
        speaker, pass_ms = make[request.param]()
        try:
            async with asyncio.timeout(60):
                await law(speaker, pass_ms)
        finally:
            await speaker.close()

    runner = asyncio.run if request.param == "card" else hurried
    return lambda law: runner(run(law))


async def next_report(speaker: Speaker, pass_ms: Pass) -> Heard | Hushed:
    """The next report, while time passes."""
    task = asyncio.ensure_future(speaker.report())
    await asyncio.sleep(0)
    while not task.done():
        await pass_ms(20)
        await asyncio.sleep(0.001)
    return task.result()


async def reports_until(speaker: Speaker, pass_ms: Pass, last: Heard | type[Hushed]) -> list[Heard | Hushed]:
    """All reports up to `last`: this one, or the first of this kind."""
    reports: list[Heard | Hushed] = []
    while not reports or not (reports[-1] == last or type(reports[-1]) is last):
        reports.append(await next_report(speaker, pass_ms))
    return reports


def test_each_item_is_reported_to_its_last_sample_in_the_order_of_the_queue(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        speaker.play("a", silence(130))
        speaker.play("b", silence(45))
        speaker.play("a", silence(50))
        reports = await reports_until(speaker, pass_ms, Heard("a", 180))
        whole = [r for r in reports if r in (Heard("a", 130), Heard("b", 45), Heard("a", 180))]
        assert whole == [Heard("a", 130), Heard("b", 45), Heard("a", 180)]

    obeys(law)


def test_while_an_item_plays_reports_grow_and_none_is_beyond_what_was_queued(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        speaker.play("a", silence(1500))
        reports = await reports_until(speaker, pass_ms, Heard("a", 1500))
        ms = [r.ms for r in reports]
        assert all(isinstance(r, Heard) and r.item_id == "a" for r in reports)
        assert ms == sorted(set(ms))
        assert len(ms) >= 3

    obeys(law)


def test_sound_that_comes_late_goes_on_where_its_item_stopped(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        speaker.play("a", silence(60))
        await reports_until(speaker, pass_ms, Heard("a", 60))
        await pass_ms(100)
        speaker.play("a", silence(60))
        reports = await reports_until(speaker, pass_ms, Heard("a", 120))
        assert all(60 < r.ms <= 120 for r in reports)

    obeys(law)


def test_a_hush_is_answered_once_with_the_item_that_played_and_what_was_heard(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        speaker.play("a", silence(100))
        speaker.play("b", silence(5000))
        speaker.play("c", silence(5000))
        before = [await next_report(speaker, pass_ms)]
        while not (before[-1].item_id == "b" and before[-1].ms >= 100):
            before.append(await next_report(speaker, pass_ms))
        speaker.hush()
        answer = (await reports_until(speaker, pass_ms, Hushed))[-1]
        assert Heard("a", 100) in before
        assert answer.item_id == "b"
        assert before[-1].ms <= answer.ms < 5000
        speaker.play("d", silence(40))
        assert {r.item_id for r in await reports_until(speaker, pass_ms, Heard("d", 40))} == {"d"}

    obeys(law)


def test_an_item_hushed_before_its_first_sample_left_was_heard_for_0_ms(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.play("a", silence(100))
        await pass_ms(40)
        speaker.hush()  # nothing leaves before `start`
        assert await next_report(speaker, pass_ms) == Hushed("a", 0)

    obeys(law)


def test_a_hush_when_all_was_heard_names_no_item(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        speaker.hush()
        assert await next_report(speaker, pass_ms) == Hushed(None, 0)
        speaker.play("a", silence(60))
        await reports_until(speaker, pass_ms, Heard("a", 60))
        speaker.hush()
        assert await next_report(speaker, pass_ms) == Hushed(None, 0)

    obeys(law)


def test_every_hush_has_its_answer_and_they_keep_their_order(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        for item in ("a", "b", "c"):
            speaker.play(item, silence(10_000))
            speaker.hush()
        answers = [await next_report(speaker, pass_ms) for _ in range(3)]
        assert [(type(r), r.item_id) for r in answers] == [(Hushed, "a"), (Hushed, "b"), (Hushed, "c")]
        assert all(r.ms < 10_000 for r in answers)

    obeys(law)


def test_an_item_that_plays_again_after_a_hush_counts_from_0(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        speaker.play("a", silence(300))
        await next_report(speaker, pass_ms)
        speaker.hush()
        await reports_until(speaker, pass_ms, Hushed)
        speaker.play("a", silence(50))
        assert (await reports_until(speaker, pass_ms, Heard("a", 50)))[0].ms <= 50

    obeys(law)


def test_odd_and_empty_sound_is_a_warning_and_the_rest_is_played(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        speaker.play("a", b"")
        speaker.play("a", b"\x01")
        speaker.play("a", silence(50) + b"\x01")
        told = [t.code for t in speaker.warnings() + speaker.warnings()]
        assert sorted(code for code in told if code.startswith("audio_")) == ["audio_empty", "audio_odd"]
        assert (await reports_until(speaker, pass_ms, Heard("a", 50)))[-1] == Heard("a", 50)

    obeys(law)


def test_more_than_ten_minutes_are_kept_with_one_warning(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        for _ in range(65):
            speaker.play("a", silence(10_000))
        assert [t.code for t in speaker.warnings() if t.code == "speaker_backlog"] == ["speaker_backlog"]
        speaker.play("a", silence(10_000))
        assert [t for t in speaker.warnings() if t.code == "speaker_backlog"] == []
        speaker.hush()
        assert (await reports_until(speaker, pass_ms, Hushed))[-1].item_id == "a"

    obeys(law)


def test_the_clock_is_0_until_the_start_and_never_goes_back(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        await pass_ms(30)
        assert speaker.out_ms == 0
        speaker.start()
        times = [speaker.out_ms]
        speaker.play("a", silence(200))
        for step in range(10):
            await pass_ms(20)
            times.append(speaker.out_ms)
            if step == 4:
                speaker.hush()
        speaker.start()  # a second one changes nothing
        assert times == sorted(times)
        assert speaker.out_ms >= times[-1] >= 199

    obeys(law)


def test_a_report_that_is_cancelled_loses_nothing(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        waiting = asyncio.ensure_future(speaker.report())
        await asyncio.sleep(0.01)
        waiting.cancel()
        speaker.start()
        speaker.play("a", silence(70))
        waiting = asyncio.ensure_future(speaker.report())
        await asyncio.sleep(0)
        waiting.cancel()
        assert (await reports_until(speaker, pass_ms, Heard("a", 70)))[-1] == Heard("a", 70)

    obeys(law)


def test_a_speaker_closes_twice_and_takes_what_comes_too_late(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        speaker.play("a", silence(100))
        await pass_ms(40)
        await speaker.close()
        await speaker.close()
        at = speaker.out_ms
        speaker.play("a", silence(100))
        speaker.hush()
        await pass_ms(40)
        assert speaker.out_ms == at

    obeys(law)


def test_what_is_held_waits_and_nothing_of_it_is_lost(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        speaker.play("a", silence(600))
        await next_report(speaker, pass_ms)
        speaker.duck(0.2)
        speaker.duck(0.0)
        await pass_ms(100)  # what the device had already
        held = await _all_reports(speaker)
        await pass_ms(800)
        assert await _all_reports(speaker) == []
        assert held == [] or held[-1].ms < 400
        speaker.duck(1.0)
        assert (await reports_until(speaker, pass_ms, Heard("a", 600)))[-1] == Heard("a", 600)

    obeys(law)


async def _all_reports(speaker: Speaker) -> list[Heard | Hushed]:
    found: list[Heard | Hushed] = []
    while True:
        try:
            async with asyncio.timeout(0.02):
                found.append(await speaker.report())
        except TimeoutError:
            return found


def test_a_hush_of_what_is_held_says_where_it_was_held(obeys: Callable[[Law], None]) -> None:
    async def law(speaker: Speaker, pass_ms: Pass) -> None:
        speaker.start()
        speaker.play("a", silence(5000))
        await next_report(speaker, pass_ms)
        speaker.duck(0.0)
        await pass_ms(100)
        last = (await _all_reports(speaker) or [Heard("a", 0)])[-1].ms
        await pass_ms(500)
        speaker.hush()
        speaker.duck(1.0)
        answer = (await reports_until(speaker, pass_ms, Hushed))[-1]
        assert answer.item_id == "a"
        assert last <= answer.ms < last + 250

    obeys(law)

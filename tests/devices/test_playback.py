"""A speaker on a simulated sound system: what it says was heard is what left, to the sample where that can be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vivavoce.devices.card import Card
from vivavoce.devices.host import Call, Format, Kind
from vivavoce.devices.playback import Playback
from vivavoce.devices.soundcard import SoundCardSpeaker
from vivavoce.errors import BadSettings
from vivavoce.pcm import RATE_HZ, SAMPLES_PER_MS
from vivavoce.ports import Heard, Hushed
from vivavoce.testing.portaudio import SimulatedDevice, SimulatedPortAudio
from vivavoce.testing.sound import numbered, runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

LATENCIES_MS = (20, 25, 30, 40, 60, 90, 120, 200, 300, 400)
PERIODS_MS = (5.0, 512 / 48, 1024 / 48, 40.0, 2048 / 44.1, 100.0)
"""Of devices that call in bursts, most of them at no multiple of a block."""
FADE_MS = 5


def opened(device: SimulatedDevice) -> tuple[SimulatedPortAudio, SoundCardSpeaker]:
    system = SimulatedPortAudio([device])
    return system, SoundCardSpeaker(card=Card(system, threads=False))


async def reports(speaker: SoundCardSpeaker) -> list[Heard | Hushed]:
    """All there are now."""
    found = []
    while True:
        try:
            async with asyncio.timeout(0.02):
                found.append(await speaker.report())
        except TimeoutError:
            return found


def sound_of(device: SimulatedDevice) -> NDArray[np.int64]:
    return np.frombuffer(bytes(device.heard), "<i2").astype(int)


def last_sound(device: SimulatedDevice) -> int:
    """How many samples of a sound that began with the first are in what left: the last that is not silent."""
    loud = np.flatnonzero(sound_of(device))
    return int(loud[-1] - loud[0]) + 1 if len(loud) else 0


def tone(ms: int) -> bytes:
    return (8000 * np.sin(2 * np.pi * 220 * np.arange(ms * SAMPLES_PER_MS) / RATE_HZ)).astype("<i2").tobytes()


def hushed(device: SimulatedDevice, after_ms: int) -> Hushed:
    """The answer to a hush `after_ms` after the beginning of a sound."""

    async def law() -> Hushed:
        system, speaker = opened(device)
        speaker.start()
        system.advance(40)
        speaker.play("a", numbered(1200))
        system.advance(after_ms)
        speaker.hush()
        for _ in range(30):
            system.advance(20)
        (answer,) = [r for r in await reports(speaker) if isinstance(r, Hushed)]
        await speaker.close()
        return answer

    return asyncio.run(law())


@pytest.mark.parametrize("latency_ms", LATENCIES_MS)
@pytest.mark.parametrize(("drift_ppm", "says_times"), [(0, True), (300, True), (-300, True), (0, False)])
def test_what_a_hush_says_was_heard_is_what_left(latency_ms: int, drift_ppm: float, says_times: bool) -> None:
    for after_ms in (1, 33, 250, 617):
        device = SimulatedDevice(
            "speaker", outputs=1, latency_ms=latency_ms, drift_ppm=drift_ppm, says_times=says_times
        )
        answer = hushed(device, after_ms)
        left = last_sound(device)
        assert answer.item_id == "a"
        allowed_ms = 1 if says_times else 11  # a block, where only the latency of the stream is known
        assert answer.ms - allowed_ms <= left / SAMPLES_PER_MS <= answer.ms + 1 + allowed_ms


@pytest.mark.parametrize("period_ms", PERIODS_MS)
@pytest.mark.parametrize("drift_ppm", [0, 300])
def test_what_a_hush_says_was_heard_is_what_left_of_a_device_that_calls_in_bursts(
    period_ms: float, drift_ppm: float
) -> None:
    for latency_ms in (20, 60, 200):
        for after_ms in (1, 33, 250, 617):
            device = SimulatedDevice(
                "speaker", outputs=1, latency_ms=latency_ms, drift_ppm=drift_ppm, period_ms=period_ms
            )
            answer = hushed(device, after_ms)
            assert answer.ms - 1 <= last_sound(device) / SAMPLES_PER_MS <= answer.ms + 2


@pytest.mark.parametrize("period_ms", [None, *PERIODS_MS])
def test_a_device_is_silent_within_60_ms_of_a_hush(period_ms: float | None) -> None:
    for latency_ms in LATENCIES_MS:
        for offset_ms in range(0, 10, 3):
            device = SimulatedDevice("speaker", outputs=1, latency_ms=latency_ms, period_ms=period_ms)

            async def law(device: SimulatedDevice, offset_ms: int) -> None:
                system, speaker = opened(device)
                speaker.start()
                speaker.play("a", tone(1200))
                system.advance(600 + offset_ms)
                before = len(device.heard) // 2
                speaker.hush()
                system.advance(600)
                after = np.flatnonzero(sound_of(device)[before:])
                assert len(after) == 0 or after[-1] < 60 * SAMPLES_PER_MS
                await speaker.close()

            asyncio.run(law(device, offset_ms))


@pytest.mark.parametrize("latency_ms", [20, 30, 40])
def test_a_hush_fades_and_makes_no_step_greater_than_the_sound_itself(latency_ms: int) -> None:
    device = SimulatedDevice("speaker", outputs=1, latency_ms=latency_ms)

    async def law() -> None:
        system, speaker = opened(device)
        speaker.start()
        speaker.play("a", tone(1200))
        system.advance(503)
        speaker.hush()
        speaker.play("b", tone(300))
        system.advance(800)
        assert [(r.item_id, r.ms) for r in await reports(speaker)][-1] == ("b", 300)
        await speaker.close()

    asyncio.run(law())
    own = np.abs(np.diff(np.frombuffer(tone(300), "<i2").astype(int))).max()
    assert np.abs(np.diff(sound_of(device))).max() <= own + 8000 // (FADE_MS * SAMPLES_PER_MS)


@pytest.mark.parametrize("period_ms", [None, *PERIODS_MS])
def test_what_follows_a_hush_is_played_whole_and_at_once(period_ms: float | None) -> None:
    for latency_ms in LATENCIES_MS:
        device = SimulatedDevice("speaker", outputs=1, latency_ms=latency_ms, period_ms=period_ms)

        async def law(device: SimulatedDevice) -> None:
            system, speaker = opened(device)
            speaker.start()
            for item in ("a", "b", "c"):
                speaker.play(item, numbered(1000))
                system.advance(95)
                speaker.hush()
            speaker.play("d", numbered(500))
            system.advance(500 + 3 * max(device.latency_ms, (period_ms or 0) + 10) + 40)
            said = await reports(speaker)
            assert [r.item_id for r in said if isinstance(r, Hushed)] == ["a", "b", "c"]
            assert said[-1] == Heard("d", 500)
            assert (runs(bytes(device.heard))[-1].start, runs(bytes(device.heard))[-1].samples) == (0, 12_000)
            await speaker.close()

        asyncio.run(law(device))


@pytest.mark.parametrize("period_ms", [None, *PERIODS_MS])
def test_a_loop_that_stands_still_for_100_ms_and_more_leaves_no_hole_in_the_sound(period_ms: float | None) -> None:
    device = SimulatedDevice("speaker", outputs=1, latency_ms=20, period_ms=period_ms)

    async def law() -> None:
        system, speaker = opened(device)
        speaker.start()
        speaker.play("a", numbered(1000))
        system.advance(1200)  # nobody awaited anything
        assert speaker.underruns == 0
        await speaker.close()

    asyncio.run(law())
    assert [(run.start, run.samples) for run in runs(bytes(device.heard))] == [(0, RATE_HZ)]


def test_an_underrun_is_counted_told_and_not_taken_for_heard_sound() -> None:
    device = SimulatedDevice("speaker", outputs=1, latency_ms=40)

    async def law() -> None:
        system, speaker = opened(device)
        speaker.start()
        speaker.play("a", numbered(1000))
        system.advance(300)
        system.stall(device, 200)
        system.advance(400)
        speaker.hush()
        system.advance(100)
        answer = (await reports(speaker))[-1]
        assert isinstance(answer, Hushed)
        assert (
            abs(answer.ms * SAMPLES_PER_MS - sum(run.samples for run in runs(bytes(device.heard))))
            < 20 * SAMPLES_PER_MS
        )
        assert [t.message for t in speaker.warnings()] == [
            "The speaker ran dry once: for a moment no sound came to it, short clicks may be heard."
        ]
        await speaker.close()

    asyncio.run(law())


def test_a_device_that_runs_dry_in_silence_is_counted_and_nobody_is_told() -> None:
    device = SimulatedDevice("speaker", outputs=1, latency_ms=40)

    async def law() -> None:
        system, speaker = opened(device)
        system.stall(device, 200)  # before anything is begun, as while models load
        system.advance(400)
        speaker.start()
        system.stall(device, 200)
        system.advance(400)
        speaker.play("a", numbered(300))
        system.advance(500)
        system.stall(device, 200)  # after the last word
        system.advance(400)
        assert speaker.underruns == 3
        assert speaker.warnings() == []
        await speaker.close()

    asyncio.run(law())


@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 1), (44_100, 2), (16_000, 1), (24_000, 2), (96_000, 6)])
def test_a_device_that_refuses_24_kHz_or_mono_plays_the_same_sound_at_its_own(rate_hz: int, channels: int) -> None:  # noqa: N802  the unit
    device = SimulatedDevice(
        "speaker", outputs=channels, latency_ms=30, rates_hz=(rate_hz,), channel_counts=(channels,), rate_hz=rate_hz
    )

    async def law() -> Any:
        system, speaker = opened(device)
        speaker.start()
        speaker.play("a", tone(1000))
        system.advance(633)
        speaker.hush()
        system.advance(200)
        answer = (await reports(speaker))[-1]
        await speaker.close()
        return answer

    answer = asyncio.run(law())
    sound = sound_of(device)
    loud = np.flatnonzero(np.abs(sound) > 40)
    left_ms = (loud[-1] - loud[0]) * 1000 / rate_hz
    assert abs(answer.ms - left_ms) <= 5
    assert np.abs(sound).max() == pytest.approx(8000, rel=0.02)
    middle = sound[loud[0] + rate_hz // 10 : loud[0] + rate_hz // 2]
    crossings = np.count_nonzero(np.diff(np.signbit(middle)))
    assert crossings == pytest.approx(2 * 220 * 0.4, abs=2)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "later_ms"), [(48_000, 1, 3), (44_100, 2, 3), (16_000, 1, 3), (24_000, 2, 0), (8_000, 4, 3)]
)
def test_a_device_that_refuses_24_kHz_plays_3_ms_later_to_the_sample(  # noqa: N802  the unit
    rate_hz: int, channels: int, later_ms: int
) -> None:
    device = SimulatedDevice(
        "speaker", outputs=channels, rates_hz=(rate_hz,), channel_counts=(channels,), rate_hz=rate_hz
    )

    async def law() -> int:
        system, speaker = opened(device)
        speaker.start()
        system.advance(100)
        speaker.play("a", tone(1000))
        system.advance(1000)
        left = speaker._playback.position()
        await speaker.close()
        return left

    begins_s = (130 + later_ms) / 1000
    assert asyncio.run(law()) == pytest.approx((1.1 - begins_s) * RATE_HZ, abs=1)
    sound = sound_of(device)
    assert np.flatnonzero(np.abs(sound) > 200)[0] == pytest.approx(begins_s * rate_hz, abs=0.001 * rate_hz)
    seconds = np.arange(len(sound)) / rate_hz - begins_s
    settled = seconds > 0.05
    off = np.abs(sound - 8000 * np.sin(2 * np.pi * 220 * seconds))[settled].max()
    assert off < 8000 * 2 * np.pi * 220 / RATE_HZ / 2  # half a sample


def test_a_volume_is_reached_without_a_click_and_full_volume_changes_no_bit() -> None:
    device = SimulatedDevice("speaker", outputs=1, latency_ms=20)

    async def law() -> None:
        system, speaker = opened(device)
        speaker.start()
        speaker.play("a", numbered(300))
        system.advance(400)
        speaker.play("b", tone(900))
        for percent in (50, 0, 100):
            system.advance(200)
            speaker.volume = percent
        system.advance(300)
        assert speaker.volume == 100
        for bad in (-1, 101):
            with pytest.raises(BadSettings, match="from 0 to 100"):
                speaker.volume = bad
        await speaker.close()

    asyncio.run(law())
    assert runs(bytes(device.heard))[0].samples == 300 * SAMPLES_PER_MS
    sound = sound_of(device)[420 * SAMPLES_PER_MS - 1 :]
    own = np.abs(np.diff(np.frombuffer(tone(300), "<i2").astype(int))).max()
    assert np.abs(np.diff(sound)).max() <= own + 8000 // 240
    peaks = [np.abs(sound[at * SAMPLES_PER_MS :][: 100 * SAMPLES_PER_MS]).max() for at in (50, 270, 470, 650)]
    assert peaks == [pytest.approx(8000, abs=5), pytest.approx(4000, abs=5), 0, pytest.approx(8000, abs=5)]


def test_a_duck_and_a_volume_multiply() -> None:
    device = SimulatedDevice("speaker", outputs=1, latency_ms=20)

    async def law() -> None:
        system, speaker = opened(device)
        speaker.volume = 50
        speaker.duck(0.25)
        speaker.start()
        speaker.play("a", tone(400))
        system.advance(200)
        speaker.duck(1.0)
        system.advance(300)
        await speaker.close()

    asyncio.run(law())
    sound = np.abs(sound_of(device))
    assert (sound[2400:4000].max(), sound[-4800:].max()) == (pytest.approx(1000, abs=3), pytest.approx(4000, abs=5))


def test_what_is_held_fades_and_goes_on_with_the_very_next_sample() -> None:
    device = SimulatedDevice("speaker", outputs=1, latency_ms=20)

    async def law() -> None:
        system, speaker = opened(device)
        speaker.start()
        speaker.play("a", numbered(900))
        system.advance(300)
        speaker.duck(0.0)
        system.advance(400)
        speaker.duck(1.0)
        system.advance(900)
        assert (await reports(speaker))[-1] == Heard("a", 900)
        await speaker.close()

    asyncio.run(law())
    before, after = [run for run in runs(bytes(device.heard)) if run.samples > 10 * SAMPLES_PER_MS]
    faded = 2 * 10 * SAMPLES_PER_MS  # down and up
    assert before.start == 0
    assert abs(after.start - (before.samples + faded)) <= 2  # the last sample of a fade may be whole
    assert after.start + after.samples == 900 * SAMPLES_PER_MS
    assert after.at - before.samples > 300 * SAMPLES_PER_MS


@pytest.mark.parametrize("latency_ms", [20, 200])
def test_a_hush_of_what_is_held_is_silent_and_says_where_it_was_held(latency_ms: int) -> None:
    device = SimulatedDevice("speaker", outputs=1, latency_ms=latency_ms)

    async def law() -> Hushed:
        system, speaker = opened(device)
        speaker.start()
        speaker.play("a", tone(2000))
        system.advance(500)
        speaker.duck(0.0)
        system.advance(600)
        silent_from = len(device.heard)
        speaker.hush()
        speaker.duck(1.0)
        system.advance(600)
        assert not any(device.heard[silent_from:])
        (answer,) = [r for r in await reports(speaker) if isinstance(r, Hushed)]
        await speaker.close()
        return answer

    assert asyncio.run(law()).ms == pytest.approx(last_sound(device) / SAMPLES_PER_MS, abs=1)


def test_reports_never_run_ahead_of_a_device_that_has_died_without_a_word() -> None:
    device = SimulatedDevice("speaker", outputs=1, latency_ms=400)

    async def law() -> None:
        system, speaker = opened(device)
        speaker.start()
        speaker.play("a", numbered(1200))
        system.advance(600)
        last_call_s = system.now()
        system.stick(device)
        system.advance(600)
        said = await reports(speaker)
        assert max(r.ms for r in said) <= last_call_s * 1000 - 400 + 50
        await speaker.close()

    asyncio.run(law())


def test_a_simulated_device_with_a_period_calls_in_bursts_that_say_the_times_of_their_blocks() -> None:
    calls: list[tuple[float, float]] = []

    class Noting(SimulatedPortAudio):
        def open(self, kind: Kind, index: int, form: Format, call: Call, finished: Callable[[], None]) -> Any:
            def noting(data: Any, frames: int, when: Any, status: Any) -> None:
                calls.append((when.currentTime * 1000, when.outputBufferDacTime * 1000))
                call(data, frames, when, status)

            return super().open(kind, index, form, noting, finished)

    system = Noting([SimulatedDevice("speaker", outputs=1, latency_ms=20, period_ms=40)])  # 20 would run dry
    playback = Playback(card=Card(system, threads=False))
    system.advance(80)
    playback.close()
    assert [at for at, _ in calls] == pytest.approx([0] * 5 + [40] * 4 + [80] * 4)
    assert [dac for _, dac in calls] == pytest.approx(range(0, 130, 10))


def test_the_simulated_device_is_what_it_says() -> None:
    fast = replace(SimulatedDevice("fast", outputs=1, latency_ms=20), drift_ppm=1000.0)
    system, speaker = opened(fast)
    speaker.start()
    speaker.play("a", numbered(1200))
    system.advance(1020)
    assert abs(last_sound(fast) - 1001 * SAMPLES_PER_MS) <= SAMPLES_PER_MS
    asyncio.run(speaker.close())

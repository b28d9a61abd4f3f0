"""A microphone on a simulated sound system."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from vivavoce.devices.card import Card
from vivavoce.devices.soundcard import SoundCardMicrophone
from vivavoce.pcm import RATE_HZ, SAMPLES_PER_MS
from vivavoce.testing.portaudio import SimulatedDevice, SimulatedPortAudio
from vivavoce.testing.sound import numbered, runs


def room(device: SimulatedDevice) -> tuple[SimulatedPortAudio, SoundCardMicrophone]:
    system = SimulatedPortAudio([device])
    return system, SoundCardMicrophone(card=Card(system, threads=False))


def read(system: SimulatedPortAudio, mic: SoundCardMicrophone, ms: int) -> bytes:
    """What is read after `ms` have passed."""

    async def some() -> bytes:
        reading = asyncio.ensure_future(mic.read())
        await asyncio.sleep(0)
        system.advance(ms)
        return await reading or b""

    return asyncio.run(some())


@pytest.mark.parametrize("period_ms", [None, 5.0, 1024 / 48, 2048 / 44.1, 100.0])
def test_what_comes_into_the_device_is_read_whole(period_ms: float | None) -> None:
    device = SimulatedDevice("mic", inputs=1, period_ms=period_ms)
    system, mic = room(device)
    device.hear(numbered(500))
    assert [(run.start, run.samples) for run in runs(read(system, mic, 700))] == [(0, 500 * SAMPLES_PER_MS)]
    assert mic.warnings() == []


def test_a_muted_microphone_sends_silence_at_the_same_pace_and_nothing_of_what_was_said() -> None:
    device = SimulatedDevice("mic", inputs=1)
    system, mic = room(device)
    device.hear(numbered(900))
    before = read(system, mic, 310)
    mic.muted = True
    during = read(system, mic, 300)
    mic.muted = False
    after = read(system, mic, 300)
    assert not any(during)
    assert len(during) == len(after) == 300 * SAMPLES_PER_MS * 2
    (first,), (last,) = runs(before), runs(after)
    assert last.start - (first.start + first.samples) == 300 * SAMPLES_PER_MS


@pytest.mark.parametrize(
    ("rate_hz", "channels", "held_back"),
    [(48_000, 1, 19), (44_100, 2, 19), (16_000, 1, 29), (24_000, 2, 0), (8_000, 4, 60)],
)
def test_a_device_that_refuses_24_kHz_or_mono_is_heard_the_same_and_not_a_sample_later(  # noqa: N802  the unit
    rate_hz: int, channels: int, held_back: int
) -> None:
    device = SimulatedDevice(
        "mic", inputs=channels, rates_hz=(rate_hz,), channel_counts=(channels,), rate_hz=rate_hz, latency_ms=20
    )
    system, mic = room(device)
    device.hear(np.repeat(tone(rate_hz), channels).tobytes())
    sound = np.frombuffer(read(system, mic, 1000), "<i2").astype(int)
    assert RATE_HZ - len(sound) == held_back  # for the resampler to know what comes next
    assert np.abs(sound - tone(RATE_HZ)[: len(sound)])[: -held_back or None][100:].max() <= 3


def tone(rate_hz: int) -> NDArray[np.int16]:
    """A second."""
    return (8000 * np.sin(2 * np.pi * 220 * np.arange(rate_hz) / rate_hz)).astype("<i2")


def test_sound_that_the_system_lost_is_counted() -> None:
    device = SimulatedDevice("mic", inputs=1)
    system, mic = room(device)
    read(system, mic, 200)
    system.stall(device, 100)
    read(system, mic, 300)
    assert [t.code for t in mic.warnings()] == ["mic_overflow"]

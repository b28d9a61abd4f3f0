"""A processor of the microphone's sound learns what was really played, and is off the audio thread."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from vivavoce.devices.capture import Capture
from vivavoce.devices.card import Card
from vivavoce.devices.playback import Playback
from vivavoce.devices.processing import Processing, Processor, Tap
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.pcm import RATE_HZ, SAMPLES_PER_MS, silence
from vivavoce.testing.portaudio import SimulatedDevice, SimulatedPortAudio
from vivavoce.testing.sound import numbered, runs

FRAME = 240


class Notes:
    """A processor that writes down what it is told, and halves what it hears."""

    def __init__(self) -> None:
        self.far: list[tuple[float, bytes]] = []
        self.near: list[tuple[float, bytes]] = []
        self.late = 0
        self.threads: set[str] = set()

    def played(self, pcm: bytes, at_s: float) -> None:
        self.far.append((at_s, pcm))

    def captured(self, pcm: bytes, at_s: float) -> bytes:
        self.threads.add(threading.current_thread().name)
        self.late += not self.far or self.far[-1][0] + FRAME / RATE_HZ < at_s
        self.near.append((at_s, pcm))
        return (np.frombuffer(pcm, "<i2") // 2).astype("<i2").tobytes()

    def far_end(self) -> bytes:
        """What left the speaker, by the times that were told: later words replace earlier ones."""
        first_s = self.far[0][0]
        line = np.zeros(round((max(at for at, _ in self.far) - first_s) * RATE_HZ) + FRAME, "<i2")
        for at_s, pcm in self.far:
            at = round((at_s - first_s) * RATE_HZ)
            line[at : at + FRAME] = np.frombuffer(pcm, "<i2")
        return line.tobytes()


def room(
    latency_ms: float, processor: Processor, period_ms: float | None = None
) -> tuple[SimulatedPortAudio, SimulatedDevice, SoundCardSpeaker, SoundCardMicrophone]:
    out = SimulatedDevice("speaker", outputs=1, latency_ms=latency_ms, period_ms=period_ms)
    system = SimulatedPortAudio([out, SimulatedDevice("mic", inputs=1, period_ms=period_ms)])
    card = Card(system, threads=False)
    speaker, mic = SoundCardSpeaker(card=card), SoundCardMicrophone(card=card)
    mic.process(processor, speaker)
    return system, out, speaker, mic


def read(system: SimulatedPortAudio, mic: SoundCardMicrophone, ms: int) -> bytes:
    async def some() -> bytes:
        reading = asyncio.ensure_future(mic.read())
        await asyncio.sleep(0)
        system.advance(ms)
        return await reading or b""

    return asyncio.run(some())


@pytest.mark.parametrize("period_ms", [None, 1024 / 48, 2048 / 44.1])
def test_a_processor_hears_of_silence_and_sound_before_its_echo_could_come(period_ms: float | None) -> None:
    for latency_ms in (20, 60, 300):
        notes = Notes()
        system, _, speaker, mic = room(latency_ms, notes, period_ms)
        speaker.start()
        read(system, mic, 100)
        speaker.play("a", numbered(200))
        read(system, mic, 900)
        assert notes.late == 0
        assert {len(pcm) for _, pcm in notes.far + notes.near} == {2 * FRAME}
        assert [(run.start, run.samples) for run in runs(notes.far_end())] == [(0, 200 * SAMPLES_PER_MS)]
        for told in (notes.far, notes.near):
            assert np.allclose(np.diff([at_s for at_s, _ in told]), FRAME / RATE_HZ)


def test_the_times_of_both_sides_are_those_of_one_clock() -> None:
    notes = Notes()
    system, out, speaker, mic = room(40, notes)
    speaker.start()
    mic_device = system._listed[1]
    read(system, mic, 100)
    speaker.play("a", numbered(300))
    mic_device.hear(silence(20) + numbered(300))
    began_s = system.now()
    read(system, mic, 600)
    far_s = next(at_s for at_s, pcm in notes.far if any(pcm))
    near_s = next(at_s for at_s, pcm in notes.near if any(pcm))
    left_s = np.flatnonzero(np.frombuffer(bytes(out.heard), "<i2"))[0] / RATE_HZ  # it has played since second 0
    assert abs(far_s - left_s) < 0.5 / RATE_HZ
    assert abs(near_s - began_s) <= 0.021
    assert far_s > began_s


def test_sound_that_a_hush_dropped_is_taken_back() -> None:
    notes = Notes()
    system, out, speaker, mic = room(200, notes)
    speaker.start()
    read(system, mic, 100)
    speaker.play("a", numbered(1000))
    read(system, mic, 500)
    speaker.hush()
    read(system, mic, 600)
    (said,) = runs(notes.far_end())
    (left,) = runs(bytes(out.heard))
    assert abs(said.samples - left.samples) <= 10 * SAMPLES_PER_MS


def test_what_the_processor_makes_of_the_sound_is_read_and_a_mute_comes_after_it() -> None:
    notes = Notes()
    system, _, _, mic = room(30, notes)
    device = system._listed[1]
    device.hear(bytes(np.full(4800, 1000, "<i2")))
    sound = np.frombuffer(read(system, mic, 200), "<i2")
    assert set(sound[:3000]) == {500}
    mic.muted = True
    device.hear(bytes(np.full(4800, 1000, "<i2")))
    assert not any(read(system, mic, 150))
    assert notes.near[-1][1] == bytes(np.full(FRAME, 1000, "<i2"))  # it goes on learning


class Failing:
    def played(self, pcm: bytes, at_s: float) -> None:
        pass

    def captured(self, pcm: bytes, at_s: float) -> bytes:
        raise ZeroDivisionError(len(pcm), at_s)


def test_a_processor_that_fails_leaves_the_microphone_as_it_is_and_is_told_once() -> None:
    system, _, _, mic = room(30, Failing())
    system._listed[1].hear(numbered(100))
    (run,) = runs(read(system, mic, 300))
    assert run.samples == 100 * SAMPLES_PER_MS
    assert [t.code for t in mic.warnings()] == ["mic_processor"]
    read(system, mic, 100)
    assert mic.warnings() == []


def test_with_threads_the_work_is_not_done_by_the_caller() -> None:
    notes, done = Notes(), threading.Event()
    work = Processing(notes, Tap(), lambda _: done.set(), threads=True)
    work.put(0.0, memoryview(bytes(960)))
    assert done.wait(10)
    work.stop()
    assert notes.threads == {"viva-microphone"}


def test_blocks_of_any_length_come_out_in_frames_of_10_ms_and_nothing_is_lost() -> None:
    notes, out = Notes(), bytearray()
    work = Processing(notes, Tap(), out.extend, threads=False)
    sound, at = numbered(300), 0
    for samples in (100, 479, 481, 1, 720, 1500, 900):
        work.put(at / RATE_HZ, memoryview(sound[2 * at : 2 * (at + samples)]))
        at += samples
    assert b"".join(pcm for _, pcm in notes.near) == sound[: 2 * (at // FRAME * FRAME)]
    assert [round(at_s * RATE_HZ) for at_s, _ in notes.near] == list(range(0, at // FRAME * FRAME, FRAME))
    assert len(out) == 2 * (at // FRAME * FRAME)


def test_streams_without_a_processor_keep_no_copy_of_what_they_play() -> None:
    system = SimulatedPortAudio([SimulatedDevice("both", inputs=1, outputs=1)])
    card = Card(system, threads=False)
    playback, capture = Playback(card=card), Capture(None, keep=True, card=card)
    system.advance(100)
    assert playback.tap is None
    assert capture.ring.waiting > 0

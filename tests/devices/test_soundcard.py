"""What only a sound card can show: sound that went through it, and what happens when it goes away."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.pcm import RATE_HZ, SAMPLES_PER_MS, silence
from vivavoce.ports import Heard, Hushed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

pytestmark = [pytest.mark.sound, pytest.mark.usefixtures("virtual_audio")]


class Recorder:
    """What leaves the virtual speaker, recorded by a program that is not ours."""

    def __init__(self) -> None:
        parec = shutil.which("parec")
        assert parec is not None
        how = [
            "--device=speaker.monitor",
            "--rate=24000",
            "--channels=1",
            "--format=s16le",
            "--latency-msec=10",
            "--raw",
        ]
        self._heard = bytearray()
        self._program = subprocess.Popen([parec, *how], stdout=subprocess.PIPE, bufsize=0)  # noqa: S603  pulseaudio-utils
        self._pump = threading.Thread(target=self._read)
        self._pump.start()

    def _read(self) -> None:
        assert self._program.stdout is not None
        while piece := self._program.stdout.read(4096):
            self._heard += piece

    @property
    def sound(self) -> NDArray[np.float64]:
        heard = bytes(self._heard)
        return np.frombuffer(heard[: len(heard) & ~1], "<i2").astype(float)

    async def until(self, ms: int) -> None:
        """Wait until that much more was recorded."""
        wanted = len(self._heard) + ms * 48
        async with asyncio.timeout(20):
            while len(self._heard) < wanted:  # noqa: ASYNC110  filled by a thread, which has no event to set
                await asyncio.sleep(0.01)

    def stop(self) -> None:
        self._program.terminate()
        self._program.wait(10)
        self._pump.join(10)
        assert self._program.stdout is not None
        self._program.stdout.close()


@pytest.fixture
def recorder(virtual_audio: object) -> Iterator[Recorder]:
    assert virtual_audio
    recorder = Recorder()
    yield recorder
    recorder.stop()


def noise(ms: int, seed: int) -> bytes:
    samples = np.random.default_rng(seed).standard_normal(ms * SAMPLES_PER_MS) * 4000
    return samples.clip(-32_000, 32_000).astype("<i2").tobytes()


PART = 100 * SAMPLES_PER_MS


def places(sound: NDArray[np.float64], said: bytes) -> list[int]:
    """Where each 100 ms of `said` begins in `sound`; a short gap, as a busy computer makes, is forgiven."""
    wanted = np.frombuffer(said, "<i2").astype(float)
    found = []
    for start in range(0, len(wanted) - PART + 1, PART):
        part = wanted[start : start + PART]
        fits = np.correlate(sound, part, "valid")
        found.append(int(np.argmax(fits)))
        # noise that is not there fits by 0.1 at most
        assert fits[found[-1]] > 0.5 * np.linalg.norm(part) * np.linalg.norm(sound[found[-1] : found[-1] + PART])
    return found


async def heard_whole(speaker: SoundCardSpeaker, last: Heard) -> None:
    async with asyncio.timeout(20):
        while await speaker.report() != last:
            pass


def test_what_was_played_leaves_the_speaker_whole_and_in_order(recorder: Recorder) -> None:
    async def law() -> None:
        speaker = SoundCardSpeaker()
        speaker.start()
        await recorder.until(200)
        for n in range(6):
            speaker.play(f"item_{n // 2}", noise(600, 1)[n * 4800 : (n + 1) * 4800])
        await heard_whole(speaker, Heard("item_2", 200))
        await recorder.until(300)
        await speaker.close()
        gaps = np.diff(places(recorder.sound, noise(600, 1))) - PART
        assert (gaps >= -2).all()
        assert np.median(gaps) <= 2  # resampled on the way, by the server

    asyncio.run(law())


def test_a_hush_cuts_the_sound_and_the_answer_is_where_it_was_cut(recorder: Recorder) -> None:
    async def law() -> None:
        speaker = SoundCardSpeaker()
        speaker.start()
        await recorder.until(200)
        cut, after = noise(3000, 11), noise(300, 12)
        speaker.play("cut", cut)
        while (await speaker.report()).ms < 400:
            pass
        speaker.hush()
        speaker.play("after", after)  # at once: nothing of it may go down with the rest
        while not isinstance(answer := await speaker.report(), Hushed):
            pass
        await heard_whole(speaker, Heard("after", 300))
        await recorder.until(300)
        await speaker.close()
        sound = recorder.sound
        last_whole = places(sound, cut[: 300 * 48])[-1]  # the part from 200 to 300 ms
        resumed, *others = places(sound, after)
        assert others == sorted(others)
        loud = np.flatnonzero(np.abs(sound[last_whole : resumed - 48]) > 100)
        left_ms = 200 + (int(loud[-1]) + 1) / SAMPLES_PER_MS
        assert answer.item_id == "cut"
        assert 400 <= answer.ms < 3000
        assert abs(left_ms - answer.ms) < 60  # measured: 0 to 10; the null sink itself works in steps of 50

    asyncio.run(law())


def test_the_clock_of_the_speaker_keeps_time_with_what_it_reports() -> None:
    async def law() -> None:
        speaker = SoundCardSpeaker()
        speaker.start()
        speaker.play("a", silence(600))
        seen = []
        while True:
            report = await speaker.report()
            seen.append((report.ms, speaker.out_ms))
            if report.ms == 600:
                break
        await speaker.close()
        assert all(ms <= out_ms for ms, out_ms in seen)

    asyncio.run(law())


def test_a_reader_who_sleeps_loses_the_oldest_and_is_told_how_much() -> None:
    async def law() -> None:
        mic = SoundCardMicrophone()
        await mic.read()
        ring = mic._capture.ring
        while ring.waiting < 4800:  # noqa: ASYNC110  filled by the audio thread
            await asyncio.sleep(0.02)
        for _ in range(505):  # ten seconds that pass at once
            ring.write(memoryview(bytes(960)))
        sound = await mic.read()
        (told,) = mic.warnings()
        await mic.close()
        assert len(sound or b"") == 10 * RATE_HZ * 2
        assert told.code == "mic_overrun"
        assert int(told.message.split()[0]) >= 200

    asyncio.run(law())


def test_both_ends_run_together(recorder: Recorder) -> None:
    async def law() -> None:
        mic, speaker = SoundCardMicrophone("default"), SoundCardSpeaker("default")
        speaker.start()
        speaker.play("a", noise(500, 3))
        heard = 0
        while heard < RATE_HZ:
            heard += len(await mic.read() or b"")
        await heard_whole(speaker, Heard("a", 500))
        await asyncio.gather(mic.close(), speaker.close())
        found = places(recorder.sound, noise(500, 3))
        assert found == sorted(found)

    asyncio.run(law())


TALK = """
import asyncio, sys
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.errors import NoDevice

async def main():
    mic, speaker = SoundCardMicrophone(), SoundCardSpeaker()
    speaker.start()
    speaker.play("a", bytes(48_000 * 60))
    await mic.read()
    await speaker.report()
    print("talking", flush=True)

    async def ends(step):
        try:
            while True:
                await step()
        except NoDevice as fault:
            return str(fault)

    async with asyncio.timeout(30):
        for said in await asyncio.gather(ends(mic.read), ends(speaker.report)):
            print(said)
        speaker.hush()
        print(await ends(speaker.report))
    await mic.close()
    await speaker.close()
    try:
        SoundCardSpeaker()
    except NoDevice as fault:
        print(fault)

asyncio.run(main())
"""


def test_a_device_that_goes_away_in_mid_talk_ends_it_with_a_sentence(spare_audio: Any) -> None:
    program = subprocess.Popen(  # noqa: S603  ours
        [sys.executable, "-c", TALK],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # PortAudio and ALSA print their own despair there
        env=spare_audio.env | {"PATH": ""},
        text=True,
    )
    with program:
        assert program.stdout is not None
        assert program.stdout.readline() == "talking\n"
        spare_audio.stop()
        said = program.stdout.read().splitlines()
    assert program.returncode == 0
    assert said[0].startswith("The microphone is gone")
    assert said[1].startswith("The speaker is gone")
    assert said[2].startswith("The speaker is gone")
    assert said[3].startswith("The speaker (the default one) cannot be opened")

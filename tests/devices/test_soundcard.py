"""What only a sound card can show: sound that went through it, and what happens when it goes away."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.conftest import VirtualAudio
from tests.devices.recorder import Recorder
from tests.devices.through import DROPPED, beginning, holds, squeezed

from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.pcm import RATE_HZ, SAMPLES_PER_MS, silence
from vivavoce.ports import Heard, Hushed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.sound, pytest.mark.usefixtures("virtual_audio")]


@pytest.fixture
def recorder(virtual_audio: VirtualAudio) -> Iterator[Recorder]:
    """What leaves the virtual speaker, recorded by a program that is not ours."""
    recorder = Recorder(virtual_audio, "speaker.monitor")
    yield recorder
    recorder.kill()


def noise(ms: int, seed: int) -> bytes:
    samples = np.random.default_rng(seed).standard_normal(ms * SAMPLES_PER_MS) * 4000
    return samples.clip(-32_000, 32_000).astype("<i2").tobytes()


async def heard_whole(speaker: SoundCardSpeaker, last: Heard) -> None:
    async with asyncio.timeout(60):
        while await speaker.report() != last:
            pass


def test_what_was_played_leaves_the_speaker_whole_and_in_order(recorder: Recorder) -> None:
    async def law() -> None:
        speaker = SoundCardSpeaker()
        speaker.start()
        await recorder.until(lambda sound: sound.size > 0)
        for n in range(6):
            speaker.play(f"item_{n // 2}", noise(600, 1)[n * 4800 : (n + 1) * 4800])
        await heard_whole(speaker, Heard("item_2", 200))
        await recorder.until(lambda sound: holds(sound, noise(600, 1)))
        await speaker.close()

    asyncio.run(law())


def test_a_hush_cuts_the_sound_and_the_answer_is_where_it_was_cut(recorder: Recorder) -> None:
    async def law() -> None:
        speaker = SoundCardSpeaker()
        speaker.start()
        await recorder.until(lambda sound: sound.size > 0)
        cut, after = noise(3000, 11), noise(300, 12)
        speaker.play("cut", cut)
        while (await speaker.report()).ms < 400:
            pass
        speaker.hush()
        speaker.play("after", after)  # at once: nothing of it may go down with the rest
        while not isinstance(answer := await speaker.report(), Hushed):
            pass
        await heard_whole(speaker, Heard("after", 300))
        await recorder.until(lambda sound: holds(sound, after))
        await speaker.close()
        heard, gaps = squeezed(recorder.sound)
        assert holds(recorder.sound, cut[: 300 * 48])
        left_ms = (beginning(heard, after) - beginning(heard, cut[: 300 * 48])) / SAMPLES_PER_MS
        assert answer.item_id == "cut"
        assert 400 <= answer.ms < 3000
        spare_ms = 60 + gaps * DROPPED / SAMPLES_PER_MS  # measured: 0 to 10; the null sink itself works in steps of 50
        assert abs(left_ms - answer.ms) < spare_ms

    asyncio.run(law())


def test_the_audio_thread_is_fed_while_the_loop_stands_still(recorder: Recorder) -> None:
    async def law() -> None:
        speaker = SoundCardSpeaker()
        speaker.start()
        await recorder.until(lambda sound: sound.size > 0)
        said = noise(1200, 21)
        speaker.play("a", said)
        for stall in (time.sleep, busy) * 4:
            before = speaker._playback.link.calls
            while speaker._playback.link.calls == before:
                stall(0.1)  # nobody else on this loop gets a turn
            await asyncio.sleep(0.02)
        await heard_whole(speaker, Heard("a", 1200))
        await recorder.until(lambda sound: holds(sound, said))
        # a busy machine may run dry, and counts it; sound that waits for the loop is a gap that nobody counts
        assert squeezed(recorder.sound)[1] <= speaker.underruns
        await speaker.close()

    asyncio.run(law())


def busy(seconds: float) -> None:
    """Compute, as a program does that holds its loop up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


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
        (told,) = (trouble for trouble in mic.warnings() if trouble.code == "mic_overrun")
        await mic.close()
        assert len(sound or b"") == 10 * RATE_HZ * 2
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
        await recorder.until(lambda sound: holds(sound, noise(500, 3)))
        await asyncio.gather(mic.close(), speaker.close())

    asyncio.run(law())


TALK = """
import asyncio, sys
from vivavoce.devices.card import Card
from vivavoce.devices.portaudio import portaudio
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.errors import NoDevice

async def main():
    card = Card(portaudio(), patience_s=1.0)
    mic, speaker = SoundCardMicrophone(card=card), SoundCardSpeaker(card=card)
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

    async with asyncio.timeout(60):
        for said in await asyncio.gather(ends(mic.read), ends(speaker.report)):
            print(said)
    await mic.close()
    await speaker.close()
    try:
        SoundCardSpeaker()
    except NoDevice as fault:
        print(fault)

asyncio.run(main())
"""


def test_a_device_that_goes_away_for_good_ends_the_talk_with_a_sentence(spare_audio: Any) -> None:
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
    assert said[2].startswith("There is no speaker")

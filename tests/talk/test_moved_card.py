"""A whole talk whose sound card is changed, and then dies and returns, in the middle of a reply."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import VirtualAudio
from tests.devices.recorder import Recorder, missing, stretches
from tests.devices.test_hotplug import Mine, goes_on, kill, mine, pactl, plug, room  # noqa: F401  fixtures
from tests.talk.command import Seen
from tests.talk.server import Answer, NumberedServer, running
from tests.talk.test_sound_card import PIPE, program

from vivavoce.pcm import SAMPLES_PER_MS

VOICE = str(Path(__file__).parents[1] / "recordings" / "questions" / "00.wav")

pytestmark = [pytest.mark.sound, pytest.mark.timeout(200)]


async def sounds(recorder: Recorder, ms: int) -> None:
    """Until so much of a reply was recorded."""
    async with asyncio.timeout(60):
        while recorder.loud < ms * SAMPLES_PER_MS:  # noqa: ASYNC110  another process plays it
            await asyncio.sleep(0.02)


async def speak(audio: VirtualAudio) -> None:
    player = await program("paplay", f"--server={audio.env['PULSE_SERVER']}", "--device=mic_feed", VOICE)
    assert await player.wait() == 0


async def talk(audio: VirtualAudio, server: str, record: Callable[[str], Recorder]) -> tuple[Seen, list[Recorder]]:
    """A question, and what happens to the card during its answer, which is interrupted in the end."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from vivavoce.cli.main import main; main()"),
        *("talk", "--server", server, "--json", "--max-minutes", "2"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | audio.env,
    )
    assert running.stdout is not None
    lines: list[str] = []

    out = running.stdout

    async def until(what: str) -> None:
        async for line in out:
            lines.append(line.decode())
            if what in json.loads(line).values():
                return
        raise AssertionError(f"no {what} in {lines}")

    recorders = [record("speaker.monitor"), record("headset.monitor")]
    await until("ready")
    await asyncio.sleep(1)
    await speak(audio)
    await sounds(recorders[0], 1000)
    await asyncio.to_thread(pactl, audio, "set-default-sink", "headset")
    await until("device_changed")
    await sounds(recorders[1], 1000)
    kill(audio)
    await asyncio.to_thread(audio.start)
    recorders.append(record("speaker.monitor"))
    await until("device_back")
    await sounds(recorders[2], 1000)
    await speak(audio)
    rest, err = await running.communicate()
    return Seen(running.returncode or 0, "".join(lines) + rest.decode(), err.decode()), recorders


def test_a_card_that_is_changed_and_restarted_in_mid_reply_is_told_once_each_and_the_talk_goes_on(
    room: VirtualAudio,  # noqa: F811
    mine: Mine,  # noqa: F811
) -> None:
    plug(room, "headset")

    async def hold() -> tuple[Seen, list[Recorder], NumberedServer]:
        finish = Answer(ms=0, calls=(("user_wants_to_finish_conversation", ""),))
        async with running(NumberedServer([Answer("A long story.", 60_000), finish], silence_ms=500)) as server:
            seen, recorders = await talk(room, server.url, lambda source: mine(Recorder(room, source)))
            return seen, recorders, server

    seen, recorders, server = asyncio.run(hold())
    assert seen.code == 0, seen.err
    assert seen.lines[-1]["reason"] == "goodbye"
    assert len(server.paths) == 1
    changed, back = (
        line["message"] for line in seen.of("warning") if line["code"] in {"device_changed", "device_back"}
    )
    assert changed == "The sound devices changed: the speaker is now 'Headset'."
    assert "the speaker is now 'default', the microphone is now 'default'" in back
    first, second, third = (stretches(recorder.stop()) for recorder in recorders)
    assert goes_on(first, second)
    assert goes_on(second, third, twice_ms=10, lost_ms=200)  # the recorder may come later than the sound
    whole = [*first, *second, *third]
    left = whole[0].start + sum(run.samples for run in whole) + sum(missing(whole))
    (cut,) = server.words("conversation.item.truncate")
    assert cut["audio_end_ms"] == pytest.approx(left / SAMPLES_PER_MS, abs=20)

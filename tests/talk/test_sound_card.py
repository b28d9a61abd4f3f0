"""A whole talk through a sound card: a recording played into the microphone is answered on the speaker."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import samplerate
from tests.devices.through import DROPPED, Sound, sound_of, squeezed
from tests.talk.command import RATE, Seen
from tests.talk.server import Answer, NumberedServer, running

RECORDINGS = Path(__file__).parents[1] / "recordings"
QUESTION = str(RECORDINGS / "questions" / "09.wav")
GOODBYE = str(RECORDINGS / "questions" / "10.wav")
PIPE = asyncio.subprocess.PIPE
SILENT_BYTES = RATE  # half a second: all that was played has been recorded

pytestmark = [pytest.mark.sound, pytest.mark.timeout(400)]


async def program(name: str, *args: str) -> asyncio.subprocess.Process:
    """A program that is not ours."""
    path = shutil.which(name)
    assert path is not None
    return await asyncio.create_subprocess_exec(path, *args, stdout=PIPE)


async def collect(source: asyncio.StreamReader, into: bytearray) -> None:
    """Everything that comes, as it comes."""
    while piece := await source.read(4096):
        into += piece


async def talk_through_the_card(audio: Any, server: str, *says: tuple[str, str]) -> tuple[Seen, Sound]:
    """Run `viva talk` on the card; play each recording a second after the line of that type. What was written, what sounded."""
    how = ("--device=speaker.monitor", f"--rate={RATE}", "--channels=1", "--format=s16le", "--latency-msec=10", "--raw")
    recorder = await program("parec", *how)
    assert recorder.stdout is not None
    heard = bytearray()
    recording = asyncio.create_task(collect(recorder.stdout, heard))
    code = "from vivavoce.cli.main import main; main()"
    args = ("talk", "--server", server, "--json", "--max-minutes", "5")
    talk = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        *args,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | audio.env,
    )
    assert talk.stdout is not None
    assert talk.stderr is not None
    waiting = list(says)
    lines: list[str] = []
    async for line in talk.stdout:
        lines.append(line.decode())
        if waiting and json.loads(line)["type"] == waiting[0][0]:
            await asyncio.sleep(1)
            player = await program("paplay", "--device=mic_feed", waiting.pop(0)[1])
            assert await player.wait() == 0
    err = (await talk.stderr.read()).decode()
    seen = Seen(await talk.wait(), "".join(lines), err)
    async with asyncio.timeout(60):
        while len(heard) < SILENT_BYTES or any(heard[-SILENT_BYTES:]):  # noqa: ASYNC110  another process plays it
            await asyncio.sleep(0.02)
    recorder.terminate()
    await recorder.wait()
    await recording
    return seen, sound_of(bytes(heard))


def words(text: str) -> Sequence[str]:
    return re.findall(r"[a-z]+", text.lower())


def test_a_voice_in_the_microphone_is_answered_on_the_speaker(virtual_audio: Any) -> None:
    async def hold() -> tuple[Seen, Sound, NumberedServer]:
        finish = Answer("Goodbye.", 1200, calls=(("user_wants_to_finish_conversation", ""),))
        async with running(NumberedServer([finish], silence_ms=500)) as server:
            seen, out = await talk_through_the_card(virtual_audio, server.url, ("ready", QUESTION))
            return seen, out, server

    seen, out, server = asyncio.run(hold())
    assert seen.code == 0, seen.err
    assert seen.lines[-1]["reason"] == "goodbye"
    assert seen.of("speech_started")
    (said,) = seen.of("assistant")
    assert (said["heard_ms"], said["interrupted"]) == (1200, False)
    assert server.words("conversation.item.truncate") == []
    # a ramp of numbered samples: the recording holds it, resampled by the card, from its beginning to its end
    assert out.max() == pytest.approx(1200 * RATE / 1000, rel=0.15)
    heard, gaps = squeezed(out)
    assert len(heard) / RATE == pytest.approx(1.2, abs=0.06 + gaps * DROPPED / RATE)


@pytest.mark.models
def test_the_offline_engine_answers_a_voice_in_the_microphone(virtual_audio: Any) -> None:
    from vivavoce.engine.models.choose import open_recogniser  # noqa: PLC0415  # the fast tests collect this file, too

    seen, out = asyncio.run(
        talk_through_the_card(virtual_audio, "offline", ("ready", QUESTION), ("assistant", GOODBYE))
    )
    assert seen.code == 0, seen.err
    assert seen.lines[-1]["reason"] == "goodbye", seen.out
    assert "australia" in seen.of("user")[0]["text"].lower(), seen.out
    said = words(" ".join(line["text"] for line in seen.of("assistant")))
    at_16k = samplerate.resample(out / 32768, 16_000 / RATE, "sinc_best")
    pcm = (np.clip(at_16k, -1, 1) * 32767).astype("<i2").tobytes()
    heard = set(words(open_recogniser("base").hear(pcm, "en").text))
    assert sum(word in heard for word in said) >= 0.75 * len(said)

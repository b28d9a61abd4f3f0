"""End of speech to first sound of the offline engine, stage by stage, beside a straight pipeline in the same run.

    python bench/turn.py [--count 20] [--silence 500] [--brain small] [--recogniser base] [--threads]

Each of the recorded requests in tests/recordings/questions is spoken to both, one after the other, so that a busy moment of the
machine hits both. The engine hears it at the pace of a microphone through the offline wire, as in `viva talk`, and is measured
from outside: `speech_stopped`, `transcription.completed`, the first words, the first sound. The straight pipeline uses the same
models without any overlap: wait for the silence, then recognise, then think to the end of the first clause, then speak it; its
wait is counted, not slept. End of speech is the last 20 ms that are louder than 3 % of the loudest. All times in ms.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.devices.wav import load
from vivavoce.engine.clauses import Clauses
from vivavoce.engine.opening import open_stages
from vivavoce.engine.pipeline import Resampler, Stages, for_hearing
from vivavoce.engine.stages import Prompt, Words
from vivavoce.events import client, server
from vivavoce.pcm import BLOCK_BYTES, BLOCK_MS, BYTES_PER_MS, silence
from vivavoce.session.settings import INSTRUCTIONS
from vivavoce.wire.offline import ISOLATE, OfflineWire

QUESTIONS = sorted((Path(__file__).parents[1] / "tests" / "recordings" / "questions").glob("*.wav"))
STAGES = ("vad", "asr", "clause", "tts")
LEAD_MS, CHUNK_MS, LOUD = 500, 32, 0.03


def end_of_speech_ms(pcm: bytes) -> int:
    """Where the voice ends."""
    blocks = (
        np.frombuffer(pcm[: len(pcm) // BLOCK_BYTES * BLOCK_BYTES], "<i2").astype(float).reshape(-1, BLOCK_BYTES // 2)
    )
    loudness = np.sqrt((blocks**2).mean(axis=1))
    return (int(np.nonzero(loudness > loudness.max() * LOUD)[0][-1]) + 1) * BLOCK_MS


class Straight:
    """The same models, one after the other."""

    def __init__(self, stages: Stages, silence_ms: int) -> None:
        self.stages, self.silence_ms = stages, silence_ms
        self.messages: list[dict[str, Any]] = []
        stages.think.warm(self.prompt(), threading.Event())

    def prompt(self) -> Prompt:
        return Prompt(INSTRUCTIONS, list(self.messages))

    def turn(self, pcm: bytes, end_ms: int) -> dict[str, float]:
        """Milliseconds of each stage."""
        took: dict[str, float] = {}
        notice, resampler = self.stages.notice(), Resampler()
        quiet_ms = heard_ms = 0
        began = time.perf_counter()
        for chunk in resampler.chunks(pcm + silence(4000)):
            heard_ms += CHUNK_MS
            began = time.perf_counter()
            quiet_ms = 0 if notice.notice(chunk) >= 0.5 else quiet_ms + CHUNK_MS
            if heard_ms > end_ms and quiet_ms >= self.silence_ms:
                break
        now = time.perf_counter()
        took["vad"] = heard_ms - end_ms + (now - began) * 1000
        text = self.stages.hear.hear(for_hearing((pcm + silence(1000))[: heard_ms * BYTES_PER_MS]), "en").text
        now, before = time.perf_counter(), now
        took["asr"] = (now - before) * 1000
        self.messages.append({"role": "user", "content": text})
        clauses, first, answer = Clauses(), "", ""
        for piece in self.stages.think.think(self.prompt(), threading.Event()):
            if isinstance(piece, Words):
                answer += piece.text
                ready = clauses.feed(piece.text) if not first else []
                if ready:
                    first = ready[0]
                    took["clause"] = (time.perf_counter() - now) * 1000
        if not first:
            first = answer or "Nothing."
            took["clause"] = (time.perf_counter() - now) * 1000
        self.messages.append({"role": "assistant", "content": answer})
        before = time.perf_counter()
        next(iter(self.stages.speak.speak(first, threading.Event())))
        took["tts"] = (time.perf_counter() - before) * 1000
        return took


async def engine_turn(wire: OfflineWire, pcm: bytes, end_ms: int) -> dict[str, float]:
    """Milliseconds of each stage, as they are seen from outside."""
    sound = silence(LEAD_MS) + pcm + silence(20_000)
    began = time.perf_counter()

    async def speak() -> None:
        for at in range(0, len(sound), BLOCK_BYTES):
            await asyncio.sleep(max(began + (at // BLOCK_BYTES + 1) * BLOCK_MS / 1000 - time.perf_counter(), 0))
            wire.send(client.AppendAudio(sound[at : at + BLOCK_BYTES]))

    speaking = asyncio.create_task(speak())
    marks: dict[str, float] = {}
    names = {
        server.SpeechStopped: "vad",
        server.TranscriptionCompleted: "asr",
        server.TranscriptDelta: "clause",
        server.AudioDelta: "tts",
    }
    while True:
        event = await wire.receive()
        name = names.get(type(event))
        if name == "vad":
            marks = {}  # a pause in the middle was taken for the end
        if name and (name == "vad" or "vad" in marks):
            marks.setdefault(name, (time.perf_counter() - began) * 1000 - LEAD_MS - end_ms)
        if isinstance(event, server.ResponseDone) and event.response["status"] == "completed":
            break
    speaking.cancel()
    order = [marks.get(stage, float("nan")) for stage in STAGES]
    return {stage: order[place] - (order[place - 1] if place else 0) for place, stage in enumerate(STAGES)}


def row(name: str, turns: list[dict[str, float]]) -> str:
    """Median of each stage, median and 90th percentile of the sum."""
    totals = [sum(turn.values()) for turn in turns]
    stages = " | ".join(f"{statistics.median(turn[stage] for turn in turns):.0f}" for stage in STAGES)
    return f"| {name} | {stages} | **{statistics.median(totals):.0f}** | {np.percentile(totals, 90):.0f} |"


async def run(args: argparse.Namespace) -> None:
    """Both, utterance by utterance."""
    opener = functools.partial(open_stages, args.brain, args.recogniser)
    straight = Straight(opener(), args.silence)
    wire = OfflineWire(opener, isolate=not args.threads and ISOLATE)
    await wire.open()
    turn_detection = {"type": "server_vad", "silence_duration_ms": args.silence}
    heard = {"turn_detection": turn_detection, "transcription": {"model": args.recogniser}}
    wire.send(client.UpdateSession({"type": "realtime", "instructions": INSTRUCTIONS, "audio": {"input": heard}}))
    await asyncio.sleep(5)  # both have read their instructions
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    for path in QUESTIONS[: args.count]:
        pcm = load(path)
        end_ms = end_of_speech_ms(pcm)
        ours.append(await engine_turn(wire, pcm, end_ms))
        await asyncio.sleep(1)
        theirs.append(await asyncio.to_thread(straight.turn, pcm, end_ms))
        print(f"{path.name}: engine {sum(ours[-1].values()):.0f}, straight {sum(theirs[-1].values()):.0f}", flush=True)
    await wire.close()
    straight.stages.close()
    print("\n| | silence | recognised | first clause | first sound | end of speech to first sound, median | p90 |")
    print("|---|---|---|---|---|---|---|")
    print(row("engine", ours))
    print(row("straight", theirs))
    ratios = [sum(a.values()) / sum(b.values()) for a, b in zip(ours, theirs, strict=True)]
    print(f"\nmedian ratio, engine to straight: {statistics.median(ratios):.2f} over {len(ratios)} requests")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=len(QUESTIONS))
    parser.add_argument("--silence", type=int, default=500)
    parser.add_argument("--brain", default="small")
    parser.add_argument("--recogniser", default="base")
    parser.add_argument("--threads", action="store_true", help="the engine on threads of this process, not in a child")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()

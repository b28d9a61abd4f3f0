"""What the server is told was heard, against what left the sound card, in a whole talk; and when it was silent.

    python -m bench.heard [--count 40] [--echo]     (from the top of the project; needs pulseaudio and pulseaudio-utils)

A talk on a sound card (PULSE_SERVER, else a virtual one) with a server on loopback, which hears the microphone and says
`speech_started`. Each reply is noise that is new each time, or a tone; after half a second to a second a recorded voice is
played into the microphone over it. parec, a program that is not ours, records what leaves the card. What was really heard of
the noise is found by laying the last 20 ms that were recorded over what was sent; the error is `audio_end_ms` of
`conversation.item.truncate` less that. The tail is the time from the moment at which the server says `speech_started` to the
arrival at parec of the last piece with sound in it: the wire, the session and up to 10 ms of parec's own are in it. The step is
the largest from one sample to the next at the end of the tone, against the tone's own. With --echo echo cancellation stands
between the microphone and the server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from bench.card import load_average, sound_card
from bench.hush import EDGE, MATCH, PER_MS, QUIET, Recorder, row
from bench.takenback import GO_ON, Lines, played, tone

from vivavoce.devices.echo import EchoControl
from vivavoce.engine.stages import Prompt
from vivavoce.live import Parts, Talk
from vivavoce.pcm import RATE_HZ
from vivavoce.session.happenings import Warned
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings
from vivavoce.testing import RealtimeServer, Reply, in_thread
from vivavoce.testing import Talk as Behaviour
from vivavoce.wire.refusals import Advice
from vivavoce.wire.websocket import GA, Server, WebSocketWire

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vivavoce.devices.soundcard import SoundCardSpeaker

VOICE = Path("tests/recordings/questions/10.wav")
REPLY_S = 4.0
LOOK_S = 0.6  # after `speech_started`; the answer to what was said comes later
TOLD = "conversation.item.truncate"


@dataclass(frozen=True, slots=True)
class Round:
    """One interruption; the error for noise, the step for a tone."""

    tail_ms: float
    error_ms: float | None
    likeness: float
    step: float | None


@dataclass
class Assistant:
    """Answers what is typed with the sound of this round, and what is said with a word without sound."""

    sound: bytes = b""
    rng: np.random.Generator = field(default_factory=np.random.default_rng)

    def next_noise(self) -> NDArray[np.int16]:
        noise = (self.rng.standard_normal(round(REPLY_S * RATE_HZ)) * 6000).clip(-30_000, 30_000).astype("<i2")
        self.sound = noise.tobytes()
        return noise

    def next_tone(self) -> None:
        self.sound = tone(REPLY_S)

    def __call__(self, prompt: Prompt) -> Reply:
        typed = bool(prompt.messages) and prompt.messages[-1]["content"] == GO_ON
        return Reply("Sound.", pcm=self.sound if typed else b"")


@contextlib.asynccontextmanager
async def talking(server: RealtimeServer, lines: Lines, *, echo: bool) -> AsyncIterator[tuple[Talk, SoundCardSpeaker]]:
    """A talk on the sound card."""
    from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker  # noqa: PLC0415  after the card is there

    async def no_key() -> dict[str, str]:
        return {}

    wire = WebSocketWire(Server(server.url, no_key, Advice("m", "--model", "key", "address"), GA))
    microphone, speaker = SoundCardMicrophone(), SoundCardSpeaker()
    if echo:
        control = EchoControl("cancel")
        microphone.process(control, speaker, control.news)
    parts = Parts(Session(Settings(transcription_model="scribe")), wire, microphone, speaker, lines)
    talk = Talk(parts, asyncio.get_running_loop().time())
    running = asyncio.create_task(talk.run())
    while not lines.shown:  # noqa: ASYNC110  the first line is `ready`
        await asyncio.sleep(0.05)
    try:
        yield talk, speaker
    finally:
        talk.leave("interrupt")
        await running


async def one(talk: Talk, server: RealtimeServer, recorder: Recorder, noise: NDArray[np.int16] | None) -> Round:
    """Be answered, speak, look."""
    connection = server.connections[0]
    told, started = len(connection.words(TOLD)), len(connection.said_words("input_audio_buffer.speech_started"))
    begin = len(recorder.pcm) // 2
    talk.type(GO_ON)
    while not np.any(np.abs(recorder.sound(begin)) > QUIET):  # noqa: ASYNC110  another program plays it
        await asyncio.sleep(0.02)
    await asyncio.sleep(random.uniform(0.5, 1.0))  # noqa: S311  no secret
    await played(VOICE)
    await server.until(lambda: len(connection.words(TOLD)) > told)
    await asyncio.sleep(LOOK_S)
    word = [w for w in connection.said if w.type == "input_audio_buffer.speech_started"][started]
    said_s = time.monotonic() - server.now + word.t
    last = next(n for n, at in enumerate(recorder.times) if at > said_s + LOOK_S)
    sound = recorder.sound(begin)[: recorder.ends[last] - begin]
    end = int(np.nonzero(np.abs(sound) > QUIET)[0][-1]) + 1
    tail_ms = (recorder.came_at(begin + end - 1) - said_s) * 1000
    if noise is None:
        steps = np.abs(np.diff(sound[:end]))
        return Round(tail_ms, None, 1.0, float(steps[-100 * PER_MS :].max() / steps[: -200 * PER_MS].max()))
    piece, sent = sound[end - MATCH : end - EDGE], noise.astype(float)
    place = int(np.argmax(np.correlate(sent, piece, "valid")))
    likeness = float(np.corrcoef(sent[place : place + len(piece)], piece)[0, 1])
    error_ms = connection.words(TOLD)[told]["audio_end_ms"] - (place + MATCH) / PER_MS
    return Round(tail_ms, error_ms, likeness, None)


async def run(count: int, *, echo: bool) -> None:
    assistant, lines, rounds = Assistant(), Lines(), []
    with in_thread(RealtimeServer(Behaviour(answer=assistant))) as server:
        recorder = Recorder()
        try:
            async with talking(server, lines, echo=echo) as (talk, speaker):
                await asyncio.sleep(2)
                for number in range(count):
                    noise = None if number % 4 == 3 else assistant.next_noise()
                    if noise is None:
                        assistant.next_tone()
                    rounds.append(await one(talk, server, recorder, noise))
                    await asyncio.sleep(2.5)  # what was said is over, and answered
                errors = len(server.connections[0].said_words("error"))
                underruns = speaker.underruns
        finally:
            recorder.stop()
    print(f"{count} interruptions, {load_average()}\n\n| ms | median | p95 | least | most |\n|---|---|---|---|---|")
    print(row("sound after `speech_started`", [r.tail_ms for r in rounds]))
    print(row("`audio_end_ms` less what left the card", [r.error_ms for r in rounds if r.error_ms is not None]))
    print(row("the same without its sign", [abs(r.error_ms) for r in rounds if r.error_ms is not None]))
    print(
        f"\nleast likeness of what was recorded to what was sent: {min(r.likeness for r in rounds):.2f} (1 is the same)"
    )
    print(f"largest step at the end of a tone, its own is 1: {max(r.step for r in rounds if r.step is not None):.2f}")
    torn = sum(isinstance(line, Warned) and line.code == "speaker_underrun" for line in lines.shown)
    print(f"errors of the server: {errors}; underruns: {underruns}; told of torn sound: {torn}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--echo", action="store_true")
    args = parser.parse_args()
    with sound_card():
        asyncio.run(run(args.count, echo=args.echo))


if __name__ == "__main__":
    main()

"""A barge-in through a sound card, from the first sound of a person to silence, and a cough that leaves no trace.

    python -m bench.takenback [--count 60] [--seed 0] [--half a|b --weights FILE]

(from the top of the project; needs pulseaudio and pulseaudio-utils, the labelled set (python -m bench.bargein_sources), and the
model `base` for the second ear)

A whole talk on the virtual card (`live`, the detector, a scripted server in a thread): the assistant says a tone, and after
about a second a sound of the test split is played into the microphone, over a floor of noise. Two programs that are not ours
record what enters the microphone and what leaves the speaker, 10 ms at a time on one clock. Times count from the first sound
that the recording of the microphone holds. Nothing comes back from the speaker to the microphone here: no echo.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import shutil
import tempfile
import time
import wave
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bench.bargein import base
from bench.bargein_scenes import half
from bench.bargein_sources import Clip, kept
from bench.card import load_average, sound_card
from bench.hush import Recorder

from vivavoce.devices.barge_words import Later, WordsEar
from vivavoce.engine.stages import Prompt
from vivavoce.live import Parts, Talk
from vivavoce.pcm import RATE_HZ
from vivavoce.session.happenings import AssistantDelta, Happening, Interrupted
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings
from vivavoce.testing import RealtimeServer, Reply, in_thread
from vivavoce.testing import Talk as Behaviour
from vivavoce.wire.refusals import Advice
from vivavoce.wire.websocket import GA, Server, WebSocketWire

if TYPE_CHECKING:
    from numpy.typing import NDArray

REPLY_S = 5.0
GO_ON = "Go on."
LOUD, QUIET = 8000, 60
FRAME = RATE_HZ // 200
STILL = 30  # frames of silence that are no gap
NOISE_DB, VOICE_DB = -62.0, -22.0
KINDS = {"speech": 0.5, "backchannel": 0.2, "cough": 0.12, "laugh": 0.1, "noise": 0.08}


@dataclass(frozen=True, slots=True)
class Round:
    """One sound over a reply; ms from its beginning. None: it did not come to that.

    Attributes:
        ducked_ms: the reply is at most half as loud.
        silent_ms: nothing of it is heard, and so it stays.
        paused_ms: for how long nothing of it was heard, where it went on.
        trace: what the server still has of the sound, where the reply went on.
    """

    kind: str
    name: str
    ducked_ms: float | None
    silent_ms: float | None
    paused_ms: float | None
    trace: int


@dataclass
class Lines:
    """The screen: what was shown."""

    shown: list[Happening] = field(default_factory=list)

    def show(self, happening: Happening, t: float, out_ms: int | None) -> None:
        del t, out_ms
        self.shown.append(happening)


def tone(seconds: float) -> bytes:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (LOUD * np.sin(2 * np.pi * 220 * at)).astype("<i2").tobytes()


def at_level(sound: NDArray[np.float64], level_db: float) -> NDArray[np.int16]:
    """What is loud of it at this level, as 16-bit samples."""
    frames = (sound[: len(sound) // 480 * 480].reshape(-1, 480) ** 2).mean(axis=1)
    loud = np.sqrt(frames[frames > frames.max() / 100].mean()) if len(frames) else np.sqrt((sound**2).mean())
    scaled = sound / loud * 10 ** (level_db / 20)
    return np.asarray(np.clip(scaled * 32767, -32000, 32000), np.int16)


@contextlib.contextmanager
def floor_noise(folder: Path) -> Iterator[None]:
    """Noise in the microphone while the block runs."""
    import subprocess  # noqa: PLC0415  only here

    noise = np.random.default_rng(0).normal(0, 32767 * 10 ** (NOISE_DB / 20), 600 * RATE_HZ).astype("<i2")
    path = written(folder / "floor.wav", noise)
    player = subprocess.Popen([shutil.which("paplay") or "paplay", "--device=mic_feed", str(path)])  # noqa: S603  not ours
    try:
        yield
    finally:
        player.terminate()
        player.wait(10)


def written(path: Path, sound: NDArray[Any]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(sound.astype("<i2").tobytes())
    return path


async def played(path: Path) -> None:
    player = await asyncio.create_subprocess_exec(shutil.which("paplay") or "paplay", "--device=mic_feed", str(path))
    await player.wait()


class Watch:
    """Both recordings."""

    def __init__(self) -> None:
        self.speaker, self.microphone = Recorder(), Recorder("mic")

    def began_s(self, since: int) -> float | None:
        """When the first sound above the floor came to the microphone."""
        sound = np.abs(self.microphone.sound(since))
        floor = 32767 * 10 ** (NOISE_DB / 20)
        loud = np.flatnonzero(sound > 8 * floor)
        return self.microphone.came_at(since + int(loud[0])) if len(loud) else None

    def course(self, since: int) -> list[tuple[float, float]]:
        """(when, how loud) for each 5 ms that left the speaker."""
        sound = np.abs(self.speaker.sound(since))
        peaks = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME).max(axis=1)
        return [(self.speaker.came_at(since + (n + 1) * FRAME - 1), float(peak)) for n, peak in enumerate(peaks)]

    def stop(self) -> None:
        self.speaker.stop()
        self.microphone.stop()


@dataclass(frozen=True, slots=True)
class Stage:
    """A talk and all that watches it."""

    talk: Talk
    lines: Lines
    server: RealtimeServer
    watch: Watch
    folder: Path

    @property
    def words_shown(self) -> int:
        return sum(isinstance(line, AssistantDelta) for line in self.lines.shown)


def judged(clip: Clip, began_s: float, course: Sequence[tuple[float, float]], *, cut: bool, trace: int) -> Round:
    """What the two recordings say; `cut`: the talk says that it was."""
    after = [(1000 * (at - began_s), peak) for at, peak in course if at >= began_s]
    ducked = next((at for at, peak in after if peak < LOUD / 2), None)
    if not cut:
        silent = sum(peak <= QUIET for _, peak in after) * FRAME * 1000 / RATE_HZ
        return Round(clip.kind, clip.name, ducked, None, silent, trace)
    quiet = [peak <= QUIET for _, peak in after]
    silent_at = next((after[n][0] for n in range(len(quiet)) if all(quiet[n : n + STILL])), None)
    return Round(clip.kind, clip.name, ducked, silent_at, None, trace)


async def one(stage: Stage, clip: Clip) -> Round | None:
    """Type, be answered, make the sound, look."""
    before = stage.words_shown
    stage.talk.type(GO_ON)
    while stage.words_shown == before:  # noqa: ASYNC110  two programs and a thread are waited for
        await asyncio.sleep(0.02)
    await asyncio.sleep(random.uniform(0.6, 1.0))  # noqa: S311  no secret
    path = written(stage.folder / "sound.wav", at_level(clip.sound[: 2 * RATE_HZ], VOICE_DB))
    shown = len(stage.lines.shown)
    watch, items = stage.watch, len(stage.server.connections[0].items)
    speaker, microphone = len(watch.speaker.pcm) // 2, len(watch.microphone.pcm) // 2
    await played(path)
    await asyncio.sleep(2.2)
    began_s = watch.began_s(microphone)
    if began_s is None:
        return None
    trace = len(stage.server.connections[0].items) - items
    cut = any(isinstance(line, Interrupted) for line in stage.lines.shown[shown:])
    return judged(clip, began_s, watch.course(speaker), cut=cut, trace=trace)


def drawn(count: int, seed: int, halves: str) -> list[Clip]:
    """Sounds of these halves of the test split, kinds by `KINDS`, each speaker in turn."""
    rng = random.Random(seed)  # noqa: S311  no secret
    clips = [clip for clip in kept() if clip.split == "test" and clip.kind in KINDS]
    clips = [clip for clip in clips if half(clip.speaker, clip.name) in halves]
    found: list[Clip] = []
    for kind, share in KINDS.items():
        by: dict[str, list[Clip]] = {}
        for clip in clips:
            if clip.kind == kind:
                by.setdefault(clip.speaker, []).append(clip)
        speakers = sorted(by)
        found += [rng.choice(by[speakers[n % len(speakers)]]) for n in range(round(count * share)) if speakers]
    rng.shuffle(found)
    return found


@contextlib.asynccontextmanager
async def talking(server: RealtimeServer, lines: Lines, weights: Path | None) -> AsyncIterator[Talk]:
    """A talk on the sound card."""
    from vivavoce.devices.bargein import BargeInDetector  # noqa: PLC0415  after the card is there
    from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker  # noqa: PLC0415

    async def no_key() -> dict[str, str]:
        return {}

    wire = WebSocketWire(Server(server.url, no_key, Advice("m", "--model", "key", "address"), GA))
    ear = Later(lambda: WordsEar(base(), dict(np.load(weights)) if weights else None))
    session = Session(Settings(confirm_barge_in=True, transcription_model="scribe"))
    parts = Parts(session, wire, SoundCardMicrophone(), SoundCardSpeaker(), lines, ear=BargeInDetector(ear))
    talk = Talk(parts, asyncio.get_running_loop().time())
    running = asyncio.create_task(talk.run())
    while not lines.shown:  # noqa: ASYNC110  the first line is `ready`
        await asyncio.sleep(0.05)
    try:
        yield talk
    finally:
        talk.leave("interrupt")
        await running


def answer(prompt: Prompt) -> Reply:
    """A tone to what is typed, a word to what is said."""
    typed = bool(prompt.messages) and prompt.messages[-1]["content"] == GO_ON
    return Reply("A tone.", pcm=tone(REPLY_S)) if typed else Reply("Yes.", pcm=tone(0.1))


async def run(clips: Sequence[Clip], weights: Path | None) -> list[Round]:
    rounds = []
    lines = Lines()
    behaviour = Behaviour(answer=answer)
    with tempfile.TemporaryDirectory() as name, in_thread(RealtimeServer(behaviour)) as server:
        folder, watch = Path(name), Watch()
        with floor_noise(folder):
            async with talking(server, lines, weights) as talk:
                await asyncio.sleep(2)
                stage = Stage(talk, lines, server, watch, folder)
                for clip in clips:
                    found = await one(stage, clip)
                    rounds += [found] if found else []
        watch.stop()
    return rounds


def row(name: str, values: Sequence[float]) -> str:
    if not values:
        return f"| {name} | - | - | - |"
    median, p95 = np.percentile(values, [50, 95])
    return f"| {name} | {median:.0f} | {p95:.0f} | {max(values):.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--half", choices=("a", "b", "ab"), default="ab")
    parser.add_argument("--weights", type=Path, help="of the second ear, that have learned from the other half")
    given = parser.parse_args()
    began = time.monotonic()
    with sound_card():
        rounds = asyncio.run(run(drawn(given.count, given.seed, given.half), given.weights))
    words = [r for r in rounds if r.kind == "speech"]
    others = [r for r in rounds if r.kind != "speech"]
    stopped = [r for r in others if r.silent_ms is not None]
    missed = [r for r in words if r.silent_ms is None]
    print(f"{len(rounds)} sounds in {time.monotonic() - began:.0f} s, {load_average()}\n")
    print(f"words that did not stop the reply: {len(missed)} of {len(words)} {[r.name for r in missed]}")
    print(f"other sounds that stopped it: {len(stopped)} of {len(others)} {[r.name for r in stopped]}")
    print(f"of sounds that did not, the server kept: {sum(r.trace for r in others if r not in stopped)} items\n")
    print("| ms | median | p95 | most |\n|---|---|---|---|")
    print(row("words, until quieter", [r.ducked_ms for r in words if r.ducked_ms is not None]))
    print(row("words, until silent", [r.silent_ms for r in words if r.silent_ms is not None]))
    print(row("other sounds, until quieter", [r.ducked_ms for r in others if r.ducked_ms is not None]))
    print(row("other sounds, pause in the reply", [r.paused_ms for r in others if r.paused_ms is not None]))
    for found in rounds:
        print(f"<!-- {found} -->")


if __name__ == "__main__":
    main()

"""How long sound goes on after `hush`, and how true the milliseconds are that the speaker then says were heard.

    python -m bench.hush [--count 30] [--echo]     (from the top of the project; needs pulseaudio and pulseaudio-utils)

On a sound card (PULSE_SERVER, else a virtual one), each round plays 2 s of noise that is new each time and hushes it at a random
moment. parec, a program that is not ours, records what leaves the card. The tail is the time from the call of `hush` to the
arrival at parec of the last piece with sound in it: up to 10 ms of it are parec's own. What was really heard is found by laying
the last 20 ms that were recorded over the noise that was played; the error is `Hushed.ms` less that. All times in ms.
With --echo the microphone is open meanwhile, with echo cancellation between it and its reader.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import random
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from bench.card import load_average, sound_card

from vivavoce.devices.echo import EchoControl
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.pcm import RATE_HZ
from vivavoce.ports import Hushed

if TYPE_CHECKING:
    from numpy.typing import NDArray

PER_MS = RATE_HZ // 1000
QUIET = 50  # of 32768: what resampling leaves around the noise
MATCH = 20 * PER_MS
EDGE = PER_MS  # the last ms that was recorded is blurred by resampling
HOW = [
    f"--rate={RATE_HZ}",
    "--channels=1",
    "--format=s16le",
    "--latency-msec=10",
    "--raw",
]


class Recorder:
    """What leaves the speaker, or comes from another source, and when each piece of it came here."""

    def __init__(self, source: str = "@DEFAULT_MONITOR@") -> None:
        self.pcm = bytearray()
        self.ends: list[int] = []
        self.times: list[float] = []
        self._program = subprocess.Popen(  # noqa: S603  pulseaudio-utils
            [shutil.which("parec") or "parec", f"--device={source}", *HOW], stdout=subprocess.PIPE, bufsize=0
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self._program.stdout is not None
        while piece := self._program.stdout.read(4096):
            self.pcm += piece
            self.times.append(time.monotonic())
            self.ends.append(len(self.pcm) // 2)

    def sound(self, start: int) -> NDArray[np.float64]:
        """The samples recorded from `start` on."""
        return np.frombuffer(bytes(self.pcm[2 * start : len(self.pcm) // 2 * 2]), "<i2").astype(float)

    def came_at(self, sample: int) -> float:
        """When that sample came here."""
        return self.times[bisect.bisect_right(self.ends, sample)]

    def stop(self) -> None:
        """End parec."""
        self._program.terminate()
        self._program.wait(10)
        self._thread.join(10)
        assert self._program.stdout is not None
        self._program.stdout.close()


@dataclass(frozen=True)
class Round:
    """One hush."""

    tail_ms: float
    error_ms: float
    likeness: float


async def hushed(speaker: SoundCardSpeaker) -> Hushed:
    """The final report."""
    async with asyncio.timeout(10):
        while not isinstance(report := await speaker.report(), Hushed):
            pass
    return report


async def one_round(speaker: SoundCardSpeaker, recorder: Recorder, noise: NDArray[np.int16]) -> Round:
    """Play, hush, look."""
    start = len(recorder.pcm) // 2
    speaker.play("noise", noise.tobytes())
    await asyncio.sleep(random.uniform(0.35, 0.65))  # noqa: S311  no secret
    called = time.monotonic()
    speaker.hush()
    said_ms = (await hushed(speaker)).ms
    await asyncio.sleep(0.3)
    sound = recorder.sound(start)
    end = int(np.nonzero(np.abs(sound) > QUIET)[0][-1]) + 1
    piece = sound[end - MATCH : end - EDGE]
    played = noise.astype(float)
    place = int(np.argmax(np.correlate(played, piece, "valid")))
    likeness = float(np.corrcoef(played[place : place + len(piece)], piece)[0, 1])
    heard_ms = (place + MATCH) / PER_MS
    return Round((recorder.came_at(start + end - 1) - called) * 1000, said_ms - heard_ms, likeness)


async def listen(speaker: SoundCardSpeaker) -> None:
    """Read the microphone, without the echo of the speaker."""
    microphone = SoundCardMicrophone()
    microphone.process(EchoControl("cancel"), speaker)
    try:
        while await microphone.read():
            pass
    finally:
        await microphone.close()


async def run(count: int, *, echo: bool) -> None:
    rng = np.random.default_rng()
    recorder, speaker = Recorder(), SoundCardSpeaker()
    speaker.start()
    listening = [asyncio.create_task(listen(speaker))] if echo else []
    try:
        await asyncio.sleep(0.5)
        rounds = []
        for _ in range(count):
            noise = (rng.standard_normal(2 * RATE_HZ) * 6000).clip(-30_000, 30_000).astype("<i2")
            rounds.append(await one_round(speaker, recorder, noise))
        troubles = [trouble.message for trouble in speaker.warnings()]
    finally:
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        await speaker.close()
        recorder.stop()
    print(f"{count} hushes, {load_average()}\n\n| ms | median | p95 | least | most |\n|---|---|---|---|---|")
    print(row("sound after `hush`", [r.tail_ms for r in rounds]))
    print(row("`Hushed.ms` less what was recorded", [r.error_ms for r in rounds]))
    print(row("the same without its sign", [abs(r.error_ms) for r in rounds]))
    print(
        f"\nleast likeness of what was recorded to what was played: {min(r.likeness for r in rounds):.2f} (1 is the same)"
    )
    print(f"underruns: {troubles or 'none'}")


def row(name: str, values: list[float]) -> str:
    median, p95 = np.percentile(values, [50, 95])
    return f"| {name} | {median:.1f} | {p95:.1f} | {min(values):.1f} | {max(values):.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--echo", action="store_true")
    args = parser.parse_args()
    with sound_card():
        asyncio.run(run(args.count, echo=args.echo))


if __name__ == "__main__":
    main()

"""Whether a busy event loop tears the sound: how often devices run dry or over while the loop stands still, and while it is free.

    python -m bench.stalls [--seconds 10] [--rounds 3]     (from the top of the project; needs pulseaudio and pulseaudio-utils)

On a sound card (PULSE_SERVER, else a virtual one) a speaker plays noise and a microphone is read, with nothing between them. The
ways take turns, so that a busy moment of the machine is not held against one of them: the loop is free; it stands still for 100 ms
in every 150 by `time.sleep`; the same by computing in Python, which keeps the interpreter to itself but for its switches. Counted:
the times PortAudio says that the output ran dry, that the input ran over, and samples of the microphone that were not read.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from bench.card import load_average, sound_card

from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES

STALL_S, FREE_S = 0.1, 0.05


@dataclass
class Tally:
    """What one way did."""

    seconds: float = 0.0
    stalls: int = 0
    dry: int = 0
    over: int = 0
    read: int = 0


def compute(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


WAYS: dict[str, Callable[[float], None] | None] = {"free": None, "asleep": time.sleep, "computing": compute}


async def listen(microphone: SoundCardMicrophone, tally: Tally) -> None:
    while pcm := await microphone.read():
        tally.read += len(pcm) // SAMPLE_BYTES


async def one(way: Callable[[float], None] | None, seconds: float, tally: Tally) -> None:
    """Play and read for so long."""
    microphone, speaker = SoundCardMicrophone(), SoundCardSpeaker()
    speaker.start()
    noise = (np.random.default_rng(0).standard_normal(round(2 * seconds * RATE_HZ)) * 6000).astype("<i2")
    speaker.play("noise", noise.tobytes())
    reading = asyncio.create_task(listen(microphone, tally))
    before = tally.read
    await asyncio.sleep(0.5)
    tally.read, dry, began = before, speaker.underruns, time.monotonic()
    while time.monotonic() - began < seconds:
        if way is not None:
            way(STALL_S)
            tally.stalls += 1
        await asyncio.sleep(FREE_S)
    tally.seconds += time.monotonic() - began
    tally.dry += speaker.underruns - dry
    tally.over += microphone.overflows
    await microphone.close()
    await speaker.close()
    await reading


async def run(seconds: float, rounds: int) -> None:
    tallies = {name: Tally() for name in WAYS}
    for _ in range(rounds):
        for name, way in WAYS.items():
            await one(way, seconds, tallies[name])
    print(
        f"{load_average()}\n\n| the loop is | s | stalls | ran dry | ran over | microphone read |\n|---|---|---|---|---|---|"
    )
    for name, tally in tallies.items():
        share = tally.read / RATE_HZ / tally.seconds
        print(f"| {name} | {tally.seconds:.0f} | {tally.stalls} | {tally.dry} | {tally.over} | {share:.1%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with sound_card():
        asyncio.run(run(args.seconds, args.rounds))


if __name__ == "__main__":
    main()

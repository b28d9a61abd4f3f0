"""How long the sound is away when a device is, on virtual cards: each row several times, all times in ms.

    python -m bench.hotplug [--count 5]         (from the top of the project; needs pulseaudio and pulseaudio-utils)

A program of ours plays and listens; this one moves, kills and starts sinks, sources and servers under it. The speaker: from before
the event until the monitor of the new sink, recorded by parec (about 10 ms of its own), has sound. The microphone: until the
program has read the first sound of the new source, or anything again. A server that returns: from when it takes callers.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from bench.card import load_average
from tests.conftest import VirtualAudio
from tests.devices.recorder import Recorder, stretches
from tests.devices.test_hotplug import Player, Voices, kill, pactl, plug

_PLAY_MS = 60_000
_LIMIT_S = 30


def loud_ms(recorder: Recorder, event: Callable[[], object]) -> float:
    """Until something is recorded."""
    at_s = time.monotonic()
    event()
    return since_ms(recorder, at_s)


def since_ms(recorder: Recorder, at_s: float) -> float:
    """From `at_s` on, until something is recorded."""
    while recorder.loud_s is None:
        if time.monotonic() - at_s > _LIMIT_S:
            raise TimeoutError
        time.sleep(0.01)
    recorder.stop()
    return (recorder.loud_s - at_s) * 1000


def restart(audio: VirtualAudio) -> tuple[float, Recorder]:
    """Start its server: when that took callers, and what is on its speaker from then on."""
    while answers(audio):  # the one that was killed has yet to die
        time.sleep(0.002)
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(audio.start)
        while not answers(audio):
            time.sleep(0.002)
        at_s = time.monotonic()
        recorder = Recorder(audio, "speaker.monitor")
        starting.result()
    return at_s, recorder


def answers(audio: VirtualAudio) -> bool:
    """Whether there is somebody at its socket."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(audio.env["PULSE_SERVER"].removeprefix("unix:")) == 0


def rounds(folder: Path) -> dict[str, float]:
    """One of each."""
    main, usb = VirtualAudio(folder / "main" / "card"), VirtualAudio(folder / "usb" / "card")
    mine: list[Player | Voices] = []
    found = {}
    try:
        with Path(main.env["ALSA_CONFIG_PATH"]).open("a") as config:
            config.write(
                f'pcm.usb {{ type pulse server "{usb.env["PULSE_SERVER"]}" hint {{ show on description "U" }} }}\n'
            )
        mine.append(player := Player(main, _PLAY_MS, speaker="usb"))
        player.until("heard", 500)
        recorder = Recorder(main, "speaker.monitor")
        found["pinned speaker pulled, to the default"] = loud_ms(recorder, lambda: kill(usb))
        player.until("device_")
        at_s, recorder = restart(usb)
        found["pinned speaker back"] = since_ms(recorder, at_s)
        mine.pop().kill()
        plug(main, "headset")
        mine.append(Voices(main, _PLAY_MS, folder))
        mine.append(player := Player(main, _PLAY_MS))
        player.until("heard", 500)
        recorder = Recorder(main, "headset.monitor")
        found["default sink changed"] = loud_ms(recorder, lambda: pactl(main, "set-default-sink", "headset"))
        player.until("device_")
        at_s = time.monotonic()
        pactl(main, "set-default-source", "right")
        player.until("device_")
        found["default source changed"] = (read_s(player, stretches(-player.mic)[0].at) - at_s) * 1000
        kill(main)
        at_s, recorder = restart(main)
        found["server killed: the speaker, from its being back"] = since_ms(recorder, at_s)
        player.until("device_")
        read = (line["t"] for line in player.lines if "mic" in line and line["t"] > at_s)
        found["server killed: the microphone, from its being back"] = (next(read) - at_s) * 1000
    finally:
        for one in mine:
            one.kill()
        for audio in (main, usb):
            kill(audio)
    return found


def read_s(player: Player, sample: int) -> float:
    """When the program had read that sample of its microphone."""
    return next(float(line["t"]) for line in player.lines if line.get("mic", 0) > sample)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5)
    count = parser.parse_args().count
    seen: list[dict[str, float]] = []
    for _ in range(count):
        with tempfile.TemporaryDirectory() as folder:
            for part in ("main", "usb"):
                (Path(folder) / part).mkdir()
            seen.append(rounds(Path(folder)))
    print(f"{count} rounds, {load_average()}\n\n| ms | median | most |\n|---|---|---|")
    for name in seen[0]:
        values = [one[name] for one in seen]
        print(f"| {name} | {np.median(values):.0f} | {max(values):.0f} |")


if __name__ == "__main__":
    main()

"""How long the sound is away when a device is, on virtual cards: each row several times, all times in ms.

    python -m bench.hotplug [--count 5]         (from the top of the project; needs pulseaudio and pulseaudio-utils)

A program of ours plays from a microphone and a speaker and writes when it hears of sound; this one kills, stops and starts the
sound servers under it. "away" is from the event to the first progress of the speaker after it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench.card import load_average
from tests.conftest import VirtualAudio
from tests.devices.test_hotplug import Player, kill, pactl, plug_headset

_PLAY_MS = 60_000


def away_ms(player: Player, event: Callable[[], None]) -> float:
    """Until sound is heard of again after `event`, which ends when there is something to play on."""
    before = max(player.heard())
    event()
    at_s = time.monotonic()
    while player.lines[-1]["t"] < at_s or player.lines[-1].get("heard", 0) <= before:
        player.until("heard", before + 1)
    return float(player.lines[-1]["t"] - at_s) * 1000


def kill_and_restart(audio: VirtualAudio) -> None:
    """The server dies and another one is started."""
    kill(audio)
    audio.start()


def change_default(audio: VirtualAudio) -> None:
    """Another sink is the default."""
    pactl(audio, "set-default-sink", "headset")


def rounds(folder: Path) -> dict[str, float]:
    """One of each."""
    main, usb = VirtualAudio(folder / "main" / "card"), VirtualAudio(folder / "usb" / "card")
    found = {}
    try:
        with Path(main.env["ALSA_CONFIG_PATH"]).open("a") as config:
            config.write(
                f'pcm.usb {{ type pulse server "{usb.env["PULSE_SERVER"]}" hint {{ show on description "U" }} }}\n'
            )
        plug_headset(main)
        player = Player(main, "usb", _PLAY_MS)
        player.until("heard", 500)
        found["pinned speaker pulled, to the default"] = away_ms(player, lambda: kill(usb))
        player.until("device_")
        usb.start()
        at_s = time.monotonic()
        player.until("device_")
        found["pinned speaker back, until it is told"] = (player.lines[-1]["t"] - at_s) * 1000
        player.kill()
        player = Player(main, "default", _PLAY_MS)
        player.until("heard", 500)
        found["default sink changed"] = away_ms(player, lambda: change_default(main))
        player.until("device_")
        found["server killed, from its being back"] = away_ms(player, lambda: kill_and_restart(main))
        player.kill()
    finally:
        main.stop()
        usb.stop()
    return found


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

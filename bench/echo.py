"""What is left of the assistant's own voice in the microphone, and of a person who speaks over it.

    python -m bench.echo [--scenes 12] [--first 0] [--voices FOLDER] [--rooms FOLDER]
                         [--noise FOLDER] [--long] [--plot docs/sound-echo.svg]

(from the top of the project; needs the extras `echo` and `offline`, `pip install pystoi`, and matplotlib for the plot.)

Scenes of 40 s: an assistant that speaks all the time through a room, a loudspeaker that distorts in most of them, clocks that
drift by up to 100 ppm, delay jumps that no stated time tells, a speaker that runs dry, noise; a person interrupts every few
seconds. Voices and rooms are those in tests/recordings and random empty rooms, or the WAV files of two folders: every second
voice is the assistant's. --long adds one scene of ten minutes. Each way gets the same microphone:

    nothing    as it is
    webrtc     livekit's module alone, reference and microphone in turn
    gate       --echo gate: our filter and the gate
    cancel     --echo cancel: filter, livekit's module, gate

ERLE: over frames after 2 s in which only the assistant speaks. False starts and interruptions heard: by the voice activity
detection and turn rule of the offline engine. STOI: of the person's words while the assistant speaks. The bound: the same
words and noise without any echo, not processed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench.echo_scenes import Drawn, Hall, Result, long, marked, measure, median, short
from tests.devices.acoustics import Sound, active

from vivavoce.devices.echo import EchoControl, WebRtc
from vivavoce.devices.processing import Processor
from vivavoce.devices.reference import FULL_SCALE, Reference
from vivavoce.pcm import RATE_HZ


class Alone:
    """livekit's module as it is usually used."""

    def __init__(self) -> None:
        self._reference, self._webrtc = Reference(), WebRtc()

    def played(self, pcm: bytes, at_s: float) -> None:
        self._reference.played(pcm, at_s)

    def captured(self, pcm: bytes, at_s: float) -> bytes:
        mic = np.frombuffer(pcm, "<i2") / FULL_SCALE
        out = self._webrtc.cancel(self._reference.take(len(mic), at_s), mic)
        return bytes(np.rint(out * FULL_SCALE).astype("<i2").tobytes())


WAYS: dict[str, Callable[[], Processor] | None] = {
    "nothing": None,
    "webrtc": Alone,
    "gate": lambda: EchoControl("gate"),
    "cancel": lambda: EchoControl("cancel"),
}


def through(drawn: Drawn, way: str) -> Sound:
    make = WAYS[way]
    return drawn.scene.mic if make is None else drawn.scene.through(make())


def stoi(near: Sound, out: Sound) -> float:
    from pystoi import stoi as intelligibility  # noqa: PLC0415  only a bench has use for it

    return float(intelligibility(near, out, RATE_HZ))


def row(name: str, results: list[Result], seconds: float) -> str:
    marks = [mark for result in results for mark in result.stoi]
    asked, heard = sum(r.asked for r in results), sum(r.heard for r in results)
    enough = float(np.mean(np.array(marks) >= 0.75)) if marks else float("nan")
    return (
        f"| {name} | {median([r.erle_db for r in results]):.1f} | {min(r.erle_db for r in results):.1f} "
        f"| {sum(len(r.false) for r in results)} in {seconds / 60:.0f} min | {heard} of {asked} "
        f"| {median(marks):.2f} | {enough:.0%} |"
    )


def table(title: str, scenes: list[Drawn]) -> dict[str, list[Result]]:
    print(f"\n{title}\n")
    print("| way | ERLE dB, median | worst scene | false starts | interruptions heard | STOI, median | at least 0.75 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    seconds = sum(len(drawn.scene.mic) for drawn in scenes) / RATE_HZ
    found: dict[str, list[Result]] = {}
    for way in WAYS:
        began = time.process_time()
        sounds = [through(drawn, way) for drawn in scenes]
        load = (time.process_time() - began) / seconds
        found[way] = [measure(drawn, sound, stoi) for drawn, sound in zip(scenes, sounds, strict=True)]
        print(row(way, found[way], seconds), f"<!-- {load:.1%} of a core -->", flush=True)
    print(bound(scenes, found["cancel"]))
    return found


def bound(scenes: list[Drawn], results: list[Result]) -> str:
    """What no way could better, and how `results` do where that is well above 0.75."""
    best = np.array([mark for drawn in scenes for mark in marked(drawn, drawn.without_echo(), stoi)])
    marks = np.array([mark for result in results for mark in result.stoi])
    good = best >= 0.8
    return (
        f"<!-- the bound: median {np.median(best):.2f}, least {best.min():.2f}, at least 0.75: {(best >= 0.75).mean():.0%}; "
        f"cancel where the bound is at least 0.8: {(marks[good] >= 0.75).sum()} of {good.sum()} -->"
    )


def plot(path: Path, drawn: Drawn, found: dict[str, list[Result]]) -> None:
    """The course of one scene, and ERLE and STOI of all."""
    import matplotlib as mpl  # noqa: PLC0415  only for the picture

    mpl.use("svg" if path.suffix == ".svg" else "agg")
    mpl.rcParams["svg.hashsalt"] = "viva"
    import matplotlib.pyplot as plt  # noqa: PLC0415  after the backend was chosen

    figure, (course, levels, words) = plt.subplots(
        1, 3, figsize=(13, 4), width_ratios=[2.2, 1, 1], layout="constrained"
    )
    colours = {"nothing": "#9a9a9a", "webrtc": "#d98b2b", "gate": "#5a9bd4", "cancel": "#1b6e3c"}
    for way in ("nothing", "webrtc", "cancel"):
        sound = through(drawn, way)
        power = (sound[: len(sound) // 4800 * 4800].reshape(-1, 4800) ** 2).mean(axis=1)
        course.plot(
            np.arange(len(power)) / 5, np.maximum(10 * np.log10(power + 1e-12), -90), colours[way], lw=1.2, label=way
        )
    for n, (a, b) in enumerate(drawn.spans):
        course.axvspan(a, b, color="#f3d9a0", zorder=0, label="" if n else "the person speaks")
    course.set(
        xlabel="s",
        ylabel="level at the server, dBFS (-90: nothing)",
        title="One scene: the assistant speaks throughout",
    )
    course.legend(loc="lower right", fontsize=8)
    ways = list(found)
    levels.boxplot([[r.erle_db for r in found[w]] for w in ways], tick_labels=ways, whis=(0, 100))
    levels.axhline(25, ls=":", color="k", lw=1)
    levels.set(title="ERLE after 2 s, dB (dotted: 25)")
    words.boxplot([[m for r in found[w] for m in r.stoi] for w in ways], tick_labels=ways, whis=(5, 95))
    words.axhline(0.75, ls=":", color="k", lw=1)
    words.set(title="STOI (dotted: 0.75)", ylim=(0, 1))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--first", type=int, default=0, help="seed of the first scene")
    parser.add_argument("--voices", type=Path)
    parser.add_argument("--rooms", type=Path)
    parser.add_argument("--noise", type=Path)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    hall = Hall(given.voices, given.rooms, given.noise)
    scenes = [short(hall, given.first + n) for n in range(given.scenes)]
    found = table(f"{given.scenes} scenes of 40 s, seeds from {given.first}", scenes)
    for n, result in enumerate(found["cancel"]):
        scene = scenes[n].scene
        print(
            f"<!-- seed {given.first + n}: echo {scene.echo_db:.0f} dB, drift {scene.drift_ppm:.0f} ppm, clip {scene.clip}, "
            f"jumps {[tuple(round(x) for x in j) for j in scene.jumps]}, active {active(scene.echo).mean():.0%}: "
            f"ERLE {result.erle_db:.1f}, false {[round(s, 1) for s in result.false]}, {result.heard}/{result.asked}, "
            f"STOI {[round(m, 2) for m in result.stoi]} -->"
        )
    if given.plot:
        plot(given.plot, scenes[0], found)
    if given.long:
        table("One scene of ten minutes", [long(hall, given.first)])


if __name__ == "__main__":
    main()

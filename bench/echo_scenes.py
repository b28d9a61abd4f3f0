"""Scenes for bench/echo.py: drawn at random from voices, rooms and noise, and what comes out of them measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.devices.acoustics import (
    RECORDINGS,
    Scene,
    Sound,
    active,
    at_level,
    db,
    measured_room,
    placed,
    recorded,
    shoebox,
    to_bytes,
)

from vivavoce.engine.models import choose
from vivavoce.engine.pipeline import Resampler
from vivavoce.engine.turns import Started, Turns, TurnSettings
from vivavoce.pcm import RATE_HZ

FAR = ("LJ001-0002.wav", "LJ001-0004.wav", "arc_easy_q237.wav", *(f"questions/{n:02}.wav" for n in (4, 5, 13, 17)))
NEAR = ("jfk.wav", "sb_spk1_snt1.wav", "sb_spk1_snt2.wav", "tardigrades.wav", "whats_the_weather.wav")
LONGEST_S = 4.0
FRAME = 480
Span = tuple[float, float]
Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scene, and from when to when the person speaks in it."""

    scene: Scene
    spans: list[Span]

    def without_echo(self) -> Sound:
        """The person and the noise."""
        noise = self.scene.noise
        return self.scene.near if noise is None else self.scene.near + np.resize(noise, len(self.scene.near))


@dataclass(frozen=True, slots=True)
class Result:
    """What one way made of one scene. `false` and `heard` are for the engine's own detector of speech."""

    erle_db: float
    false: list[float]
    asked: int
    heard: int
    stoi: list[float]


class Hall:
    """Voices, rooms and noise to draw from."""

    def __init__(self, voices: Path | None = None, rooms: Path | None = None, noises: Path | None = None) -> None:
        names = sorted(voices.glob("*.wav")) if voices else []
        self.far = [_spoken(recorded(f)) for f in (names[::2] or FAR)]
        self.near = [_spoken(recorded(f)) for f in (names[1::2] or NEAR)]
        self.noises = [recorded(path) for path in (sorted(noises.glob("*.wav")) if noises else ("noise1.wav",))]
        paths = sorted(rooms.glob("*.wav")) if rooms else [RECORDINGS / "rir1.wav", RECORDINGS / "rir2.wav"]
        self.rooms = [measured_room(path) for path in paths]
        self.simulated = rooms is None

    def room(self, random: Random) -> Sound:
        """A measured one, or in half of the cases an empty box of random size, where no folder was given."""
        if not self.simulated or random.random() < 0.5:
            return self.rooms[random.integers(len(self.rooms))]
        size = np.array([random.uniform(3, 7), random.uniform(2.5, 5), random.uniform(2.3, 3)])
        mic = np.array([*(size[:2] * random.uniform(0.25, 0.75, 2)), random.uniform(0.7, 1.2)])
        way = random.normal(size=3)
        source = np.clip(mic + way / np.linalg.norm(way) * random.uniform(0.15, 0.9), 0.2, size - 0.2)
        return shoebox(size.tolist(), source.tolist(), mic.tolist(), random.uniform(0.2, 0.45))

    def noise(self, random: Random, seconds: float) -> Sound:
        """White in half of the cases, a recording in the others; up to what a fan beside the microphone makes."""
        level, samples = random.uniform(-68, -48), round(seconds * RATE_HZ)
        if random.random() < 0.5:
            return random.normal(0, 10 ** (level / 20), samples)
        recording = self.noises[random.integers(len(self.noises))]
        return at_level(np.resize(np.roll(recording, random.integers(10**6)), samples), level)

    def assistant(self, random: Random, seconds: float, pause_s: Span) -> Sound:
        """One reply after the other."""
        pieces: list[Sound] = []
        while sum(map(len, pieces)) < seconds * RATE_HZ:
            voice = self.far[random.integers(len(self.far))]
            at = random.integers(max(len(voice) - 12 * RATE_HZ, 0) + 1)
            pieces.append(at_level(voice[at : at + 12 * RATE_HZ], random.uniform(-22, -17)))
            pieces.append(np.zeros(round(random.uniform(*pause_s) * RATE_HZ)))
        return np.concatenate(pieces)[: round(seconds * RATE_HZ)]

    def person(self, random: Random, seconds: float, pause_s: Span) -> tuple[Sound, list[Span]]:
        """Words now and then, at one level."""
        level, at_s = random.uniform(-30, -20), random.uniform(6, 9)
        pieces, spans = [], []
        while at_s < seconds - LONGEST_S - 1:
            voice = self.near[random.integers(len(self.near))]
            at = random.integers(max(len(voice) - int(LONGEST_S * RATE_HZ), 0) + 1)
            words = at_level(_spoken(voice[at : at + int(LONGEST_S * RATE_HZ)]), level)
            pieces.append((at_s, words))
            spans.append((at_s, at_s + len(words) / RATE_HZ))
            at_s = spans[-1][1] + random.uniform(*pause_s)
        return placed(pieces, seconds), spans


def _spoken(sound: Sound) -> Sound:
    frames = np.flatnonzero(active(sound))
    return sound[frames[0] * FRAME : (frames[-1] + 1) * FRAME]


def short(hall: Hall, seed: int, seconds: float = 40.0) -> Drawn:
    """The assistant speaks all the time and is interrupted every few seconds. Half of them jump or run dry once."""
    random = np.random.default_rng(seed)
    near, spans = hall.person(random, seconds, (3.5, 6.0))
    changes: dict[str, Any] = {}
    happens, at_s, ms = random.random(), random.uniform(10, 30), random.uniform(20, 100)
    if happens < 0.35:
        changes["jumps"] = [(at_s, ms if random.random() < 0.6 else -0.4 * ms)]
    elif happens < 0.5:
        changes["holes"] = [(at_s, ms)]
    far = hall.assistant(random, seconds, (0.1, 0.6))
    return Drawn(_scene(hall, random, far, near, changes), spans)


def long(hall: Hall, seed: int, seconds: float = 600.0) -> Drawn:
    """Ten minutes: replies with pauses between them, a person every half a minute, three jumps and a speaker that ran dry."""
    random = np.random.default_rng(seed)
    near, spans = hall.person(random, seconds, (15.0, 30.0))
    changes = {"jumps": [(150.0, 40.0), (290.0, -25.0), (430.0, 80.0)], "holes": [(520.0, 50.0)]}
    far = hall.assistant(random, seconds, (0.5, 3.0))
    return Drawn(_scene(hall, random, far, near, changes), spans)


def _scene(hall: Hall, random: Random, far: Sound, near: Sound, changes: dict[str, Any]) -> Scene:
    return Scene(
        far,
        near,
        hall.room(random),
        echo_db=random.uniform(-25, 0),
        delay_ms=random.uniform(3, 70),
        drift_ppm=random.uniform(-100, 100),
        clip=float(random.choice([0.0, 0.3, 1.0])),
        jitter_ms=random.uniform(0, 2),
        noise=hall.noise(random, len(near) / RATE_HZ),
        seed=int(random.integers(10**6)),
        **changes,
    )


def measure(drawn: Drawn, out: Sound, stoi: Callable[[Sound, Sound], float]) -> Result:
    """`out` is what came of the scene's microphone."""
    starts = began(out)
    heard = {n for s in starts for n, (a, b) in enumerate(drawn.spans) if a <= s <= b + 0.4}
    false = [s for s in starts if not any(a <= s <= b + 0.4 for a, b in drawn.spans)]
    return Result(_erle_db(drawn, out), false, len(drawn.spans), len(heard), marked(drawn, out, stoi))


def marked(drawn: Drawn, out: Sound, stoi: Callable[[Sound, Sound], float]) -> list[float]:
    """STOI of each interruption of a second or more."""
    spans = [slice(round(a * RATE_HZ), round((b + 0.1) * RATE_HZ)) for a, b in drawn.spans if b - a >= 1]
    near = drawn.scene.near
    return [stoi(near[span], _lined_up(near[span], out[span])) for span in spans]


def began(sound: Sound) -> list[float]:
    """Seconds at which the offline engine decides that a turn began."""
    notice, resampler, turns = choose.open_notice(), Resampler(), Turns(TurnSettings())
    return [
        turns.position / RATE_HZ
        for chunk in resampler.chunks(to_bytes(sound))
        if isinstance(turns.hear(notice.notice(chunk)), Started)
    ]


def _erle_db(drawn: Drawn, out: Sound) -> float:
    """Over the frames after 2 s in which only the assistant is to be heard."""
    echo = active(drawn.scene.echo)
    echo[: 2 * RATE_HZ // FRAME] = False
    for a, b in drawn.spans:
        echo[int((a - 0.1) * RATE_HZ / FRAME) : int((b + 0.6) * RATE_HZ / FRAME)] = False

    def power(sound: Sound) -> float:
        return float((sound[: len(echo) * FRAME].reshape(-1, FRAME)[echo] ** 2).mean())

    return db(power(drawn.scene.mic)) - db(power(out))


def _lined_up(near: Sound, out: Sound) -> Sound:
    """`out` without the delay of processing, at most 100 ms."""
    size = 1 << (2 * len(near) - 1).bit_length()
    alike = np.fft.irfft(np.fft.rfft(out, size) * np.conj(np.fft.rfft(near, size)))
    late = int(np.argmax(alike[: RATE_HZ // 10]))
    return np.concatenate((out[late:], np.zeros(late)))


def median(values: Sequence[float]) -> float:
    """Of no values: not a number."""
    return float(np.median(values)) if values else float("nan")

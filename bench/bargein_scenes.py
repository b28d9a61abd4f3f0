"""The labelled set of bench/bargein.py: what a microphone hears while people and things make sounds, alone and over a reply.

    python -m bench.bargein_scenes --split SPLIT [--alone N] [--over N] [--seed 0]

SPLIT is one of bench/bargein_sources.py, or `half-a`, `half-b`: halves of the test set, of which each judges what has learned
from the other; or `people-a`, `people-b`: more of what is rare in them.

Alone: 9 s of noise floor, near or far noises, a room or none, any bandwidth from a telephone's on. Over a reply: 40 s in a room
with an assistant that speaks nearly all the time, and `EchoControl` behind it. Speakers and files of one split are in no other.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from bench.bargein_sources import FOLDER, SPLITS, TRAINING, Clip, kept, trimmed
from scipy.signal import butter, resample_poly, sosfilt
from tests.devices.acoustics import RECORDINGS, Scene, Sound, at_level, convolved, measured_room, recorded, shoebox

from vivavoce.devices.echo import EchoControl
from vivavoce.devices.ladder import Wish
from vivavoce.pcm import RATE_HZ

Random = np.random.Generator
SHARES = {
    "speech": 0.42,
    "backchannel": 0.24,
    "cough": 0.07,
    "laugh": 0.07,
    "vocal": 0.07,
    "noise": 0.1,
    "agreement": 0.03,
    "cry": 0.04,
}
OF_PEOPLE = {"speech": 0.36, "laugh": 0.24, "cough": 0.12, "vocal": 0.1, "backchannel": 0.15, "noise": 0.03}
"""The shares in the split `people`: more of what is rare, and of that only what is recorded."""
FAR = {
    "train": ("asterisk-en", "asterisk-fr", "flite-slt", "flite-kal16", "fillets-cs-v"),
    "dev": ("asterisk-es", "flite-awb", "nexuiz-fricka"),
    "more": ("hibari", "recordings", "questions", "asterisk-it"),
    "further": ("festival-czech_dita", "queen-JOE", "queen-FAYE", "asterisk-fr-armelle"),
    "test": ("drascula-hacker", "drascula-VB", "asterisk-it-menardi", "asterisk-es-co", "0ad-persian-female"),
}
# No speaker is in both halves, no faction of a game, no folder of noises, no place that laughs are from
_HALF_A = re.compile(
    r"openclonk(?:-Adventurer|-Farmer)?$|queen-SEC|gcin-3|asterisk-it-menardi|drascula|horizons|megaglest-(?:-|magic|norsemen)|"
    r"laugh-.*(?:SoundBible|robinhood|montblanc|Timothy|HopeinAwe|nagwense)|0ad-death|scorched|redeclipse"
)
HALVES = ("half-a", "half-b", "people-a", "people-b")
_BURSTS = ("laugh", "cough", "vocal")
_LONG = 16_000
ALONE_S, OVER_S = 9.0, 40.0
FAR["people"] = tuple(voice for split in ("train", "more", "further") for voice in FAR[split])
FAR |= dict.fromkeys(HALVES, FAR["people"])
CLOSE_S, APART_S = (0.25, 0.9), (0.6, 1.8)  # training needs no rest between two sounds
NUMBERS = {  # of what is drawn for a split
    "train": 5, "more": 4, "further": 7, "people": 6, "dev": 3, "test": 8,
    "half-a": 9, "half-b": 10, "people-a": 11, "people-b": 12,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """A sound in a stream, in samples, and what it is. `after` is what the same voice made just before, or "".

    Attributes:
        level_db: of it at the microphone, over what is loud of it.
    """

    begin: int
    end: int
    kind: str
    speaker: str
    made: str
    name: str
    level_db: float
    after: str = ""


@dataclass(frozen=True, slots=True)
class Stream:
    """What the detector hears, and what is in it; `over` a reply or not."""

    sound: Sound
    events: list[Event]
    over: str


def half(speaker: str, name: str) -> str:
    """`a` or `b`: in which half of the test set a clip is; noises and music by their folders."""
    if speaker in ("noise-unheard", "music-unheard"):
        return "ab"[hashlib.md5(re.sub(r"\d+", "", name.rpartition("/")[0]).encode()).digest()[-1] % 2]  # noqa: S324
    return "a" if _HALF_A.match(speaker) else "b"


def _belongs(clip: Clip, split: str) -> bool:
    if split in HALVES:
        there = clip.split == "test" and half(clip.speaker, clip.name) == split[-1]
    elif split == "people":
        there = clip.split in TRAINING
    else:
        there = clip.split == split
    return there and not (split.startswith("people") and clip.made == "dsp" and clip.kind in _BURSTS)


def elsewhere(random: Random, clip: Clip) -> Clip:
    """Of a long laugh, cough or cry a part from anywhere in it; of a laugh or cough now and then as if of somebody else."""
    sound = clip.sound
    if clip.kind in _BURSTS and len(sound) > _LONG and random.random() < 0.75:
        part = trimmed(sound[int(random.integers(0, len(sound) - _LONG * 3 // 4)) :], 3.0)
        sound = sound if part is None or len(part) < _LONG * 3 // 8 else part
    if clip.kind in ("laugh", "cough") and random.random() < 0.5:
        sound = np.asarray(resample_poly(sound, 20, int(random.integers(14, 29))))
    return replace(clip, sound=sound)


class Pool:
    """Clips of one split, to draw from: kinds by `SHARES`, in a kind first a speaker, then a clip of it."""

    def __init__(self, clips: list[Clip], split: str) -> None:
        self.split = split
        self._by: dict[str, dict[tuple[str, str], list[Clip]]] = {}
        for clip in clips:
            if _belongs(clip, split):
                self._by.setdefault(clip.kind, {}).setdefault((clip.speaker, clip.made), []).append(clip)
        self._left: dict[tuple[str, str, str], list[Clip]] = {}
        far = [c for c in clips if c.speaker in FAR[split] and c.kind == "speech" and c.made != "dsp"]
        self.far = [[c.sound for c in far if c.speaker == speaker] for speaker in FAR[split]]
        self._far_speakers = set(FAR[split])
        noise = recorded("noise1.wav")
        half = len(noise) // 2
        self.noise = noise[half:] if split == "test" else noise[:half]
        self.gaps_s = CLOSE_S if split in (*TRAINING, *HALVES) else APART_S

    def kind(self, random: Random) -> str:
        wanted = OF_PEOPLE if self.split.startswith("people") else SHARES
        kinds = [k for k in wanted if k in self._by]
        shares = np.array([wanted[k] for k in kinds])
        return str(random.choice(kinds, p=shares / shares.sum()))

    def clip(self, random: Random, kind: str) -> Clip:
        """Each clip of a speaker comes once before any comes again."""
        speakers = list(self._by[kind])
        weights = np.sqrt([len(self._by[kind][s]) for s in speakers])
        if kind == "backchannel":  # hums computed from real voices are many: no more than the others
            weights = weights * [0.35 if made == "dsp" else 1.0 for _, made in speakers]
        key = speakers[random.choice(len(speakers), p=weights / weights.sum())]
        left = self._left.setdefault((kind, *key), [])
        if not left:
            left += [self._by[kind][key][n] for n in random.permutation(len(self._by[kind][key]))]
        return elsewhere(random, left.pop()) if self.split.startswith("people") else left.pop()

    def assistant(self, random: Random, seconds: float) -> Sound:
        """One voice, phrase after phrase."""
        voice = self.far[random.integers(len(self.far))]
        level, pieces = random.uniform(-22, -17), list[Sound]()
        while sum(map(len, pieces)) < seconds * RATE_HZ:
            pieces.append(at_level(voice[random.integers(len(voice))], level))
            pieces.append(np.zeros(round(random.uniform(0.02, 0.4 if random.random() < 0.85 else 1.5) * RATE_HZ)))
        return np.concatenate(pieces)[: round(seconds * RATE_HZ)]


def changed(random: Random, sound: Sound) -> Sound:
    """A little faster or slower, deeper or higher."""
    up = int(random.integers(17, 24))
    return np.asarray(resample_poly(sound, up, 20)) if up != 20 else sound


def noise(random: Random, pool: Pool, samples: int, level_db: float) -> Sound:
    """White, falling with frequency, with a hum of the mains, or recorded."""
    which = random.random()
    white = random.normal(size=samples)
    if which < 0.3:
        out = white
    elif which < 0.7:
        slope = random.uniform(0.3, 1.1)
        spectrum = np.fft.rfft(white)
        spectrum *= np.maximum(np.arange(len(spectrum)) * RATE_HZ / samples, 40) ** -slope
        out = np.fft.irfft(spectrum, samples)
    elif which < 0.85:
        n = np.arange(samples) / RATE_HZ
        out = 0.3 * white + sum(np.sin(2 * np.pi * 50 * k * n + k) / k for k in range(1, 9))
    else:
        out = np.resize(np.roll(pool.noise, random.integers(len(pool.noise))), samples)
    return np.asarray(out / np.sqrt((out**2).mean()) * 10 ** (level_db / 20))


def room(random: Random, distance_m: tuple[float, float]) -> Sound:
    """Measured, or an empty box of any size."""
    if random.random() < 0.3:
        return measured_room(RECORDINGS / f"rir{random.integers(1, 3)}.wav")
    size = np.array([random.uniform(3, 7), random.uniform(2.5, 5), random.uniform(2.3, 3)])
    mic = np.array([*(size[:2] * random.uniform(0.25, 0.75, 2)), random.uniform(0.7, 1.2)])
    way = random.normal(size=3)
    source = np.clip(mic + way / np.linalg.norm(way) * random.uniform(*distance_m), 0.2, size - 0.2)
    return shoebox(size.tolist(), source.tolist(), mic.tolist(), random.uniform(0.15, 0.4))


def audible(sound: Sound, floor_db: float) -> int:
    """The sample of its first 10 ms that are as loud as the noise; 0 where none is."""
    frames = sound[: len(sound) // 240 * 240].reshape(-1, 240)
    loud = np.flatnonzero((frames**2).mean(axis=1) >= 10 ** (floor_db / 10))
    return int(loud[0]) * 240 if len(loud) else 0


def near(
    random: Random, pool: Pool, span_s: tuple[float, float], floor_db: float, least_db: float
) -> tuple[Sound, list[Event]]:
    """Sounds of a person and of things, one after the other; now and then words right after "mm-hm".

    An event begins with the first moment that stands out of the noise: a breath before a word does not.
    """
    first_s, whole_s = span_s
    line, events = np.zeros(round(whole_s * RATE_HZ)), list[Event]()
    at, after = round((first_s + random.uniform(0, 1)) * RATE_HZ), ""
    level = random.uniform(max(least_db, -42), -16)
    while at < len(line) - 3 * RATE_HZ:
        kind = "speech" if after else pool.kind(random)
        clip = pool.clip(random, kind)
        sound = changed(random, clip.sound)
        own = float(np.clip(level + random.normal(0, 3) - (4 if kind == "backchannel" else 0), least_db, -12))
        sound = np.clip(at_level(sound, own), -1, 1)[: len(line) - at]
        line[at : at + len(sound)] += sound
        events.append(
            Event(at + audible(sound, floor_db), at + len(sound), kind, clip.speaker, clip.made, clip.name, own, after)
        )
        at += len(sound)
        after = kind if kind in ("backchannel", "cough") and not after and random.random() < 0.15 else ""
        at += round(random.uniform(*((0.08, 0.4) if after else pool.gaps_s)) * RATE_HZ)
    return line, events


def alone(random: Random, pool: Pool) -> Stream:
    floor_db = random.uniform(-75, -45)
    line, events = near(random, pool, (0.8, ALONE_S), floor_db, floor_db + 14)
    if random.random() < 0.4:
        line = convolved(line, room(random, (0.3, 1.5)))
    line = line + noise(random, pool, len(line), floor_db)
    if random.random() < 0.12:  # far away, somebody types or music plays
        kind = "noise" if random.random() < 0.5 else "music"
        far = np.concatenate([pool.clip(random, kind).sound for _ in range(12 if kind == "noise" else 3)])
        line = line + at_level(np.resize(far, len(line)), floor_db + random.uniform(0, 6))
    if random.random() < 0.4:
        sos = butter(4, random.uniform(3300, 8000), fs=RATE_HZ, output="sos")
        line = np.asarray(sosfilt(sos, line))
    if random.random() < 0.5:
        sos = butter(1, random.uniform(60, 250), "highpass", fs=RATE_HZ, output="sos")
        line = np.asarray(sosfilt(sos, line))
    return Stream(np.clip(line, -1, 1), events, "")


def over(random: Random, pool: Pool) -> Stream:
    floor_db = random.uniform(-75, -52)
    nothing = random.random() < 0.12  # only the rest of the echo
    line, events = (
        near(random, pool, (3.5, OVER_S), floor_db, max(floor_db + 14, -40))
        if not nothing
        else (np.zeros(round(OVER_S * RATE_HZ)), [])
    )
    if random.random() < 0.4:
        line = convolved(line, room(random, (0.3, 1.0)))
    scene = Scene(
        pool.assistant(random, OVER_S),
        line,
        room(random, (0.15, 0.9)),
        echo_db=random.uniform(-25, -3),
        delay_ms=random.uniform(3, 70),
        drift_ppm=random.uniform(-100, 100),
        clip=float(random.choice([0.0, 0.3, 1.0])),
        jitter_ms=random.uniform(0, 2),
        noise=noise(random, pool, len(line), floor_db),
        seed=int(random.integers(10**6)),
    )
    wish: Wish = "cancel" if random.random() < 0.8 else "gate"
    return Stream(np.clip(scene.through(EchoControl(wish)), -1, 1), events, wish)


def made(split: str, alone_count: int, over_count: int, seed: int, clips: list[Clip]) -> list[Stream]:
    """The same for the same numbers."""
    pool = Pool(clips, split)
    random = np.random.default_rng([seed, NUMBERS[split]])
    return [alone(random, pool) for _ in range(alone_count)] + [over(random, pool) for _ in range(over_count)]


def keep(path: Path, streams: list[Stream]) -> None:
    """16 bit, the words beside it."""
    events = [[n, e.begin, e.end, e.kind, e.speaker, e.made, e.name, f"{e.level_db:.1f}", e.after]
              for n, stream in enumerate(streams) for e in stream.events]  # fmt: skip
    np.savez(
        path,
        sound=np.concatenate([np.rint(s.sound * 32767).astype(np.int16) for s in streams]),
        lengths=np.array([len(s.sound) for s in streams]),
        over=np.array([s.over for s in streams]),
        events=np.array(events, dtype=str).reshape(-1, 9),
    )


def kept_streams(path: Path) -> list[Stream]:
    """What `keep` kept."""
    with np.load(path) as file:
        sound, lengths, overs, rows = file["sound"], file["lengths"], file["over"], file["events"]
    events: list[list[Event]] = [[] for _ in lengths]
    for n, begin, end, kind, speaker, made_, name, level, after in rows:
        events[int(n)].append(
            Event(int(begin), int(end), str(kind), str(speaker), str(made_), str(name), float(level), str(after))
        )
    ends = np.cumsum(lengths)
    return [
        Stream(sound[end - length : end].astype(np.float64) / 32767, own, str(word))
        for end, length, own, word in zip(ends, lengths, events, overs, strict=True)
    ]


def scenes_of(folder: Path, *splits: str) -> list[Path]:
    """Their files, in order."""
    return [path for split in splits for path in sorted(folder.glob(f"{split}-*.npz"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=(*SPLITS, *HALVES), required=True)
    parser.add_argument("--alone", type=int, default=0)
    parser.add_argument("--over", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    streams = made(given.split, given.alone, given.over, given.seed, kept(given.folder))
    name = f"{given.split}-{'over' if given.over else 'alone'}-{given.seed}.npz"
    keep(given.folder / name, streams)
    print(name, len(streams), sum(len(s.events) for s in streams))


if __name__ == "__main__":
    main()

"""A room for tests and benches: voices, an echo with its delay, drift and jumps, noise, and the clock of a sound card.

Everything is mono at 24 kHz, floats of full scale 1. Time is the device's: a speaker that drifts by +100 ppm plays its
samples a little faster than the microphone takes them, and the times that it states say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce.devices.processing import Processor
from vivavoce.devices.wav import load
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES

Sound = NDArray[np.float64]
RECORDINGS = Path(__file__).parents[1] / "recordings"
_SPEED_OF_SOUND = 343.0
_PIECE = 1 << 19


def to_bytes(sound: Sound) -> bytes:
    """Floats -> 16 bit."""
    return bytes(np.clip(np.rint(sound * 32768), -32768, 32767).astype("<i2").tobytes())


def to_sound(pcm: bytes) -> Sound:
    """16 bit -> floats."""
    return np.frombuffer(pcm, "<i2").astype(np.float64) / 32768


def recorded(name: str | Path) -> Sound:
    """A recording of tests/recordings, or any sound file."""
    return to_sound(load(RECORDINGS / name))


def db(power: float) -> float:
    """Power -> dB; silence is -120."""
    return float(10 * np.log10(max(power, 1e-12)))


def active(sound: Sound, below_db: float = 30.0) -> NDArray[np.bool_]:
    """Which 20 ms frames hold a voice: less than `below_db` under the loudest tenth."""
    power = (sound[: len(sound) // 480 * 480].reshape(-1, 480) ** 2).mean(axis=1)
    if not power.size or power.max() == 0:
        return np.zeros(power.shape, bool)
    return np.asarray(power > np.quantile(power[power > 0], 0.9) * 10 ** (-below_db / 10))


def at_level(sound: Sound, level_db: float) -> Sound:
    """The same with a mean of `level_db` (full scale 0) over the frames that hold a voice."""
    frames = active(sound)
    power = (sound[: len(frames) * 480].reshape(-1, 480)[frames] ** 2).mean()
    return sound * 10 ** ((level_db - db(power)) / 20)


def placed(pieces: Sequence[tuple[float, Sound]], seconds: float) -> Sound:
    """Pieces at their seconds on a line of silence; what stands beyond the end is cut."""
    line = np.zeros(round(seconds * RATE_HZ))
    for at_s, piece in pieces:
        at = round(at_s * RATE_HZ)
        fits = piece[: max(len(line) - at, 0)]
        line[at : at + len(fits)] += fits
    return line


def _unit(response: Sound) -> Sound:
    return np.asarray(response / np.sqrt((response**2).sum()))


def measured_room(name: str | Path) -> Sound:
    """A measured response, from its first arrival on, energy 1."""
    response = recorded(name)
    first = int(np.argmax(np.abs(response) > np.abs(response).max() * 0.1))
    return _unit(response[max(first - 12, 0) :])


def shoebox(size_m: Sequence[float], source_m: Sequence[float], mic_m: Sequence[float], t60_s: float) -> Sound:
    """The response of an empty room by image sources, from its first arrival on, energy 1."""
    size, source, mic = np.array(size_m), np.array(source_m), np.array(mic_m)
    surface = 2 * (size[0] * size[1] + size[1] * size[2] + size[2] * size[0])
    absorbed = min(0.161 * size.prod() / (surface * t60_s), 0.95)
    reach = int(np.ceil(_SPEED_OF_SOUND * min(t60_s, 0.5) / size.min() / 2))
    grid = np.arange(-reach, reach + 1)
    n = np.stack(np.meshgrid(grid, grid, grid, indexing="ij"), -1).reshape(-1, 1, 3)
    p = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), -1).reshape(1, -1, 3)
    image = (1 - 2 * p) * source + 2 * n * size
    distance = np.sqrt(((image - mic) ** 2).sum(-1)).ravel()
    bounces = (np.abs(n - p) + np.abs(n)).sum(-1).ravel()
    strength = np.sqrt(1 - absorbed) ** bounces / distance
    at = np.rint((distance - distance.min()) / _SPEED_OF_SOUND * RATE_HZ).astype(int)
    near = at < int(t60_s * RATE_HZ)
    return _unit(np.bincount(at[near], strength[near]).astype(np.float64))


def convolved(sound: Sound, response: Sound) -> Sound:
    """As long as `sound`."""
    block = 1 << 17
    size = block + len(response) - 1
    size = 1 << (size - 1).bit_length()
    kernel = np.fft.rfft(response, size)
    out = np.zeros(len(sound) + size)
    for at in range(0, len(sound), block):
        out[at : at + size] += np.fft.irfft(np.fft.rfft(sound[at : at + block], size) * kernel, size)
    return out[: len(sound)]


def _between(sound: Sound, at: Sound) -> Sound:
    """Cubic interpolation; silence outside."""
    padded = np.concatenate((np.zeros(2), sound, np.zeros(3)))
    out = np.empty(len(at))
    for start in range(0, len(at), _PIECE):
        here = at[start : start + _PIECE]
        whole = np.floor(here).astype(int)
        x = here - whole
        index = np.clip(whole + 2, 1, len(padded) - 3)
        out[start : start + _PIECE] = (
            padded[index - 1] * (-x * (x - 1) * (x - 2) / 6)
            + padded[index] * ((x + 1) * (x - 1) * (x - 2) / 2)
            + padded[index + 1] * (-(x + 1) * x * (x - 2) / 2)
            + padded[index + 2] * ((x + 1) * x * (x - 1) / 6)
        )
    return out


@dataclass(slots=True)
class Scene:
    """What is played, who speaks, and the way from the speaker to the microphone.

    Attributes:
        far: what the assistant says, as handed to the speaker.
        near: the person, as at the microphone; as long as `far`.
        room: response from speaker to microphone.
        echo_db: level of the echo at the microphone against what is played.
        delay_ms: of the echo, beyond what the device states.
        drift_ppm: how much faster than the microphone the speaker runs; its times say so.
        jumps: (second, ms): from there on the echo comes that much later, and no time says so.
        holes: (second, ms): the speaker runs dry for so long; its times say so.
        noise: at the microphone.
        clip: how far the loudspeaker distorts: 0 not at all, 1 softly.
        jitter_ms: of the times that the device states, standard deviation.
    """

    far: Sound
    near: Sound
    room: Sound
    echo_db: float = -10.0
    delay_ms: float = 15.0
    drift_ppm: float = 0.0
    jumps: Sequence[tuple[float, float]] = ()
    holes: Sequence[tuple[float, float]] = ()
    noise: Sound | None = None
    clip: float = 1.0
    jitter_ms: float = 1.0
    output_latency_ms: float = 40.0
    block_samples: int = 480
    seed: int = 0
    echo: Sound = field(init=False)
    mic: Sound = field(init=False)

    def __post_init__(self) -> None:
        shaped = np.tanh(self.far * 2) / 2 * self.clip + self.far * (1 - self.clip)
        sounded = convolved(self._left(shaped), self.room) * 10 ** (self.echo_db / 20)
        n = np.arange(len(self.near), dtype=np.float64)
        late = np.full(len(n), self.delay_ms * RATE_HZ / 1000)
        for at_s, ms in self.jumps:
            late[round(at_s * RATE_HZ) :] += ms * RATE_HZ / 1000
        self.echo = _between(sounded, n * (1 + self.drift_ppm * 1e-6) - late)
        self.mic = self.echo + self.near + (0 if self.noise is None else np.resize(self.noise, len(n)))

    def _left(self, far: Sound) -> Sound:
        """With the holes of a speaker that ran dry."""
        pieces, at = [], 0
        for hole_s, ms in self.holes:
            here = self._whole(hole_s)
            pieces += [far[at:here], np.zeros(round(ms * RATE_HZ / 1000))]
            at = here
        return np.concatenate([*pieces, far[at:]])

    def _whole(self, second: float) -> int:
        return round(second * RATE_HZ) // self.block_samples * self.block_samples

    def _calls(self) -> Iterator[tuple[float, bool, int, float]]:
        """(when, whether played, first sample, time stated)."""
        random = np.random.default_rng(self.seed)
        rate = RATE_HZ * (1 + self.drift_ppm * 1e-6)
        for at in range(0, len(self.far) + RATE_HZ, self.block_samples):  # a speaker does not end with the words
            dry_s = sum(ms / 1000 for hole_s, ms in self.holes if self._whole(hole_s) <= at)
            true_s = at / rate + dry_s
            yield true_s - self.output_latency_ms / 1000, True, at, true_s + self._jitter(random)
        for at in range(0, len(self.mic), self.block_samples):
            true_s = at / RATE_HZ
            yield true_s + self.block_samples / RATE_HZ + 0.01, False, at, true_s + self._jitter(random)

    def _jitter(self, random: np.random.Generator) -> float:
        return float(random.normal(0, self.jitter_ms / 1000)) if self.jitter_ms else 0.0

    def through(self, processor: Processor) -> Sound:
        """What `processor` makes of the microphone, called as a sound card would; as long as the microphone's sound."""
        far, mic = to_bytes(np.pad(self.far, (0, 2 * RATE_HZ))), to_bytes(self.mic)
        out, step = [], self.block_samples * SAMPLE_BYTES
        for _, is_played, at, stated_s in sorted(self._calls()):
            start = at * SAMPLE_BYTES
            if is_played:
                processor.played(far[start : start + step], stated_s)
            else:
                out.append(processor.captured(mic[start : start + step], stated_s))
        sound = to_sound(b"".join(out))
        return np.pad(sound, (0, max(len(self.mic) - len(sound), 0)))[: len(self.mic)]


def erle_db(scene: Scene, out: Sound, from_s: float, to_s: float) -> float:
    """How much weaker the echo became: over the frames from `from_s` to `to_s` that hold echo."""
    span = slice(round(from_s * RATE_HZ), round(to_s * RATE_HZ))
    frames = active(scene.echo[span])
    before = scene.mic[span][: len(frames) * 480].reshape(-1, 480)[frames]
    after = out[span][: len(frames) * 480].reshape(-1, 480)[frames]
    return db(float((before**2).mean())) - db(float((after**2).mean()))

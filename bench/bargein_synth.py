"""Hums, coughs, laughs and breaths computed: where no recordings are, for bench/bargein_sources.py."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_toeplitz
from scipy.signal import butter, lfilter, sosfilt

from vivavoce.pcm import RATE_HZ

Sound = NDArray[np.float64]
Random = np.random.Generator
_ORDER = 26


def residual(sound: Sound) -> Sound | None:
    """The glottal source of the most voiced 250 ms: what the vocal tract did is taken out by linear prediction."""
    size = round(0.25 * RATE_HZ)
    best, where = 0.0, -1
    for at in range(0, len(sound) - size, 480):
        part = sound[at : at + size]
        power = float(part @ part)
        lags = np.fft.irfft(np.abs(np.fft.rfft(part, 2 * size)) ** 2)[60:400] / (power + 1e-9)
        if power > 0.02 * size * float(np.abs(sound).max()) ** 2 and lags.max() > best:
            best, where = float(lags.max()), at
    if best < 0.6:
        return None
    part = sound[where : where + size] + 1e-4 * np.random.default_rng(0).normal(size=size)
    tapered = part * np.hanning(size)
    r = np.fft.irfft(np.abs(np.fft.rfft(tapered, 2 * size)) ** 2)[: _ORDER + 1]
    r[0] *= 1.0001
    a = np.concatenate(([1.0], -solve_toeplitz(r[:_ORDER], r[1:])))
    out = lfilter(a, [1.0], part)
    return np.asarray(out / (np.sqrt((out**2).mean()) + 1e-9))


def _lengthened(source: Sound, samples: int, random: Random) -> Sound:
    """Repeated forth and back with soft seams."""
    fade = 240
    out = source.copy()
    while len(out) < samples:
        at = int(random.integers(0, len(source) // 3))
        piece = source[at:]
        ramp = np.linspace(0, 1, fade)
        out = np.concatenate((out[:-fade], out[-fade:] * (1 - ramp) + piece[:fade] * ramp, piece[fade:]))
    return out[:samples]


def _pulses(random: Random, pitch_hz: Sound) -> Sound:
    """Glottal pulses with jitter, shimmer and breath; a sample of `pitch_hz` for each of sound."""
    phase = np.cumsum(
        pitch_hz * (1 + 0.01 * np.repeat(random.normal(size=len(pitch_hz) // 240 + 1), 240)[: len(pitch_hz)]) / RATE_HZ
    )
    cycle = phase % 1
    opened = random.uniform(0.4, 0.7)
    flow = np.where(cycle < opened, np.sin(np.pi * cycle / opened) ** 2, 0)
    source = np.diff(flow, prepend=0) * 30
    return np.asarray(source + random.uniform(0.01, 0.15) * random.normal(size=len(source)) * (0.3 + flow))


def _formants(sound: Sound, hz: list[float], width_hz: list[float]) -> Sound:
    for centre, width in zip(hz, width_hz, strict=True):
        r = np.exp(-np.pi * width / RATE_HZ)
        sound = lfilter([1 - r], [1, -2 * r * np.cos(2 * np.pi * centre / RATE_HZ), r * r], sound)
    return np.asarray(sound)


def _bump(samples: int, rise_s: float, fall_s: float) -> Sound:
    n = np.arange(samples) / RATE_HZ
    return np.asarray(np.minimum(1, n / rise_s) * np.minimum(1, (n[::-1] + 1e-4) / fall_s))


def hum(random: Random, source: Sound | None) -> Sound:
    """ "mm", "mm-hm", "hm", "uh-huh", "ah": of `source` (see `residual`), or of a made voice."""
    nasal = random.random() < 0.7
    parts = 2 if random.random() < 0.6 else 1
    lengths = [random.uniform(0.09, 0.28) if parts == 2 else random.uniform(0.15, 0.55) for _ in range(parts)]
    base = float(np.exp(random.uniform(np.log(85), np.log(300))))
    tract = random.uniform(0.85, 1.25)
    if nasal:
        hz = [random.uniform(220, 320), random.uniform(900, 1200), random.uniform(1900, 2500), 3300.0]
        widths = [random.uniform(50, 100), random.uniform(150, 300), random.uniform(200, 400), 400.0]
    else:
        hz = [random.uniform(450, 750), random.uniform(1000, 1500), random.uniform(2300, 2700), 3500.0]
        widths = [random.uniform(60, 110), random.uniform(80, 150), random.uniform(120, 250), 300.0]
    out: list[Sound] = []
    lift = random.uniform(0.75, 1.3)
    for n, length in enumerate(lengths):
        samples = round(length * RATE_HZ)
        slope = np.linspace(1, random.uniform(0.8, 1.25), samples) * (lift if n else 1)
        if source is None:
            voice = _pulses(random, base * slope)
        else:
            at = np.cumsum(slope * random.uniform(0.9, 1.1))
            voice = np.interp(at, np.arange(len(at) * 2), _lengthened(source, len(at) * 2, random))
        sound = _formants(voice, [h * tract for h in hz], widths)
        sound *= _bump(samples, random.uniform(0.01, 0.06), random.uniform(0.03, 0.1))
        sound /= np.abs(sound).max() + 1e-9
        if n or random.random() < 0.3:  # "h", through the nose
            breath_ = _formants(
                random.normal(size=round(random.uniform(0.03, 0.09) * RATE_HZ)), [hz[0] * 2, hz[2]], [400, 600]
            )
            out.append(breath_ / np.abs(breath_).max() * random.uniform(0.02, 0.2))
        out.append(sound * random.uniform(0.6, 1))
    return np.concatenate(out)


def cough(random: Random) -> Sound:
    """One to three bursts: an explosion of breath, a noisy flow, often a voiced end. Also throats that are cleared."""
    out: list[Sound] = []
    throat = random.random() < 0.35
    hz = [random.uniform(400, 900), random.uniform(1100, 1900), random.uniform(2300, 3200), random.uniform(3500, 4800)]
    base = random.uniform(60, 120) if throat else random.uniform(110, 350)
    for _ in range(int(random.integers(1, 4))):
        samples = round((random.uniform(0.2, 0.5) if throat else random.uniform(0.12, 0.35)) * RATE_HZ)
        n = np.arange(samples) / RATE_HZ
        noise = random.normal(size=samples) * np.exp(-n / random.uniform(0.03, 0.15))
        voice = _pulses(random, base * (1 + 0.15 * np.cumsum(random.normal(size=samples)) / np.sqrt(samples)))
        rough = 1 + 0.8 * np.repeat(random.normal(size=samples // 300 + 1), 300)[:samples]
        voiced = voice * rough * _bump(samples, random.uniform(0.02, 0.08), 0.08)
        mix = (0.8 if throat else random.uniform(0, 0.5)) * voiced / (voiced.std() + 1e-9)
        mix = mix + noise / (noise.std() + 1e-9) * (0.4 if throat else 1)
        sound = _formants(mix, hz, [150, 250, 350, 500])
        sound = sound * np.minimum(1, n / random.uniform(0.002, 0.02)) * _bump(samples, 0.001, 0.05)
        out += [
            sound / np.abs(sound).max() * random.uniform(0.5, 1),
            np.zeros(round(random.uniform(0.05, 0.3) * RATE_HZ)),
        ]
    return np.concatenate(out[:-1])


def laugh(random: Random) -> Sound:
    """ "ha ha ha", "he he", through the mouth or the nose, ever lower and weaker."""
    out: list[Sound] = []
    base = float(np.exp(random.uniform(np.log(120), np.log(450))))
    hz = [random.uniform(500, 950), random.uniform(1100, 2000), random.uniform(2400, 3000), 3600.0]
    widths = [100.0, 140.0, 220.0, 350.0]
    for n in range(int(random.integers(2, 8))):
        breathed = _formants(random.normal(size=round(random.uniform(0.04, 0.12) * RATE_HZ)), hz, [300, 300, 400, 500])
        samples = round(random.uniform(0.05, 0.14) * RATE_HZ)
        voice = _formants(_pulses(random, np.full(samples, base * 0.95**n)), hz, widths) * _bump(samples, 0.015, 0.03)
        level = random.uniform(0.85, 1) * 0.88**n
        out.append(breathed / np.abs(breathed).max() * level * random.uniform(0.1, 0.5))
        if random.random() < 0.8:
            out.append(voice / np.abs(voice).max() * level)
    return np.concatenate(out)


def breath(random: Random) -> Sound:
    """Breath, a sniff, a sigh, a puff on the microphone."""
    samples = round(random.uniform(0.15, 0.9) * RATE_HZ)
    low = random.uniform(80, 700)
    sos = butter(2, [low, min(low * random.uniform(3, 15), 11000)], "bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(sosfilt(sos, random.normal(size=samples)) * np.hanning(samples) ** random.uniform(0.3, 1.5))

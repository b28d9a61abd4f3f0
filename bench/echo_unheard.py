"""Voices, rooms and noise that echo control was never tuned on, made so that everybody has the same ones.

    python -m bench.echo_unheard FOLDER
    python -m bench.echo --voices FOLDER/voices --rooms FOLDER/rooms --noise FOLDER/noise --long

(from the top of the project; needs the labelled set, `python -m bench.bargein_sources`, and `pip install pyroomacoustics`.)

Voices: ten people of the labelled set (actors of two games, readers of five languages; packages and licences stand in
bench/bargein_sources.py), their clips one after the other, every second person for the assistant. Rooms: ten boxes with
furniture-like absorption (0.2 to 0.7 s), microphone 0.15 to 1.5 m from the loudspeaker. Noise: doors, tools and animals
without a pause, and a fan (pink noise).
"""

from __future__ import annotations

import argparse
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bench.bargein_sources import kept

from vivavoce.pcm import RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

VOICES = (
    "fillets-nl-m",
    "fillets-nl-v",
    "hedgewars-British",
    "hedgewars-Mobster",
    "hedgewars-Pirate",
    "lang-el",
    "lang-gl",
    "lang-nn",
    "lang-ro",
    "lang-sl",
)
ROOMS = 10
LONGEST_S = 60
LOUDEST = 0.5


def written(path: Path, sound: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.rint(sound / np.abs(sound).max() * LOUDEST * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


def room(rng: np.random.Generator) -> NDArray[Any]:
    """The response of a box from a loudspeaker to a microphone not far from it."""
    import pyroomacoustics as pra  # noqa: PLC0415  only here

    size = np.array([rng.uniform(2.5, 8), rng.uniform(2.2, 6), rng.uniform(2.3, 3.2)])
    absorption, order = pra.inverse_sabine(rng.uniform(0.2, 0.7), size)
    box = pra.ShoeBox(size, fs=RATE_HZ, materials=pra.Material(absorption, 0.1), max_order=min(order, 40))
    mic = size * rng.uniform(0.25, 0.75, 3)
    way = rng.normal(size=3)
    source = np.clip(mic + way / np.linalg.norm(way) * rng.uniform(0.15, 1.5), 0.2, size - 0.2)
    box.add_source(source)
    box.add_microphone(mic)
    box.compute_rir()
    return np.asarray(box.rir[0][0])


def pink(rng: np.random.Generator, seconds: float) -> NDArray[Any]:
    spectrum = np.fft.rfft(rng.normal(size=round(seconds * RATE_HZ)))
    return np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    clips, rng = kept(), np.random.default_rng(20261127)
    for name in VOICES:
        said = np.concatenate([clip.sound for clip in clips if clip.speaker == name and clip.kind == "speech"])
        written(folder / "voices" / f"{name}.wav", said[: LONGEST_S * RATE_HZ])
    for number in range(ROOMS):
        written(folder / "rooms" / f"{number}.wav", room(rng))
    sounds = [clip.sound / np.abs(clip.sound).max() for clip in clips if (clip.kind, clip.made) == ("noise", "real")]
    written(folder / "noise" / "things.wav", np.concatenate(sounds)[: 2 * LONGEST_S * RATE_HZ])
    written(folder / "noise" / "fan.wav", pink(rng, LONGEST_S))


if __name__ == "__main__":
    main()

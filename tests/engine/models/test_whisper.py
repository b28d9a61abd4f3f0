from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import samplerate
import soundfile

from vivavoce.engine.models.choose import open_recogniser
from vivavoce.engine.models.whisper import log_mel
from vivavoce.engine.stages import HEAR_RATE_HZ, Hear

pytestmark = pytest.mark.models
_RECORDINGS = Path(__file__).parents[2] / "recordings"


@pytest.fixture(scope="module")
def base() -> Hear:
    return open_recogniser("base")


def _sound(name: str) -> bytes:
    samples, rate = soundfile.read(_RECORDINGS / name, dtype="float32", always_2d=True)
    at_16k = samplerate.resample(samples[:, 0], HEAR_RATE_HZ / rate, "sinc_fastest")
    return _pcm(at_16k)


def _pcm(samples: np.ndarray) -> bytes:
    return bytes((np.clip(samples, -1, 1) * 32767).astype("<i2"))


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def test_the_spectrogram_has_the_shape_and_range_whisper_was_trained_on() -> None:
    tone = np.sin(np.arange(HEAR_RATE_HZ) * 2 * np.pi * 440 / HEAR_RATE_HZ).astype(np.float32)
    mel = log_mel(tone, 300)
    assert mel.shape == (80, 300)
    assert mel.dtype == np.float32
    assert mel.max() - mel.min() == pytest.approx(2.0)
    assert 8 <= int(mel[:, 50].argmax()) <= 13  # 440 Hz on Slaney's scale of 80 bands up to 8 kHz
    assert mel[:, 150:].max() == mel.min()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("whats_the_weather.wav", "what's the weather like in san francisco california"),
        ("sb_spk1_snt1.wav", "the child almost hurt the small dog"),
        ("questions/09.wav", "what is the capital of australia"),
    ],
)
def test_real_speech_is_recognised(base: Hear, name: str, words: str) -> None:
    found = base.hear(_sound(name), None)
    assert _words(found.text) == words.split()
    assert found.language == "en"


def test_speech_longer_than_a_window_is_heard_to_its_end(base: Hear) -> None:
    long = b"".join(
        _sound(name) + bytes(HEAR_RATE_HZ) for name in ("jfk.wav", "tardigrades.wav", "arc_easy_q237.wav", "jfk.wav")
    )
    assert len(long) > 30 * HEAR_RATE_HZ * 2
    words = _words(base.hear(long, "en").text)
    assert words.count("americans") == 2
    assert words[-3:] == ["for", "your", "country"]
    assert "pollinators" in words


def _noises() -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    click = np.zeros(HEAR_RATE_HZ)
    click[8000] = 0.8
    return {
        "silence": np.zeros(2 * HEAR_RATE_HZ),
        "quiet hiss": random.normal(0, 0.001, 2 * HEAR_RATE_HZ),
        "hiss": random.normal(0, 0.05, 3 * HEAR_RATE_HZ),
        "hum": 0.05 * np.sin(np.arange(2 * HEAR_RATE_HZ) * 2 * np.pi * 50 / HEAR_RATE_HZ),
        "click": click,
    }


@pytest.mark.parametrize("name", sorted(_noises()))
def test_what_is_not_speech_gives_no_words(base: Hear, name: str) -> None:
    assert base.hear(_pcm(_noises()[name]), None).text == ""


def test_nothing_and_half_a_sample_give_no_words(base: Hear) -> None:
    assert base.hear(b"", None).text == ""
    assert base.hear(b"\x01", "en-US").text == ""

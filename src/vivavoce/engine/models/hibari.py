"""Speech synthesis: hibari, one English voice, 24 kHz, about a hundredth of real time on one thread.

The package reads numbers, units, times, dates, money, titles and abbreviations aloud by itself. What it drops or spells
is put into words before: addresses of the web, and signs that stand for words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.engine.models import registry
from vivavoce.engine.models.weights import missing_package, sha256_of
from vivavoce.engine.stages import Cut
from vivavoce.errors import MissingExtra
from vivavoce.pcm import ms_to_bytes

_PIECE_MS = 200
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
_MAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_DOMAIN = re.compile(r"\b[a-z][\w-]*(?:\.[a-z][\w-]*)*\.(?:com|org|net|edu|gov|io|dev|de|uk|eu)\b", re.IGNORECASE)
_ADDRESS_WORDS = {".": " dot ", "/": " slash ", "@": " at ", "-": " dash ", "_": " underscore ", "?": " question mark "}
_MINUS = re.compile(r"(?<![\w.)])[-\u2212](?=\d)")
_BETWEEN = (
    (re.compile(r"(?<=\d)\s*\+\s*(?=\d)"), " plus "),
    (re.compile(r"(?<=\d)\s+[-\u2212]\s+(?=\d)"), " minus "),
    (re.compile(r"(?<=\d)\s*[x\u00d7]\s*(?=\d)"), " times "),
    (re.compile(r"(?<=\d)\s*\u00f7\s*(?=\d)"), " divided by "),
)
_DEGREES = re.compile(r"\u00ba|\u02da")


class Hibari:
    """Speak with the voice inside the package hibari-tts.

    Raises `MissingExtra`, `ModelMissing` when the bytes of the voice are not the known ones.
    """

    def __init__(self) -> None:
        try:
            from hibari import Hibari as Voice  # noqa: PLC0415 - comes with the extra
        except ImportError as absent:
            raise MissingExtra("Speech synthesis", "offline") from absent
        model = registry.named("heart")
        path = Path(str(files("hibari").joinpath("assets", model.files[0].name)))
        if not path.is_file() or sha256_of(path) != model.files[0].sha256:
            raise missing_package(model.files[0].name, model.package)
        self._voice: Any = Voice(voice=model.name, model=str(path), threads=1)
        self._voice("Ready.")  # its dictionaries are read at the first word, which is not the moment to wait for them

    def speak(self, text: str, cut: Cut) -> Iterator[bytes]:
        """The sound of `text`, 24 kHz 16-bit mono, in pieces of at most 200 ms; nothing for a text without words."""
        if not re.search(r"\w", text):
            return
        size = ms_to_bytes(_PIECE_MS)
        for phonemes in self._voice.phonemize(readable(text)):
            if cut.is_set():
                return
            wave = self._voice.from_phonemes(phonemes)
            pcm = (np.clip(wave, -1.0, 1.0) * 32767).astype("<i2").tobytes()
            for at in range(0, len(pcm), size):
                if cut.is_set():
                    return
                yield pcm[at : at + size]


def readable(text: str) -> str:
    """`text` with addresses and signs in words, as one would read them out."""
    text = _URL.sub(lambda found: _address(re.sub(r"^https?://", "", found[0], flags=re.IGNORECASE)), text)
    text = _DOMAIN.sub(lambda found: _address(found[0]), _MAIL.sub(lambda found: _address(found[0]), text))
    text = _DEGREES.sub("\u00b0", text)
    for sign, word in _BETWEEN:
        text = sign.sub(word, text)
    return _MINUS.sub("minus ", text)


def _address(text: str) -> str:
    """An address as it is spoken; a full stop or comma at its end belongs to the sentence."""
    body = text.rstrip(".,;:!?/")
    tail = text[len(body) :].lstrip("/")
    words = "".join(_ADDRESS_WORDS.get(one, one) for one in body)
    return re.sub(r" +", " ", words).replace("www ", "w w w ").strip() + tail

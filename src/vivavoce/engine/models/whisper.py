"""Speech recognition: Whisper through CTranslate2, on a window no longer than it needs.

Whisper was trained on windows of 30 s; short speech costs as much as long. Encoding the sound and 6 s behind it takes a fifth of
the time, but then the decoder may loop, so its length is capped, and what looks looped or unsure is done again on the full window.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vivavoce.engine.stages import HEAR_RATE_HZ, Recognised
from vivavoce.errors import BadSettings, MissingExtra

_WINDOW_S = 30
_TAIL_S = 6
_HOP = 160
_FFT = 400
_TOKENS_BASE, _TOKENS_PER_S = 8, 5  # nobody speaks faster; what reaches the cap has begun to loop
_LONGEST_TOKENS = 224
_POOR_LOGPROB = -1.0
_LOOPED_RATIO = 2.4  # gzip ratio above which text repeats itself; the value of OpenAI's own decoder
_NO_SPEECH = 0.6
_NO_SPEECH_SURE = 0.9
_QUIET_RMS = 1e-4
_SURE_LANGUAGE = 0.5
_SHORTEST_S = 0.1
_SPLIT_SEARCH_S = 5
# What Whisper says when it hears noise: captions of the videos it learned from. Believed only when it is sure.
_GHOSTS = re.compile(
    r"(?:you|thank you(?: (?:so|very) much)?|thanks(?: for watching)?|thank you for watching|bye(?: bye)?|okay|so|the end|"
    r"please subscribe|subtitles by .*|i'm sorry|oh|hmm?|mm-?hmm|uh|um|\W*)",
    re.IGNORECASE,
)
_GHOST_NO_SPEECH = 0.25
_GHOST_LOGPROB = -0.7
_NOT_WORDS = re.compile(r"[\[(\u266a*][^\])\u266a*]*[\])\u266a*]")

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Try:
    text: str
    logprob: float
    no_speech: float
    capped: bool

    @property
    def poor(self) -> bool:
        """Whether the full window should have another look."""
        raw = self.text.encode()
        looped = len(raw) > 40 and len(raw) / len(zlib.compress(raw)) > _LOOPED_RATIO  # noqa: PLR2004 - shorter text does not compress
        return self.capped or looped or _stutters(self.text) or self.logprob < _POOR_LOGPROB


class Whisper:
    """Hear with a CTranslate2 Whisper in the folder `path` (model.bin, config.json, tokenizer.json, vocabulary.*).

    Raises `MissingExtra`, `BadSettings` when the folder holds no such model.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        try:
            import ctranslate2  # noqa: PLC0415 - comes with the extra
            from tokenizers import Tokenizer  # noqa: PLC0415 - comes with the extra
        except ImportError as absent:
            raise MissingExtra("Speech recognition", "offline") from absent
        self._view: Any = ctranslate2.StorageView
        try:
            self._model: Any = ctranslate2.models.Whisper(
                str(path), device="cpu", compute_type="int8", intra_threads=threads, inter_threads=1
            )
            self._tokens: Any = Tokenizer.from_file(str(path / "tokenizer.json"))
            config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        except Exception as fault:  # tokenizers raises bare Exception
            raise BadSettings(
                f"{path} is not a Whisper model of CTranslate2: it must hold model.bin, config.json, tokenizer.json "
                f"and a vocabulary ({fault})."
            ) from fault
        self._silenced = {"suppress_tokens": config.get("suppress_ids", [-1]), "suppress_blank": True}
        self._mels = int(self._model.n_mels)
        self._multilingual = bool(self._model.is_multilingual)

    def hear(self, pcm: bytes, language: str | None) -> Recognised:
        """The words in 16-bit mono sound at 16 kHz; "" when there are none."""
        sound: Floats = np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2").astype(np.float32) / np.float32(32768)
        language = _code(language) if self._multilingual else "en"
        texts = []
        for piece in _pieces(sound):
            text, heard_in = self._piece(piece, language)
            if text:
                texts.append(text)
                language = heard_in
        return Recognised(" ".join(texts), language or "en")

    def encode(self, sound: Floats) -> Floats:
        """What it hears in 16 kHz sound of at most 30 s, full scale 1: a row of numbers (`base`: 512) for each 20 ms."""
        encoded = self._encode(sound, len(sound) / HEAR_RATE_HZ)
        heard: Floats = np.array(encoded, dtype=np.float32)[0]
        return heard

    def _piece(self, sound: Floats, language: str | None) -> tuple[str, str | None]:
        """The words in at most 30 s, and their language."""
        if len(sound) < _SHORTEST_S * HEAR_RATE_HZ or float(np.sqrt(np.mean(sound**2))) < _QUIET_RMS:
            return "", language
        seconds = len(sound) / HEAR_RATE_HZ
        short = self._encode(sound, seconds + _TAIL_S)
        if language is None:
            language = _likeliest(self._model.detect_language(short)[0])
        limit = min(_TOKENS_BASE + math.ceil(_TOKENS_PER_S * seconds), _LONGEST_TOKENS)
        found = self._decode(short, language, limit)
        if found.poor and found.no_speech < _NO_SPEECH_SURE and seconds + _TAIL_S < _WINDOW_S:
            again = self._decode(self._encode(sound, _WINDOW_S), language, _LONGEST_TOKENS)
            found = again if not again.poor or again.logprob > found.logprob else found
        return _believed(found), language

    def _encode(self, sound: Floats, seconds: float) -> Any:
        frames = min(math.ceil(seconds * HEAR_RATE_HZ / _HOP / 2) * 2, _WINDOW_S * HEAR_RATE_HZ // _HOP)
        mel = log_mel(sound, frames, self._mels)
        return self._model.encode(self._view.from_array(np.ascontiguousarray(mel[None])), to_cpu=False)

    def _decode(self, encoded: Any, language: str, limit: int) -> _Try:
        prompt = self._prompt(language)
        best = self._model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=2 * limit,  # CTranslate2 keeps half of it for a prompt
            return_scores=True,
            return_no_speech_prob=True,
            **self._silenced,
        )[0]  # fmt: skip - one call, read as one
        text = self._tokens.decode(best.sequences_ids[0], skip_special_tokens=True)
        capped = len(best.sequences_ids[0]) >= limit
        return _Try(_NOT_WORDS.sub(" ", text).strip(), float(best.scores[0]), float(best.no_speech_prob), capped)

    def _prompt(self, language: str) -> list[int]:
        words = ["<|startoftranscript|>"]
        if self._multilingual:
            known = self._tokens.token_to_id(f"<|{language}|>") is not None
            words += [f"<|{language if known else 'en'}|>", "<|transcribe|>"]
        return [self._tokens.token_to_id(word) for word in [*words, "<|notimestamps|>"]]


def log_mel(sound: Floats, frames: int, mels: int = 80) -> Floats:
    """Whisper's log-mel spectrogram of 16 kHz sound, silence behind it up to `frames` of 10 ms: `mels` x `frames`, float32."""
    wanted = frames * _HOP
    padded = np.zeros(wanted + _FFT, dtype=np.float32)
    sound = sound[:wanted]
    half = _FFT // 2
    padded[half : half + len(sound)] = sound
    padded[:half] = padded[half + 1 : _FFT + 1][::-1]
    padded[half + wanted :] = padded[wanted : half + wanted - 1 + 1][::-1][:half]
    windows = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP][:frames]
    power = np.abs(np.fft.rfft(windows * _TABLES.hann, axis=1)).astype(np.float32) ** 2
    logged = np.log10(np.maximum(_TABLES.bank(mels) @ power.T, 1e-10))
    floored = np.maximum(logged, logged.max() - 8.0)
    mel: Floats = ((floored + 4.0) / 4.0).astype(np.float32)
    return mel


class _Tables:
    """What the spectrogram is multiplied with; made once."""

    def __init__(self) -> None:
        self._banks: dict[int, Floats] = {}

    @cached_property
    def hann(self) -> Floats:
        return np.hanning(_FFT + 1)[:-1].astype(np.float32)

    def bank(self, mels: int) -> Floats:
        """Triangles on Slaney's mel scale, each of equal area, as librosa and Whisper make them: mels x 201."""
        if mels not in self._banks:
            frequencies = np.fft.rfftfreq(_FFT, 1 / HEAR_RATE_HZ)
            edges = _hz(np.linspace(0.0, _mel(HEAR_RATE_HZ / 2), mels + 2))
            slopes = edges[:, None] - frequencies[None]
            widths = np.diff(edges)
            rise, fall = -slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]
            triangles = np.maximum(0, np.minimum(rise, fall)) * (2.0 / (edges[2:] - edges[:-2]))[:, None]
            self._banks[mels] = triangles.astype(np.float32)
        return self._banks[mels]


_TABLES = _Tables()
_LINEAR_HZ, _LINEAR_STEP, _LOG_STEP = 1000.0, 200.0 / 3, math.log(6.4) / 27.0


def _mel(hz: float) -> float:
    return hz / _LINEAR_STEP if hz < _LINEAR_HZ else _LINEAR_HZ / _LINEAR_STEP + math.log(hz / _LINEAR_HZ) / _LOG_STEP


def _hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    bend = _LINEAR_HZ / _LINEAR_STEP
    return np.where(mel < bend, mel * _LINEAR_STEP, _LINEAR_HZ * np.exp(_LOG_STEP * (mel - bend)))


def _pieces(sound: Floats) -> list[Floats]:
    """Sound in pieces of at most 30 s, cut where the last seconds of a piece are quietest."""
    longest, search, step = _WINDOW_S * HEAR_RATE_HZ, _SPLIT_SEARCH_S * HEAR_RATE_HZ, HEAR_RATE_HZ // 10
    pieces = []
    while len(sound) > longest:
        tail = sound[longest - search : longest]
        levels = (tail.reshape(-1, step) ** 2).mean(axis=1)
        cut = longest - search + (int(levels.argmin()) * step + step // 2)
        pieces.append(sound[:cut])
        sound = sound[cut:]
    return [*pieces, sound]


def _believed(found: _Try) -> str:
    """The text, or "" when it is more likely that nobody spoke."""
    if not re.search(r"\w", found.text):
        return ""
    if found.no_speech > _NO_SPEECH_SURE or (found.no_speech > _NO_SPEECH and found.logprob < _POOR_LOGPROB):
        return ""
    ghost = _GHOSTS.fullmatch(found.text.strip(" .!,?"))
    if ghost and (found.no_speech > _GHOST_NO_SPEECH or found.logprob < _GHOST_LOGPROB):
        return ""
    return found.text


def _likeliest(ranked: list[tuple[str, float]]) -> str:
    """The language of the sound; English when nothing is clear, because English is what the engine answers in."""
    code, share = ranked[0]
    return code.strip("<|>") if share >= _SURE_LANGUAGE else "en"


def _stutters(text: str) -> bool:
    """Whether a word or a short phrase comes four times in a row."""
    return re.search(r"\b(\w[\w' ,]{0,30}?)(?:[\s,.]+\1\b){3}", text, re.IGNORECASE) is not None


def _code(language: str | None) -> str | None:
    """The language in a code such as "en-US"; None stays None."""
    return re.split("[-_]", language.lower())[0] if language else None

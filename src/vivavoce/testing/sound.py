"""Sound that says what it is: numbered samples for the assistant, spoken text for the person.

Both are 24 kHz 16-bit mono and never silent. They survive every cut, so a test reads exact positions off what a speaker
played, and a server reads exact words off what a microphone sent; neither survives another sample rate or gain.

    numbered(1000)                              # a second of: 1, 2, 3 ...
    runs(what_the_speaker_played)               # [Run(at=4800, start=0, samples=24000)]: nothing missing, nothing twice
    spoken("What time is it?", 800)             # 0.8 s of a voice that says this
    utterances(what_the_server_heard)           # [Utterance("What time is it?", start=0, end=19200)]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vivavoce.pcm import SAMPLES_PER_MS, samples_to_ms

__all__ = ["LOUD", "NUMBERS", "Run", "Utterance", "numbered", "runs", "spoken", "understood", "utterances"]

LOUD = 500  # a chunk whose largest sample is above this is speech
NUMBERS = 30_000  # sample n has the value n % NUMBERS + 1
_FRAME = 32_767
_HEAD = 3  # the sign of a frame, its number, the length of its text
_LOWEST, _STEP = 1000, 100  # byte b of the text is the sample 1000 + 100 b


@dataclass(frozen=True, slots=True)
class Run:
    """Numbered samples without a gap.

    Attributes:
        at: where they begin in the sound that was read.
        start: the position that the first of them says (modulo `NUMBERS`).
        samples: how many.
    """

    at: int
    start: int
    samples: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """Spoken text that came whole from sample `start` to sample `end` of its voice, to the precision of one frame (1 ms)."""

    text: str
    start: int
    end: int


def numbered(ms: float, start: int = 0) -> bytes:
    """`ms` milliseconds in which each sample says its own position, the first one `start`."""
    return ((np.arange(start, start + int(ms * SAMPLES_PER_MS)) % NUMBERS) + 1).astype("<i2").tobytes()


def runs(pcm: bytes) -> list[Run]:
    """The numbered samples in a sound, in order; silence and anything else between them is left out."""
    sound = np.frombuffer(pcm, "<i2").astype(np.int32)
    is_numbered = (sound > 0) & (sound <= NUMBERS)
    follows = np.zeros(len(sound), dtype=bool)
    follows[1:] = is_numbered[1:] & is_numbered[:-1] & (sound[1:] == sound[:-1] % NUMBERS + 1)
    begins = np.flatnonzero(is_numbered & ~follows)
    breaks = np.append(np.flatnonzero(~follows), len(sound))
    ends = breaks[np.searchsorted(breaks, begins, side="right")]
    return [Run(int(at), int(sound[at]) - 1, int(end - at)) for at, end in zip(begins, ends, strict=True)]


def spoken(text: str, ms: float) -> bytes:
    """`ms` milliseconds of a voice that says `text` (at most 1,000 bytes of UTF-8, at most 30,000 times)."""
    said = np.frombuffer(text.encode(), np.uint8).astype(np.int32) * _STEP + _LOWEST
    frame = np.concatenate([[_FRAME, 0, len(said) + 1], said])
    samples = int(ms * SAMPLES_PER_MS)
    count = -(-samples // len(frame))
    sound = np.tile(frame, (count, 1))
    sound[:, 1] = np.arange(count) % NUMBERS + 1
    return sound.reshape(-1)[:samples].astype("<i2").tobytes()


def utterances(pcm: bytes) -> list[Utterance]:
    """What was said in a sound. A voice with a gap in it is two utterances; what was sent twice is there twice."""
    sound = np.frombuffer(pcm, "<i2")
    found: list[Utterance] = []
    for at in np.flatnonzero(sound == _FRAME):
        frame = _frame(sound, int(at))
        if frame is None:
            continue
        last = found[-1] if found else None
        if last is not None and (last.text, last.end) == (frame.text, frame.start):
            found[-1] = Utterance(last.text, last.start, frame.end)
        else:
            found.append(frame)
    return found


def _frame(sound: np.ndarray[tuple[int], np.dtype[Any]], at: int) -> Utterance | None:
    """The frame that begins at this sample; None when it is cut or is no frame."""
    begin = at + _HEAD
    if begin > len(sound):
        return None
    number, length = int(sound[at + 1]) - 1, int(sound[at + 2]) - 1
    said = sound[begin : begin + length].astype(np.int32) - _LOWEST
    if len(said) != length or (said < 0).any() or (said % _STEP).any():
        return None
    size = _HEAD + length
    text = (said // _STEP).astype(np.uint8).tobytes().decode(errors="replace")
    return Utterance(text, number * size, (number + 1) * size)


def understood(pcm: bytes) -> str:
    """The words of a turn: what `spoken` put into it, else how long it is."""
    texts = dict.fromkeys(utterance.text for utterance in utterances(pcm))
    return " ".join(texts) if texts else f"({samples_to_ms(len(pcm) // 2)} ms of speech)"

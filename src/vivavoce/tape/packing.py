"""A tape made smaller: its voices as FLAC, bit by bit the same sound; for keeping, and for sending to somebody."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile

from vivavoce.errors import BadSettings
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES
from vivavoce.tape.reader import TapeReader
from vivavoce.tape.sound import FLAC, HEADER_BYTES

__all__ = ["pack"]

_BLOCK_BYTES = RATE_HZ * SAMPLE_BYTES * 10


def pack(folder: str | os.PathLike[str]) -> tuple[int, int]:
    """Replace every WAV file of the tape; one that is FLAC stays. How many bytes they had, and have.

    Raises:
        BadSettings: this is no tape, or it cannot be written.
        VivaError: the tape is damaged; nothing was changed.
    """
    with TapeReader(folder) as tape:
        for _ in tape.entries():
            pass  # a damaged tape stays as it is
        voices = tape.voices
    try:
        before = sum(path.stat().st_size for path in voices)
        packed = [_packed(path) if _worth_it(path) else path for path in voices]
        return before, sum(path.stat().st_size for path in packed)
    except (OSError, soundfile.SoundFileError) as fault:
        raise BadSettings(f"The tape {os.fspath(folder)!r} cannot be packed ({fault}).") from None


def _worth_it(path: Path) -> bool:
    """Not packed yet, and not empty: a FLAC file without sound is none."""
    return path.suffix != FLAC and path.stat().st_size > HEADER_BYTES


def _packed(wav: Path) -> Path:
    """The FLAC file is whole before the WAV file goes."""
    flac, draft = wav.with_suffix(FLAC), wav.with_suffix(".flac.new")
    with (
        wav.open("rb") as sound,
        soundfile.SoundFile(draft, "w", RATE_HZ, 1, "PCM_16", format="FLAC") as out,
    ):
        sound.seek(HEADER_BYTES)
        while block := sound.read(_BLOCK_BYTES):
            out.write(np.frombuffer(block[: len(block) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2"))
    draft.replace(flac)
    wav.unlink()
    return flac

"""A tape made smaller: its voices as FLAC, bit by bit the same sound; for keeping, and for sending to somebody."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from vivavoce.errors import BadSettings
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES
from vivavoce.tape.reader import TapeReader
from vivavoce.tape.sound import FLAC, HEADER_BYTES

__all__ = ["pack"]

_BLOCK_BYTES = RATE_HZ * SAMPLE_BYTES * 10


def pack(folder: str | os.PathLike[str]) -> tuple[int, int]:
    """Replace every WAV file of the tape; one that is FLAC stays. How many bytes they had, and have.

    Raises:
        BadSettings: this is no tape, or it cannot be written; each voice is there then, as WAV or as FLAC.
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
    """The FLAC file is whole, and read again, before the WAV file goes: on a full disk its last bytes are lost without an error."""
    flac, draft = wav.with_suffix(FLAC), wav.with_suffix(".flac.new")
    try:
        with wav.open("rb") as sound, soundfile.SoundFile(draft, "w", RATE_HZ, 1, "PCM_16", format="FLAC") as out:
            for block in _blocks(sound):
                out.write(block)
        with draft.open("rb+") as written:
            os.fsync(written.fileno())  # some disks say only now that they are full
        _compare(wav, draft)
        draft.replace(flac)
    except BaseException:  # Ctrl-C too: no half of a file stays
        draft.unlink(missing_ok=True)
        raise
    wav.unlink()
    return flac


def _compare(wav: Path, flac: Path) -> None:
    """Raises `OSError` where they are not the same sound."""
    try:
        with wav.open("rb") as sound, soundfile.SoundFile(flac) as packed:
            same = all(np.array_equal(block, packed.read(len(block), "int16")) for block in _blocks(sound))
            same = same and not len(packed.read(1, "int16"))
    except (soundfile.SoundFileError, ValueError):  # a header that was never finished
        same = False
    if not same:
        raise OSError("what was written is not what was recorded; is the disk full?")


def _blocks(wav: BinaryIO) -> Iterator[NDArray[np.int16]]:
    """All whole samples of a WAV file, some seconds at a time."""
    wav.seek(HEADER_BYTES)
    while block := wav.read(_BLOCK_BYTES):
        yield np.frombuffer(block[: len(block) // SAMPLE_BYTES * SAMPLE_BYTES], "<i2").astype(np.int16)

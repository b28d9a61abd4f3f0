"""The sound of a tape: each voice once, in a WAV file that is whole after every write.

A piece of sound is known by where it lies, how long it is and its CRC-32. Sound that goes out again (to the server, to the
speaker) is not kept a second time: length and checksum say whether a replay sends the same.
"""

from __future__ import annotations

import io
import wave
import zlib
from pathlib import Path
from typing import IO, Any, Protocol

from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES

__all__ = ["FLAC", "HEADER_BYTES", "SoundFile", "WavFile", "checksum", "outgoing"]

HEADER_BYTES = 44
FLAC = ".flac"
_LARGEST = 0xFFFF_FFFF - HEADER_BYTES  # 24 hours; the header can say no more, the sound behind it is read all the same


def checksum(pcm: bytes) -> str:
    """CRC-32 of a piece, as it stands in the tape."""
    return f"{zlib.crc32(pcm):08x}"


def outgoing(pcm: bytes) -> list[Any]:
    """What stands for sound that was kept when it came in: `[bytes, checksum]`."""
    return [len(pcm), checksum(pcm)]


def header(size: int) -> bytes:
    """The header of a WAV file with `size` bytes of sound."""
    made = io.BytesIO()
    with wave.open(made, "wb") as writer:
        writer.setparams((1, SAMPLE_BYTES, RATE_HZ, min(size, _LARGEST) // SAMPLE_BYTES, "NONE", ""))
        writer.writeframesraw(b"")  # the header is written before the first sound
        return made.getvalue()


class WavFile:
    """24 kHz 16-bit mono, growing. The header fits the sound after every `append`, also for a program that was killed."""

    def __init__(self, path: Path) -> None:
        """Raises OSError; FileExistsError where there is such a file."""
        self._file: IO[bytes] = path.open("xb", buffering=0)
        self._size = 0
        self._write(0, header(0))

    def append(self, sound: bytes) -> None:
        """Raises OSError."""
        self._write(HEADER_BYTES + self._size, sound)
        self._size += len(sound)
        self._write(0, header(self._size))

    def close(self) -> None:
        """Raises OSError. Twice is allowed."""
        self._file.close()

    def _write(self, at: int, what: bytes) -> None:
        self._file.seek(at)
        rest = memoryview(what)
        while rest:
            rest = rest[self._file.write(rest) :]


class SoundFile:
    """The sound of one voice, read by position: a WAV file, whatever its header says, or a FLAC file."""

    def __init__(self, wav: Path) -> None:
        """`wav`: its name as WAV; a FLAC file of that name is taken where there is none. Raises OSError."""
        flac = wav.with_suffix(FLAC)
        self.path = flac if flac.exists() and not wav.exists() else wav
        self._file: _Reading = _Wav(wav) if self.path == wav else _Flac(flac)

    def piece(self, at: int, size: int) -> bytes:
        """`size` bytes from byte `at` of the sound; fewer where the file ends before. Raises OSError."""
        return self._file.piece(at, size)

    @property
    def any(self) -> bool:
        """It holds sound. Raises OSError."""
        return bool(self.piece(0, SAMPLE_BYTES))

    def close(self) -> None:
        """Twice is allowed."""
        self._file.close()


class _Reading(Protocol):
    def piece(self, at: int, size: int) -> bytes: ...

    def close(self) -> None: ...


class _Wav:
    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")

    def piece(self, at: int, size: int) -> bytes:
        self._file.seek(HEADER_BYTES + at)
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()


class _Flac:
    def __init__(self, path: Path) -> None:
        import soundfile  # noqa: PLC0415  # a tape is written, and mostly read, without it

        try:
            self._file = soundfile.SoundFile(path)
        except soundfile.SoundFileError as fault:
            raise OSError(0, str(fault), str(path)) from None

    def piece(self, at: int, size: int) -> bytes:
        first = at // SAMPLE_BYTES
        if first > self._file.frames:
            return b""
        if first != self._file.tell():  # decoding goes on where it was: seeking costs more than the piece
            self._file.seek(first)
        wanted = -(-size // SAMPLE_BYTES)
        return bytes(self._file.read(wanted, dtype="int16").tobytes()[:size])

    def close(self) -> None:
        self._file.close()

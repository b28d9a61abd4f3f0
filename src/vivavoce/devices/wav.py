"""Files for ears and mouth: a recording that speaks, a WAV that holds exactly what a person would have heard."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vivavoce.devices.fader import Fader
from vivavoce.devices.line import Line
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.devices.reports import IDLE_S, Reports
from vivavoce.devices.troubles import Troubles
from vivavoce.errors import BadSettings
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES, samples_to_ms
from vivavoce.ports import Heard, Hushed, Trouble

_FULL_SCALE = 32_768
_HEADER_BYTES = 44
_SLICE_SAMPLES = RATE_HZ


def load(path: str | os.PathLike[str]) -> bytes:
    """A whole sound file as 24 kHz 16-bit mono: any format, rate and number of channels that soundfile reads.

    The rate in the header is believed. A 24 kHz 16-bit mono file comes through bit by bit.

    Raises:
        BadSettings: there is no such file, it is not sound, or it holds none.
    """
    import numpy as np  # noqa: PLC0415  30 MB that a talk through the sound card does not need
    import soundfile  # noqa: PLC0415  the same

    name = os.fspath(path)
    if not Path(name).is_file():
        raise BadSettings(f"There is no sound file {name!r}: check the path.")
    try:
        frames, rate = soundfile.read(name, dtype="float32", always_2d=True)
    except (RuntimeError, TypeError, OSError) as fault:  # TypeError: soundfile takes .raw for headerless sound
        reason = str(fault).rsplit(": ", 1)[-1].rstrip(".")
        raise BadSettings(
            f"The file {name!r} cannot be read as sound ({reason}): give a WAV, FLAC, OGG or MP3 file."
        ) from None
    if not len(frames):
        raise BadSettings(f"The sound file {name!r} is empty: give one that holds sound.")
    mono = np.nan_to_num(frames.mean(axis=1), posinf=1.0, neginf=-1.0)
    scaled = np.rint(_at_our_rate(mono, rate) * _FULL_SCALE)
    return bytes(np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes())


def _at_our_rate(mono: Any, rate: int) -> Any:
    if rate == RATE_HZ:
        return mono
    import samplerate  # noqa: PLC0415  only for those files that need it

    return samplerate.resample(mono, RATE_HZ / rate, "sinc_best")


class FileMicrophone(QueuedMicrophone):
    """A `Microphone` port that plays a recording once at real-time pace; silence before and after it, until `close`."""

    def __init__(
        self, path: str | os.PathLike[str], *, wait: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Reads the whole file.

        Args:
            path: any sound file, see `load`.
            wait: whether it stays silent until `begin`.
            clock: answers seconds and never goes back.

        Raises:
            BadSettings: the file cannot be used.
        """
        super().__init__(clock=clock)
        self._recording: bytes | None = load(path)
        if not wait:
            self.begin()

    @property
    def done(self) -> bool:
        """Whether the last sample of the recording was read."""
        return self._recording is None and not self.speaking

    def begin(self) -> None:
        """The recording starts with the next block. Twice is allowed."""
        if self._recording is not None:
            self.say(self._recording)
            self._recording = None


class WavSpeaker:
    """A `Speaker` port that writes a file, or nothing, by the clock: sample n leaves n / 24,000 s after `start`.

    The file (24 kHz 16-bit mono) holds what would have been heard from `start` to `close`, silence included, to the sample.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Opens the file; an old one is replaced when the first sound leaves.

        Args:
            path: where to write; None keeps the clock and writes nothing.
            clock: answers seconds and never goes back.

        Raises:
            BadSettings: the file cannot be written.
        """
        self._clock = clock
        self._file = None if path is None else _open_wav(path)
        self._reports = Reports()
        self._troubles = Troubles()
        self._line = Line()
        self._fader = Fader()
        self._begun_s: float | None = None
        self._left = 0
        self._closed = False

    @property
    def out_ms(self) -> int:
        """Milliseconds since `start`, 0 before; stands still after `close`."""
        return samples_to_ms(self._now())

    def start(self) -> None:
        """Begin: sample 0 leaves now."""
        if self._begun_s is None:
            self._begun_s = self._clock()
            self._reports.bell.ring()

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue sound of an item. Never blocks, never refuses; empty or odd pieces are a warning."""
        self._settle()  # what was silent until now stays silent
        self._line.put(item_id, pcm, self._troubles)
        self._reports.bell.ring()

    def hush(self) -> None:
        """Be silent from the sample that leaves now; `Hushed` has the exact position."""
        self._settle()
        self._reports.add(self._line.ledger.cut(self._line.handed))
        self._line = Line()

    def duck(self, share: float) -> None:
        """Play at this share of the loudness, reached within 10 ms; at 0 nothing plays and nothing is lost."""
        self._settle()
        self._fader.share = share

    async def report(self) -> Heard | Hushed:
        """The next report. Cancelling loses nothing."""
        return await self._reports.next(self._settle)

    def warnings(self) -> list[Trouble]:
        """Odd or empty sound, more than ten minutes queued, a file that cannot be written any further."""
        return self._troubles.drain()

    async def close(self) -> None:
        """End at the sample that leaves now; the file is whole. Twice is allowed."""
        if not self._closed:
            self._settle()
            self._closed = True
            self._end_file()

    def _now(self) -> int:
        if self._begun_s is None:
            return 0
        if self._closed:
            return self._left
        return int((self._clock() - self._begun_s) * RATE_HZ + 1e-6)  # a clock that says 0.3 means 7,200 samples

    def _settle(self) -> float | None:
        """Let everything leave that is due by now; seconds until the next report."""
        now = self._now()
        while self._left < now:
            n = min(now - self._left, _SLICE_SAMPLES)
            block = bytearray(n * SAMPLE_BYTES)
            self._fader.fill(self._line, memoryview(block))
            self._write(block)
            self._left += n
        ledger = self._line.ledger
        self._reports.add(ledger.advance(self._line.handed))
        due = ledger.due(self._line.handed)
        return IDLE_S if due is None or self._begun_s is None else due / RATE_HZ

    def _write(self, block: bytearray) -> None:
        if self._file is None:
            return
        try:
            self._file.write(block)
        except OSError:  # the disk is full
            self._troubles.note("speaker_file")
            self._end_file()

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
        except OSError:
            self._troubles.note("speaker_file")


class _WavFile:
    """A WAV file that is whole after every write, so that a program that is killed leaves a valid one.

    An old file is replaced at the first sound: a talk that never begins does not destroy it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._old = Path(path).is_file()
        self._file = Path(path).open("r+b" if self._old else "w+b", buffering=0)  # noqa: SIM115  closed by `close`
        self._size = 0
        try:
            if not self._old:
                self.write(b"")
        except OSError:
            self._file.close()
            raise

    def write(self, sound: bytes | bytearray) -> None:
        """Append. Raises OSError."""
        if self._old:
            self._file.truncate(0)
            self._old = False
        self._put(_HEADER_BYTES + self._size, sound)
        self._size += len(sound)
        size = min(self._size, 0xFFFF_FFFF - _HEADER_BYTES)  # after 24 hours the header can say no more
        form = (b"fmt ", 16, 1, 1, RATE_HZ, RATE_HZ * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
        self._put(0, struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", size + 36, b"WAVE", *form, b"data", size))

    def close(self) -> None:
        """Raises OSError."""
        self._file.close()

    def _put(self, at: int, what: bytes | bytearray) -> None:
        self._file.seek(at)
        rest = memoryview(what)
        while rest:
            rest = rest[self._file.write(rest) :]


def _open_wav(path: str | os.PathLike[str]) -> _WavFile:
    try:
        return _WavFile(path)
    except OSError as fault:
        raise BadSettings(
            f"The speaker's file {os.fspath(path)!r} cannot be written ({fault.strerror or fault}): choose another path."
        ) from None

"""The sound card without the conversation: a microphone that is a file to read, a speaker that plays. No asyncio."""

from __future__ import annotations

import contextlib
import io
import time
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Self

from vivavoce.devices.capture import Capture
from vivavoce.devices.playback import Playback
from vivavoce.pcm import samples_to_ms
from vivavoce.ports import Trouble

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_LOOK_S = 1.0
_GLANCE_S = 0.002
_ITEM = "sound"


class MicrophoneStream(io.RawIOBase):
    """The microphone as a raw binary file: 24 kHz 16-bit mono little-endian, recorded from construction on.

    Readable, not seekable, not writable. The last ten seconds are kept; what a slow reader misses is in `warnings`.
    One thread reads at a time; any thread may close.
    """

    def __init__(self, device: int | str | None = None) -> None:
        """Opens the device: index, exact name, unique part of a name, or None for the system's default.

        Raises:
            NoDevice: there is none, it cannot be opened, or nothing or more than one fits; the sentence lists what there is.
        """
        super().__init__()
        self._bell: SimpleQueue[None] = SimpleQueue()  # its `put` never waits: fit for the audio thread
        self._wanted = 0
        self._ending = False
        self._capture = Capture(device, self._heard, keep=True)

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Exactly `size` bytes; blocks until they are there. Fewer only when another thread closed the stream meanwhile.

        Raises:
            ValueError: `size` is more than the ten seconds that are kept, or the stream is closed.
            io.UnsupportedOperation: no `size`, or a negative one: a microphone has no end to read to.
            NoDevice: the device went away and none came for half a minute.
        """
        if size is None or size < 0:
            return self.readall()
        self._refuse(size)
        self._wait(size)
        return self._capture.ring.read(size)

    def readall(self) -> bytes:
        """Not possible: a microphone has no end. Raises `io.UnsupportedOperation`."""
        raise io.UnsupportedOperation("a microphone has no end: say how many bytes to read")

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` as `read` does; how many bytes it got."""
        view = memoryview(buffer).cast("B")
        sound = self.read(len(view))
        view[: len(sound)] = sound
        return len(sound)

    def write(self, _buffer: ReadableBuffer, /) -> int:
        """Not possible. Raises `io.UnsupportedOperation`."""
        raise io.UnsupportedOperation("a microphone cannot be written to")

    def warnings(self) -> list[Trouble]:
        """What went wrong since the last call: sound overwritten before it was read, a device that went or came."""
        self._capture.warn()
        return self._capture.troubles.drain()

    def close(self) -> None:
        """Free the device; a `read` blocked in another thread answers with what is there. Twice is allowed."""
        if not self.closed and hasattr(self, "_capture"):  # without one when the constructor raised
            self._ending = True
            self._bell.put(None)
            self._capture.close()
        super().close()

    def _refuse(self, size: int) -> None:
        if self.closed:
            raise ValueError("read from a closed microphone")
        if size > self._capture.ring.capacity:
            raise ValueError(f"{size} bytes at once are more than the {self._capture.ring.capacity} that are kept")

    def _wait(self, size: int) -> None:
        self._wanted = size
        try:
            while self._capture.ring.waiting < size and not self._ending:
                self._capture.check()
                with contextlib.suppress(Empty):  # no ring for a second: look whether the device still lives
                    self._bell.get(timeout=_LOOK_S)
        finally:
            self._wanted = 0

    def _heard(self) -> None:
        if self._wanted and self._capture.ring.waiting >= self._wanted:
            self._bell.put(None)


class SpeakerStream:
    """The speaker: `play` queues sound and returns, `clear` is silence at once, `close` frees the device."""

    def __init__(self, device: int | str | None = None) -> None:
        """Opens the device: index, exact name, unique part of a name, or None for the system's default.

        Raises:
            NoDevice: there is none, it cannot be opened, or nothing or more than one fits; the sentence lists what there is.
        """
        self._playback = Playback(device)
        self._playback.begin()

    @property
    def waiting_ms(self) -> int:
        """Milliseconds of queued sound that have not left the speaker yet; 0 when all was heard."""
        spool = self._playback.spool
        return samples_to_ms(spool.line.queued - self._playback.position())

    def play(self, pcm: bytes) -> None:
        """Queue sound, 24 kHz 16-bit mono, any length. Never blocks; empty or odd pieces are a warning.

        Raises:
            NoDevice: the device went away and none came for half a minute.
        """
        self._playback.check()
        self._playback.play(_ITEM, pcm)

    def clear(self) -> None:
        """Be silent now and forget what is queued. Blocks for some milliseconds.

        Raises:
            NoDevice: the device went away and none came for half a minute.
        """
        old = self._playback.hush()
        while old.final is None or (self._playback.now_s < old.final_s and not self._playback.link.frozen):
            self._playback.check()
            time.sleep(_GLANCE_S)

    def warnings(self) -> list[Trouble]:
        """What went wrong since the last call: underruns, odd or empty sound, a long queue, devices that came or went."""
        self._playback.warn()
        return self._playback.troubles.drain()

    def close(self) -> None:
        """Stop at once and free the device. Twice is allowed."""
        self._playback.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

"""The microphone's memory: the last ten seconds, overwritten from behind when nobody reads."""

from __future__ import annotations

from vivavoce.pcm import SAMPLE_BYTES, ms_to_bytes

RING_MS = 10_000
_SLACK_MS = 200


class Ring:
    """Bytes from one writer to one reader with no lock between them: each moves only its own counter.

    The memory is a little larger than what it promises, so that the piece being written never meets the oldest piece
    that may still be read.

    Attributes:
        capacity: bytes that are kept for a reader who is late.
        lost: bytes that were overwritten before they were read.
    """

    def __init__(self, ms: int = RING_MS) -> None:
        self.capacity = ms_to_bytes(ms)
        self.lost = 0
        self._size = self.capacity + ms_to_bytes(_SLACK_MS)
        self._memory = memoryview(bytearray(self._size))
        self._written = 0
        self._read = 0

    def write(self, sound: memoryview) -> None:
        """Append bytes, at most 200 ms in one piece; the oldest ones give way. Never blocks, allocates nothing."""
        n = len(sound)
        at = self._written % self._size
        first = min(n, self._size - at)
        self._memory[at : at + first] = sound[:first]
        self._memory[: n - first] = sound[first:]
        self._written += n

    @property
    def waiting(self) -> int:
        """Bytes that can be read now."""
        return min(self._written - self._read, self.capacity)

    def read(self, at_most: int | None = None) -> bytes:
        """Take the oldest bytes; all that wait when `at_most` is None. What was overwritten is counted in `lost`."""
        gone = self._written - self._read - self.capacity
        if gone > 0:
            gone += gone % SAMPLE_BYTES  # a reader in the middle of a sample stays in the middle of one
            self.lost += gone
            self._read += gone
        n = self._written - self._read
        if at_most is not None:
            n = min(n, at_most)
        at = self._read % self._size
        first = min(n, self._size - at)
        sound = b"".join((self._memory[at : at + first], self._memory[: n - first]))
        self._read += n
        return sound

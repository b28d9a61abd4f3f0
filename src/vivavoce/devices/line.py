"""The queue of a speaker: sound that waits its turn, from one hush to the next."""

from __future__ import annotations

from collections import deque

from vivavoce.devices.ledger import Ledger
from vivavoce.devices.troubles import Troubles
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES, even

BACKLOG_MINUTES = 10
_BACKLOG_SAMPLES = BACKLOG_MINUTES * 60 * RATE_HZ
_PAST_BYTES = 3 * RATE_HZ * SAMPLE_BYTES  # far more than any device holds


class Line:
    """Sound in, in pieces of any size; sound out, in blocks of any size. There is no limit: a minute is 3 MB.

    One thread may call `put` and another `fill` with no lock between them: each writes only its own numbers, and a deque
    takes at one end and gives at the other. `hush` is a new Line: positions and reports of the old one stay exact.

    Attributes:
        ledger: which sample belongs to which item; positions in it are those of this Line.
        queued: samples put since the beginning.
        handed: samples taken since the beginning.
    """

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.queued = 0
        self.handed = 0
        self._pieces: deque[bytes] = deque()
        self._piece = b""
        self._at = 0
        self._past: deque[bytes] = deque()
        self._past_bytes = 0
        self._warned = False

    def put(self, item_id: str, pcm: bytes, troubles: Troubles) -> None:
        """Queue sound; what is wrong with it is noted in `troubles`."""
        if len(pcm) % SAMPLE_BYTES:
            troubles.note("audio_odd")
        elif not pcm:
            troubles.note("audio_empty")
        sound = bytes(even(pcm))
        if not sound:
            return
        samples = len(sound) // SAMPLE_BYTES
        self.ledger.put(item_id, self.queued, samples)
        self.queued += samples
        self._pieces.append(sound)
        if self.queued - self.handed > _BACKLOG_SAMPLES and not self._warned:
            self._warned = True
            troubles.note("speaker_backlog", BACKLOG_MINUTES)

    def fill(self, out: memoryview) -> int:
        """Copy the next samples into `out` (bytes) as far as they go; how many samples they were. The rest is not touched."""
        wanted, at = len(out), 0
        while at < wanted:
            if self._at == len(self._piece):
                if not self._pieces:
                    break
                self._keep(self._piece)
                self._piece, self._at = self._pieces.popleft(), 0
            n = min(wanted - at, len(self._piece) - self._at)
            out[at : at + n] = self._piece[self._at : self._at + n]
            at += n
            self._at += n
        samples = at // SAMPLE_BYTES
        self.handed += samples
        return samples

    def rewind(self, samples: int) -> None:
        """Take back the last `samples` that were taken, three seconds at most: they come again. Not while `fill` may run."""
        back = min(samples, self.handed) * SAMPLE_BYTES
        while back > self._at and self._past:
            back -= self._at
            self.handed -= self._at // SAMPLE_BYTES
            self._pieces.appendleft(self._piece)
            self._piece = self._past.pop()
            self._past_bytes -= len(self._piece)
            self._at = len(self._piece)
        back = min(back, self._at)
        self._at -= back
        self.handed -= back // SAMPLE_BYTES

    def _keep(self, piece: bytes) -> None:
        self._past.append(piece)
        self._past_bytes += len(piece)
        while self._past_bytes - len(self._past[0]) > _PAST_BYTES:
            self._past_bytes -= len(self._past.popleft())

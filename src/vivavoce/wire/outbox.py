"""What waits to be sent: words in order, and sound that may be joined or, when the server does not take it, dropped."""

from __future__ import annotations

from collections import deque

from vivavoce import pcm

__all__ = ["Outbox"]


class Outbox:
    """One queue of JSON text (words) and of bytes (sound).

    Sound next to sound is joined into pieces of up to `piece_ms`; beyond `sound_ms` the oldest goes. Words always stay.
    """

    def __init__(self, *, sound_ms: int = 800_000, piece_ms: int = 100) -> None:
        self._queue: deque[str | bytes] = deque()
        self._sound = 0
        self._sound_max = pcm.ms_to_bytes(sound_ms)
        self._piece_max = pcm.ms_to_bytes(piece_ms)
        self._dropped = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def sound_bytes(self) -> int:
        """Bytes of sound that wait."""
        return self._sound

    def word(self, text: str) -> None:
        """Queue a word."""
        self._queue.append(text)

    def sound(self, audio: bytes) -> None:
        """Queue sound; beyond the limit the oldest makes room for it."""
        self._queue.append(audio)
        self._sound += len(audio)
        if self._sound > self._sound_max:
            self._make_room()

    def next(self) -> str | bytes:
        """The next word, or the next piece of sound. IndexError when nothing waits."""
        first = self._queue.popleft()
        if isinstance(first, str):
            return first
        size = len(first)
        pieces = [first]
        while self._queue:
            more = self._queue[0]
            if isinstance(more, str) or size + len(more) > self._piece_max:
                break
            pieces.append(more)
            size += len(more)
            self._queue.popleft()
        self._sound -= size
        return first if len(pieces) == 1 else b"".join(pieces)

    def clear(self) -> None:
        """Forget what waits; what was dropped so far is still told."""
        self._queue.clear()
        self._sound = 0

    def dropped_ms(self) -> int:
        """Milliseconds of sound dropped since the last call."""
        ms = pcm.bytes_to_ms(self._dropped)
        self._dropped = 0
        return ms

    def _make_room(self) -> None:
        """Drop the oldest sound, but never the newest piece: something of what is said now must get through."""
        kept: deque[str | bytes] = deque()
        while self._queue and self._sound > self._sound_max:
            oldest = self._queue.popleft()
            if isinstance(oldest, bytes) and self._queue:
                self._sound -= len(oldest)
                self._dropped += len(oldest)
            else:
                kept.append(oldest)
        self._queue.extendleft(reversed(kept))

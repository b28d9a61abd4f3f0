"""Sound of the person that may have to be said again: all since the last turn that is safe.

A turn is safe when its words are known, or when it was answered. Until then its sound is kept, and so is what follows it, so
that a new connection hears every sentence the old one may have lost, however late that is noticed; and until the new one has
noticed it, too. Positions are bytes on the line of what was appended to this connection, the one that `audio_start_ms` and
`audio_end_ms` mean.
"""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce import pcm
from vivavoce.session.recent import Recent

_PIECE_MS = 1_000
_TURNS = 256  # that are known again when they end twice, or whose words came before their end


@dataclass(slots=True)
class _Turn:
    item_id: str
    start: int
    end: int
    safe: bool = False


class Kept:
    """A piece of the microphone's past, from the first turn that is not safe, or of `keep_s` where all are.

    Attributes:
        rehearing: sound was told again to a new connection that has not noticed anybody in it yet.
    """

    def __init__(self, keep_s: float, most_s: float) -> None:
        """Seconds of sound: `keep_s` where no turn is open, `most_s` in any case."""
        self._keep = pcm.ms_to_bytes(round(keep_s * 1_000))
        self._most = pcm.ms_to_bytes(round(most_s * 1_000))
        self._sound = bytearray()
        self._first = 0  # where the kept sound begins on the connection's line
        self._began: int | None = None  # where the person began to speak who has not stopped
        self._turns: list[_Turn] = []
        self._until = 0  # where the last of the turns ends that are said again
        self._ended = Recent(_TURNS)  # on this connection
        self._known = Recent(_TURNS)  # safe, on this connection
        self.rehearing = False

    @property
    def open(self) -> bool:
        """A turn has begun that is not safe yet; or may have, in what is said again (`rehearing`)."""
        return self.rehearing or self._began is not None or bool(self._turns)

    @property
    def length_s(self) -> float:
        """Seconds of sound that are kept."""
        return pcm.bytes_to_ms(len(self._sound)) / 1_000

    def hear(self, sound: bytes, *, sent: bool) -> None:
        """The next sound of the microphone; `sent`: a server has it, too."""
        self._sound += sound
        limit = self._keep if sent and not self.open else self._most
        if len(self._sound) > limit:
            self._let_go(self._first + len(self._sound) - limit)

    def pressed(self) -> None:
        """The person begins to speak with the next sound, and says so."""
        self._began = self._first + len(self._sound)

    def forget_press(self) -> None:
        """What was said since `pressed` is no turn."""
        if self._began is not None:
            del self._sound[max(self._began - self._first, 0) :]
            self._began = None

    def started(self, ms: int) -> None:
        """The server hears the person since `ms`."""
        self.rehearing = False
        self._ended.discard("")  # a server that names no turn speaks of the next one
        if self._began is None:
            self._began = pcm.ms_to_bytes(max(ms, 0))

    def nobody(self) -> None:
        """It was nobody who began to speak."""
        self._began = None

    def stopped(self, item_id: str, ms: int | None) -> bool:
        """A turn ended at `ms` of the line, None for now: the rest belongs to the next one. False where that is no news."""
        if item_id in self._ended:
            return False
        here = self._first + len(self._sound)
        start = min(max(self._first, self._began or 0), here)
        end = here if ms is None else min(max(pcm.ms_to_bytes(max(ms, 0)), start), here)
        self._turns.append(_Turn(item_id, start, end))
        self._began = None
        self.rehearing = False
        self._ended.add(item_id)
        if item_id in self._known:
            self.safe(item_id)
        return True

    def sound_of(self, item_id: str) -> bytes:
        """What is kept of that turn."""
        found = next((turn for turn in self._turns if turn.item_id == item_id), None)
        return b"" if found is None else bytes(self._sound[max(found.start - self._first, 0) : found.end - self._first])

    def safe(self, item_id: str) -> None:
        """That turn will not have to be said again."""
        self._known.add(item_id)
        for turn in self._turns:
            turn.safe = turn.safe or turn.item_id == item_id
        while self._turns and self._turns[0].safe:
            end = self._turns.pop(0).end
            follows = self._turns[0].start if self._turns else self._began
            self._let_go(end if follows is None else min(end, follows))

    def unsafe(self) -> list[str]:
        """The turns that are not safe, in order."""
        return [turn.item_id for turn in self._turns if not turn.safe]

    def sever(self) -> None:
        """The connection is gone: what is not safe of its turns is one piece of speech, to be said again."""
        if self._turns:
            self._began = self._turns[0].start
            self._until = self._turns[-1].end
            self._turns.clear()

    def again(self, last_s: float | None = None) -> list[bytes]:
        """What a new connection is to hear, in pieces of a second, of `last_s` at most; its line begins with it."""
        if last_s is not None:
            self._let_go(self._first + len(self._sound) - pcm.ms_to_bytes(round(last_s * 1_000)))
        self._until = max(self._until - self._first, 0)
        self._first = 0
        self._began = None
        self._turns.clear()
        self._ended.clear()
        self._known.clear()
        self.rehearing = last_s is None and bool(self._sound)
        size = pcm.ms_to_bytes(_PIECE_MS)
        return [bytes(self._sound[at : at + size]) for at in range(0, len(self._sound), size)]

    def heard_out(self) -> None:
        """What was said again has been listened to by now, and nobody was heard in it."""
        self.rehearing = False

    def told(self) -> None:
        """The turns that were said again and that nobody noticed are told in another way: they are not said once more."""
        self._let_go(self._until)

    def _let_go(self, before: int) -> None:
        count = min(max(before - self._first, 0), len(self._sound))
        del self._sound[:count]
        self._first += count

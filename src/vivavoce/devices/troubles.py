"""What went wrong at a device, counted and told once in a while instead of fifty times a second."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from vivavoce.ports import Trouble

SENTENCES = {
    "mic_overrun": "{n} ms of the microphone's sound were lost: the program did not read it in time.",
    "mic_overflow": "The sound system lost sound of the microphone {n} times before the program got it.",
    "speaker_underrun": "The speaker ran dry {n} times: for a moment no sound came to it, short clicks may be heard.",
    "speaker_backlog": "More than {n} minutes of sound wait for the speaker; it goes on, nothing is lost.",
    "audio_odd": "{n} pieces of sound had an odd number of bytes; the half sample at the end was dropped.",
    "audio_empty": "{n} pieces of sound were empty.",
    "mic_processor_late": "{n} ms of the microphone's sound were lost: cleaning it takes longer than it lasts. Try --echo off.",
    "mic_processor": "The microphone's sound goes on unprocessed: what should have cleaned it failed.",
    "speaker_file": "The file of the speaker could not be written any further; the conversation goes on without it.",
}
QUIET_S = 10.0


class Troubles:
    """Counts by code. Each code is told at once when it is new, later at most every ten seconds, with its count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._told: dict[str, float] = {}
        self._said: deque[Trouble] = deque()

    def note(self, code: str, n: int = 1) -> None:
        """`n` more of what `code` counts."""
        if n:
            self._counts[code] = self._counts.get(code, 0) + n

    def say(self, code: str, message: str) -> None:
        """Something that happened once, in its own words. From any thread."""
        self._said.append(Trouble(code, message))

    @property
    def pressing(self) -> bool:
        """Whether something was said that nobody has read."""
        return bool(self._said)

    def drain(self) -> list[Trouble]:
        """What there is to tell now; what was told less than ten seconds ago goes on being counted."""
        now = self._clock()
        ripe = [code for code in self._counts if now - self._told.get(code, now - QUIET_S) >= QUIET_S]
        for code in ripe:
            self._told[code] = now
        said = [self._said.popleft() for _ in range(len(self._said))]
        return said + [Trouble(code, _sentence(code, self._counts.pop(code))) for code in ripe]


def _sentence(code: str, n: int) -> str:
    return SENTENCES[code].format(n=n).replace(" 1 times", " once")

"""Speech probability -> started, paused, resumed, stopped.

One probability covers one chunk: 512 samples at 16 kHz, which are exactly 768 samples (32 ms) on the line of appended
sound at 24 kHz. Every position here is a sample of that line.

    idle --3 loud chunks in a row--> speaking --quiet for `GUESS_MS`--> paused --quiet for silence_duration_ms--> idle
                                        ^----------a chunk that is not quiet---|

* Loud is `threshold` and above. Quiet is below `threshold - RELEASE`: a voice that sinks does not end its turn.
* Debounce: `DEBOUNCE_CHUNKS` = 3 loud chunks in a row (96 ms) make a turn, so a click or a cough of up to 64 ms does not.
* A turn begins at its first loud chunk minus `prefix_padding_ms`, never before the end of the turn before.
* A turn ends exactly `silence_duration_ms` after the end of its last chunk that was not quiet.
"""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.pcm import SAMPLES_PER_MS

CHUNK_SAMPLES = 768
DEBOUNCE_CHUNKS = 3
RELEASE = 0.15
GUESS_MS = 96  # measured on 29 turns: 10 guesses in vain, 9 at 160 ms; three chunks, as a turn needs
MAX_TURN_MS = 120_000  # a radio in the room must not grow one turn for ever
_LOWEST_RELEASE = 0.01


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """`server_vad` of the Realtime API."""

    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 500


@dataclass(frozen=True, slots=True)
class Started:
    """A turn began at sample `at`, padding included."""

    at: int


@dataclass(frozen=True, slots=True)
class Paused:
    """It has been quiet for `GUESS_MS`: perhaps the turn is over. `at` is the sample up to which was listened."""

    at: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """It was only a pause."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The turn ended at sample `at`, the silence that ended it included."""

    at: int


TurnChange = Started | Paused | Resumed | Stopped


class Turns:
    """Who speaks, from one probability after the other."""

    def __init__(self, settings: TurnSettings, position: int = 0) -> None:
        self.settings = settings
        self.speaking = False
        self.position = position
        self._floor = position
        self._loud_chunks = 0
        self._paused = False
        self._began = position
        self._last_voice = position

    @property
    def keep_from(self) -> int:
        """The first sample that a turn under way, or one that begins now, may still need."""
        if self.speaking:
            return self._began
        return self._padded(self.position - self._loud_chunks * CHUNK_SAMPLES)

    def forget(self, position: int) -> None:
        """Drop the turn under way; no later turn reaches back before `position`."""
        self.speaking = self._paused = False
        self._loud_chunks = 0
        self._floor = position

    def hear(self, probability: float) -> TurnChange | None:
        """What the next chunk changes, if anything."""
        self.position += CHUNK_SAMPLES
        if self.speaking:
            return self._while_speaking(probability)
        if probability < self.settings.threshold:
            self._loud_chunks = 0
            return None
        self._loud_chunks += 1
        if self._loud_chunks < DEBOUNCE_CHUNKS:
            return None
        self._began = self.keep_from
        self._last_voice = self.position
        self._loud_chunks = 0
        self.speaking = True
        return Started(self._began)

    def _while_speaking(self, probability: float) -> TurnChange | None:
        if self.position - self._began >= MAX_TURN_MS * SAMPLES_PER_MS:
            return self._stop(self.position)
        if probability >= max(_LOWEST_RELEASE, self.settings.threshold - RELEASE):
            self._last_voice = self.position
            was_paused, self._paused = self._paused, False
            return Resumed() if was_paused else None
        end = self._last_voice + self.settings.silence_duration_ms * SAMPLES_PER_MS
        if self.position >= end:
            return self._stop(end)
        if not self._paused and self.position - self._last_voice >= GUESS_MS * SAMPLES_PER_MS:
            self._paused = True
            return Paused(self.position)
        return None

    def _stop(self, at: int) -> Stopped:
        self.forget(at)
        return Stopped(at)

    def _padded(self, first_loud: int) -> int:
        return max(self._floor, first_loud - self.settings.prefix_padding_ms * SAMPLES_PER_MS)

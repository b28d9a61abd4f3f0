"""Recordings and typed turns that speak for a person, timed by what was heard.

A recording is done when its last sample was sent, the voice activity ended, no response is owed and playback is drained. The
next line begins 0.5 s later, or, with `after_first_sound_s`, that long after the first sample of the reply was heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vivavoce.errors import Reason
from vivavoce.session.happenings import AssistantSaid, Called, Errored, Happening, Ready, SpeechBegan

PAUSE_S = 0.5
_LOOK_S = 0.01
_UNHEARD_S = 3.0  # a recording in which nobody noticed speech for this long after its end is not going to be answered
_LAG_S = 0.3  # the server's voice activity detection lags behind the last sample


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded voice: `pcm` 24 kHz 16-bit mono.

    Attributes:
        after_first_sound_s: begin this long after the first sample of the reply before it was heard (barge-in).
    """

    name: str
    pcm: bytes
    after_first_sound_s: float | None = None


@dataclass(frozen=True, slots=True)
class Typed:
    """A typed turn."""

    text: str
    after_first_sound_s: float | None = None


Line = Recording | Typed


class Voice(Protocol):
    """A microphone that says what it is told to, and is silent otherwise (`devices.wav.QueuedMicrophone`)."""

    def say(self, pcm: bytes) -> None:
        """Begin with this sound at the next block."""

    @property
    def speaking(self) -> bool:
        """Samples of it are still to be read."""


class Stage(Protocol):
    """The talk, as a script needs it (`live.Talk`)."""

    @property
    def quiet(self) -> bool:
        """Nobody speaks, no reply is owed, all that came was heard."""

    def type(self, text: str) -> None:
        """A typed turn."""

    def warn(self, code: str, message: str) -> None:
        """Tell the person."""

    def leave_when_quiet(self, reason: Reason) -> None:
        """End the talk."""


class Script:
    """The lines of one talk, in order; afterwards it ends with `script_done`, or with `no_reply` where nothing but errors came."""

    def __init__(self, lines: Sequence[Line], voice: Voice | None = None, *, stay: bool = False) -> None:
        """`voice` is needed for recordings; `stay`: somebody else goes on talking, do not end the talk."""
        self._stay = stay
        self._lines = lines
        self._voice = voice
        self._ready = asyncio.Event()
        self._turn_seen = False
        self._replies = self._errors = 0
        self._answered: set[str] = set()
        self._first_sound: float | None = None
        self._sent_at: float | None = None

    def saw(self, what: Happening) -> None:
        """A line was shown."""
        if isinstance(what, Ready):
            self._ready.set()
        elif isinstance(what, SpeechBegan):
            self._turn_seen = True
        self._replies += isinstance(what, AssistantSaid | Called)
        self._errors += isinstance(what, Errored) and not what.expected

    def heard(self, item_id: str, ms: int) -> None:
        """The speaker reported: `ms` of this item were heard by now."""
        if ms > 0 and item_id not in self._answered:
            self._answered.add(item_id)
            if self._first_sound is None:
                self._first_sound = asyncio.get_running_loop().time() - ms / 1000

    async def perform(self, talk: Stage) -> None:
        """Speak all lines, then leave."""
        await self._ready.wait()
        for place, line in enumerate(self._lines):
            if place:
                await self._turn_to(talk, line)
            self._speak(talk, line)
        await self._until(lambda: self._done(talk))
        if not self._stay:
            talk.leave_when_quiet("no_reply" if self._errors and not self._replies else "script_done")

    async def _turn_to(self, talk: Stage, line: Line) -> None:
        """Wait for the moment at which this line begins."""
        if line.after_first_sound_s is None:
            await self._until(lambda: self._done(talk))
            await asyncio.sleep(PAUSE_S)
            return
        await self._until(lambda: self._first_sound is not None or self._done(talk))
        if self._first_sound is not None:
            passed = asyncio.get_running_loop().time() - self._first_sound
            await asyncio.sleep(max(line.after_first_sound_s - passed, 0))

    def _speak(self, talk: Stage, line: Line) -> None:
        self._turn_seen = False
        self._first_sound = None
        self._sent_at = None
        if isinstance(line, Typed):
            self._turn_seen = True
            talk.type(line.text)
        elif self._voice:
            self._voice.say(line.pcm)

    def _done(self, talk: Stage) -> bool:
        """The line was sent, heard, answered, and the answer heard to its end."""
        if self._voice is not None and self._voice.speaking:
            return False
        now = asyncio.get_running_loop().time()
        if self._sent_at is None:
            self._sent_at = now
        if not talk.quiet:
            return False
        if self._turn_seen:
            return now - self._sent_at >= _LAG_S
        if now - self._sent_at < _UNHEARD_S:
            return False
        self._turn_seen = True
        talk.warn("not_heard", "The server noticed no speech in that recording.")
        return True

    async def _until(self, happened: Callable[[], bool]) -> None:
        while not happened():  # noqa: ASYNC110  # a look every 10 ms is cheaper than an event for each of its causes
            await asyncio.sleep(_LOOK_S)

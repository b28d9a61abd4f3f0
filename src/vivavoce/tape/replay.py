"""A recorded talk runs through the session again, and every outcome is compared with the recorded one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vivavoce.pcm import RATE_HZ, samples_to_ms
from vivavoce.session.effects import Effect, Finish, Show
from vivavoce.session.happenings import Ended, Happening, Ready
from vivavoce.session.session import Session
from vivavoce.tape.notation import encode
from vivavoce.tape.reader import Entry, Outcome, TapeReader
from vivavoce.tape.sound import outgoing

__all__ = ["Replay", "Shown"]

_LONGEST = 300
_PLACES = {"world": "asked of the world", "server": "said to the server", "standby": "said to the standby server"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A line, as the talk showed it.

    Attributes:
        at_s: seconds since the recorded program began.
        out_ms: the speaker's clock, taken to run like the recorded one from `ready` on; None before.
    """

    what: Happening
    at_s: float
    out_ms: int | None


class Replay:
    """One run of a tape through a new session.

    Attributes:
        inputs: how many were taken so far.
        differing: after how many of them something else came than the tape says.
        first: the first difference, in words; None while there is none.
    """

    def __init__(self, tape: TapeReader) -> None:
        self._tape = tape
        self._session = Session(tape.settings)
        self._ready: float | None = None
        self.inputs = 0
        self.differing = 0
        self.first: str | None = None

    def run(self) -> Iterator[Shown]:
        """Take every input; yields what is shown now, whatever the tape says.

        Raises:
            VivaError: the tape is damaged; everything before that place was yielded.
        """
        for entry in self._tape.entries():
            self.inputs += 1
            effects, outcome = self._outcome(entry)
            self._compare(entry, outcome)
            for effect in effects:
                yield from self._shown(effect, entry.now)

    def _outcome(self, entry: Entry) -> tuple[Sequence[Effect], Outcome]:
        session = self._session
        verb = None if entry.verb == "tick" else getattr(session, entry.verb)
        try:
            session.tick(entry.now)
            if verb:
                verb(*entry.values)
        except Exception:  # noqa: BLE001  # a tape of a bug: that it raises is the outcome, and is compared
            return (), Outcome(raised=True)
        effects, server, standby = session.to_world(), session.to_server(), session.to_standby()
        return effects, Outcome(*(encode(said, outgoing) for said in (effects, server, standby)))

    def _compare(self, entry: Entry, now: Outcome) -> None:
        words = _difference(entry.outcome, now)
        if words is None:
            return
        self.differing += 1
        if self.first is None:
            self.first = f"Line {entry.number} ({_input(entry)}): {words}."

    def _shown(self, effect: Effect, now: float) -> Iterator[Shown]:
        if isinstance(effect, Show):
            if isinstance(effect.what, Ready) and self._ready is None:
                self._ready = now
            yield self._line(effect.what, now)
        elif isinstance(effect, Finish):
            yield self._line(Ended(effect.reason), now)

    def _line(self, what: Happening, now: float) -> Shown:
        out_ms = None if self._ready is None else samples_to_ms(int((now - self._ready) * RATE_HZ))
        return Shown(what, now - self._tape.started, out_ms)


def _difference(then: Outcome, now: Outcome) -> str | None:
    if then.raised != now.raised:
        return "the session failed in the talk, and does not now" if then.raised else "the session fails now"
    for place, words in _PLACES.items():
        was, came = getattr(then, place), getattr(now, place)
        for index in range(max(len(was), len(came))):
            a, b = _text(was, index), _text(came, index)
            if a != b:
                return f"what is {words} differs, on the tape {_short(a)}, now {_short(b)}"
    return None


def _text(said: Sequence[Any], index: int) -> str | None:
    return json.dumps(said[index], sort_keys=True) if index < len(said) else None


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _input(entry: Entry) -> str:
    kinds = [type(value).__name__ for value in entry.values]
    return f"{entry.verb} {', '.join(kinds)}" if kinds else entry.verb

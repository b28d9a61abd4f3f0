"""A tape is read: what it is, its inputs one by one, and what is wrong with it in one sentence."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vivavoce.errors import BadSettings, VivaError
from vivavoce.session.settings import Settings
from vivavoce.tape import parts
from vivavoce.tape.notation import VERBS, Unreadable, decode
from vivavoce.tape.sound import SoundFile, checksum

__all__ = ["Entry", "Outcome", "TapeReader"]

_MICROPHONE = parts.MICROPHONE.partition(".")[0]
_VOICES = {name.partition(".")[0]: name for name in (parts.MICROPHONE, parts.ASSISTANT)}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one input, as JSON (`notation`): sound is `[bytes, checksum]`.

    Attributes:
        world, server, standby: what was asked of the world, said to the server and to the standby server.
        raised: nothing came of it, the session raised.
    """

    world: list[Any] = field(default_factory=list)
    server: list[Any] = field(default_factory=list)
    standby: list[Any] = field(default_factory=list)
    raised: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One input.

    Attributes:
        number: of the line, from 1.
        now: the time the session was told, seconds of the recorded clock.
        verb, values: the method of the session ("tick": nothing but the time) and what it took.
        outcome: what came of it when it was recorded.
    """

    number: int
    now: float
    verb: str
    values: tuple[Any, ...]
    outcome: Outcome


class TapeReader:
    """A tape folder, open for reading. A context manager.

    Attributes:
        settings: of the recorded session.
        program: name and version of the program that recorded it.
        begun: wall-clock time, ISO 8601.
        started: the recorded clock when that program began.
        whole: it was closed; else the program was killed, or its disk was full, and the tape ends before the talk did.
        notes: what a person should know, complete when all entries were read.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Open.

        Raises:
            BadSettings: this is no tape, or one of a newer program.
            VivaError: a part of it is missing, or is not what a tape holds.
        """
        self._folder = Path(folder)
        meta = _meta(self._folder)
        self._seal = parts.first_seal(meta)
        try:
            self.settings: Settings = decode(meta["settings"], _silent)
            self.started, self.program, self.begun = float(meta["started"]), str(meta["program"]), str(meta["begun"])
            closed = meta.get("closed")
            self._closed = None if closed is None else (int(closed["lines"]), str(closed["seal"]))
        except (KeyError, TypeError, ValueError, Unreadable) as fault:
            raise self._damaged(f"{parts.META} does not hold what it should ({fault})") from None
        if not isinstance(self.settings, Settings):
            raise self._damaged(f"{parts.META} holds no settings")
        self.whole = self._closed is not None
        self.notes: list[str] = []
        if not self.whole:
            self.notes.append("The tape was not closed: the program was killed, or its disk was full.")
        with contextlib.ExitStack() as begun:
            try:
                self._events = begun.enter_context((self._folder / parts.EVENTS).open("rb"))
                self._voices = {
                    voice: begun.enter_context(contextlib.closing(SoundFile(self._folder / name)))
                    for voice, name in _VOICES.items()
                }
            except OSError as fault:
                raise self._damaged(f"{Path(fault.filename).name}: {fault.strerror}") from None
            self._files = begun.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files. Twice is allowed."""
        self._files.close()

    @property
    def voices(self) -> list[Path]:
        """The sound files it has, WAV or FLAC."""
        return [voice.path for voice in self._voices.values()]

    @property
    def listened(self) -> bool:
        """The talk had a microphone, as far as the tape knows: it holds sound of it."""
        return self._voices[_MICROPHONE].any

    def entries(self) -> Iterator[Entry]:
        """Every input, in order; each call begins at the first. A last line that was cut off is left out, with a note.

        Raises:
            VivaError: something was altered, removed or moved since it was recorded; the sentence names the line.
        """
        self._events.seek(0)
        seal, number = self._seal, 0
        for line in self._events:
            if not line.endswith(b"\n") and not self.whole:
                self.notes.append(f"Line {number + 1} was cut off: the tape ends before it.")
                break
            number += 1
            said, seal = self._opened(line, number, seal)
            yield self._entry(said, number)
        if self._closed is not None and self._closed != (number, seal):
            lines = self._closed[0]
            raise self._damaged(
                f"{parts.META} was altered"
                if lines == number
                else f"{parts.EVENTS} has {number} lines where {lines} were written"
            )

    def _opened(self, line: bytes, number: int, before: str) -> tuple[dict[str, Any], str]:
        text = line.rstrip(b"\r\n").decode(errors="replace")
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise self._damaged(f"line {number} of {parts.EVENTS} is not a JSON object")
        if said.get("n") != number:
            raise self._damaged(
                f"line {number} of {parts.EVENTS} has the number {said.get('n')}: a line was removed, added or moved"
            )
        found = parts.opened(text, before)
        if found is None:
            what = f"{parts.META} or line 1" if number == 1 else f"line {number}"
            raise self._damaged(f"{what} was altered: the seal of line {number} of {parts.EVENTS} does not fit")
        return said, found[1]

    def _entry(self, said: Mapping[str, Any], number: int) -> Entry:
        try:
            verb = said["do"]
            values = tuple(decode(value, lambda where: self._sound(where, number)) for value in said.get("with", ()))
            _takes(verb, values)
            outcome = Outcome(
                said.get("world", []), said.get("server", []), said.get("standby", []), raised=said.get("raised", False)
            )
            return Entry(number, float(said["t"]), verb, values, outcome)
        except (KeyError, TypeError, ValueError, Unreadable) as fault:
            raise VivaError(
                f"Line {number} of the tape {str(self._folder)!r} cannot be read ({fault}): "
                f"it was recorded by {self.program}, replay it with that."
            ) from None

    def _sound(self, where: Any, number: int) -> bytes:
        voice, at, size, known = where
        file = self._voices[voice]
        try:
            pcm = file.piece(at, size)
        except OSError as fault:
            raise self._damaged(f"{file.path.name} cannot be read ({fault})") from None
        if len(pcm) < size:
            raise self._damaged(f"{file.path.name} ends before the sound of line {number}")
        if checksum(pcm) != known:
            raise self._damaged(f"the sound of line {number} was altered in {file.path.name}")
        return pcm

    def _damaged(self, what: str) -> VivaError:
        return VivaError(f"The tape {str(self._folder)!r} is damaged: {what}.")


def _takes(verb: str, values: tuple[Any, ...]) -> None:
    """Whether the session of this program has that input."""
    if verb not in VERBS:
        raise Unreadable(f"this program has no input {verb!r}")
    if values or verb != "tick":
        _signature(verb).bind(None, *values)  # TypeError: not with these values


@functools.cache
def _signature(verb: str) -> inspect.Signature:
    return inspect.signature(VERBS[verb])


def _meta(folder: Path) -> dict[str, Any]:
    name = str(folder)
    try:
        said = json.loads((folder / parts.META).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadSettings(f"{name!r} is not a tape: there is no {parts.META} in it. Give a folder of --tape.") from None
    except (OSError, ValueError, RecursionError) as fault:
        raise BadSettings(f"{name!r} is not a tape: its {parts.META} cannot be read ({fault}).") from None
    version = said.get("tape") if isinstance(said, dict) else None
    if not isinstance(version, int):
        raise BadSettings(f"{name!r} is not a tape: its {parts.META} is not that of a tape.")
    if version > parts.VERSION:
        raise BadSettings(
            f"The tape {name!r} has format {version}, this program reads up to {parts.VERSION}: update vivavoce."
        )
    return dict(said)


def _silent(where: Any) -> bytes:
    raise Unreadable(f"sound among the settings: {where!r}")

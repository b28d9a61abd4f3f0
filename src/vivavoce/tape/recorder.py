"""A talk is written into a folder as it happens: the port `Tape`.

The loop only makes the line, a snapshot; a thread writes what there is five times a second, sound before the lines that name
it. What is written survives the end of the program, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vivavoce.errors import BadSettings
from vivavoce.events.client import ClientEvent
from vivavoce.pcm import SAMPLE_BYTES
from vivavoce.ports import Trouble
from vivavoce.session.effects import Effect
from vivavoce.session.settings import Settings
from vivavoce.tape import parts
from vivavoce.tape.notation import encode
from vivavoce.tape.sound import WavFile, checksum, outgoing

__all__ = ["Recorder"]

_EVERY_S = 0.2
_MOST_BYTES = 64 * 2**20  # waiting for a disk that does not answer: about 20 minutes of a talk
_LAST_S = 10.0
_UNKEEPABLE = (TypeError, RecursionError)  # no JSON at all, or nested a thousand deep: never worth the talk
_PRIVATE = 0o700  # what people say in their room is nobody else's


class Recorder:
    """The tape of one talk."""

    def __init__(self, folder: str | os.PathLike[str], settings: Settings, *, program: str, started: float) -> None:
        """Make the folder and its parts.

        Args:
            folder: is made where it is not there; an existing one must be empty.
            settings: of the session that is recorded.
            program: name and version of the program, for people.
            started: the clock of `took` when the program began; the times that people read count from it.

        Raises:
            BadSettings: the folder holds something, or cannot be written.
        """
        self._folder = Path(folder)
        self._meta = {
            "tape": parts.VERSION,
            "program": program,
            "server": settings.server,
            "model": settings.model,
            "begun": datetime.now(UTC).isoformat(timespec="seconds"),
            "started": started,
            "settings": encode(settings, outgoing),
        }
        self._seal = parts.first_seal(self._meta)
        self._lines = 0
        self._pending: dict[str, Any] | None = None
        self._backlog = _Backlog()
        self._sizes = dict.fromkeys((parts.MICROPHONE, parts.ASSISTANT), 0)
        self._troubles: list[Trouble] = []
        self._closed = False
        self._files = _claim(self._folder, self._meta)
        self._over = threading.Event()
        self._writer = threading.Thread(target=self._write_all, name="tape", daemon=True)
        self._writer.start()

    # ---- on the loop

    def took(self, now: float, verb: str, values: tuple[Any, ...]) -> None:
        """An input. One whose outcome never comes (the session raised) is kept without any."""
        if self._closed or self._backlog.shut:
            return
        self._complete(raised=True)
        line: dict[str, Any] = {"n": self._lines + 1, "t": now, "do": verb}
        try:
            if values:
                line["with"] = [
                    encode(value, self._heard if isinstance(value, bytes) else self._received) for value in values
                ]
        except _UNKEEPABLE as fault:
            self._stop(f"what came cannot be kept: {fault}")
            return
        self._pending = line

    def gave(self, effects: Sequence[Effect], events: Sequence[ClientEvent], standby: Sequence[ClientEvent]) -> None:
        """What came of it."""
        line = self._pending
        if line is None:
            return
        try:
            line |= {
                name: encode(said, outgoing)
                for name, said in (("world", effects), ("server", events), ("standby", standby))
                if said
            }
        except _UNKEEPABLE as fault:
            self._pending = None
            self._stop(f"what came of it cannot be kept: {fault}")
            return
        self._complete()

    def warnings(self) -> list[Trouble]:
        """Once: the tape could not be written any further, and ends there."""
        found, self._troubles = self._troubles, []
        return found

    async def close(self) -> None:
        """Write what is left, and that it is all. Twice is allowed."""
        if self._closed:
            return
        self._closed = True
        self._complete(raised=True)
        self._over.set()
        await asyncio.to_thread(self._writer.join, _LAST_S)
        if self._writer.is_alive():
            self._stop("the disk does not answer")

    def _complete(self, *, raised: bool = False) -> None:
        line, self._pending = self._pending, None
        if line is None:
            return
        if raised:
            line["raised"] = True
        self._lines += 1
        text, self._seal = parts.sealed(parts.compact(line), self._seal)
        if not self._backlog.add(parts.EVENTS, text.encode() + b"\n"):
            self._stop("the disk is too slow")

    def _heard(self, pcm: bytes) -> list[Any]:
        return self._keep(parts.MICROPHONE, pcm)

    def _received(self, pcm: bytes) -> list[Any]:
        return self._keep(parts.ASSISTANT, pcm)

    def _keep(self, name: str, pcm: bytes) -> list[Any]:
        at = self._sizes[name]
        odd = len(pcm) % SAMPLE_BYTES
        self._sizes[name] += len(pcm) + odd  # the next piece begins at a whole sample, or all behind it would be noise
        self._backlog.add(name, pcm + bytes(odd))
        return [name.partition(".")[0], at, len(pcm), checksum(pcm)]

    # ---- on the thread

    def _write_all(self) -> None:
        over = shut = False
        try:
            while not (over or shut):
                over = self._over.wait(_EVERY_S)
                shut = self._backlog.shut  # asked before what is there is taken: nothing comes after it
                for name, what in self._backlog.take():
                    self._files.append(name, what)
            if not shut:
                _put_meta(self._folder, self._meta | {"closed": {"lines": self._lines, "seal": self._seal}})
            self._files.close()
        except OSError as fault:
            self._stop(fault.strerror or str(fault))
            with contextlib.suppress(OSError):  # told already
                self._files.close()

    def _stop(self, why: str) -> None:
        """The tape ends here; the talk goes on, and the person is told once."""
        if self._backlog.close():
            self._troubles.append(
                Trouble("tape_stopped", f"The tape ends here, the talk goes on without it ({why}): {self._folder}.")
            )


class _Backlog:
    """What waits to be written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, bytearray] = {}
        self._bytes = 0
        self.shut = False

    def add(self, name: str, what: bytes) -> bool:
        """More for one of the files; False when too much lies there."""
        with self._lock:
            if self.shut:
                return True
            self._waiting.setdefault(name, bytearray()).extend(what)
            self._bytes += len(what)
            return self._bytes <= _MOST_BYTES

    def take(self) -> list[tuple[str, bytes]]:
        """Everything, sound first: a line never names sound that was not written before it."""
        with self._lock:
            taken, self._waiting, self._bytes = self._waiting, {}, 0
        return sorted(((name, bytes(what)) for name, what in taken.items()), key=lambda pair: pair[0] == parts.EVENTS)

    def close(self) -> bool:
        """Take nothing any more; True the first time."""
        with self._lock:
            first, self.shut = not self.shut, True
            return first


class _Files:
    """The three files that grow."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError."""
        with contextlib.ExitStack() as begun:
            self._events = begun.enter_context((folder / parts.EVENTS).open("xb", buffering=0))
            self._voices = {
                name: begun.enter_context(contextlib.closing(WavFile(folder / name)))
                for name in (parts.MICROPHONE, parts.ASSISTANT)
            }
            self._all = begun.pop_all()

    def append(self, name: str, what: bytes) -> None:
        """Raises OSError."""
        if name in self._voices:
            self._voices[name].append(what)
            return
        rest = memoryview(what)
        while rest:
            rest = rest[self._events.write(rest) :]

    def close(self) -> None:
        """Raises OSError."""
        self._all.close()


def _claim(folder: Path, meta: dict[str, Any]) -> _Files:
    """The folder is ours, with its parts begun."""
    try:
        if folder.is_dir() and any(folder.iterdir()):
            raise BadSettings(f"The folder {str(folder)!r} is not empty: a tape needs one of its own, give a new name.")
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        _put_meta(folder, meta)
        return _Files(folder)
    except OSError as fault:
        why = fault.strerror or fault
        raise BadSettings(f"The tape {str(folder)!r} cannot be written ({why}): give another folder.") from None


def _put_meta(folder: Path, meta: dict[str, Any]) -> None:
    """Whole or not at all, also when the program is killed meanwhile. Raises OSError."""
    draft = folder / f"{parts.META}.new"
    draft.write_text(json.dumps(meta, indent=1) + "\n", encoding="ascii")
    draft.replace(folder / parts.META)

"""How far a download is: a bar on a terminal, a plain line now and then elsewhere; always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

_STEP_PERCENT = 20


class Gauge(Protocol):
    """One file under way."""

    def at(self, done: int) -> None:
        """`done` bytes of it are here."""


class Teller(Protocol):
    """Tells a person what is being fetched."""

    def file(self, label: str, total: int) -> AbstractContextManager[Gauge]:
        """A context manager around one file of `total` bytes."""

    def say(self, line: str) -> None:
        """One line."""


class _Lines:
    def __init__(self, label: str, total: int, out: TextIO) -> None:
        self._label = label
        self._total = max(total, 1)
        self._out = out
        self._told = 0

    def at(self, done: int) -> None:
        percent = min(100 * done // self._total, 100)
        if percent >= self._told + _STEP_PERCENT:
            self._told = percent - percent % _STEP_PERCENT
            print(f"{self._label}: {percent} % of {megabytes(self._total)}", file=self._out, flush=True)


class _Bar:
    def __init__(self, bar: Progress, label: str, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task(label, total=total)

    def at(self, done: int) -> None:
        self._bar.update(self._task, completed=done)


class Stderr:
    """Tells on stderr, or on another text stream."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    @contextmanager
    def file(self, label: str, total: int) -> Iterator[Gauge]:
        """A context manager around one file of `total` bytes; its value takes the bytes that are here."""
        out = self._out or sys.stderr
        if not out.isatty():
            yield _Lines(label, total, out)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=Console(file=out)) as bar:
            yield _Bar(bar, label, total)

    def say(self, line: str) -> None:
        """One line."""
        print(line, file=self._out or sys.stderr, flush=True)


def megabytes(count: int) -> str:
    """Bytes as people read them."""
    return f"{count / 1_000_000:,.1f} MB" if count < 10_000_000 else f"{count / 1_000_000:,.0f} MB"  # noqa: PLR2004 - where the decimal stops to matter

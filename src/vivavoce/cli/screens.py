"""Where a talk, or a replay of one, is read: chosen from the command line."""

from __future__ import annotations

import io
import os
import shutil
import sys
from typing import TextIO

import click

from vivavoce.errors import VivaError
from vivavoce.session.happenings import Ended, Errored
from vivavoce.terminal.json_lines import JsonLines
from vivavoce.terminal.plain import Invites, PlainLines, broken

Screen = JsonLines | PlainLines


def screen(out: TextIO, *, as_json: bool, plain: bool, verbose: bool, invites: Invites | None) -> Screen:
    """JSON lines, or lines for people (`invites`: `PlainLines`)."""
    if as_json:
        return JsonLines(out)
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")  # a word the terminal cannot write must not end the talk
    rich = out.isatty() and not plain
    colour = rich and not os.environ.get("NO_COLOR")
    columns = (lambda: shutil.get_terminal_size().columns) if rich else None
    return PlainLines(out, colour=colour, verbose=verbose, invites=invites, columns=columns)


def has_keyboard() -> bool:
    """There is a terminal to type on."""
    return sys.stdin is not None and sys.stdin.isatty()


def complain(sentence: str) -> None:
    """What is wrong, on stderr; on a terminal broken between words."""
    columns = shutil.get_terminal_size().columns if sys.stderr is not None and sys.stderr.isatty() else 0
    click.echo(broken(f"Error: {sentence}", columns), err=True)


def failed(error: VivaError, t: float, *, as_json: bool) -> None:
    """The talk could not begin: say why, for people on stderr, for programs as the `error` and `end` lines."""
    if not as_json:
        complain(str(error))
        return
    lines = JsonLines(sys.stdout)
    lines.show(Errored(error.reason, str(error), fatal=True), t, None)
    lines.show(Ended(error.reason), t, None)

"""Which lines a talk is read in."""

from __future__ import annotations

import io

import pytest

from vivavoce.cli.screens import screen
from vivavoce.session.happenings import UserSaid

WORDS = "one two three four five six seven eight nine"


class Terminal(io.StringIO):
    """A terminal of 40 columns."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "plain", "lines", "colour"),
    [(Terminal(), False, 2, True), (Terminal(), True, 1, False), (io.StringIO(), False, 1, False)],
)
def test_only_a_terminal_has_colour_and_broken_lines_and_not_with_plain(
    monkeypatch: pytest.MonkeyPatch, out: io.StringIO, *, plain: bool, lines: int, colour: bool
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen(out, as_json=False, plain=plain, verbose=False, invites="speak").show(UserSaid("u", WORDS), 0, 0)
    assert len(out.getvalue().splitlines()) == lines
    assert ("\x1b" in out.getvalue()) is colour

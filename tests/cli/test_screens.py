"""Which lines a talk is read in."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from vivavoce.cli.screens import complain, screen
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


@pytest.mark.parametrize(("err", "lines"), [(Terminal(), 2), (io.StringIO(), 1)])
def test_what_is_wrong_is_broken_between_words_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, err: io.StringIO, lines: int
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stderr", err)
    complain(WORDS)
    assert err.getvalue().split() == ["Error:", *WORDS.split()]
    assert len(err.getvalue().splitlines()) == lines


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("command", ["models list", "doctor --no-sound --no-network", "talk --say x --speaker none"])
def test_a_full_disk_behind_stdout_is_one_sentence(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603  our own program
            [sys.executable, "-c", "from vivavoce.cli.main import main; main()", *command.split()],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "Error: What is said here cannot be written any more (No space left on device).\n"


@pytest.mark.parametrize("command", ["devices", "models list", "--version"])
def test_a_closed_stdout_is_nobody_who_reads(command: str) -> None:
    program = "import os, sys; os.close(1); sys.stdout = None; from vivavoce.cli.main import main; main()"
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-c", program, *command.split()], stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 3}


def test_at_its_end_things_are_put_away_and_the_interpreter_is_left_as_it_is() -> None:
    program = """
import atexit, os, sys

class Library:
    def __del__(self): os.abort()  # as one whose threads still call an interpreter that is taken apart

def nothing():
    raise NoDevice("Nothing to be heard.")

library = Library()
from vivavoce.cli import devices, main
from vivavoce.errors import NoDevice
devices.devices.callback = lambda **_: (atexit.register(print, "put away", flush=True), nothing())
sys.argv = ["viva", "devices"]
main.run()
"""
    done = subprocess.run(  # noqa: S603  ours
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "put away\n", "Error: Nothing to be heard.\n")

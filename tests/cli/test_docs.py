"""Every command line in the README and in docs/ is one that the program takes."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from vivavoce.cli.main import viva

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"(?:^|`|\$ | {4})(viva [^`\n]+)", re.MULTILINE)
LINES = sorted({(page.name, line.split("  ")[0]) for page in PAGES for line in COMMAND.findall(page.read_text())})
OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
FEWEST = 25


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words name, and what follows its name."""
    found: click.Command = viva
    for place, word in enumerate(words):
        inner = found.get_command(click.Context(found), word) if isinstance(found, click.Group) else None
        if inner is None:
            return found, words[place:]
        found = inner
    return found, []


def test_there_are_command_lines_to_look_at() -> None:
    assert len(LINES) >= FEWEST


@pytest.mark.parametrize(("page", "line"), LINES)
def test_a_command_line_of_a_page_names_a_command_and_options_of_it(page: str, line: str) -> None:
    found, rest = command_of(line.split()[1:])
    assert not isinstance(found, click.Group) or rest[:1] in ([], ["--help"]), f"{page}: there is no {line!r}"
    known = {name for option in found.params for name in option.opts} | {"--help"}
    assert set(OPTION.findall(" ".join(rest))) <= known, page

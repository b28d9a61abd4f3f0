"""Options that change nothing are said; those that count are not."""

from __future__ import annotations

from typing import Any

import click
import pytest

from vivavoce.cli.talk import Wishes, talk
from vivavoce.cli.unused import without_effect


def wishes(*args: str) -> Wishes:
    """What `viva talk` makes of these arguments."""
    context = talk.make_context("talk", list(args))
    given: dict[str, Any] = {k: v for k, v in context.params.items() if k not in {"mic", "say"}}
    return Wishes(turns=(), **given)


@pytest.mark.parametrize(
    ("args", "offline", "cards", "named"),
    [
        (["--voice", "marin"], True, True, ["--voice"]),
        (["--model", "gpt-realtime-2.1"], True, True, ["--model"]),
        (["--noise-reduction", "far"], True, True, ["--noise-reduction"]),
        (["--brain", "medium", "--recogniser", "tiny.en"], False, True, ["--brain", "--recogniser"]),
        (["--push-to-talk", "--silence", "300", "--threshold", "0", "--semantic"], True, True,
         ["--silence", "--threshold", "--semantic"]),
        (["--semantic", "--silence", "0"], False, True, ["--silence"]),
        (["--echo", "cancel"], True, False, ["--echo cancel"]),
        (["--push-to-talk", "--echo", "gate"], True, True, ["--echo gate"]),
    ],
)  # fmt: skip
def test_what_changes_nothing_is_said(args: list[str], offline: bool, cards: bool, named: list[str]) -> None:
    lines = list(without_effect(wishes(*args), offline=offline, cards=cards))
    assert [line.partition(" changes nothing here: ")[0] for line in lines] == named
    assert all(line.endswith(".") for line in lines)


@pytest.mark.parametrize(
    ("args", "offline", "cards"),
    [
        ([], True, True),
        ([], False, False),
        (["--voice", "marin", "--model", "gpt-realtime-2.1", "--noise-reduction", "far"], False, False),
        (["--brain", "medium", "--recogniser", "tiny.en", "--noise-reduction", "off"], True, False),
        (["--silence", "300", "--threshold", "0.4", "--echo", "gate"], True, True),
        (["--semantic"], False, True),
        (["--push-to-talk"], False, True),
    ],
)
def test_what_counts_is_not(args: list[str], offline: bool, cards: bool) -> None:
    assert list(without_effect(wishes(*args), offline=offline, cards=cards)) == []


def test_the_defaults_are_those_of_the_command() -> None:
    assert isinstance(talk, click.Command)
    assert list(without_effect(wishes(), offline=False, cards=False)) == []

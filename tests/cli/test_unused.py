"""Options that change nothing are said; those that count are not."""

from __future__ import annotations

from typing import Any

import pytest

from vivavoce.cli.unused import without_effect

CARD: dict[str, Any] = {"offline": False, "heard": True, "cards": True}
OFFLINE = CARD | {"offline": True}
RECORDING = CARD | {"cards": False}
NOBODY = RECORDING | {"heard": False}


def named(given: set[str], world: dict[str, Any]) -> dict[str, str]:
    """The options that are said to change nothing, and why."""
    sentences = [line.partition(" changes nothing here: ") for line in without_effect(given, **world)]
    assert all(why.endswith(".") for _, _, why in sentences)
    return {option: why for option, _, why in sentences}


@pytest.mark.parametrize(
    ("given", "world", "unused"),
    [
        ({"voice", "model", "noise_reduction"}, OFFLINE, {"--voice", "--model", "--noise-reduction"}),
        ({"transcription_model"}, OFFLINE, {"--transcription-model"}),
        ({"semantic"}, OFFLINE, {"--semantic"}),
        ({"semantic", "silence"}, OFFLINE, {"--silence"}),
        ({"brain", "recogniser"}, CARD, {"--brain", "--recogniser"}),
        ({"push_to_talk", "silence", "threshold", "semantic"}, CARD, {"--silence", "--threshold", "--semantic"}),
        ({"push_to_talk", "echo"}, CARD, {"--echo"}),
        ({"semantic", "silence", "threshold"}, CARD, {"--silence", "--threshold"}),
        ({"echo"}, RECORDING, {"--echo"}),
        ({"silence", "threshold", "semantic"}, NOBODY, {"--silence", "--threshold", "--semantic"}),
        ({"noise_reduction", "echo"}, NOBODY, {"--noise-reduction", "--echo"}),
        ({"json", "plain"}, CARD, {"--plain"}),
    ],
)
def test_what_changes_nothing_is_said(given: set[str], world: dict[str, Any], unused: set[str]) -> None:
    assert named(given, world).keys() == unused


@pytest.mark.parametrize(
    ("given", "world"),
    [
        (set(), OFFLINE),
        (set(), NOBODY),
        ({"voice", "model", "noise_reduction", "transcription_model", "semantic"}, RECORDING),
        ({"brain", "recogniser", "silence", "threshold"}, OFFLINE),
        ({"silence", "threshold", "echo"}, CARD),
        ({"push_to_talk"}, CARD),
        ({"plain", "verbose", "speaker", "tape", "barge_in", "language", "instructions"}, OFFLINE),
    ],
)
def test_what_counts_is_not(given: set[str], world: dict[str, Any]) -> None:
    assert named(given, world) == {}

"""Real talks that were recorded come out of the session of today as they did then."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.recordings.tapes.remake import TALKS
from tests.tape.test_replay import replayed

from vivavoce.session import happenings as told

TAPES = Path(__file__).parents[1] / "recordings" / "tapes"
REMAKE = (
    "If the session was changed on purpose: python -m tests.recordings.tapes.remake (tests/recordings/tapes/README.md)."
)
NAMES = [str(getattr(talk, "__name__", "")) for talk in TALKS]
HOLDS: dict[str, type[told.Happening]] = {
    "interruption": told.Truncated,
    "function": told.Called,
    "reconnect": told.Reconnected,
    "offline": told.AssistantSaid,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_talk_is_the_same_again(name: str) -> None:
    again, shown = replayed(TAPES / name)
    assert again.first is None, f"{again.first} {REMAKE}"
    assert isinstance(shown[-1].what, told.Ended)
    assert any(isinstance(line.what, HOLDS[name]) for line in shown)


def test_every_recorded_talk_is_one_that_can_be_made_again() -> None:
    assert sorted(path.name for path in TAPES.iterdir() if path.is_dir() and path.name[0] != "_") == sorted(NAMES)

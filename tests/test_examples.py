"""Every example is short and runs against the offline engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_under_60_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60


@pytest.mark.models
@pytest.mark.timeout(300)
def test_a_talk_fits_into_a_program_of_your_own(tmp_path: Path) -> None:
    example = next(path for path in EXAMPLES if path.name == "embed.py")
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "VIVA_MODELS") if name in os.environ}
    command = [sys.executable, str(example), "What is two plus two?"]
    done = subprocess.run(command, cwd=tmp_path, env=kept, capture_output=True, text=True, check=False, timeout=280)  # noqa: S603  # our own example
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "You: What is two plus two?"
    assert "4" in said[1] or "four" in said[1].lower()
    assert (tmp_path / "answer.wav").stat().st_size > 24_000

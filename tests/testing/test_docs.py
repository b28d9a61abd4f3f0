"""The example of docs/testing.md is a test of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import vivavoce.testing

PAGE = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
EXAMPLE, *SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_is_short_and_passes_where_nothing_else_is_installed(tmp_path: Path) -> None:
    assert len(EXAMPLE.splitlines()) < 60
    (tmp_path / "test_example.py").write_text(EXAMPLE)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_example.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  # our own example
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_snippets_make_what_they_show() -> None:
    names = {name: getattr(vivavoce.testing, name) for name in vivavoce.testing.__all__}
    names |= {"created": {"type": "session.created", "session": {}}, "my_recogniser": lambda _pcm: "hello"}
    for snippet in SNIPPETS:
        exec(snippet, names)  # noqa: S102  # our own page
    assert [fault.on for fault in names["faults"]] != []
    assert len(names["faults"]) == 3


def test_every_step_of_the_page_is_a_public_name_and_the_other_way_round() -> None:
    steps = set(re.findall(r"^\| `([A-Z]\w+)\(", PAGE, re.MULTILINE))
    assert steps <= set(vivavoce.testing.__all__)
    told = set(re.findall(r"\b\w+\b", PAGE))
    assert set(vivavoce.testing.__all__) - told <= {"Line", "ScriptFailed", "Talker", "repeating", "understood"}

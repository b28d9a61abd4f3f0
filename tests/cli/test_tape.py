"""`viva tape show` and `viva tape pack`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.tape.talk import small_talk

from vivavoce.cli.main import viva
from vivavoce.errors import BadSettings, VivaError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    small_talk(tmp_path / "t")
    return tmp_path / "t"


def run(*args: str) -> Result:
    return CliRunner().invoke(viva, ["tape", *args])


def test_a_talk_is_counted_and_drawn_into_its_folder(folder: Path) -> None:
    seen = run("show", str(folder))
    assert seen.exit_code == 0
    table = dict(line.split("  ", 1) for line in seen.stdout.splitlines())
    assert {name: value.strip() for name, value in table.items()}["interruptions"] == "1"
    assert "wait for an answer, p90" in table
    assert "open_door" in (folder / "picture.svg").read_text(encoding="utf-8")
    assert run("show", str(folder)).exit_code == 0  # once more: the picture is replaced


def test_a_picture_goes_where_it_is_wanted_and_data_to_stdout(folder: Path, tmp_path: Path) -> None:
    seen = run("show", str(folder), "--json", "-o", str(tmp_path / "p.png"))
    assert seen.exit_code == 0
    assert len(json.loads(seen.stdout)["turns"]) == 4
    assert (tmp_path / "p.png").exists()
    assert not (folder / "picture.svg").exists()


def test_no_tape_is_exit_2_and_a_damaged_one_exit_1(folder: Path, tmp_path: Path) -> None:
    assert isinstance(run("show", str(tmp_path)).exception, BadSettings)
    (folder / "events.jsonl").write_text("")
    assert type(run("show", str(folder)).exception) is VivaError


@pytest.mark.parametrize(("wish", "code"), [((), 0), (("-o", "p.svg"), 2)])
def test_without_matplotlib_the_table_is_there_and_the_pip_line(folder: Path, wish: tuple[str, ...], code: int) -> None:
    """`-o` asks for a picture and fails; without it the table is what one gets."""
    hide = "import sys; sys.meta_path.insert(0, type('H', (), {'find_spec': staticmethod(hide)}))"
    block = (
        "def hide(name, path=None, target=None):\n"
        "    if name.partition('.')[0] == 'matplotlib': raise ModuleNotFoundError(name)\n"
    )
    program = f"{block}{hide}\nfrom vivavoce.cli.main import main; main()"
    seen = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", program, "tape", "show", str(folder), *wish],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=folder.parent,
        env=dict(os.environ),
    )
    assert seen.returncode == code, seen.stderr
    assert "your turns" in seen.stdout
    assert "pip install 'vivavoce[plot]'" in seen.stderr
    assert "Traceback" not in seen.stderr


def test_a_packed_tape_says_how_much_it_saved(folder: Path) -> None:
    seen = run("pack", str(folder))
    assert seen.exit_code == 0
    assert (folder / "microphone.flac").exists()
    assert "bytes of sound are" in seen.stdout

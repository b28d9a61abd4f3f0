from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from vivavoce.cli.models import models
from vivavoce.engine.models import registry


def test_the_path_is_the_one_in_the_environment(tmp_path: Path) -> None:
    result = CliRunner().invoke(models, ["path"], env={"VIVA_MODELS": str(tmp_path)})
    assert result.exit_code == 0
    assert result.output == f"{tmp_path}\n"


def test_the_list_names_every_model_with_licence_and_whether_it_is_here(tmp_path: Path) -> None:
    result = CliRunner().invoke(models, ["list"], env={"VIVA_MODELS": str(tmp_path)})
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.output.splitlines() if line.strip()}
    assert {"base", "tiny.en", "small", "medium", "silero", "heart"} <= set(lines)
    assert "MIT" in lines["base"]
    assert " no " in lines["base"]
    assert "Systran/faster-whisper-base" in lines["base"]
    assert "491 MB" in lines["small"]


@pytest.mark.models
def test_a_model_that_a_package_brings_is_here_with_the_package(tmp_path: Path) -> None:
    lines = CliRunner().invoke(models, ["list"], env={"VIVA_MODELS": str(tmp_path)}).output.splitlines()
    assert next(line for line in lines if line.startswith("heart")).split()[1] == "yes"


def test_in_a_pipe_one_model_is_one_line_however_narrow_the_terminal_is(tmp_path: Path) -> None:
    env = {"VIVA_MODELS": str(tmp_path), "COLUMNS": "80", "FORCE_COLOR": "1"}
    lines = CliRunner().invoke(models, ["list"], env=env).output.splitlines()
    assert len(lines) == 1 + len(registry.known())


def test_the_voice_comes_with_its_package(tmp_path: Path) -> None:
    result = CliRunner().invoke(models, ["fetch", "heart"], env={"VIVA_MODELS": str(tmp_path)})
    assert result.exit_code == 0
    assert "nothing to fetch" in result.output


def test_an_unknown_name_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(models, ["fetch", "huge"], env={"VIVA_MODELS": str(tmp_path)})
    assert result.exit_code != 0
    assert "huge" in str(result.exception)

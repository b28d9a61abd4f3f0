"""What is missing on the machine itself: one finding each, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.doctor.rounds import found_in, of, the_fault
from tests.wire.servers import AZURE_HOST

from vivavoce.choose import Flags
from vivavoce.doctor import machine
from vivavoce.doctor.world import World

ENTRA = {
    "AZURE_OPENAI_ENDPOINT": f"https://{AZURE_HOST}",
    "AZURE_OPENAI_USE_ENTRA": "true",
    "AZURE_OPENAI_DEPLOYMENT": "my-realtime",
}
URL = Flags(server="ws://127.0.0.1:1/v1/realtime")


def world_without(*absent: str, environment: dict[str, str] | None = None, flags: Flags | None = None) -> World:
    installed = lambda name: name not in absent  # noqa: E731  a word for a line
    return World(environment or {}, flags or Flags(), network=False, installed=installed)


def test_an_absent_package_of_the_program_itself() -> None:
    fault = the_fault(found_in(world_without("websockets", flags=URL)), "python")
    assert "websockets" in fault.sentence
    assert "pip install" in fault.fix


def test_the_offline_engine_asked_for_and_not_installed() -> None:
    fault = the_fault(found_in(world_without("hibari", flags=Flags(server="offline"))), "extras")
    assert fault.fix == "Run pip install 'vivavoce[offline]'"


def test_nothing_configured_and_nothing_installed_names_every_way() -> None:
    fault = the_fault(found_in(world_without("ctranslate2")), "extras")
    assert "OPENAI_API_KEY" in fault.fix
    assert "vivavoce[offline]" in fault.fix


def test_entra_asked_for_and_not_installed() -> None:
    fault = the_fault(found_in(world_without("azure.identity", environment=ENTRA)), "extras")
    assert fault.fix == "Run pip install 'vivavoce[azure]'"


def test_a_part_that_is_not_needed_is_no_fault() -> None:
    findings = found_in(world_without("ctranslate2", "azure", flags=URL))
    assert "not needed for this: offline, azure" in of(findings, "extras").sentence
    assert {found.verdict for found in findings} == {"ok"}


def test_a_part_that_is_installed_and_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "aiohttp.py").write_text("raise ImportError('libnothing.so.1: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    fault = the_fault(found_in(world_without(environment=ENTRA)), "extras")
    assert "libnothing.so.1" in fault.sentence
    assert "--force-reinstall" in fault.fix


def test_a_part_that_ends_its_process_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "aiohttp.py").write_text("import os\nos.abort()")  # as a library for another CPU does
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    fault = the_fault(found_in(world_without(environment=ENTRA)), "extras")
    assert "does not load" in fault.sentence


def test_every_part_of_the_package_is_looked_for_under_a_name_that_is_there() -> None:
    assert [extra for extra in machine.EXTRAS if machine.has_extra(World(), extra)] == list(machine.EXTRAS)


def test_the_choice_is_told_with_its_reasons_and_without_the_key() -> None:
    findings = found_in(world_without(environment={"OPENAI_API_KEY": "sk-proj-0123456789"}))
    found = of(findings, "server")
    assert "OPENAI_API_KEY" in found.sentence
    assert "sk-pr**" in found.sentence
    assert "0123" not in str(findings)
    assert found.facts["kind"] == "openai"

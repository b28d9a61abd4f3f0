from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.engine.models.choose import open_brain, open_recogniser, own
from vivavoce.errors import BadSettings


@pytest.mark.parametrize("spec", ["gigantic", "base", "./no/such/file.gguf"])
def test_a_brain_that_is_neither_known_nor_there_is_refused(spec: str) -> None:
    with pytest.raises(BadSettings, match=r"--brain .*small"):
        open_brain(spec)


def test_a_recogniser_that_is_neither_known_nor_there_is_refused() -> None:
    with pytest.raises(BadSettings, match=r"--recogniser .*tiny\.en"):
        open_recogniser("small")


def test_a_file_that_is_no_model_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(b"not a model")
    with pytest.raises(BadSettings, match="GGUF"):
        open_brain(str(path))


def test_a_folder_that_is_no_whisper_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"model\.bin"):
        open_recogniser(str(tmp_path))


def test_a_folder_with_several_brains_asks_which(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(BadSettings, match="2 GGUF files"):
        open_brain(str(tmp_path))


def test_a_folder_that_has_the_name_of_a_model_is_not_meant_unless_it_is_written_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("small", "base", "mine"):
        (tmp_path / name).mkdir()
    assert [own(spec, "think") for spec in ("small", "./small", "mine", "none")] == [
        None,
        Path("small"),
        Path("mine"),
        None,
    ]
    assert [own(spec, "hear") for spec in ("base", "./base")] == [None, Path("base")]

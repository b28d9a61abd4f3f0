"""How hypothesis searches, and a sound card for the tests, real to PortAudio, with PulseAudio behind it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A machine that halts for a while is no fault, and a change is not refused for an example that nobody has seen before:
# the examples are the same each time. `--hypothesis-profile=search` looks at many others.
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", settings.get_profile("same"), derandomize=False, max_examples=2000)
settings.load_profile("same")

SCRIPT = Path(__file__).parent / "devices" / "virtual-audio.sh"


@dataclass
class VirtualAudio:
    """A running PulseAudio of our own, with a null speaker and a null microphone.

    Attributes:
        env: the variables under which a program finds it.
    """

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start()
        lines = self._run("env").splitlines()
        self.env = dict(shlex.split(line)[1].split("=", 1) for line in lines)

    def start(self) -> None:
        self._run("start")

    def stop(self) -> None:
        self._run("stop")

    def _run(self, verb: str) -> str:
        # stderr to a file, not a pipe: the server inherits it and a pipe would never end
        with (self.folder.parent / "virtual-audio.err").open("w+") as stderr:
            done = subprocess.run(  # noqa: S603  our own script
                [str(SCRIPT), verb],
                env={**os.environ, "VA_DIR": str(self.folder)},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                check=False,
                timeout=100,
            )
            stderr.seek(0)
            assert done.returncode == 0, stderr.read()
        return done.stdout


def _need_pulseaudio() -> None:
    if shutil.which("pulseaudio") is None or shutil.which("pactl") is None:
        pytest.skip("pulseaudio is not installed: apt install pulseaudio pulseaudio-utils libasound2-plugins")


@pytest.fixture(scope="session")
def virtual_audio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualAudio]:
    """One virtual sound card for the whole run, found by this process too."""
    _need_pulseaudio()
    audio = VirtualAudio(tmp_path_factory.mktemp("va") / "card")
    before = {name: os.environ.get(name) for name in audio.env}
    os.environ.update(audio.env)
    if "sounddevice" in sys.modules:  # PortAudio looked for devices when another test loaded it, and looks only once
        sounddevice = sys.modules["sounddevice"]
        sounddevice._terminate()
        sounddevice._initialize()
    yield audio
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    audio.stop()


@pytest.fixture
def spare_audio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualAudio]:
    """A second virtual sound card, to be broken."""
    _need_pulseaudio()
    audio = VirtualAudio(tmp_path_factory.mktemp("sp") / "card")
    yield audio
    audio.stop()

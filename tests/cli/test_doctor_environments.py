"""`viva doctor` in one broken environment after the other, as a person runs it: one fault, its fix, exit code 1."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_doctor import NOWHERE, Said, loudspeaker, speaking, viva_doctor, voice, with_site
from tests.conftest import VirtualAudio
from tests.doctor.talker import agree
from tests.wire.servers import (
    AUTHORITY,
    AZURE_HOST,
    AZURE_KEY,
    KEY,
    Answer,
    Proxy,
    azure,
    azure_preview,
    openai,
    serving,
)
from websockets.http11 import Request

from vivavoce.engine.models import registry

__all__ = ["voice"]  # a fixture

AZURE = {
    "AZURE_OPENAI_ENDPOINT": f"https://{AZURE_HOST}",
    "AZURE_OPENAI_API_KEY": AZURE_KEY,
    "AZURE_OPENAI_DEPLOYMENT": "my-realtime",
}
WRONG = "sk-wrong-wrong-wrong-wrong-wrong"
NO_SOURCE = {
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "PIP_INDEX_URL": "http://127.0.0.1:9",
    "PIP_EXTRA_INDEX_URL": "",
    "PIP_CONFIG_FILE": "/dev/null",
}
OVERDRIVEN = 131_072  # twice the loudest that PulseAudio does without cutting off
UNFINDABLE = """
import ctypes.util
find = ctypes.util.find_library
ctypes.util.find_library = lambda name: None if "portaudio" in name else find(name)
"""
WITHOUT = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] == {absent!r} else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def without(package: str, folder: Path) -> dict[str, str]:
    """Variables under which Python does not find that package."""
    return with_site(folder, WITHOUT.format(absent=package))


def the_fault(said: Said, check: str, fix: str) -> dict[str, Any]:
    """The one thing to mend, with `fix` in what is to be done: what it says, to programs and in the exit code."""
    assert said.code == 1
    assert all(line.startswith("now: ") for line in said.err.splitlines()), said.err
    report = said.report
    assert (report["well"], report["mend"]) == (False, [check]), said.out
    assert [found["check"] for found in report["checks"] if found["verdict"] == "mend"] == [check]
    found = said.check(check)
    assert fix in found["fix"]
    return found


def looked_at(*args: str, env: Mapping[str, str]) -> Said:
    """Everything but the sound."""
    return everything("--no-sound", *args, env=env)


def everything(*args: str, env: Mapping[str, str]) -> Said:
    return viva_doctor("--json", *args, env=env)


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


@contextlib.asynccontextmanager
async def leading(check: Any) -> AsyncIterator[dict[str, str]]:
    """Variables under which every name leads to one server, which admits whom `check` admits."""
    async with serving(check, agree([])) as port, Proxy(port).running() as address:
        yield {"HTTPS_PROXY": address}


@pytest.fixture
def trusted(tmp_path: Path) -> dict[str, str]:
    """Variables under which our test servers are trusted."""
    file = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    return {"SSL_CERT_FILE": str(file)}


def behind(check: Any, env: Mapping[str, str], look: Callable[..., Said] = looked_at) -> Said:
    async def work() -> Said:
        async with leading(check) as way:
            return await asyncio.to_thread(look, env={**env, **way})

    return asyncio.run(work())


# ---- the machine


def test_an_extra_that_is_absent(tmp_path: Path) -> None:
    said = looked_at("--server", "offline", "--no-network", env=without("hibari", tmp_path))
    found = the_fault(said, "extras", fix := "Run pip install 'vivavoce[offline]'")
    assert found["fix"] == fix


@pytest.fixture
def own(tmp_path: Path) -> list[str]:
    """Options under which only the models of voice activity detection and synthesis come from the registry."""
    (tmp_path / "own").touch()
    return ["--server", "offline", "--brain", str(tmp_path / "own"), "--recogniser", str(tmp_path / "own")]


def test_a_model_that_is_damaged(tmp_path: Path, own: list[str]) -> None:
    model = registry.named("silero")
    place = tmp_path / "models" / model.folder / model.files[0].name
    place.parent.mkdir(parents=True)
    place.write_bytes(b"cut short")
    said = looked_at(*own, env={**NO_SOURCE, "VIVA_MODELS": str(tmp_path / "models")})
    found = the_fault(said, "models", fix := "Delete it, then run viva models fetch silero")
    assert str(place) in found["sentence"]
    assert found["fix"] == fix


def test_a_model_that_is_absent_without_any_source(tmp_path: Path, own: list[str]) -> None:
    env = {**NO_SOURCE, "VIVA_MODELS": str(tmp_path / "models")}
    said = looked_at(*own[:4], "--recogniser", "tiny.en", env=env)
    found = the_fault(said, "models", "Check the network, HF_ENDPOINT")
    assert "tiny.en" in found["sentence"]
    assert "viva models path" in found["fix"]


# ---- who lets us in


def test_an_endpoint_without_credentials() -> None:
    said = looked_at(env={"AZURE_OPENAI_ENDPOINT": f"https://{AZURE_HOST}"})
    found = the_fault(said, "server", "AZURE_OPENAI_API_KEY")
    assert "nothing says how to sign in" in found["sentence"]


@pytest.mark.parametrize(
    ("check", "env", "fix"),
    [
        (openai, {"OPENAI_API_KEY": WRONG}, "Check OPENAI_API_KEY"),
        (azure, AZURE | {"AZURE_OPENAI_API_KEY": WRONG}, "Check that AZURE_OPENAI_API_KEY"),
    ],
    ids=["openai", "azure"],
)
def test_a_wrong_key(trusted: dict[str, str], check: Any, env: dict[str, str], fix: str) -> None:
    said = behind(check, {**env, **trusted})
    the_fault(said, "key", fix)
    assert WRONG not in said.out
    assert WRONG[:6] not in said.out


def test_a_wrong_deployment(trusted: dict[str, str]) -> None:
    said = behind(azure, {**AZURE, **trusted, "AZURE_OPENAI_DEPLOYMENT": "my-relatime"})
    assert "'my-relatime'" in the_fault(said, "deployment", "AZURE_OPENAI_DEPLOYMENT")["sentence"]


def test_an_endpoint_that_speaks_only_the_preview_protocol(trusted: dict[str, str]) -> None:
    env = {**AZURE, **trusted, "AZURE_OPENAI_DEPLOYMENT": "my-preview"}
    found = the_fault(behind(azure_preview, env), "protocol", "--preview")
    assert "only the preview protocol" in found["sentence"]


# ---- the way there


def test_a_name_that_does_not_resolve() -> None:
    env = AZURE | {"AZURE_OPENAI_ENDPOINT": "https://no-such-resource.invalid"}
    the_fault(looked_at(env=env), "name", "AZURE_OPENAI_ENDPOINT")


def at_a_server(check: Any, env: Mapping[str, str]) -> Said:
    """What is found where the server is on this machine, with TLS."""

    async def work() -> Said:
        async with serving(check, agree([])) as port:
            url = f"wss://localhost:{port}/v1/realtime"
            return await asyncio.to_thread(looked_at, "--server", url, env=env)

    return asyncio.run(work())


def test_a_certificate_that_is_not_trusted() -> None:
    found = the_fault(at_a_server(lambda _request: None, {}), "certificate", "SSL_CERT_FILE")
    assert "is not trusted" in found["sentence"]


def test_a_wrong_clock(trusted: dict[str, str]) -> None:
    def dated(request: Request) -> Answer:
        return (404, "", {"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}) if request.path == "/" else None

    found = the_fault(at_a_server(dated, trusted), "clock", "set its clock")
    assert "days ahead of" in found["sentence"]


def test_a_proxy_that_is_dead() -> None:
    with nobody() as port:
        env = {"OPENAI_API_KEY": WRONG, "HTTPS_PROXY": f"http://me:secret@127.0.0.1:{port}"}
        said = looked_at(env=env)
    found = the_fault(said, "proxy", "Check HTTPS_PROXY")
    assert "does not answer" in found["sentence"]
    assert "secret" not in said.out


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port of loopback at which nobody listens, and which nobody else takes."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


# ---- the sound


def test_no_portaudio(tmp_path: Path) -> None:
    said = everything(*NOWHERE, env=with_site(tmp_path, UNFINDABLE))
    the_fault(said, "portaudio", "apt install libportaudio2")
    assert said.check("level")["because"] == "portaudio"


@pytest.mark.skipif(sys.platform != "linux" or Path("/dev/snd").exists(), reason="this machine has a sound card")
def test_no_sound_server() -> None:
    nowhere = {"PULSE_SERVER": "unix:/nowhere", "ALSA_CONFIG_PATH": "/usr/share/alsa/alsa.conf"}
    the_fault(everything(*NOWHERE, env=nowhere), "devices", "start the sound server")


# ---- the sound, on the virtual card


def only(direction: str, audio: VirtualAudio, folder: Path) -> dict[str, str]:
    """Variables under which the card has only this direction: `playback` or `capture`; nobody knows the server behind it."""
    server = audio.env["PULSE_SERVER"]
    config = folder / f"only-{direction}.conf"
    pcm = f'type asym {direction}.pcm {{ type pulse server "{server}" }} hint {{ show on description "half" }}'
    config.write_text(f'pcm.!default {{ {pcm} }}\nctl.!default {{ type pulse server "{server}" }}\n')
    return {**audio.env, "ALSA_CONFIG_PATH": str(config), "PULSE_SERVER": "unix:/nowhere"}


@pytest.mark.sound
def test_no_input(virtual_audio: VirtualAudio, tmp_path: Path) -> None:
    said = everything(*NOWHERE, env=only("playback", virtual_audio, tmp_path))
    the_fault(said, "microphone", "viva talk --mic none")


@pytest.mark.sound
@pytest.mark.parametrize(
    ("gone", "check", "do"),
    [
        (("module-remap-source",), "microphone", "viva talk --mic none"),  # the speaker's monitor would be in its place
        (("module-remap-source", "module-null-sink"), "devices", "Connect a headset"),
    ],
)
def test_a_sound_server_that_has_nothing(spare_audio: VirtualAudio, gone: tuple[str, ...], check: str, do: str) -> None:
    for module in gone:
        pactl = ["pactl", "unload-module", module]
        subprocess.run(pactl, env=os.environ | spare_audio.env, check=True)  # noqa: S603  ours
    the_fault(everything(*NOWHERE, env=spare_audio.env), check, do)
    talk = [sys.executable, "-c", "from vivavoce.cli.main import main; main()", "talk"]
    done = subprocess.run(  # noqa: S603  ours
        talk, env=os.environ | spare_audio.env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 3
    assert "Error: There is no microphone: the sound server has none." in done.stderr


@pytest.mark.sound
def test_no_output(virtual_audio: VirtualAudio, tmp_path: Path, voice: Path) -> None:
    with speaking(voice, virtual_audio):
        said = everything(*NOWHERE, env=only("capture", virtual_audio, tmp_path))
    the_fault(said, "speaker", "viva talk --speaker answer.wav")
    assert said.check("level")["verdict"] != "skipped"


@pytest.mark.sound
def test_a_silent_microphone_beside_a_server_that_is_well(virtual_audio: VirtualAudio, trusted: dict[str, str]) -> None:
    said = behind(openai, {"OPENAI_API_KEY": KEY, **virtual_audio.env, **trusted}, everything)
    assert "is silent" in the_fault(said, "level", "Unmute it")["sentence"]
    assert said.check("conversation")["verdict"] == "ok"


@pytest.mark.sound
def test_devices_of_the_sound_server_are_called_as_in_a_talk(virtual_audio: VirtualAudio) -> None:
    named = ("--mic", "virtualmic", "--speaker", "VirtualSpeaker")
    said = everything(*NOWHERE, *named, env=virtual_audio.env)
    assert said.check("devices")["verdict"] == "ok"
    assert said.check("microphone")["verdict"] == "ok"


@pytest.mark.sound
def test_a_wrong_key_beside_sound_that_is_well(
    virtual_audio: VirtualAudio, voice: Path, trusted: dict[str, str]
) -> None:
    with loudspeaker(virtual_audio), speaking(voice, virtual_audio):
        said = behind(openai, {"OPENAI_API_KEY": WRONG, **virtual_audio.env, **trusted}, everything)
    the_fault(said, "key", "Check OPENAI_API_KEY")
    assert said.check("echo")["verdict"] == "ok"


@pytest.mark.sound
def test_a_microphone_whose_sound_is_cut_off(virtual_audio: VirtualAudio, voice: Path) -> None:
    with speaking(voice, virtual_audio, OVERDRIVEN):
        said = everything(*NOWHERE, "--speaker", "none", env=virtual_audio.env)
    assert "too loud" in the_fault(said, "level", "Lower its level")["sentence"]


@pytest.mark.sound
def test_an_echo_without_cancellation(virtual_audio: VirtualAudio, voice: Path, tmp_path: Path) -> None:
    env = {**virtual_audio.env, **without("livekit", tmp_path)}
    with loudspeaker(virtual_audio), speaking(voice, virtual_audio):
        said = everything(*NOWHERE, env=env)
    found = the_fault(said, "echo", "pip install 'vivavoce[echo]'")
    assert "echo cancellation is not installed" in found["sentence"]

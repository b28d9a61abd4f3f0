"""`viva doctor` in one broken environment after the other, as a person runs it: one fault, its fix, exit code 1.

Those of the sound that need nothing but the card, and the absent PortAudio, are in `test_doctor.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_doctor import NOWHERE, Said, loudspeaker, speaking, viva_doctor, voice, with_site
from tests.conftest import VirtualAudio
from tests.doctor.talker import agree
from tests.wire.servers import AUTHORITY, AZURE_HOST, AZURE_KEY, Answer, Proxy, azure, azure_preview, openai, serving
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


def the_fault(said: Said, check: str) -> dict[str, Any]:
    """The one thing to mend: what it says, to programs and in the exit code."""
    assert said.code == 1
    assert all(line.startswith("now: ") for line in said.err.splitlines()), said.err
    report = said.report
    assert (report["well"], report["mend"]) == (False, [check]), said.out
    assert [found["check"] for found in report["checks"] if found["verdict"] == "mend"] == [check]
    found = said.check(check)
    assert found["fix"]
    return found


def looked_at(*args: str, env: Mapping[str, str]) -> Said:
    """Everything but the sound."""
    return viva_doctor("--no-sound", "--json", *args, env=env)


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


def behind(check: Any, env: Mapping[str, str]) -> Said:
    async def work() -> Said:
        async with leading(check) as way:
            return await asyncio.to_thread(looked_at, env={**env, **way})

    return asyncio.run(work())


# ---- the machine


def test_an_extra_that_is_absent(tmp_path: Path) -> None:
    said = looked_at("--server", "offline", "--no-network", env=without("hibari", tmp_path))
    assert the_fault(said, "extras")["fix"] == "Run pip install 'vivavoce[offline]'"


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
    found = the_fault(looked_at(*own, env={**NO_SOURCE, "VIVA_MODELS": str(tmp_path / "models")}), "models")
    assert str(place) in found["sentence"]
    assert found["fix"] == "Delete it, then run viva models fetch silero"


def test_a_model_that_is_absent_without_any_source(tmp_path: Path, own: list[str]) -> None:
    env = {**NO_SOURCE, "VIVA_MODELS": str(tmp_path / "models")}
    found = the_fault(looked_at(*own[:4], "--recogniser", "tiny.en", env=env), "models")
    assert "tiny.en" in found["sentence"]
    assert "HF_ENDPOINT" in found["fix"]
    assert "viva models path" in found["fix"]


# ---- who lets us in


def test_an_endpoint_without_credentials() -> None:
    found = the_fault(looked_at(env={"AZURE_OPENAI_ENDPOINT": f"https://{AZURE_HOST}"}), "server")
    assert "nothing says how to sign in" in found["sentence"]
    assert "AZURE_OPENAI_API_KEY" in found["fix"]


@pytest.mark.parametrize(
    ("check", "env", "variable"),
    [
        (openai, {"OPENAI_API_KEY": WRONG}, "OPENAI_API_KEY"),
        (azure, AZURE | {"AZURE_OPENAI_API_KEY": WRONG}, "AZURE_OPENAI_API_KEY"),
    ],
    ids=["openai", "azure"],
)
def test_a_wrong_key(trusted: dict[str, str], check: Any, env: dict[str, str], variable: str) -> None:
    said = behind(check, {**env, **trusted})
    assert variable in the_fault(said, "key")["fix"]
    assert WRONG not in said.out
    assert WRONG[:6] not in said.out


def test_a_wrong_deployment(trusted: dict[str, str]) -> None:
    found = the_fault(behind(azure, {**AZURE, **trusted, "AZURE_OPENAI_DEPLOYMENT": "my-relatime"}), "deployment")
    assert "'my-relatime'" in found["sentence"]
    assert "AZURE_OPENAI_DEPLOYMENT" in found["fix"]


def test_an_endpoint_that_speaks_only_the_preview_protocol(trusted: dict[str, str]) -> None:
    env = {**AZURE, **trusted, "AZURE_OPENAI_DEPLOYMENT": "my-preview"}
    found = the_fault(behind(azure_preview, env), "protocol")
    assert "only the preview protocol" in found["sentence"]
    assert "--preview" in found["fix"]


# ---- the way there


def test_a_name_that_does_not_resolve() -> None:
    env = AZURE | {"AZURE_OPENAI_ENDPOINT": "https://no-such-resource.invalid"}
    assert "AZURE_OPENAI_ENDPOINT" in the_fault(looked_at(env=env), "name")["fix"]


def at_a_server(check: Any, env: Mapping[str, str]) -> Said:
    """What is found where the server is on this machine, with TLS."""

    async def work() -> Said:
        async with serving(check, agree([])) as port:
            url = f"wss://localhost:{port}/v1/realtime"
            return await asyncio.to_thread(looked_at, "--server", url, env=env)

    return asyncio.run(work())


def test_a_certificate_that_is_not_trusted() -> None:
    found = the_fault(at_a_server(lambda _request: None, {}), "certificate")
    assert "is not trusted" in found["sentence"]
    assert "SSL_CERT_FILE" in found["fix"]


def test_a_wrong_clock(trusted: dict[str, str]) -> None:
    def dated(request: Request) -> Answer:
        return (404, "", {"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}) if request.path == "/" else None

    found = the_fault(at_a_server(dated, trusted), "clock")
    assert "days ahead of" in found["sentence"]
    assert "set its clock" in found["fix"]


def test_a_proxy_that_is_dead() -> None:
    with nobody() as port:
        env = {"OPENAI_API_KEY": WRONG, "HTTPS_PROXY": f"http://me:secret@127.0.0.1:{port}"}
        said = looked_at(env=env)
    found = the_fault(said, "proxy")
    assert "does not answer" in found["sentence"]
    assert "HTTPS_PROXY" in found["fix"]
    assert "secret" not in said.out


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port of loopback at which nobody listens, and which nobody else takes."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


# ---- the sound, on the virtual card


@pytest.mark.sound
def test_a_microphone_whose_sound_is_cut_off(virtual_audio: VirtualAudio, voice: Path) -> None:
    with speaking(voice, virtual_audio, OVERDRIVEN):
        said = viva_doctor(*NOWHERE, "--json", "--speaker", "none", env=virtual_audio.env)
    found = the_fault(said, "level")
    assert "too loud" in found["sentence"]
    assert found["fix"].startswith("Lower its level")


@pytest.mark.sound
def test_an_echo_without_cancellation(virtual_audio: VirtualAudio, voice: Path, tmp_path: Path) -> None:
    env = {**virtual_audio.env, **without("livekit", tmp_path)}
    with loudspeaker(virtual_audio), speaking(voice, virtual_audio):
        said = viva_doctor(*NOWHERE, "--json", env=env)
    found = the_fault(said, "echo")
    assert "echo cancellation is not installed" in found["sentence"]
    assert "pip install 'vivavoce[echo]'" in found["fix"]

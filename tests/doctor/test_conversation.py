"""Servers that let us in or do not: one finding each, and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.doctor.rounds import found_in, of, the_fault
from tests.doctor.talker import agree, refuse
from tests.wire.servers import (
    AZURE_HOST,
    AZURE_KEY,
    KEY,
    Answer,
    Proxy,
    Script,
    Seen,
    azure,
    azure_entra,
    azure_preview,
    openai,
    serving,
)
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request

from vivavoce.choose import Flags
from vivavoce.doctor.findings import Finding
from vivavoce.doctor.world import World
from vivavoce.errors import KeyRefused

AZURE = {
    "AZURE_OPENAI_ENDPOINT": f"https://{AZURE_HOST}",
    "AZURE_OPENAI_API_KEY": AZURE_KEY,
    "AZURE_OPENAI_DEPLOYMENT": "my-realtime",
}
ENTRA = AZURE | {"AZURE_OPENAI_USE_ENTRA": "true"}
OPENAI = {"OPENAI_API_KEY": KEY}
WRONG = "sk-wrong-wrong-wrong-wrong-wrong"

pytestmark = pytest.mark.usefixtures("trusted")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Finding]]:
    """The findings of a world whose names all lead to one server."""

    def examine(check: Callable[[Request], Answer], world: World, script: Script | None = None) -> list[Finding]:
        async def work() -> list[Finding]:
            async with serving(check, script or agree([])) as port, Proxy(port).running() as address:
                monkeypatch.setenv("HTTPS_PROXY", address)
                return await asyncio.to_thread(found_in, world)

        return asyncio.run(work())

    return examine


At = Callable[..., list[Finding]]


def steps(findings: list[Finding]) -> list[str]:
    """What was seen of the visit: each of its steps that is well."""
    visit = ("answer", "key", "deployment", "protocol", "conversation")
    return [found.check for found in findings if found.check in visit and found.verdict in {"ok", "note"}]


def test_each_step_with_a_good_server_is_well(at: At) -> None:
    findings = at(openai, World(OPENAI))
    assert steps(findings) == ["answer", "key", "deployment", "protocol", "conversation"]
    assert of(findings, "key").sentence == "The key sk-pr** is accepted."
    assert KEY not in str(findings)


def test_an_endpoint_without_credentials() -> None:
    environment = {"AZURE_OPENAI_ENDPOINT": f"https://{AZURE_HOST}", "AZURE_OPENAI_DEPLOYMENT": "my-realtime"}
    fault = the_fault(found_in(World(environment)), "server")
    assert "nothing says how to sign in" in fault.sentence
    assert "AZURE_OPENAI_USE_ENTRA=true" in fault.fix
    assert "AZURE_OPENAI_API_KEY" in fault.fix


@pytest.mark.parametrize(
    ("check", "environment", "variable"),
    [
        (openai, OPENAI | {"OPENAI_API_KEY": WRONG}, "OPENAI_API_KEY"),
        (azure, AZURE | {"AZURE_OPENAI_API_KEY": WRONG}, "AZURE_OPENAI_API_KEY"),
    ],
)
def test_a_wrong_key(at: At, check: Any, environment: dict[str, str], variable: str) -> None:
    findings = at(check, World(environment))
    assert variable in the_fault(findings, "key").fix
    assert steps(findings) == ["answer"]
    assert WRONG not in str(findings)
    assert WRONG[:6] not in str(findings)


def test_a_wrong_deployment(at: At) -> None:
    findings = at(azure, World(AZURE | {"AZURE_OPENAI_DEPLOYMENT": "my-relatime"}))
    fault = the_fault(findings, "deployment")
    assert "'my-relatime'" in fault.sentence
    assert "AZURE_OPENAI_DEPLOYMENT or --model" in fault.fix
    assert steps(findings) == ["answer", "key"]


@pytest.mark.parametrize(("name", "says"), [("my-whisper", "does not talk"), ("my-old", "is retired")])
def test_a_deployment_that_cannot_talk(at: At, name: str, says: str) -> None:
    fault = the_fault(at(azure, World(AZURE | {"AZURE_OPENAI_DEPLOYMENT": name})), "deployment")
    assert says in fault.sentence


def test_no_quota_is_told_at_once(at: At) -> None:
    fault = the_fault(at(azure, World(AZURE | {"AZURE_OPENAI_DEPLOYMENT": "my-busy"})), "conversation")
    assert "Too many requests" in fault.sentence


def test_an_endpoint_that_speaks_only_the_preview_protocol(at: At) -> None:
    environment = AZURE | {"AZURE_OPENAI_DEPLOYMENT": "my-preview"}
    findings = at(azure_preview, World(environment))
    fault = the_fault(findings, "protocol")
    assert "only the preview protocol" in fault.sentence
    assert "--preview" in fault.fix
    assert steps(findings) == ["answer", "key", "deployment"]


def test_with_preview_that_endpoint_is_well_with_a_note(at: At) -> None:
    environment = AZURE | {"AZURE_OPENAI_DEPLOYMENT": "my-preview"}
    findings = at(azure_preview, World(environment, Flags(preview=True)))
    assert of(findings, "protocol").verdict == "note"
    assert steps(findings) == ["answer", "key", "deployment", "protocol", "conversation"]


def test_preview_said_to_a_server_that_speaks_ga(at: At) -> None:
    fault = the_fault(at(azure, World(AZURE, Flags(preview=True))), "protocol")
    assert fault.fix == "Leave --preview out."


def test_settings_that_are_refused_are_told_with_the_words_of_the_server(at: At) -> None:
    error = {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "No tools here.",
        "param": "session.tools",
    }
    findings = at(openai, World(OPENAI), refuse(error))
    assert "No tools here" in str(the_fault(findings, "conversation"))
    assert steps(findings) == ["answer", "key", "deployment"]


def test_a_field_that_can_be_spared_is_a_note(at: At) -> None:
    async def spare(connection: ServerConnection) -> None:
        error = '{"type": "error", "error": {"type": "invalid_request_error", "code": "invalid_value",'
        error += ' "message": "No such model.", "param": "session.audio.input.transcription.model"}}'
        updates = 0
        await connection.send('{"type": "session.created", "session": {"id": "s"}}')
        async for _ in connection:
            updates += 1
            await connection.send(error if updates == 1 else '{"type": "session.updated", "session": {"id": "s"}}')

    found = of(at(openai, World(OPENAI), spare), "conversation")
    assert found.verdict == "note"
    assert "audio.input.transcription" in found.fix


@pytest.mark.parametrize(
    ("code", "check"),
    [("model_not_found", "deployment"), ("invalid_api_key", "key"), ("insufficient_quota", "conversation")],
)
def test_what_is_said_after_the_handshake_counts_the_same(at: At, code: str, check: str) -> None:
    async def complain(connection: ServerConnection) -> None:
        said = f'{{"type": "error", "error": {{"type": "x", "code": "{code}", "message": "It is so: do that."}}}}'
        await connection.send(said)
        await connection.wait_closed()

    assert the_fault(at(openai, World(OPENAI), complain), check).fix == "Do that."


def test_a_server_that_hangs_up_is_told(at: At) -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.close(1011, "out of order")

    findings = at(openai, World(OPENAI), leave)
    the_fault(findings, "conversation")
    assert steps(findings) == ["answer"]  # whether the key was looked at nobody knows


def test_another_path_is_no_realtime_address(at: At) -> None:
    environment = OPENAI | {"OPENAI_BASE_URL": "https://api.openai.com/v2"}
    fault = the_fault(at(openai, World(environment)), "protocol")
    assert "does not open a Realtime conversation (404)" in fault.sentence


def test_entra_signs_in_with_a_token(at: At) -> None:
    async def token(_scope: str) -> str:
        return "eyJ-token-of-today"

    findings = at(azure_entra(lambda: "eyJ-token-of-today"), World(ENTRA, token_source=token))
    assert of(findings, "key").sentence.startswith("Signing in with Entra works")
    assert "eyJ-token" not in str(findings)


def test_nobody_signed_in_is_told(at: At) -> None:
    async def nobody(_scope: str) -> str:
        raise KeyRefused("Nobody is signed in to Azure: run `az login`.")

    seen = Seen()
    fault = the_fault(at(azure, World(ENTRA, token_source=nobody)), "key")
    assert "az login" in fault.fix
    assert not seen.requests

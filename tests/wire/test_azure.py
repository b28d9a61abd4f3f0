from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.wire.servers import (
    AUTHORITY,
    AZURE_HOST,
    AZURE_KEY,
    PREVIEW_CREATED,
    Proxy,
    Seen,
    azure,
    azure_entra,
    azure_preview,
    serving,
    tcp,
)
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus

from vivavoce.choose import ENTRA_SCOPE, Choice, Flags, choose
from vivavoce.errors import (
    DeploymentNotFound,
    KeyRefused,
    ModelRetired,
    NotARealtimeModel,
    QuotaExceeded,
    Refused,
)
from vivavoce.events.client import UpdateSession
from vivavoce.events.server import SessionCreated
from vivavoce.wire.azure import entra_token
from vivavoce.wire.factory import wire_for
from vivavoce.wire.websocket import Patience

QUICK = Patience(new_deployment_s=0.01, rate_first_s=0.01)


def with_key(port: int, deployment: str = "my-realtime", key: str = AZURE_KEY) -> Choice:
    return choose(
        {
            "AZURE_OPENAI_ENDPOINT": f"https://localhost:{port}/",
            "AZURE_OPENAI_API_KEY": key,
            "AZURE_OPENAI_DEPLOYMENT": deployment,
        },
        offline_installed=False,
    )


def with_entra(endpoint: str) -> Choice:
    return choose(
        {
            "AZURE_OPENAI_ENDPOINT": endpoint,
            "AZURE_OPENAI_USE_ENTRA": "true",
            "AZURE_OPENAI_API_KEY": AZURE_KEY,
            "AZURE_OPENAI_DEPLOYMENT": "my-realtime",
        },
        offline_installed=False,
    )


def refused(deployment: str, key: str = AZURE_KEY, patience: Patience = QUICK) -> tuple[Refused, list[int]]:
    seen = Seen()

    async def attempt() -> Refused:
        async with serving(azure, seen=seen) as port:
            with pytest.raises(Refused) as caught:
                await wire_for(with_key(port, deployment, key), patience=patience).open()
            return caught.value

    return asyncio.run(attempt()), seen.answers


@pytest.mark.usefixtures("trusted")
def test_the_real_address_is_reached_with_the_api_key_header_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen()

    async def talk() -> list[str]:
        async with serving(azure, seen=seen) as port:
            proxy = Proxy(port)
            async with proxy.running() as address:
                monkeypatch.setenv("HTTPS_PROXY", address)
                environment = {
                    "AZURE_OPENAI_ENDPOINT": f"https://{AZURE_HOST}/openai/v1/?api-version=2025-04-01-preview",
                    "AZURE_OPENAI_API_KEY": AZURE_KEY,
                    "AZURE_OPENAI_DEPLOYMENT": "my-realtime",
                }
                wire = wire_for(choose(environment, offline_installed=False))
                await wire.open()
                assert isinstance(await wire.receive(), SessionCreated)
                await wire.close()
                return proxy.asked

    assert asyncio.run(talk()) == [f"CONNECT {AZURE_HOST}:443 HTTP/1.1"]
    (request,) = seen.requests
    assert request.path == "/openai/v1/realtime?model=my-realtime"
    assert request.headers["Host"] == AZURE_HOST
    assert "Authorization" not in request.headers
    assert "OpenAI-Beta" not in request.headers


def test_this_server_refuses_an_api_version_on_the_ga_path() -> None:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)

    async def status() -> int:
        async with serving(azure) as port:
            url = f"wss://localhost:{port}/openai/v1/realtime?model=my-realtime&api-version=2025-04-01-preview"
            with pytest.raises(InvalidStatus) as caught:
                await connect(url, ssl=context, additional_headers={"api-key": AZURE_KEY})
            return caught.value.response.status_code

    assert asyncio.run(status()) == 401


@pytest.mark.usefixtures("trusted")
def test_a_wrong_key_is_refused_at_once_and_says_what_to_check() -> None:
    error, answers = refused("my-realtime", key="fedcba9876543210fedcba9876543210")
    assert isinstance(error, KeyRefused)
    assert answers == [401]
    assert "AZURE_OPENAI_API_KEY" in str(error)
    assert "fedcb" not in str(error) + error.body


@pytest.mark.usefixtures("trusted")
def test_an_unknown_deployment_is_tried_once_more_and_then_named() -> None:
    error, answers = refused("my-tpyo")
    assert isinstance(error, DeploymentNotFound)
    assert answers == [404, 404]
    assert "'my-tpyo'" in str(error)
    assert "AZURE_OPENAI_DEPLOYMENT" in str(error)
    assert "DeploymentNotFound" in error.body


@pytest.mark.usefixtures("trusted")
def test_a_deployment_that_appears_in_time_is_used_and_the_wait_is_told() -> None:
    answers = iter([(404, json.dumps({"error": {"code": "DeploymentNotFound", "message": "not yet"}})), None])

    async def talk() -> list[str]:
        async with serving(lambda _request: next(answers)) as port:
            wire = wire_for(with_key(port), patience=QUICK)
            await wire.open()
            assert isinstance(await wire.receive(), SessionCreated)
            told = [trouble.code for trouble in wire.warnings()]
            await wire.close()
            return told

    assert asyncio.run(talk()) == ["retrying"]


@pytest.mark.usefixtures("trusted")
def test_a_model_that_does_not_talk_is_refused_at_once() -> None:
    error, answers = refused("my-whisper")
    assert isinstance(error, NotARealtimeModel)
    assert answers == [400]
    assert "'my-whisper'" in str(error)
    assert "gpt-realtime-2.1" in str(error)


@pytest.mark.usefixtures("trusted")
def test_a_retired_model_is_refused_at_once_and_a_current_one_named() -> None:
    error, answers = refused("my-old")
    assert isinstance(error, ModelRetired)
    assert answers == [410]
    assert "gpt-realtime-2.1" in str(error)


@pytest.mark.usefixtures("trusted")
def test_too_many_requests_are_tried_again_as_often_as_patience_lasts() -> None:
    error, answers = refused("my-busy", patience=Patience(rate_tries=2, rate_first_s=0.01))
    assert isinstance(error, QuotaExceeded)
    assert answers == [429, 429, 429]


@pytest.mark.usefixtures("trusted")
def test_every_connect_asks_for_a_fresh_token_and_the_key_stays_home() -> None:
    seen = Seen()
    scopes: list[str] = []

    async def token(scope: str) -> str:
        scopes.append(scope)
        return f"token-{len(scopes)}"

    async def talk() -> None:
        async with serving(azure_entra(lambda: f"token-{len(scopes)}"), seen=seen) as port:
            wire = wire_for(with_entra(f"https://localhost:{port}"), token_source=token)
            for _ in range(2):
                await wire.open()
                assert isinstance(await wire.receive(), SessionCreated)
            await wire.close()

    asyncio.run(talk())
    assert seen.answers == [101, 101]
    assert scopes == [ENTRA_SCOPE, ENTRA_SCOPE]
    assert [request.headers["Authorization"] for request in seen.requests] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.usefixtures("trusted")
def test_a_missing_role_is_named_and_the_token_is_not() -> None:
    async def token(_scope: str) -> str:
        return "eyJ0eXAiOiJKV1QifQ.secret"

    async def attempt() -> KeyRefused:
        async with serving(azure_entra(lambda: "another")) as port:
            with pytest.raises(KeyRefused) as caught:
                await wire_for(with_entra(f"https://localhost:{port}"), token_source=token).open()
            return caught.value

    error = asyncio.run(attempt())
    assert "Cognitive Services OpenAI User" in str(error)
    assert "PermissionDenied" in error.body
    assert "eyJ0" not in str(error) + error.body


@contextlib.asynccontextmanager
async def managed_identity(status: int, asked: list[str]) -> AsyncIterator[str]:
    """The token endpoint of an App Service, on loopback."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        body = json.dumps(
            {
                "access_token": "token-of-azure-identity",
                "expires_on": "4102444800",
                "token_type": "Bearer",
                "resource": ENTRA_SCOPE.removesuffix("/.default"),
            }
            if status == 200
            else {"error": "invalid_request", "message": "no identity here"}
        )
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close"
        )
        writer.write(f"{head}\r\n\r\n{body}".encode())

    async with tcp(answer) as port:
        yield f"http://127.0.0.1:{port}/token"


@pytest.fixture
def only_managed_identity(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """azure-identity asks for the managed identity and nobody else: `AZURE_TOKEN_CREDENTIALS` is its own setting."""
    pytest.importorskip("azure.identity")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    monkeypatch.setenv("IDENTITY_HEADER", "secret-of-the-app-service")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("trusted", "only_managed_identity")
def test_the_real_azure_identity_opens_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    seen = Seen()

    async def talk() -> None:
        async with managed_identity(200, asked) as endpoint:
            monkeypatch.setenv("IDENTITY_ENDPOINT", endpoint)
            async with serving(azure_entra(lambda: "token-of-azure-identity"), seen=seen) as port:
                wire = wire_for(with_entra(f"https://localhost:{port}"))
                await wire.open()
                assert isinstance(await wire.receive(), SessionCreated)
                await wire.close()

    asyncio.run(talk())
    assert seen.answers == [101]
    assert "resource=https://cognitiveservices.azure.com " in unquote(asked[0])


@pytest.mark.usefixtures("only_managed_identity")
def test_a_sign_in_that_fails_says_az_login_and_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt() -> KeyRefused:
        async with managed_identity(400, []) as endpoint:
            monkeypatch.setenv("IDENTITY_ENDPOINT", endpoint)
            with pytest.raises(KeyRefused) as caught:
                await entra_token(ENTRA_SCOPE)
            return caught.value

    error = asyncio.run(attempt())
    assert "az login" in str(error)
    assert "Cognitive Services OpenAI User" in str(error)
    assert error.status is None
    assert error.body


@pytest.mark.usefixtures("trusted")
def test_the_preview_path_is_spoken_only_when_asked_for_and_arrives_as_ga_words() -> None:
    seen = Seen()

    async def script(connection: ServerConnection) -> None:
        await connection.send(PREVIEW_CREATED)
        async for text in connection:
            seen.texts.append(str(text))

    async def talk() -> SessionCreated:
        async with serving(azure_preview, script, seen=seen) as port:
            environment = {
                "AZURE_OPENAI_ENDPOINT": f"localhost:{port}",
                "AZURE_OPENAI_API_KEY": AZURE_KEY,
                "AZURE_OPENAI_DEPLOYMENT": "my-preview",
            }
            wire = wire_for(choose(environment, Flags(preview=True), offline_installed=False))
            await wire.open()
            created = await wire.receive()
            assert isinstance(created, SessionCreated)
            wire.send(UpdateSession({"type": "realtime", "output_modalities": ["audio"]}))
            await wire.close()
            return created

    created = asyncio.run(talk())
    assert created.session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert json.loads(seen.texts[0]) == {"type": "session.update", "session": {"modalities": ["audio", "text"]}}
    assert seen.requests[0].path == "/openai/realtime?api-version=2025-04-01-preview&deployment=my-preview"

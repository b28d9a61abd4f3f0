from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from tests.wire.servers import AUTHORITY, KEY, Proxy, Seen, openai, serving
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from vivavoce.choose import Flags, choose
from vivavoce.errors import DeploymentNotFound, KeyRefused
from vivavoce.events.server import SessionCreated
from vivavoce.wire.factory import wire_for


def test_the_real_address_is_reached_through_the_proxy_with_the_key_and_nothing_else(
    trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Seen()

    async def talk() -> list[str]:
        async with serving(openai, seen=seen) as port:
            proxy = Proxy(port)
            async with proxy.running() as address:
                monkeypatch.setenv("HTTPS_PROXY", address)
                wire = wire_for(choose({"OPENAI_API_KEY": KEY}, offline_installed=False))
                await wire.open()
                assert isinstance(await wire.receive(), SessionCreated)
                await wire.close()
                return proxy.asked

    assert asyncio.run(talk()) == ["CONNECT api.openai.com:443 HTTP/1.1"]
    assert trusted.exists()
    (request,) = seen.requests
    assert request.path == "/v1/realtime?model=gpt-realtime-2.1"
    assert request.headers["Host"] == "api.openai.com"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert "OpenAI-Beta" not in request.headers
    assert "api-key" not in request.headers
    assert "Sec-WebSocket-Extensions" not in request.headers


@pytest.mark.usefixtures("trusted")
def test_a_wrong_key_is_refused_once_and_never_shown() -> None:
    seen = Seen()
    wrong = "sk-wrong-0123456789"

    async def refused() -> KeyRefused:
        async with serving(openai, seen=seen) as port:
            environment = {"OPENAI_API_KEY": wrong, "OPENAI_BASE_URL": f"https://localhost:{port}/v1"}
            with pytest.raises(KeyRefused) as caught:
                await wire_for(choose(environment, offline_installed=False)).open()
            return caught.value

    error = asyncio.run(refused())
    assert seen.answers == [401]
    assert error.status == 401
    assert "OPENAI_API_KEY" in str(error)
    assert "Incorrect API key" in error.body
    assert "wrong" not in str(error) + error.body


@pytest.mark.usefixtures("trusted")
def test_a_model_that_does_not_exist_is_named() -> None:
    async def refused() -> str:
        async with serving(openai) as port:
            environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"https://localhost:{port}/v1"}
            choice = choose(environment, Flags(model="gpt-x"), offline_installed=False)
            with pytest.raises(DeploymentNotFound) as caught:
                await wire_for(choice).open()
            return str(caught.value)

    said = asyncio.run(refused())
    assert "'gpt-x'" in said
    assert "--model" in said


def test_this_server_closes_on_a_beta_header_with_4000() -> None:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)

    async def closed() -> int:
        async with (
            serving(openai) as port,
            connect(
                f"wss://localhost:{port}/v1/realtime?model=gpt-realtime-2.1",
                ssl=context,
                additional_headers={"Authorization": f"Bearer {KEY}", "OpenAI-Beta": "realtime=v1"},
            ) as socket,
        ):
            await socket.recv()
            with pytest.raises(ConnectionClosedError) as caught:
                await socket.recv()
            assert caught.value.rcvd is not None
            return caught.value.rcvd.code

    assert asyncio.run(closed()) == 4000

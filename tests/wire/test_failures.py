from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from tests.wire.servers import Proxy, openai, serving, tcp

from vivavoce.errors import BadSettings, QuotaExceeded, ServerGone, VivaError
from vivavoce.wire.failures import Attempt, failure, proxy_for
from vivavoce.wire.refusals import Advice
from vivavoce.wire.websocket import Patience, Server, WebSocketWire

ADVICE = Advice(model="m", named_by="--model", key="check the key", address="THE_ADDRESS")


async def opened(url: str, patience: Patience | None = None) -> VivaError:
    """The error of an `open` that must fail."""

    async def headers() -> Mapping[str, str]:
        return {}

    with pytest.raises(VivaError) as caught:
        await WebSocketWire(Server(url, headers, ADVICE), patience).open()
    return caught.value


def test_a_port_where_nobody_listens_names_host_and_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = asyncio.run(opened(f"ws://127.0.0.1:{port}/v1/realtime?key=hidden"))
    assert isinstance(error, ServerGone)
    assert error.code is None
    assert f"Nothing answers at 127.0.0.1:{port}" in str(error)
    assert "THE_ADDRESS" in str(error)
    assert "hidden" not in str(error)


def test_a_name_nobody_knows_is_named() -> None:
    error = asyncio.run(opened("wss://no-such-host.invalid/v1/realtime"))
    assert isinstance(error, ServerGone)
    assert "no-such-host.invalid is a name nobody knows" in str(error)


def test_a_certificate_nobody_trusts_says_ssl_cert_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "none.pem"
    empty.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(empty))

    async def attempt() -> VivaError:
        async with serving() as port:
            return await opened(f"wss://localhost:{port}")

    error = asyncio.run(attempt())
    assert isinstance(error, ServerGone)
    assert "certificate of localhost" in str(error)
    assert "SSL_CERT_FILE" in str(error)


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt() -> VivaError:
        async with serving() as port:
            proxy = Proxy(port)
            async with proxy.running() as address:
                monkeypatch.setenv("HTTPS_PROXY", address)
                return await opened("wss://api.openai.example/v1/realtime")

    error = asyncio.run(attempt())
    assert isinstance(error, ServerGone)
    assert "certificate of api.openai.example is not trusted through the proxy" in str(error)
    assert "Hostname mismatch" in str(error)


def test_a_directory_of_certificates_is_respected_too(monkeypatch: pytest.MonkeyPatch, trusted: Path) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    digest = subprocess.run(  # noqa: S603  the arguments are ours
        ["openssl", "x509", "-hash", "-noout", "-in", str(trusted)],  # noqa: S607  any openssl will do
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (trusted.parent / f"{digest}.0").write_bytes(trusted.read_bytes())
    monkeypatch.setenv("SSL_CERT_DIR", str(trusted.parent))

    async def attempt() -> str:
        async with serving() as port:

            async def headers() -> Mapping[str, str]:
                return {}

            wire = WebSocketWire(Server(f"wss://localhost:{port}", headers, ADVICE))
            await wire.open()
            word = await wire.receive()
            await wire.close()
            return word.TYPE

    assert asyncio.run(attempt()) == "session.created"


def test_a_server_without_tls_says_so() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    assert "does not answer with TLS" in str(raw(plain, "wss"))


def test_a_server_that_hangs_up_at_once_says_so() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    assert "hung up" in str(raw(rude, "wss"))


def raw(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    scheme: str = "ws",
    open_s: float = 60.0,
) -> VivaError:
    async def attempt() -> VivaError:
        async with tcp(answer) as port:
            return await opened(f"{scheme}://127.0.0.1:{port}", Patience(open_s=open_s))

    return asyncio.run(attempt())


def test_a_server_that_says_nothing_is_waited_for_so_long_and_no_longer() -> None:
    async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    assert "did not answer within 0.3 s" in str(raw(mute, open_s=0.3))


def test_a_server_that_hangs_up_or_speaks_something_else_does_not_speak_websocket() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail ready\r\n")

    assert "does not speak WebSocket" in str(raw(rude))


def through(proxy: Proxy, monkeypatch: pytest.MonkeyPatch, secret: str = "") -> VivaError:
    async def attempt() -> VivaError:
        async with proxy.running() as address:
            monkeypatch.setenv("HTTPS_PROXY", address.replace("://", f"://{secret}"))
            return await opened("wss://api.openai.com/v1/realtime")

    return asyncio.run(attempt())


def test_a_proxy_that_refuses_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy(0, status=403)
    error = through(proxy, monkeypatch, "name:hush-hush@")
    assert isinstance(error, ServerGone)
    assert f"The proxy 127.0.0.1:{proxy.port} does not let us through to api.openai.com (403)" in str(error)
    assert "hush" not in str(error)


def test_a_proxy_that_wants_a_password_says_where_to_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "http://NAME:PASSWORD@HOST" in str(through(Proxy(0, status=407), monkeypatch))


def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{port}")
    error = asyncio.run(opened("wss://api.openai.com/v1/realtime"))
    assert f"through the proxy 127.0.0.1:{port} (HTTPS_PROXY)" in str(error)


def test_an_address_that_is_no_proxy_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://name:hush-hush@old.example:70")
    error = asyncio.run(opened("wss://api.openai.com/v1/realtime"))
    assert isinstance(error, BadSettings)
    assert "old.example:70" in str(error)
    assert "hush" not in str(error)


def test_this_machine_and_the_names_of_no_proxy_are_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:2")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert proxy_for("wss://api.openai.com/v1") == "http://proxy:1"
    assert proxy_for("wss://inside.example/v1") is None
    assert proxy_for("ws://127.0.0.1:8787/v1") is None
    assert proxy_for("wss://localhost:1/") is None


def test_all_proxy_stands_in_and_socks_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://socks.example:1080")
    found = proxy_for("wss://api.openai.com/v1")
    assert found == "socks5://socks.example:1080"
    error = failure(ImportError("python-socks"), Attempt("api.openai.com", found, "THE_ADDRESS", 10))
    assert isinstance(error, BadSettings)
    assert "pip install python-socks" in str(error)


def test_any_other_fault_of_the_system_still_names_the_host() -> None:
    error = failure(OSError(113, "No route to host"), Attempt("h:1", None, "THE_ADDRESS", 10))
    assert str(error) == "h:1 cannot be reached (No route to host): check the network and THE_ADDRESS."


@pytest.mark.usefixtures("trusted")
def test_a_long_pause_is_told_instead_of_waited_for() -> None:
    async def attempt() -> VivaError:
        async with serving(lambda _request: (429, "", {"Retry-After": "3600"})) as port:
            return await opened(f"wss://localhost:{port}")

    error = asyncio.run(attempt())
    assert isinstance(error, QuotaExceeded)
    assert "3600 s" in str(error)


@pytest.mark.usefixtures("trusted")
def test_no_header_at_all_is_a_key_refused() -> None:
    async def attempt() -> VivaError:
        async with serving(openai) as port:
            return await opened(f"wss://localhost:{port}/v1/realtime?model=gpt-realtime-2.1")

    assert "check the key" in str(asyncio.run(attempt()))


def test_without_a_word_from_the_server_the_pauses_double() -> None:
    async def headers() -> Mapping[str, str]:
        return {}

    async def attempt() -> list[str]:
        async with serving(lambda _request: (429, ""), tls=False) as port:
            server = Server(f"ws://127.0.0.1:{port}", headers, ADVICE)
            wire = WebSocketWire(server, Patience(rate_tries=3, rate_first_s=0.01))
            with pytest.raises(QuotaExceeded):
                await wire.open()
            return [trouble.message.rpartition("Trying again in ")[2] for trouble in wire.warnings()]

    assert asyncio.run(attempt()) == ["0.01 s.", "0.02 s.", "0.04 s."]

"""Servers on loopback that check path, query and headers as the reference (section 1) describes, and refuse the wrong ones.

One authority signs certificates for the real host names; a CONNECT proxy leads those names to loopback, so the very
addresses people use are dialled.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

REFERENCE = Path(__file__).parent.parent / "events" / "reference"
KEY = "sk-proj-0123456789abcdef"
AZURE_KEY = "0123456789abcdef0123456789abcdef"
AZURE_HOST = "my-resource.openai.azure.com"
BETA_DISABLED = (REFERENCE / "ga-server.error.beta_api_shape_disabled.json").read_text()
CREATED = (REFERENCE / "ga-server.session.created.json").read_text()
PREVIEW_CREATED = (REFERENCE / "azure-preview-server.session.created.json").read_text()

AUTHORITY = trustme.CA()
_CERTIFICATE = AUTHORITY.issue_cert("localhost", "127.0.0.1", "api.openai.com", AZURE_HOST)

Answer = tuple[int, str] | tuple[int, str, dict[str, str]] | None
Script = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class Seen:
    """What a server saw of its clients."""

    requests: list[Request] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def _query(request: Request) -> dict[str, list[str]]:
    return parse_qs(urlsplit(request.path).query, keep_blank_values=True)


def openai(request: Request) -> Answer:
    """OpenAI GA: path, one model, Bearer key."""
    if urlsplit(request.path).path != "/v1/realtime":
        return 404, ""
    if request.headers.get("Authorization") != f"Bearer {KEY}":
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        said = f"Incorrect API key provided: {sent}. You can find your API key at https://platform.openai.com."
        return 401, json.dumps({"error": {"message": said, "type": "invalid_request_error", "code": "invalid_api_key"}})
    if _query(request) != {"model": ["gpt-realtime-2.1"]}:
        said = "The model `gpt-x` does not exist or you do not have access to it."
        return 404, json.dumps({"error": {"message": said, "code": "model_not_found"}})
    return None


def azure(request: Request) -> Answer:
    """Azure GA with a key."""
    if request.headers.get_all("api-key") != [AZURE_KEY] or "Authorization" in request.headers:
        return 401, _denied("Access denied due to invalid subscription key or wrong API endpoint.", "401")
    return _azure_ga(request)


def azure_entra(token: Callable[[], str]) -> Callable[[Request], Answer]:
    """Azure GA with an Entra token: the one that is valid at this connect, no other."""

    def check(request: Request) -> Answer:
        if request.headers.get_all("Authorization") != [f"Bearer {token()}"] or "api-key" in request.headers:
            return 401, _denied("The principal does not have access to API/Operation.", "PermissionDenied")
        return _azure_ga(request)

    return check


def azure_preview(request: Request) -> Answer:
    """Azure preview with a key."""
    if urlsplit(request.path).path != "/openai/realtime":
        return 404, _denied("Resource not found", "404")
    if request.headers.get_all("api-key") != [AZURE_KEY]:
        return 401, _denied("Access denied due to invalid subscription key or wrong API endpoint.", "401")
    if _query(request) != {"api-version": ["2025-04-01-preview"], "deployment": ["my-preview"]}:
        return 404, (REFERENCE / "http-404.azure.DeploymentNotFound.json").read_text()
    return None


def _denied(message: str, code: str) -> str:
    return json.dumps({"error": {"code": code, "message": message}})


def _azure_ga(request: Request) -> Answer:
    if urlsplit(request.path).path != "/openai/v1/realtime":
        return 404, _denied("Resource not found", "404")
    query = _query(request)
    if "api-version" in query:
        return 401, _denied("api-version query parameter is not allowed when using /v1 path", "401")
    answers: dict[str, Answer] = {
        "my-realtime": None,
        "my-whisper": (400, (REFERENCE / "http-400.azure.OpperationNotSupported.json").read_text()),
        "my-old": (410, _denied("The model has been retired.", "ModelRetired")),
        "my-busy": (429, _denied("Requests have exceeded call rate limit.", "429"), {"Retry-After": "0"}),
    }
    missing = (404, (REFERENCE / "http-404.azure.DeploymentNotFound.json").read_text())
    return answers.get(query.get("model", [""])[0], missing) if list(query) == ["model"] else missing


async def hello(connection: ServerConnection) -> None:
    """Say `session.created`, then listen."""
    beta = connection.request is not None and "OpenAI-Beta" in connection.request.headers
    preview = connection.request is not None and connection.request.path.startswith("/openai/realtime")
    if beta:
        await connection.send(BETA_DISABLED)
        await connection.close(4000, "invalid_request_error.beta_api_shape_disabled")
        return
    await connection.send(PREVIEW_CREATED if preview else CREATED)
    async for _ in connection:
        pass


@contextlib.asynccontextmanager
async def serving(
    check: Callable[[Request], Answer] = lambda _request: None,
    script: Script = hello,
    *,
    tls: bool = True,
    seen: Seen | None = None,
) -> AsyncIterator[int]:
    """A server on a port of loopback, with TLS; the port is given."""

    def admit(_connection: ServerConnection, request: Request) -> Response | None:
        answer = check(request)
        if seen is not None:
            seen.requests.append(request)
            seen.answers.append(answer[0] if answer else 101)
        return respond(*answer) if answer else None

    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        _CERTIFICATE.configure_cert(context)
    async with serve(
        script, "127.0.0.1", 0, ssl=context, process_request=admit, compression=None, max_size=2**24, close_timeout=1
    ) as server:
        yield port_of(server.sockets)


def respond(status: int, body: str, headers: dict[str, str] | None = None) -> Response:
    """An HTTP answer."""
    data = body.encode()
    fields = Headers({"Content-Type": "application/json", "Content-Length": str(len(data)), **(headers or {})})
    return Response(status, HTTPStatus(status).phrase, fields, data)


def port_of(sockets: object) -> int:
    """The port of the first socket of a server."""
    assert isinstance(sockets, (list, tuple))
    return int(sockets[0].getsockname()[1])


@contextlib.asynccontextmanager
async def tcp(client: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """A plain TCP server on a port of loopback; its end waits for every client, so that nothing stays open."""
    tasks: list[asyncio.Task[None]] = []

    async def noted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):  # a client may leave when it likes
            await client(reader, writer)
        await finish(writer)

    server = await asyncio.start_server(noted, "127.0.0.1", 0)
    async with server:
        yield port_of(list(server.sockets))
    await asyncio.gather(*tasks)


@dataclass
class Proxy:
    """A CONNECT proxy that leads every name to one port of loopback."""

    leads_to: int
    status: int = 200
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Its address."""
        async with tcp(self._client) as self.port:
            yield f"http://127.0.0.1:{self.port}"

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.splitlines()[0])
        if self.status != HTTPStatus.OK:
            writer.write(f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.leads_to)
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):  # the other side may be gone first; the test looks at what arrived
        while data := await source.read(65_536):
            sink.write(data)
            await sink.drain()
    await finish(sink)


async def finish(writer: asyncio.StreamWriter) -> None:
    """Close one end of a plain TCP connection."""
    writer.close()
    with contextlib.suppress(ConnectionError):  # already closed by the other end
        await writer.wait_closed()

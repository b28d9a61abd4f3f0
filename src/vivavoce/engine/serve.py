"""`viva engine`: the WebSocket around the engine.

What is asked of a handshake, in this order; each refusal has a JSON body in the shape of the API's errors:

    path     /v1/realtime or /openai/v1/realtime, any query                                        else 404
    origin   none (programs), or a page of this very address on loopback (browsers always send one) else 403
    token    when there is one: `Authorization: Bearer TOKEN` or `api-key: TOKEN`, constant time   else 401
    room     fewer than `max_sessions` conversations                                               else 429

A client that does not read is closed with 1008 when more than 32 MiB of sound wait for it; when it does not take the close
either, it is cut off after `close_s`. One that writes faster than the engine takes is not read from.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from vivavoce.addresses import is_loopback
from vivavoce.engine.pipeline import Session, Stages
from vivavoce.errors import BadSettings, ProtocolError
from vivavoce.events import codec
from vivavoce.events.server import AudioDelta, ServerEvent

__all__ = ["Door", "serving"]

PATHS = frozenset({"/v1/realtime", "/openai/v1/realtime"})
MAX_MESSAGE_BYTES = 24 * 2**20  # 15 MiB of sound are 20 MiB of base64
EVENT_BYTES = 500  # a word without sound, roughly
MAX_BACKLOG = 200
BREATH_S = 0.01

log = logging.getLogger(__name__)
# `websockets` writes every header of the handshake to its log at DEBUG, the token among them: never below INFO.
_socket_log = logging.getLogger("vivavoce.engine.socket")
_socket_log.setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Door:
    """Where the engine listens and whom it lets in.

    Attributes:
        token: what clients must send; None = nothing.
        max_waiting_bytes: more than this for a client that does not read, and it is closed.
        close_s: for that client to take the close, before it is cut off.

    Raises:
        BadSettings: `host` is not loopback and there is no token.
    """

    host: str = "127.0.0.1"
    port: int = 8787
    max_sessions: int = 2
    token: str | None = None
    max_waiting_bytes: int = 32 * 2**20
    close_s: float = 2.0

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise BadSettings(
                f"--host {self.host} can be reached by others, so a token is needed: "
                "put one into a variable and name it with --token-env NAME."
            )

    def refusal(self, request: Request, sessions: int) -> tuple[HTTPStatus, str, str] | None:
        """Status, code and sentence for a handshake that is not let in."""
        if urlsplit(request.path).path not in PATHS:
            return HTTPStatus.NOT_FOUND, "not_found", "Connect to /v1/realtime."
        if not _is_own(request.headers.get_all("Origin"), request.headers.get_all("Host")):
            return HTTPStatus.FORBIDDEN, "origin_not_allowed", "Pages of other origins may not connect to this engine."
        if self.token is not None and not any(map(self._fits, _credentials(request))):
            return (
                HTTPStatus.UNAUTHORIZED,
                "invalid_api_key",
                "Send the token of this engine as bearer token or api-key.",
            )
        if sessions >= self.max_sessions:
            sentence = (
                f"This engine holds {self.max_sessions} conversations at once and all are taken; try again later."
            )
            return HTTPStatus.TOO_MANY_REQUESTS, "rate_limit_exceeded", sentence
        return None

    def _fits(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self.token or "").encode())


def _is_own(origins: list[str], hosts: list[str]) -> bool:
    """No origin, or the one that `Host` names, on loopback: a page elsewhere can make its name point here, not its origin."""
    return all([urlsplit(o).netloc] == hosts and is_loopback(urlsplit(o).hostname or "") for o in origins)


def _credentials(request: Request) -> list[str]:
    split = [value.partition(" ") for value in request.headers.get_all("Authorization")]
    bearers = [token.strip() for scheme, _, token in split if scheme.lower() == "bearer"]
    return bearers + request.headers.get_all("api-key")


class _Room:
    """The conversations under way."""

    def __init__(self, stages: Stages, door: Door) -> None:
        self._stages = stages
        self._door = door
        self._sessions = 0

    def let_in(self, connection: ServerConnection, request: Request) -> Response | None:
        """`process_request` of websockets."""
        found = self._door.refusal(request, self._sessions)
        if found is None:
            return None
        status, code, sentence = found
        body = {"error": {"type": "invalid_request_error", "code": code, "message": sentence, "param": None}}
        response = connection.respond(status, json.dumps(body) + "\n")
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        return response

    async def talk(self, connection: ServerConnection) -> None:
        """One conversation, from handshake to close."""
        if self._sessions >= self._door.max_sessions:  # two handshakes at the same time
            await connection.close(CloseCode.TRY_AGAIN_LATER, "all conversations are taken")
            return
        self._sessions += 1
        try:
            outgoing = _Outgoing(asyncio.get_running_loop(), self._door.max_waiting_bytes)
            session = await asyncio.to_thread(Session, self._stages, outgoing.tell)
            try:
                await _converse(connection, session, outgoing, self._door.close_s)
            finally:
                await asyncio.to_thread(session.close)
        finally:
            self._sessions -= 1


async def _converse(connection: ServerConnection, session: Session, outgoing: _Outgoing, close_s: float) -> None:
    """Read and write until one side ends, or the client does not read."""
    reader = asyncio.create_task(_read(connection, session))
    writer = asyncio.create_task(_write(connection, outgoing))
    overflow = asyncio.create_task(outgoing.overflow.wait())
    try:
        await asyncio.wait([reader, writer, overflow], return_when=asyncio.FIRST_COMPLETED)
    finally:
        found = await _ended(reader, writer)
        await _ended(overflow)
    for fault in found:
        log.error("a conversation broke", exc_info=fault)
    if found:
        await _close(connection, CloseCode.INTERNAL_ERROR, "the engine has a fault of its own", close_s)
    elif outgoing.overflow.is_set():
        await _close(connection, CloseCode.POLICY_VIOLATION, "you do not read what is sent to you", close_s)
    log.info("a client left (%s)", connection.close_code)


async def _ended(*tasks: asyncio.Task[Any]) -> list[BaseException]:
    """Cancel what still runs; answers the faults of the rest."""
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    return [one for one in outcomes if isinstance(one, Exception)]


async def _close(connection: ServerConnection, code: CloseCode, reason: str, close_s: float) -> None:
    with contextlib.suppress(TimeoutError):  # who takes nothing does not take our close either
        async with asyncio.timeout(close_s):
            await connection.close(code, reason)
    connection.transport.abort()  # after a whole close it does nothing


async def _read(connection: ServerConnection, session: Session) -> None:
    try:
        async for message in connection:
            session.feed(_decoded(message))
            while session.backlog > MAX_BACKLOG:  # noqa: ASYNC110  # rare; an event set by a thread would cost on every word
                await asyncio.sleep(BREATH_S)
    except ConnectionClosed:
        pass  # `_converse` says so


def _decoded(message: str | bytes) -> codec.Event | ProtocolError:
    try:
        return codec.decode(message)
    except ProtocolError as error:
        return error


async def _write(connection: ServerConnection, outgoing: _Outgoing) -> None:
    try:
        while True:
            await connection.send(codec.encode(await outgoing.next()))
    except ConnectionClosed:
        pass  # `_converse` says so


class _Outgoing:
    """What waits for a client, bounded.

    Attributes:
        overflow: set when too much waited; nothing is kept from then on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, max_bytes: int) -> None:
        self._loop = loop
        self._max_bytes = max_bytes
        self._queue: asyncio.Queue[ServerEvent] = asyncio.Queue()
        self.overflow = asyncio.Event()
        self._bytes = 0

    def tell(self, event: ServerEvent) -> None:
        """Called on a thread of the engine. A closed loop means that the server ended: nobody listens."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put, event)

    def _put(self, event: ServerEvent) -> None:
        if self.overflow.is_set():
            return
        self._bytes += _size(event)
        self._queue.put_nowait(event)
        if self._bytes > self._max_bytes:
            self.overflow.set()

    async def next(self) -> ServerEvent:
        """The next word."""
        event = await self._queue.get()
        self._bytes -= _size(event)
        return event


def _size(event: ServerEvent) -> int:
    return len(event.audio) if isinstance(event, AudioDelta) else EVENT_BYTES


async def _listening(stages: Stages, door: Door) -> Server:
    room = _Room(stages, door)
    try:
        return await serve(
            room.talk,
            door.host,
            door.port,
            process_request=room.let_in,
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            server_header=None,
            logger=_socket_log,
        )
    except OSError as error:
        where = f"port {door.port} of {door.host}"
        if error.errno == errno.EADDRINUSE:
            raise BadSettings(
                f"The {where} is in use: stop what listens there, or choose another with --port."
            ) from None
        raise BadSettings(
            f"Cannot listen on {where} ({error.strerror or error}): choose another --host or --port."
        ) from None


async def serving(stages: Stages, door: Door, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Listen until `stop` is set; `ready` is called once with the address when clients may come.

    Raises:
        BadSettings: the port is in use, or the address cannot be listened on.
    """
    async with await _listening(stages, door) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        host = f"[{door.host}]" if ":" in door.host else door.host
        ready(f"ws://{host}:{port}/v1/realtime")
        await stop.wait()

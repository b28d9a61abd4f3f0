"""A Realtime server on loopback that misbehaves on command: real sockets, GA and preview spelling, with or without TLS.

    async with RealtimeServer(Refuse(503), [Say(...), Cut()], Talk()) as server:
        ...                                     # run the client under test against server.url
    server.connections[2].items                 # what the third connection's conversation holds

The first connection gets the first plan, the second one the second; the last plan serves all that follow. Without a plan
every connection gets a `Talk`: a server that behaves. The address decides the spelling, as it does on the real services.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from vivavoce.testing.connection import Connection
from vivavoce.testing.faults import Fault, Faults, Happened, Step
from vivavoce.testing.line import ClientLeft, Line, ScriptFailed
from vivavoce.testing.steps import Refuse
from vivavoce.testing.talker import Talk

__all__ = ["Plan", "RealtimeServer", "in_thread"]

Plan = Refuse | Step | Sequence[Step]
"""What one connection gets: a refusal of its handshake, a step, or several."""

_MAX_MESSAGE_BYTES = 24 * 2**20
_CLOSE_S = 1.0
_FAREWELL_S = 1.0
_LOOK_S = 0.005
# `websockets` writes every header of the handshake to its log at DEBUG, keys among them: never below INFO.
_log = logging.getLogger("vivavoce.testing.socket")
_log.setLevel(logging.INFO)


class RealtimeServer:
    """See above. Made anywhere, begun once, by `async with` in a loop or by `in_thread` beside one.

    Attributes:
        connections: one for each handshake so far, in order.
        faults: those that wait, those that happened.
        failures: expectations of scripts that were not met, and errors in steps; raised at the end.
        speed: how many seconds of the server pass in a real one.
        keep_sound: whether connections keep the sound that was appended.
    """

    def __init__(
        self,
        *plans: Plan,
        faults: Iterable[Fault] = (),
        speed: float = 1.0,
        tls: ssl.SSLContext | None = None,
        key: str | None = None,
        keep_sound: bool = True,
    ) -> None:
        """`tls`: of a server with a certificate; `key`: what a client must send as bearer token or `api-key`."""
        self.connections: list[Connection] = []
        self.faults = Faults(list(faults))
        self.failures: list[BaseException] = []
        self.speed = speed
        self.keep_sound = keep_sound
        self._plans: list[Plan] = list(plans) or [Talk()]
        self._tls = tls
        self._key = key
        self._server: Server | None = None
        self._port = 0
        self._began = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lines: dict[ServerConnection, Line] = {}
        self._arrivals: dict[ServerConnection, tuple[Connection, Plan]] = {}

    # ---- where it is, what it does next

    @property
    def address(self) -> str:
        """`ws://127.0.0.1:PORT`, or `wss://`; any path is served."""
        return f"{'wss' if self._tls else 'ws'}://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """A GA address."""
        return f"{self.address}/v1/realtime"

    @property
    def preview_url(self) -> str:
        """A preview address, as Azure spells it."""
        return f"{self.address}/openai/realtime?api-version=2025-04-01-preview&deployment=scripted"

    @property
    def now(self) -> float:
        """Seconds since the server began, in its own time."""
        return 0.0 if self._loop is None else (self._loop.time() - self._began) * self.speed

    def plays(self, *plans: Plan, faults: Iterable[Fault] = ()) -> None:
        """From the next connection on: these plans, these faults."""
        self._plans = [*[Talk()] * len(self.connections), *(plans or (Talk(),))]
        self.faults.waiting = list(faults)

    async def until(self, condition: Callable[[], bool], within_s: float = 10.0) -> None:
        """Wait for something to be true; raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110  # the condition may be about anything, in any thread
                await asyncio.sleep(_LOOK_S)

    def wait_until(self, condition: Callable[[], bool], within_s: float = 10.0) -> None:
        """The same outside of a loop, for a server `in_thread`; raises TimeoutError."""
        end = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"it was not so within {within_s:g} s")
            time.sleep(_LOOK_S)

    # ---- what its lines ask of it

    def speaks_preview(self, path: str) -> bool:
        """The address decides: a deployment without `/v1` is a preview address."""
        return urlsplit(path).path.rstrip("/") == "/openai/realtime"

    def note(self, fault: Fault, connection: Connection) -> None:
        """A fault happened."""
        self.faults.happened.append(Happened(fault, connection.number, self.now))

    # ---- begin and end

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._server = await serve(
            self._handle,
            "127.0.0.1",
            0,
            ssl=self._tls,
            process_request=self._admit,
            compression=None,
            max_size=_MAX_MESSAGE_BYTES,
            ping_interval=None,
            close_timeout=_CLOSE_S,
            server_header=None,
            logger=_log,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every connection and free the port.

        Raises:
            ScriptFailed: an expectation was not met or a step broke; not when the body of the `with` has failed itself.
        """
        if self._server is not None:
            self._server.close(close_connections=False)
            for line in list(self._lines.values()):
                line.end()
            await self._server.wait_closed()
        if self.failures and error is None:
            told = "\n".join(f"{type(one).__name__}: {one}" for one in self.failures)
            raise ScriptFailed(told) from self.failures[0]

    # ---- one handshake

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """`process_request` of websockets."""
        number = len(self.connections) + 1
        connection = Connection(number, request.path, list(request.headers.raw_items()), self.now)
        plan = self._plans[min(number, len(self._plans)) - 1]
        refusal = self.faults.next_refusal() or (plan if isinstance(plan, Refuse) else self._refusal(connection))
        self.connections.append(connection)
        if refusal is None:
            self._arrivals[socket] = (connection, plan)
            return None
        connection.refused, connection.closed = refusal.status, "server"
        return _answer(refusal)

    def _refusal(self, connection: Connection) -> Refuse | None:
        """What the services themselves refuse (row 4 of the failure modes)."""
        address = urlsplit(connection.path)
        if address.path.startswith("/openai/v1/") and "api-version" in parse_qs(address.query):
            return Refuse(401, _error("401", "api-version query parameter is not allowed when using /v1 path"))
        given = (connection.header("Authorization") or "").removeprefix("Bearer "), connection.header("api-key") or ""
        if self._key is not None and not any(hmac.compare_digest(one.encode(), self._key.encode()) for one in given):
            return Refuse(401, _error("invalid_api_key", "Incorrect API key provided."))
        return None

    async def _handle(self, socket: ServerConnection) -> None:
        connection, plan = self._arrivals.pop(socket)
        line = self._lines[socket] = Line(self, connection, socket)
        reading = asyncio.create_task(line.read())
        playing = line.playing = asyncio.create_task(self._play(line, _steps(plan)))
        try:
            await asyncio.wait([reading])
            await asyncio.wait([playing], timeout=_FAREWELL_S)  # a step of the user's own may not know that it is over
        finally:
            for task in (reading, playing):
                task.cancel()
            await asyncio.gather(reading, playing, return_exceptions=True)
            del self._lines[socket]
            line.abort()

    async def _play(self, line: Line, steps: Sequence[Step]) -> None:
        try:
            for step in steps:
                await step(line)
            await line.settle()
            await line.until_gone()
        except (ConnectionClosed, ClientLeft):
            pass  # a client may leave when it likes; `Expect` says so if it may not
        except Exception as error:  # noqa: BLE001  # whatever a step raises is told when the server ends
            self.failures.append(error)
            await line.close(1011, "the script failed")


def _steps(plan: Plan) -> Sequence[Step]:
    if isinstance(plan, Refuse):
        raise TypeError("a refusal has no steps")  # `_admit` has answered it
    return plan if isinstance(plan, Sequence) else [plan]


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "code": code, "message": message, "param": None}}


def _answer(refusal: Refuse) -> Response:
    body = refusal.body if isinstance(refusal.body, str) else json.dumps(refusal.body)
    data = body.encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close"}
    known = {status.value: status.phrase for status in HTTPStatus}
    fields = Headers(headers | dict(refusal.headers))
    return Response(refusal.status, known.get(refusal.status, "Refused"), fields, data)


@contextlib.contextmanager
def in_thread(server: RealtimeServer) -> Iterator[RealtimeServer]:
    """The server on a loop of its own while the block runs, for tests that have none, or one of their own.

    Raises:
        ScriptFailed: as `async with` does.
    """
    begun = threading.Event()
    stop: list[Callable[[], object]] = []
    raised: list[BaseException] = []

    async def hold() -> None:
        end = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with server:
            stop.append(lambda: loop.call_soon_threadsafe(end.set))
            begun.set()
            await end.wait()

    def run() -> None:
        try:
            asyncio.run(hold())
        except BaseException as error:  # noqa: BLE001  # raised again where the block ends
            raised.append(error)
        finally:
            begun.set()

    thread = threading.Thread(target=run, name="realtime server")
    thread.start()
    begun.wait()
    failed = True
    try:
        if stop:
            yield server
            failed = False
    finally:
        for end in stop:
            end()
        thread.join()
        if raised and (not stop or not failed):  # it never began, or the block is content and the scripts are not
            raise raised[0]

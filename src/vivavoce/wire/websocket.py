"""One socket: pings, a bounded queue with one writer, close codes. What the server's address and key are is not known here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConcurrencyError,
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
)

from vivavoce import pcm
from vivavoce.errors import ProtocolError, ServerGone
from vivavoce.events import codec
from vivavoce.events.client import AppendAudio, ClientEvent
from vivavoce.events.server import ServerEvent
from vivavoce.events.word import Unknown
from vivavoce.ports import Trouble
from vivavoce.wire.closes import gone
from vivavoce.wire.failures import Attempt, failure, proxy_for
from vivavoce.wire.outbox import Outbox
from vivavoce.wire.refusals import Advice, Verdict, masked, refusal, secrets_of

__all__ = ["GA", "Dialect", "Patience", "Server", "WebSocketWire"]

_MAX_MESSAGE_BYTES = 16 * 2**20
_SERVER_WORDS = frozenset(typing.get_args(ServerEvent))

# `websockets` writes every header of the handshake to its log at DEBUG, our key among them: never below INFO.
_log = logging.getLogger("vivavoce.wire.socket")
_log.setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How words are written: the GA spelling, or another one translated."""

    encode: Callable[[ClientEvent], str]
    decode: Callable[[str], codec.Event]


GA = Dialect(codec.encode, codec.decode)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, for what.

    Attributes:
        open_s: for one handshake.
        headers_s: for the headers, of which a token may take a while to get.
        new_deployment_s: before the one retry after `DeploymentNotFound`.
        rate_tries: how often to try again after 429.
        rate_first_s: the first pause after 429 when the server names none; it doubles.
        rate_longest_s: a longer pause is not waited for, it is told.
        ping_s: between pings, and for their answer.
        flush_s: for the server to take what is queued when we close.
        close_s: for the server to answer our close.
        sound_s: of sound that may wait for the server to take it; then the oldest goes. Longer than a connection can stall
            unnoticed by pings, and than what is said again on a new one.
        gather_ms: of sound, before it is sent; words, and `close`, do not wait for it. 0 = every block at once; a
            larger value costs less CPU and as much delay.
    """

    open_s: float = 10.0
    new_deployment_s: float = 5.0
    rate_tries: int = 3
    rate_first_s: float = 1.0
    rate_longest_s: float = 20.0
    ping_s: float = 20.0
    flush_s: float = 2.0
    close_s: float = 3.0
    sound_s: float = 800.0
    headers_s: float = 60.0
    gather_ms: int = 0


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect and how to be let in.

    Attributes:
        url: `ws://` or `wss://`, query included.
        headers: asked at every connect, so that a token is fresh; may raise any `VivaError`.
        advice: what to tell a person when it fails.
        dialect: the spelling it speaks.
    """

    url: str = field(repr=False)
    headers: Callable[[], Awaitable[Mapping[str, str]]]
    advice: Advice
    dialect: Dialect = GA


class _Direct(connect):
    """`connect` without redirects: it would carry our `api-key` header to the other host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _discard(socket: ClientConnection) -> None:
    """Read until the end: behind unread words the socket is paused, and the server's answer to our close is not seen."""
    with contextlib.suppress(ConnectionClosed, ConcurrencyError):  # closed is the goal; or somebody else is reading
        while True:
            await socket.recv()


class WebSocketWire:
    """The port `Wire` over one WebSocket. `open` may be called again after `ServerGone`: a new, empty conversation."""

    def __init__(self, server: Server, patience: Patience | None = None) -> None:
        self._server = server
        self._patience = patience or Patience()
        self._socket: ClientConnection | None = None
        self._writer: asyncio.Task[None] | None = None
        self._outbox = Outbox(sound_ms=round(self._patience.sound_s * 1_000))
        self._gather_bytes = pcm.ms_to_bytes(self._patience.gather_ms)
        self._wake = asyncio.Event()
        self._closing = False
        self._trouble: list[Trouble] = []
        self._secrets: list[str] = []

    def another(self) -> WebSocketWire:
        """A wire to the same server, not open yet; it asks for its headers, and so for a token, when it is opened."""
        return WebSocketWire(self._server, replace(self._patience, rate_tries=0))  # whoever wants another tries again

    async def open(self) -> None:
        """Connect; retries what the reference says may pass. Cancelling it leaves nothing open.

        Raises:
            Refused: or one of its kind; the server answered, and the answer is no.
            ServerGone: there was no answer, or a fault of the server.
            BadSettings: the address or the proxy cannot be used.
            MissingExtra: the credential needs a part that is not installed.
        """
        await self.close()
        self._outbox.clear()
        self._wake.clear()
        self._closing = False
        self._socket = await self._admitted()
        self._writer = asyncio.create_task(self._write(self._socket), name="wire writer")

    def send(self, event: ClientEvent) -> None:
        """Queue a word; the `event_id` of sound is not sent. Without a connection it does nothing: `receive` tells why."""
        if self._writer is None or self._writer.done():
            return
        if type(event) is AppendAudio:
            self._outbox.sound(event.audio)
            if self._outbox.sound_bytes < self._gather_bytes:
                return
        else:
            self._outbox.word(self._server.dialect.encode(event))
        self._wake.set()

    async def receive(self) -> ServerEvent:
        """The next word, without our key where a server repeats it. Cancelling loses none.

        Raises:
            ProtocolError: not a word of the protocol; the connection is still usable.
            ServerGone: the connection ended, with code and reason.
        """
        if self._socket is None:
            raise ServerGone("There is no connection: it was not opened, or is closed.")
        try:
            said = await self._socket.recv()
        except ConnectionClosed as closed:
            raise gone(closed, self._secrets) from None
        if isinstance(said, bytes):
            raise ProtocolError("a binary frame is not a word: every event is text", code="invalid_json")
        event = self._server.dialect.decode(masked(said, self._secrets))
        if type(event) in _SERVER_WORDS:
            return typing.cast("ServerEvent", event)
        # A word that only we may say stays a word nobody acts on.
        fields = codec.to_fields(event)
        return Unknown(type=fields.pop("type"), fields=fields, event_id=fields.pop("event_id", None))

    def warnings(self) -> list[Trouble]:
        """What went wrong since the last call; may be asked while `open` still tries."""
        found, self._trouble = self._trouble, []
        if dropped := self._outbox.dropped_ms():
            found.append(
                Trouble("sound_dropped", f"The server was too slow: {dropped} ms of your sound were not sent.")
            )
        return found

    async def close(self) -> None:
        """Send what is queued, as far as the server takes it within `flush_s`, then close with 1000. Twice is allowed."""
        socket, writer = self._socket, self._writer
        self._socket = self._writer = None
        if socket is None:
            return
        self._closing = True
        self._wake.set()
        try:
            if writer is not None:
                await asyncio.wait([writer], timeout=self._patience.flush_s)
                writer.cancel()
                await asyncio.wait([writer])
            with contextlib.suppress(TimeoutError):  # a server that takes nothing does not take our close either
                async with asyncio.timeout(self._patience.close_s):
                    await asyncio.gather(socket.close(), _discard(socket))
        finally:
            socket.transport.abort()  # after a whole close it does nothing; after a cancelled one nothing stays open
        if writer is not None and not writer.cancelled():
            writer.result()  # a fault of ours in the writer is not swallowed

    async def _write(self, socket: ClientConnection) -> None:
        """Send what waits until there is no connection; `send` waits while the server does not take it."""
        outbox, wake = self._outbox, self._wake
        encode = self._server.dialect.encode
        try:
            while True:
                await wake.wait()
                wake.clear()
                while outbox:
                    entry = outbox.next()
                    await socket.send(entry if isinstance(entry, str) else encode(AppendAudio(entry)))
                if self._closing:
                    return
        except ConnectionClosed:
            return  # `receive` tells it, with its code

    async def _admitted(self) -> ClientConnection:
        """A connection, after as many tries as the refusals allow."""
        patience = self._patience
        tried = 0
        while True:
            verdict = await self._try()
            if isinstance(verdict, ClientConnection):
                return verdict
            pause_s = patience.new_deployment_s
            if verdict.retry == "backoff":
                pause_s = verdict.after_s if verdict.after_s is not None else patience.rate_first_s * 2**tried
            tries = {"never": 0, "once": 1, "backoff": patience.rate_tries}[verdict.retry]
            if tried >= tries or pause_s > max(patience.rate_longest_s, patience.new_deployment_s):
                raise verdict.error
            tried += 1
            self._trouble.append(Trouble("retrying", f"{verdict.error} Trying again in {pause_s:g} s."))
            await asyncio.sleep(pause_s)

    async def _try(self) -> ClientConnection | Verdict:
        server, patience = self._server, self._patience
        try:
            async with asyncio.timeout(patience.headers_s):
                headers = await server.headers()
        except TimeoutError:
            return Verdict(ServerGone(f"Signing in took longer than {patience.headers_s:g} s: check the network."))
        self._secrets = secrets_of(server.url, headers)
        proxy = proxy_for(server.url)
        try:
            return await _Direct(
                server.url,
                additional_headers=headers,
                proxy=proxy,
                compression=None,  # base64 of noise does not shrink
                max_size=_MAX_MESSAGE_BYTES,
                open_timeout=patience.open_s,
                ping_interval=patience.ping_s,
                ping_timeout=patience.ping_s,
                close_timeout=patience.close_s,
                logger=_log,
            )
        except InvalidStatus as error:
            answer = error.response
            body = (answer.body or b"").decode(errors="replace")
            return refusal(answer.status_code, answer.headers, body, server.advice, self._secrets)
        except (OSError, InvalidHandshake, InvalidProxy, InvalidURI, ImportError) as error:
            host = urlsplit(server.url).netloc.rpartition("@")[2]
            return Verdict(failure(error, Attempt(host, proxy, server.advice.address, patience.open_s)))

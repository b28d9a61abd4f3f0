"""The live end of one connection: what a step of a script can do with it.

One task reads and only takes note; the script says. So a client that is answered late has still been heard, and the sound it
appended is all there. Whatever is said passes the faults of the server first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from vivavoce.errors import ProtocolError
from vivavoce.events import codec
from vivavoce.events.client import AppendAudio
from vivavoce.events.word import Word
from vivavoce.testing.connection import APPEND, NOT_JSON, Connection, Received
from vivavoce.testing.faults import Fault, Swap, Twice
from vivavoce.testing.spelling import heard_in_preview, said_in_preview
from vivavoce.testing.steps import Half, Refuse
from vivavoce.testing.talker import Talk, Talker

if TYPE_CHECKING:
    from vivavoce.testing.server import RealtimeServer

__all__ = ["ClientLeft", "Line", "ScriptFailed"]

_DRAIN_S = 1.0
_BETA_DISABLED = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."

Fields = Mapping[str, Any]


class ScriptFailed(AssertionError):
    """A client did not do what a script expects of it. Raised when the server ends."""


class ClientLeft(Exception):
    """The connection is over; a script need not go on. No fault: a client may leave when it likes."""


class Line:
    """One connection, from the side of the server.

    Attributes:
        connection: what is kept of it.
        gone: no more words will come.
        playing: the script.
    """

    def __init__(self, server: RealtimeServer, connection: Connection, socket: ServerConnection) -> None:
        self.connection = connection
        self.gone = False
        self.playing: asyncio.Task[None] | None = None
        self._server = server
        self._socket = socket
        self._preview = server.speaks_preview(connection.path)
        self._unread: list[codec.Event | ProtocolError] = []
        self._expectable: list[Fields] = []
        self._bell = asyncio.Event()
        self._moving = asyncio.Event()
        self._moving.set()
        self._end = asyncio.Event()
        self._swapped: tuple[Fields, Fault] | None = None
        self._count = 0

    @property
    def now(self) -> float:
        """Seconds since the server began, in its own time."""
        return self._server.now

    # ---- reading

    async def read(self) -> None:
        """Take note of every word until the connection ends."""
        try:
            async for said in self._socket:
                await self._moving.wait()
                await self._take(said)
        except ConnectionClosed:
            pass  # how it ended is written below
        finally:
            self._ended()

    def _ended(self) -> None:
        frame = self._socket.protocol.close_rcvd
        connection = self.connection
        if frame is not None:
            connection.code, connection.reason = frame.code, frame.reason
        if not connection.closed:
            connection.closed = "client"
        self.gone = True
        self._moving.set()
        self._bell.set()

    async def _take(self, said: str | bytes) -> None:
        try:
            fields = codec.load(said)
        except ProtocolError as error:
            fields = {"type": NOT_JSON, "text": said}
            self._unread.append(error)
            self._note(fields)
            return
        event = self._understood(fields)
        self._unread.append(event)
        if isinstance(event, AppendAudio):
            self.connection.heard_sound(self.now, event.audio, keep=self._server.keep_sound)
        else:
            self._note(fields)
        self._bell.set()
        for fault in self._server.faults.due(str(fields.get("type"))):
            await self._strike(fault)

    def _understood(self, fields: Fields) -> codec.Event | ProtocolError:
        try:
            in_ga = heard_in_preview(fields) if self._preview and fields.get("type") != APPEND else fields
            return codec.from_fields(in_ga)
        except ProtocolError as error:
            return error

    def _note(self, fields: Fields) -> None:
        self.connection.received.append(Received(self.now, fields))
        self._expectable.append(fields)
        self._bell.set()

    def unread(self) -> list[codec.Event | ProtocolError]:
        """The client's words since the last call, sound among them; an error for one that is none."""
        found, self._unread = self._unread, []
        self._expectable.clear()
        return found

    async def expect(self, wanted: str | Callable[[Fields], bool], within_s: float) -> Fields:
        """The next word of that type, or that fits; words before it are passed over. Sound is not waited for.

        Raises:
            ScriptFailed: it was not said within so many seconds, or the client left.
        """
        until = self.now + within_s
        while True:
            while self._expectable:
                fields = self._expectable.pop(0)
                if fields.get("type") == wanted if isinstance(wanted, str) else wanted(fields):
                    return fields
            if self.gone or self.now >= until:
                raise self._unmet(wanted, "left without saying" if self.gone else f"did not say within {within_s:g} s")
            try:
                await self._news(until, lambda: bool(self._expectable))
            except asyncio.CancelledError:
                self._server.failures.append(self._unmet(wanted, "had not said, when the server ended,"))
                raise

    def _unmet(self, wanted: object, how: str) -> ScriptFailed:
        what = repr(wanted) if isinstance(wanted, str) else "what was expected"
        heard = ", ".join(self.connection.types) or "nothing"
        return ScriptFailed(f"The client of connection {self.connection.number} {how} {what}; it said: {heard}.")

    async def _news(self, until: float | None, there: Callable[[], bool]) -> None:
        """Return when something came, the client is gone, or it is that late."""
        if there() or self.gone:
            return
        self._bell.clear()
        wait_s = None if until is None else max(until - self.now, 0) / self._server.speed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._bell.wait()

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds of the server pass; raises ClientLeft when the client does."""
        until = self.now + seconds
        while self.now < until:
            if self.gone:
                raise ClientLeft
            self._bell.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(until - self.now, 0) / self._server.speed):
                    await self._bell.wait()

    async def until_gone(self) -> None:
        """Read on until the client leaves."""
        while not self.gone:
            await self._news(None, lambda: False)

    # ---- saying

    async def say(self, word: Word | Fields) -> None:
        """Say a word, unless a fault is in the way. An `event_id` is added where there is none.

        Raises:
            ConnectionClosed: the connection is over.
        """
        fields = _fields(word)
        self._count += 1
        fields.setdefault("event_id", f"event_{self.connection.number}_s{self._count}")
        faults = self._server.faults.due(str(fields.get("type")))
        for fault in faults:
            if fault.when == "before":
                await self._strike(fault, fields)
        if not any(isinstance(fault.do, Half) for fault in faults):
            await self._say(fields, next((fault for fault in faults if isinstance(fault.do, Swap)), None))
        for fault in faults:
            if fault.when == "after":
                await self._strike(fault, fields)

    async def _say(self, fields: Fields, swap: Fault | None) -> None:
        if swap is not None and self._swapped is None:
            self._swapped = (fields, swap)
            return
        await self._send_word(fields)
        if self._swapped is not None:
            held, fault = self._swapped
            self._swapped = None
            self._server.note(fault, self.connection)
            await self._send_word(held)
        if swap is not None:  # two words in a row that were to change places did
            self._server.faults.put_back(swap)

    async def settle(self) -> None:
        """Nothing follows for now: a word that waits for the next one waits no longer."""
        if self._swapped is not None:
            held, fault = self._swapped
            self._swapped = None
            self._server.faults.put_back(fault)
            await self._send_word(held)

    async def _strike(self, fault: Fault, fields: Fields | None = None) -> None:
        do = fault.do
        if isinstance(do, Swap):
            return  # `_say` does it
        self._server.note(fault, self.connection)
        if isinstance(do, Twice):
            if fields is not None:
                await self._send_word(fields)
        elif isinstance(do, Half) and do.word is None and fields is not None:
            await self.half(fields, do.of)
        else:
            await do(self)

    async def _send_word(self, fields: Fields) -> None:
        said = said_in_preview(fields) if self._preview else fields
        if said is None:
            return
        await self.send(_text(said))
        kept = {
            key: value for key, value in fields.items() if not (key == "delta" and "output_audio." in fields["type"])
        }
        self.connection.said.append(Received(self.now, kept))

    async def send(self, text: str | bytes) -> None:
        """Send a text, or bytes as a binary frame, as they are. Waits while the client does not take it."""
        await self._moving.wait()
        await self._socket.send(text)

    # ---- the connection itself

    async def close(self, code: int, reason: str) -> None:
        """Close with this code and reason; waits for the answer for a second at most."""
        self.connection.closed = self.connection.closed or "server"
        await self._socket.close(code, reason)

    async def cut(self) -> None:
        """End the TCP connection without a close frame, when everything said has left."""
        self.connection.closed = self.connection.closed or "cut"
        transport = self._socket.transport
        with contextlib.suppress(TimeoutError):  # a client that does not read does not get the rest
            async with asyncio.timeout(_DRAIN_S):
                while transport.get_write_buffer_size():  # noqa: ASYNC110  # asyncio tells nobody when it has become empty
                    await asyncio.sleep(0.001)
        self.abort()
        await self._socket.wait_closed()

    def end(self) -> None:
        """The server ends: the script stops where it is."""
        if self.playing is not None:
            self.playing.cancel()
        self._end.set()
        self._moving.set()
        self.abort()

    def abort(self) -> None:
        """End the TCP connection now."""
        self._socket.transport.abort()

    async def half(self, word: Word | Fields, of: Literal["frame", "message"]) -> None:
        """Say half of a word, then cut."""
        fields = _fields(word)
        said = (said_in_preview(fields) if self._preview else fields) or fields
        data = _text(said).encode()
        middle = len(data) // 2
        if of == "frame":
            whole = Frame(Opcode.TEXT, data).serialize(mask=False)
            part = whole[: len(whole) - len(data) + middle]
        else:
            part = Frame(Opcode.TEXT, data[:middle], fin=False).serialize(mask=False)
        if self._socket.state is State.OPEN:  # else the client has just left, and nothing more can be written
            self._socket.transport.write(part)
        await self.cut()

    async def stall(self, seconds: float | None) -> None:
        """Neither read nor say anything for so many seconds; None: never again."""
        self._moving.clear()
        self._socket.transport.pause_reading()
        wait_s = None if seconds is None else seconds / self._server.speed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._end.wait()
        self._socket.transport.resume_reading()
        self._moving.set()

    def refuse_next(self, refusal: Refuse) -> None:
        """The next handshakes of this server are answered with that."""
        self._server.faults.refusals += [refusal] * refusal.times

    # ---- a server that behaves

    async def converse(self, talk: Talk) -> None:
        """Talk until the client leaves or the session expires."""
        if not self._preview and self.connection.header("OpenAI-Beta"):
            await self._refuse_beta()
            return
        expires_at = time.time() + talk.lasts_s / self._server.speed
        talker = Talker(talk, number=self.connection.number, expires_at=round(expires_at, 3))
        self.connection.talker = talker
        over = self.now + talk.lasts_s
        while True:
            talker.tick(self.now)
            self._hand_over(talker)
            for event in talker.to_client():
                await self.say(event)
            await self.settle()
            if self.gone:
                self._hand_over(talker)
                return
            if self.now >= over:
                break
            deadline = talker.next_deadline()
            await self._news(over if deadline is None else min(over, deadline), lambda: bool(self._unread))
        await self._expire(talker)

    def _hand_over(self, talker: Talker) -> None:
        for event in self.unread():
            if isinstance(event, ProtocolError):
                talker.misheard(event)
            else:
                talker.receive(event)

    async def _expire(self, talker: Talker) -> None:
        talker.expire()
        for event in talker.to_client():
            await self.say(event)
        await self.close(1001, "Your session hit the maximum duration of 60 minutes.")

    async def _refuse_beta(self) -> None:
        """Row 1 of the failure modes."""
        code = "beta_api_shape_disabled"
        error = {
            "type": "invalid_request_error",
            "code": code,
            "message": _BETA_DISABLED,
            "param": None,
            "event_id": None,
        }
        await self.say({"type": "error", "error": error})
        await self.close(4000, f"invalid_request_error.{code}")


def _fields(word: Word | Fields) -> dict[str, Any]:
    return codec.to_fields(cast("codec.Event", word)) if isinstance(word, Word) else dict(word)


def _text(fields: Fields) -> str:
    return json.dumps(fields, separators=(",", ":"))

"""A small Realtime server on loopback for whole talks: loudness is speech, and every reply is numbered samples.

It speaks the GA protocol in the order of the reference (section 2.3), sends sound far faster than real time, cancels its reply
when the person speaks (`interrupt_response`), and remembers every word it was told.
"""

from __future__ import annotations

import array
import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

RATE = 24_000
LOUD = 500
NUMBERS = 30_000  # sample n of a reply has the value n % NUMBERS + 1: never silent
_DELTA = RATE // 10


def numbered(samples: int) -> bytes:
    """`samples` samples that say their own position."""
    return array.array("h", (n % NUMBERS + 1 for n in range(samples))).tobytes()


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply: words, sound, functions to call."""

    text: str = "One two three."
    ms: int = 1000
    calls: tuple[tuple[str, str], ...] = ()
    transcript_delay_s: float = 0.0


@dataclass
class NumberedServer:
    """What it will answer, in order, and what it was told."""

    answers: list[Answer]
    heard_as: list[str] = field(default_factory=lambda: ["hello"])
    silence_ms: int = 300
    told: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    url: str = ""
    on_connect: Callable[[ServerConnection], Any] | None = None

    def words(self, type_: str) -> list[dict[str, Any]]:
        """Everything of that type it was told."""
        return [word for word in self.told if word["type"] == type_]


class _Client:
    """One connection."""

    def __init__(self, server: NumberedServer, socket: ServerConnection) -> None:
        self.server, self.socket = server, socket
        self.samples = 0
        self.quiet_samples = 0
        self.speaking = False
        self.turns = 0
        self.items = 0
        self.last_item: str | None = None
        self.reply: asyncio.Task[None] | None = None
        self.later: set[asyncio.Task[None]] = set()
        self.response: str | None = None
        self.metadata: Any = None

    async def say(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, "event_id": f"event_{self.items}", **fields}))

    def item(self, prefix: str) -> str:
        self.items += 1
        return f"{prefix}_{self.items}"

    async def converse(self) -> None:
        session = {"type": "realtime", "id": "sess_numbered", "model": "numbered-1"}
        await self.say("session.created", session=session)
        async for text in self.socket:
            word = json.loads(text)
            if word["type"] == "input_audio_buffer.append":
                pcm = base64.b64decode(word["audio"])
                self.server.told.append({"type": word["type"], "bytes": len(pcm)})
                await self.hear(pcm)
                continue
            self.server.told.append(word)
            if word["type"] == "session.update":
                await self.say("session.updated", session=session | word["session"])
            elif word["type"] == "conversation.item.create":
                await self.add(word["item"])
            elif word["type"] == "response.create":
                self.begin_reply((word.get("response") or {}).get("metadata"))
            elif word["type"] == "response.cancel":
                await self.cut("client_cancelled")
            elif word["type"] == "conversation.item.truncate":
                await self.say(
                    "conversation.item.truncated",
                    item_id=word["item_id"],
                    content_index=0,
                    audio_end_ms=word["audio_end_ms"],
                )
            elif word["type"] == "conversation.item.delete":
                await self.say("conversation.item.deleted", item_id=word["item_id"])

    async def add(self, item: dict[str, Any]) -> None:
        item = {"id": self.item("item"), "status": "completed", **item}
        for name in ("added", "done"):
            await self.say(f"conversation.item.{name}", item=item, previous_item_id=self.last_item)
        self.last_item = item["id"]

    async def hear(self, pcm: bytes) -> None:
        loud = max(map(abs, array.array("h", pcm)), default=0) > LOUD
        self.samples += len(pcm) // 2
        self.quiet_samples = 0 if loud else self.quiet_samples + len(pcm) // 2
        now_ms = self.samples * 1000 // RATE
        if loud and not self.speaking:
            self.speaking = True
            self.turn = self.item("user")
            await self.say("input_audio_buffer.speech_started", item_id=self.turn, audio_start_ms=now_ms)
            await self.cut("turn_detected")
        elif self.speaking and self.quiet_samples * 1000 // RATE >= self.server.silence_ms:
            self.speaking = False
            await self.say("input_audio_buffer.speech_stopped", item_id=self.turn, audio_end_ms=now_ms)
            await self.say("input_audio_buffer.committed", item_id=self.turn, previous_item_id=self.last_item)
            await self.add(
                {
                    "id": self.turn,
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_audio", "transcript": None}],
                }
            )
            self.later.add(asyncio.create_task(self.transcribe(self.turn)))
            self.begin_reply(None)

    async def transcribe(self, item_id: str) -> None:
        heard_as = self.server.heard_as[min(self.turns, len(self.server.heard_as) - 1)]
        delay = self.server.answers[min(self.turns, len(self.server.answers) - 1)].transcript_delay_s
        self.turns += 1
        await asyncio.sleep(delay)
        name = "conversation.item.input_audio_transcription.completed"
        await self.say(name, item_id=item_id, content_index=0, transcript=heard_as)

    def begin_reply(self, metadata: Any) -> None:
        answer = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        self.response = self.item("resp")
        self.metadata = metadata
        self.reply = asyncio.create_task(self.answer(self.response, answer))

    async def cut(self, reason: str) -> None:
        if self.reply and not self.reply.done():
            self.reply.cancel()
            await self.done("cancelled", {"type": "cancelled", "reason": reason}, [])

    async def done(self, status: str, details: Any, output: list[Any]) -> None:
        response = {
            "id": self.response,
            "status": status,
            "status_details": details,
            "output": output,
            "metadata": self.metadata,
        }
        await self.say("response.done", response=response | {"usage": {"total_tokens": 1}})

    async def answer(self, response_id: str, answer: Answer) -> None:
        await self.say(
            "response.created", response={"id": response_id, "status": "in_progress", "metadata": self.metadata}
        )
        output: list[dict[str, Any]] = []
        if answer.ms:
            output.append(await self.message(response_id, answer))
        for place, (name, arguments) in enumerate(answer.calls, start=len(output)):
            item = {"id": self.item("call"), "type": "function_call", "status": "completed", "name": name}
            item |= {"call_id": f"call_{self.items}", "arguments": arguments}
            await self.say(
                "response.output_item.added",
                response_id=response_id,
                output_index=place,
                item=item | {"status": "in_progress"},
            )
            await self.say("response.output_item.done", response_id=response_id, output_index=place, item=item)
            output.append(item)
        await self.done("completed", None, output)

    async def message(self, response_id: str, answer: Answer) -> dict[str, Any]:
        item_id = self.item("item")
        at = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        item: dict[str, Any] = {
            "id": item_id,
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        await self.say("response.output_item.added", response_id=response_id, output_index=0, item=item)
        await self.say("conversation.item.added", item=item, previous_item_id=self.last_item)
        self.last_item = item_id
        await self.say("response.output_audio_transcript.delta", **at, delta=answer.text)
        pcm = numbered(answer.ms * RATE // 1000)
        for start in range(0, len(pcm), _DELTA * 2):
            await self.say(
                "response.output_audio.delta", **at, delta=base64.b64encode(pcm[start : start + _DELTA * 2]).decode()
            )
            await asyncio.sleep(_DELTA / RATE / 5)  # five times as fast as it is heard
        await self.say("response.output_audio.done", **at)
        await self.say("response.output_audio_transcript.done", **at, transcript=answer.text)
        item = item | {"status": "completed", "content": [{"type": "output_audio", "transcript": answer.text}]}
        await self.say("response.output_item.done", response_id=response_id, output_index=0, item=item)
        await self.say("conversation.item.done", item=item)
        return item


async def serve_one(server: NumberedServer, socket: ServerConnection) -> None:
    """One connection, to its end."""
    client = _Client(server, socket)
    try:
        await client.converse()
    finally:
        for task in {client.reply, *client.later} - {None}:
            task.cancel()  # type: ignore[union-attr]  # None was taken out


@asynccontextmanager
async def running(server: NumberedServer) -> AsyncIterator[NumberedServer]:
    """The server, listening on loopback while the block runs."""

    async def handle(socket: ServerConnection) -> None:
        server.paths.append(socket.request.path if socket.request else "")
        if server.on_connect:
            await server.on_connect(socket)
            return
        await serve_one(server, socket)

    async with serve(handle, "127.0.0.1", 0, compression=None) as listening:
        port = listening.sockets[0].getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}/v1/realtime"
        yield server

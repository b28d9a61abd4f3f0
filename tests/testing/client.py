"""A client of a few lines, so that the server is tested by something else than our own wire."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect


class Client:
    """Says JSON objects and remembers what it hears."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []

    @property
    def types(self) -> list[str]:
        return [word["type"] for word in self.heard]

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [word for word in self.heard if word["type"] == type_]

    async def say(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def append(self, pcm: bytes) -> None:
        await self.say("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def hear(self, until: str, times: int = 1) -> dict[str, Any]:
        """Read up to the next word of that type, `times` of them."""
        async with asyncio.timeout(10):
            while True:
                word: dict[str, Any] = json.loads(await self.socket.recv())
                self.heard.append(word)
                times -= word["type"] == until
                if not times:
                    return word

    async def drain(self) -> None:
        """Read until the server ends."""
        async with asyncio.timeout(10):
            while True:
                self.heard.append(json.loads(await self.socket.recv()))

    def sound(self) -> bytes:
        """All sound that came."""
        deltas = [word["delta"] for word in self.heard if word["type"] in {AUDIO, "response.audio.delta"}]
        return b"".join(map(base64.b64decode, deltas))


AUDIO = "response.output_audio.delta"


@asynccontextmanager
async def client(url: str, **more: Any) -> AsyncIterator[Client]:
    """A client connected to that address."""
    async with connect(url, compression=None, ping_interval=None, close_timeout=1, **more) as socket:
        yield Client(socket)

"""What a server says to the doctor: `session.created`, and `session.updated` to our settings. It keeps every word it hears."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from tests.wire.servers import CREATED, PREVIEW_CREATED
from websockets.asyncio.server import ServerConnection


def agree(told: list[dict[str, Any]]) -> Callable[[ServerConnection], Awaitable[None]]:
    """A script for `tests.wire.servers.serving`."""

    async def converse(connection: ServerConnection) -> None:
        preview = connection.request is not None and connection.request.path.startswith("/openai/realtime")
        await connection.send(PREVIEW_CREATED if preview else CREATED)
        async for text in connection:
            word = json.loads(text)
            told.append(word)
            if word["type"] == "session.update":
                await connection.send(json.dumps({"type": "session.updated", "session": word["session"]}))

    return converse


def refuse(error: dict[str, Any]) -> Callable[[ServerConnection], Awaitable[None]]:
    """A script that answers our settings with an `error`."""

    async def converse(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        async for _ in connection:
            await connection.send(json.dumps({"type": "error", "event_id": None, "error": error}))

    return converse

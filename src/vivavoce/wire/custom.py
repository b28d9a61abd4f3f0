"""`--server URL`: any server that speaks the Realtime protocol. No key is sent but the one `--key-env` names."""

from __future__ import annotations

from collections.abc import Mapping

from vivavoce.choose import Choice
from vivavoce.wire.preview import PREVIEW
from vivavoce.wire.refusals import Advice
from vivavoce.wire.websocket import GA, Server

__all__ = ["custom_server"]


def custom_server(choice: Choice) -> Server:
    """The server of a choice of kind `custom`; with `--preview` its key goes into `api-key`, as Azure wants it."""

    async def headers() -> Mapping[str, str]:
        if not choice.key:
            return {}
        return {"api-key": choice.key} if choice.preview else {"Authorization": f"Bearer {choice.key}"}

    return Server(
        url=choice.url,
        headers=headers,
        advice=Advice(
            model=choice.model,
            named_by="--model",
            key="check the key in the variable that --key-env names"
            if choice.key
            else "name its key with --key-env NAME",
            address="the address after --server",
        ),
        dialect=PREVIEW if choice.preview else GA,
    )

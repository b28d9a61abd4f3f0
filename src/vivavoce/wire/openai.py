"""OpenAI: address and key. No `OpenAI-Beta` header: with it the server closes with 4000 (reference section 0)."""

from __future__ import annotations

from collections.abc import Mapping

from vivavoce.choose import Choice
from vivavoce.wire.refusals import Advice
from vivavoce.wire.websocket import Server

__all__ = ["openai_server"]


def openai_server(choice: Choice) -> Server:
    """The server of a choice of kind `openai`."""

    async def headers() -> Mapping[str, str]:
        return {"Authorization": f"Bearer {choice.key}"}

    return Server(
        url=choice.url,
        headers=headers,
        advice=Advice(
            model=choice.model,
            named_by="--model",
            key="check OPENAI_API_KEY (whole, not revoked, of a project that may use this model), see docs/setup-openai.md",
            address="OPENAI_BASE_URL, if you set it",
        ),
    )

"""Azure OpenAI: address, key or Entra token.

The GA path takes no `api-version`: with it the handshake fails with 401 (reference section 1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from vivavoce.choose import Choice
from vivavoce.errors import MissingExtra, SignInFailed
from vivavoce.wire.preview import PREVIEW
from vivavoce.wire.refusals import Advice, clean
from vivavoce.wire.websocket import GA, Server

__all__ = ["TokenSource", "azure_server", "entra_token"]

TokenSource = Callable[[str], Awaitable[str]]

_ROLE = "Cognitive Services OpenAI User"
_KEY_ADVICE = (
    "check that AZURE_OPENAI_API_KEY is a key of the resource in AZURE_OPENAI_ENDPOINT, and that the resource allows keys;"
    " see docs/setup-azure.md"
)
_ENTRA_ADVICE = (
    f"check that your account has the role {_ROLE} on the resource (a new role takes some minutes), that `az login` was"
    " for the right tenant, and AZURE_OPENAI_SCOPE, if you set it; see docs/setup-azure.md"
)


def azure_server(choice: Choice, token_source: TokenSource | None = None) -> Server:
    """The server of a choice of kind `azure`.

    Args:
        choice: address, deployment, credential.
        token_source: answers an Entra token for a scope; None = `azure.identity`.
    """

    async def headers() -> Mapping[str, str]:
        if choice.credential == "key":
            return {"api-key": choice.key}
        return {"Authorization": f"Bearer {await (token_source or entra_token)(choice.scope)}"}

    return Server(
        url=choice.url,
        headers=headers,
        advice=Advice(
            model=choice.model,
            named_by="AZURE_OPENAI_DEPLOYMENT or --model",
            key=_KEY_ADVICE if choice.credential == "key" else _ENTRA_ADVICE,
            address="AZURE_OPENAI_ENDPOINT",
        ),
        dialect=PREVIEW if choice.preview else GA,
    )


async def entra_token(scope: str) -> str:
    """A fresh token of whoever is signed in (`az login`, a managed identity, the `AZURE_CLIENT_*` variables).

    Raises:
        MissingExtra: the `azure` extra is not installed.
        SignInFailed: nobody is signed in, or sign-in failed; `body` says what was tried.
    """
    try:
        import aiohttp  # noqa: F401, PLC0415  the transport of azure.identity.aio, which names it only when it connects
        from azure.core.exceptions import AzureError  # noqa: PLC0415  an extra is imported when it is needed
        from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415
    except ImportError:
        raise MissingExtra("Signing in to Azure with Entra", "azure") from None
    async with DefaultAzureCredential() as credential:
        try:
            return str((await credential.get_token(scope)).token)
        except AzureError as error:
            raise SignInFailed(
                "Nobody is signed in to Azure, or signing in failed: run `az login`, then check that your account has the"
                f" role {_ROLE} on the resource.",
                body=clean(str(error), ()),
            ) from None

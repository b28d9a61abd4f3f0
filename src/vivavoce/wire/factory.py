"""A choice of server -> its wire. The offline engine is not made here: it is an extra."""

from __future__ import annotations

from vivavoce.choose import Choice
from vivavoce.wire.azure import TokenSource, azure_server
from vivavoce.wire.custom import custom_server
from vivavoce.wire.openai import openai_server
from vivavoce.wire.websocket import Patience, WebSocketWire

__all__ = ["wire_for"]


def wire_for(
    choice: Choice, *, patience: Patience | None = None, token_source: TokenSource | None = None
) -> WebSocketWire:
    """The wire to the server of a choice; it is not open yet.

    Args:
        choice: any kind but `offline`, which raises ValueError.
        patience: how long to wait, for what.
        token_source: where Entra tokens come from; None = `azure.identity`.
    """
    match choice.kind:
        case "openai":
            server = openai_server(choice)
        case "azure":
            server = azure_server(choice, token_source)
        case "custom":
            server = custom_server(choice)
        case "offline":
            raise ValueError("the offline engine has a wire of its own, vivavoce.wire.offline")
    return WebSocketWire(server, patience)

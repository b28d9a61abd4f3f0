"""One conversation, opened for real and closed: `session.created`, our `session.update`, `session.updated`.

No sound is sent and no response is asked for, so it costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from vivavoce.choose import Choice
from vivavoce.errors import (
    DeploymentNotFound,
    KeyRefused,
    MissingExtra,
    ModelRetired,
    NotARealtimeModel,
    ProtocolError,
    QuotaExceeded,
    Refused,
    ServerGone,
    VivaError,
)
from vivavoce.events.server import ServerError, ServerEvent, SessionCreated, SessionUpdated
from vivavoce.session.happenings import Ready
from vivavoce.session.opening import Opening, Stage
from vivavoce.session.settings import Settings
from vivavoce.session.trouble import Weight, weigh
from vivavoce.wire.azure import TokenSource
from vivavoce.wire.factory import wire_for
from vivavoce.wire.websocket import Patience, WebSocketWire

__all__ = ["Step", "Visit", "visit"]

Step = Literal["answer", "key", "deployment", "protocol", "conversation"]
"""How far one comes: answered, let in, the model found, understood, agreed on the settings."""

_STEPS: tuple[Step, ...] = get_args(Step)
_PATIENCE = Patience(new_deployment_s=0.0, rate_tries=0)  # a person waits for us: say it now
# Where a handshake failed, and what is proven all the same: the server looks at the key before it looks for the model.
_FAILURES: tuple[tuple[type[VivaError], Step, int], ...] = (
    (KeyRefused, "key", 1),
    (MissingExtra, "key", 0),
    (DeploymentNotFound, "deployment", 2),
    (NotARealtimeModel, "deployment", 2),
    (ModelRetired, "deployment", 2),
    (QuotaExceeded, "conversation", 1),
    (Refused, "protocol", 1),
    (VivaError, "answer", 0),
)
_CODES: dict[str, Step] = {  # an `error` instead of `session.created`
    "invalid_api_key": "key",
    "account_deactivated": "key",
    "model_not_found": "deployment",
    "beta_api_shape_disabled": "protocol",
}
_OTHER_SPELLING = frozenset({"unknown_parameter", "missing_required_parameter"})


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of it.

    Attributes:
        error: why it ended before its end; None when all was agreed.
        step: where it ended.
        proven: the steps that were seen to be well.
        maybe_dialect: the other protocol may be the one that is spoken there.
        ready: what the server agreed to.
        warnings: what it would not take.
    """

    error: VivaError | None = None
    step: Step = "conversation"
    proven: Sequence[Step] = ()
    maybe_dialect: bool = False
    ready: Ready | None = None
    warnings: Sequence[str] = ()


def visit(choice: Choice, token_source: TokenSource | None = None) -> Visit:
    """Open, agree, close. Blocks; not to be called inside an event loop."""
    return asyncio.run(_visit(choice, wire_for(choice, patience=_PATIENCE, token_source=token_source)))


async def _visit(choice: Choice, wire: WebSocketWire) -> Visit:
    try:
        await wire.open()
    except VivaError as error:
        step, proven = next((step, proven) for kind, step, proven in _FAILURES if isinstance(error, kind))
        maybe = isinstance(error, Refused) and step in {"deployment", "protocol"}
        return Visit(error, step, _STEPS[:proven], maybe_dialect=maybe)
    try:
        return await _agree(_opening(choice), wire)
    except ServerGone as error:
        return Visit(error, "conversation", _STEPS[:1])
    finally:
        await wire.close()


def _opening(choice: Choice) -> Opening:
    settings = Settings(
        server=choice.kind,
        model=choice.model,
        transcription_model=choice.transcription_model or None,
        transcription_tentative=choice.transcription_tentative,
    )
    return Opening(settings)


async def _agree(opening: Opening, wire: WebSocketWire) -> Visit:
    """From `session.created` to `session.updated`, as a talk does it. Raises `ServerGone`."""
    warnings: list[str] = []
    opening.opened(time.monotonic())
    while True:
        event = await _next_word(opening, wire)
        now = time.monotonic()
        proven = _STEPS[: 1 if opening.stage is Stage.CONNECTING else 3]
        if silence := opening.overdue(now):
            return Visit(ServerGone(silence), "protocol", proven)
        match event:
            case SessionCreated():
                offer = opening.created(event.session, now)
                if offer is not None:
                    wire.send(offer)
            case SessionUpdated():
                if ready := opening.updated(event.session):
                    return Visit(proven=_STEPS, ready=ready, warnings=warnings)
            case ServerError() if weigh(event) is Weight.FATAL:
                return _fatal(event, proven)
            case ServerError() if opening.concerns(event):
                answer = opening.refused(event, now)
                if answer is None:
                    maybe = event.code in _OTHER_SPELLING
                    return Visit(Refused(opening.complaint(event)), "conversation", proven, maybe_dialect=maybe)
                warnings.append(answer[0].message)
                wire.send(answer[1])


def _fatal(error: ServerError, proven: Sequence[Step]) -> Visit:
    step = _CODES.get(error.code, "conversation")
    before = _STEPS[: _STEPS.index(step)]
    return Visit(Refused(error.message), step, before if step in {"key", "deployment"} else proven)


async def _next_word(opening: Opening, wire: WebSocketWire) -> ServerEvent | None:
    """The next word; None when it is no word of the protocol, or when the time is up."""
    wait_s = None if opening.deadline is None else max(0.0, opening.deadline - time.monotonic())
    try:
        async with asyncio.timeout(wait_s):
            return await wire.receive()
    except (TimeoutError, ProtocolError):
        return None

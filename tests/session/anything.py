"""Anything a server might say, well formed or not, in any order; each connection with names of its own."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any

from hypothesis import strategies as st

from vivavoce.events import Unknown
from vivavoce.events import server as said
from vivavoce.events.server import ServerEvent
from vivavoce.session.settings import FINISH_TOOL

RESPONSES = st.sampled_from([f"resp_{count}" for count in range(8)] + [""])
ITEMS = st.sampled_from([f"item_{count}" for count in range(8)])
USERS = st.sampled_from([f"user_{count}" for count in range(6)])
ANYBODY = ITEMS | USERS | st.sampled_from(["root", "viva_typed_1"])
TEXT = st.sampled_from(["", "hello ", "there you are. ", "one two three four five six "])
PCM = st.sampled_from([0, 1, 47, 48, 4_801, 48_000]).map(bytes)
ODD = st.sampled_from([None, 3, [], {}, "odd", [1], {"a": 1}])
CODES = st.sampled_from(
    [
        None,
        "server_error",
        "session_expired",
        "response_cancel_not_active",
        "conversation_already_has_active_response",
        "item_truncate_invalid_item_id",
    ]
)
MESSAGES = st.sampled_from(
    ["no", "Conversation already has an active response", "... in progress: resp_1. Wait ...", None]
)
STATUS = st.sampled_from(["completed", "cancelled", "incomplete", "failed", None])
FAILURES = st.sampled_from(
    [
        {"error": {"code": "rate_limit_exceeded", "message": "Please try again in 6.2s."}},
        {"error": {"code": "rate_limit_exceeded", "message": "Later."}},
        {"error": {"type": "server_error", "message": "Sorry about that!"}},
        {"error": {"code": "content_filter", "message": "No."}},
    ]
)

_NAME = re.compile(r"(resp|item|user|call)_\w+|root|viva_typed_1")
_NAMED = {"item_id", "response_id", "previous_item_id", "call_id", "id"}
_WORDS = {"delta", "transcript", "text"}


@st.composite
def items(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["message", "message", "function_call", "mcp_call"]))
    item: dict[str, Any] = {"id": draw(ANYBODY | ODD), "type": kind, "status": draw(STATUS)}
    if kind == "message":
        return item | {"role": draw(st.sampled_from(["assistant", "user", "system"])), "content": draw(ODD)}
    return item | {
        "call_id": draw(st.sampled_from(["call_1", "call_2", "call_3", None])),
        "name": draw(st.sampled_from(["weather", "time", "weather", "time", FINISH_TOOL, None])),
        "arguments": draw(st.sampled_from(["{}", "", "{", "[]", None])),
    }


def responses(metadata: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"id": RESPONSES, "metadata": metadata, "status": STATUS, "status_details": ODD | FAILURES, "usage": ODD}
    )


ANY_EVENT: st.SearchStrategy[ServerEvent] = st.one_of(
    st.builds(said.SpeechStarted, USERS, st.integers(0, 200)),
    st.builds(said.SpeechStopped, USERS, st.integers(0, 400)),
    st.builds(said.AudioCommitted, USERS, st.none() | ANYBODY),
    st.builds(said.TranscriptionCompleted, ANYBODY, TEXT),
    st.builds(said.TranscriptionFailed, ANYBODY, st.fixed_dictionaries({"code": CODES, "message": MESSAGES})),
    st.builds(said.ItemAdded, items(), st.none() | ANYBODY),
    st.builds(said.ItemDone, items(), st.none() | ANYBODY),
    st.builds(said.ResponseCreated, responses(ODD)),
    st.builds(said.ResponseDone, responses(ODD)),
    st.builds(said.OutputItemAdded, RESPONSES, items()),
    st.builds(said.OutputItemDone, RESPONSES, items()),
    st.builds(said.AudioDelta, ITEMS, PCM, RESPONSES),
    st.builds(said.TranscriptDelta, ANYBODY, TEXT, RESPONSES),
    st.builds(said.TranscriptDone, ANYBODY, TEXT, RESPONSES),
    st.builds(said.TextDelta, ANYBODY, TEXT, RESPONSES),
    st.builds(said.TextDone, ANYBODY, TEXT, RESPONSES),
    st.builds(
        said.ServerError, st.fixed_dictionaries({"type": ODD, "code": CODES, "message": MESSAGES, "event_id": ODD})
    ),
    st.builds(said.SessionUpdated, st.just({})),
    st.builds(said.RateLimitsUpdated, st.just([])),
    st.builds(Unknown, type=st.just("invented.later"), fields=st.just({})),
)


def of_connection(number: int, count: int, event: ServerEvent) -> ServerEvent:
    """The event as connection `number` says it: names end in `@number`, words carry `count`, so that none come twice."""
    if isinstance(event, Unknown):
        return event
    changed: dict[str, Any] = {}
    for field in fields(event):
        value = getattr(event, field.name)
        if isinstance(value, dict):
            changed[field.name] = {key: _named(key, each, number) for key, each in value.items()}
        elif field.name in _WORDS and value:
            changed[field.name] = f"{value}{count} "
        else:
            changed[field.name] = _named(field.name, value, number)
    return replace(event, **changed)


def _named(key: str, value: Any, number: int) -> Any:
    named = key in _NAMED and isinstance(value, str) and _NAME.fullmatch(value)
    if key == "previous_item_id" and value in {"root", "viva_typed_1"}:
        return value
    return f"{value}@{number}" if named else value


def connection_of(name: str) -> int | None:
    """Of which connection that name is; None for our own."""
    number = name.partition("@")[2]
    return int(number) if number else None

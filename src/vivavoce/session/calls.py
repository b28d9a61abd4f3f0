"""Functions asked for, running, answered (reference section 2.6).

A call is taken from `response.output_item.done` alone and runs once. When every call of a response is answered and the
response itself is done, one new response is due, however many calls there were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A function call, as the model made it.

    Attributes:
        arguments: the parsed object, or None when the text is not one.
        text: the text of the arguments.
    """

    call_id: str
    name: str
    arguments: Mapping[str, Any] | None
    text: str


@dataclass(slots=True)
class Batch:
    """The calls of one response."""

    response_id: str
    names: list[str] = field(default_factory=list)
    running: dict[str, Asked] = field(default_factory=dict)
    done: bool = False


class Calls:
    """All calls of the conversation."""

    def __init__(self) -> None:
        self._batches: dict[str, Batch] = {}
        self._seen: set[str] = set()

    @property
    def running(self) -> bool:
        """A function has not answered yet, or its response is not done."""
        return bool(self._batches)

    def asked(self, response_id: str, item: Mapping[str, Any]) -> Asked | None:
        """An item that `response.output_item.done` brought: the call to run, None when it is none or is known already."""
        if item.get("type") != "function_call" or item.get("status", "completed") != "completed":
            return None
        call_id, name = str(item.get("call_id") or ""), str(item.get("name") or "")
        if not call_id or call_id in self._seen:
            return None
        self._seen.add(call_id)
        text = str(item.get("arguments") or "")
        call = Asked(call_id, name, _parsed(text), text)
        batch = self._batches.setdefault(response_id, Batch(response_id))
        batch.names.append(name)
        batch.running[call_id] = call
        return call

    def answered(self, call_id: str) -> Asked | None:
        """The function has answered; None when nobody waits for that answer."""
        for batch in self._batches.values():
            if call_id in batch.running:
                return batch.running.pop(call_id)
        return None

    def response_done(self, response_id: str) -> None:
        """No more calls will come from that response."""
        if response_id in self._batches:
            self._batches[response_id].done = True

    def take_due(self) -> list[Batch]:
        """The responses, each once, whose calls are all answered: a new response is due."""
        due = [batch for batch in self._batches.values() if batch.done and not batch.running]
        for batch in due:
            del self._batches[batch.response_id]
        return due


def _parsed(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None

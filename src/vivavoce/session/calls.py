"""Functions asked for, running, answered (reference section 2.6).

A call is taken from `response.output_item.done` alone and runs once. When every call of a response is answered and the
response itself is done, one new response is due, however many calls there were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vivavoce.events.client import ClientEvent, CreateItem
from vivavoce.session.effects import Call, Effect, Show
from vivavoce.session.happenings import Called
from vivavoce.session.recent import Recent
from vivavoce.session.settings import FINISH_TOOL

_KEPT = 256  # calls that are known again when they come twice


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
    severed: bool = False  # the server that asked is gone: nobody else knows these calls


class Calls:
    """All calls of the conversation. Verbs in, two lists out: `to_world` and `to_server`."""

    def __init__(self) -> None:
        self._batches: dict[str, Batch] = {}
        self._seen = Recent(_KEPT)
        self._world: list[Effect] = []
        self._server: list[ClientEvent] = []

    def to_world(self) -> list[Effect]:
        """Drain what the world is asked to do."""
        out, self._world = self._world, []
        return out

    def to_server(self) -> list[ClientEvent]:
        """Drain what is to be said to the server."""
        out, self._server = self._server, []
        return out

    @property
    def running(self) -> bool:
        """A function has not answered yet."""
        return any(batch.running for batch in self._batches.values())

    @property
    def open(self) -> bool:
        """A function has not answered yet, or its response is not done."""
        return bool(self._batches)

    def receive(self, response_id: str, item: Mapping[str, Any]) -> str | None:
        """An item that `response.output_item.done` brought: the name of the function called, None when none (again).

        The finish tool is answered here, and so are arguments that are not a JSON object.
        """
        call = _asked(item)
        if call is None or call.call_id in self._seen:
            return None
        self._seen.add(call.call_id)
        batch = self._batches.setdefault(response_id, Batch(response_id))
        batch.names.append(call.name)
        if call.name == FINISH_TOOL:
            self._answer(call, '{"ok":true}', None)
        elif call.arguments is None:
            problem = "the arguments are not a JSON object"
            self._answer(call, json.dumps({"error": problem}), problem)
        else:
            batch.running[call.call_id] = call
            self._world.append(Call(call.call_id, call.name, call.arguments))
        return call.name

    def answered(self, call_id: str, output: str, error: str | None) -> bool:
        """The function has answered; False when nobody waits for that answer."""
        for batch in self._batches.values():
            if call_id in batch.running:
                self._answer(batch.running.pop(call_id), output, error, severed=batch.severed)
                return True
        return False

    def _answer(self, call: Asked, output: str, error: str | None, *, severed: bool = False) -> None:
        if not severed:  # else it goes with the history, call and answer together (row 20)
            self._server.append(CreateItem({"type": "function_call_output", "call_id": call.call_id, "output": output}))
        arguments = call.text if call.arguments is None else call.arguments
        self._world.append(Show(Called(call.call_id, call.name, arguments, output, error)))

    def response_done(self, response_id: str) -> None:
        """No more calls will come from that response."""
        if response_id in self._batches:
            self._batches[response_id].done = True

    @property
    def orphans(self) -> list[str]:
        """Calls that still run, of a server that is gone."""
        return [call_id for batch in self._batches.values() if batch.severed for call_id in batch.running]

    def sever(self) -> None:
        """The connection is gone. Calls that still run will be answered, and their answers told to the next one."""
        self._batches = {key: batch for key, batch in self._batches.items() if batch.running}
        for batch in self._batches.values():
            batch.done = batch.severed = True
        self._seen.clear()
        self._seen.update(self.orphans)
        self._server.clear()

    def take_due(self) -> list[Batch]:
        """The responses, each once, whose calls are all answered: a new response is due."""
        due = [batch for batch in self._batches.values() if batch.done and not batch.running]
        for batch in due:
            del self._batches[batch.response_id]
        return due


def _asked(item: Mapping[str, Any]) -> Asked | None:
    if item.get("type") != "function_call" or (item.get("status") or "completed") != "completed":
        return None
    call_id, name, text = (str(item.get(key) or "") for key in ("call_id", "name", "arguments"))
    return Asked(call_id, name, _parsed(text), text) if call_id else None


def _parsed(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

"""The response slot: the default conversation holds one response at a time (reference section 2.4).

    free --want--> create pending --response.created--> active --response.done--> free
      `--committed (the server answers by itself)--> expected --response.created----^

A wish that meets an occupied slot is remembered and sent once it is free. A `response.create` that loses the race
(`conversation_already_has_active_response`) becomes a wish again, once. Nothing here waits for ever: a pending create, a
response we only know from an error text, each has a deadline.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vivavoce.events.client import CancelResponse, ClientEvent, CreateResponse
from vivavoce.events.server import ServerError

_ALREADY_ACTIVE = "conversation_already_has_active_response"
_ALREADY_ACTIVE_TEXT = "Conversation already has an active response"  # an older form has code null (row 10)
_RESPONSE_ID = re.compile(r"\bresp_\w+")
_NAME = "client_event_id"
_BLOCKED_S = 5.0  # how long an active response of which we know only the name may keep us waiting
_FINISHED_KEPT = 64


@dataclass(slots=True)
class _Asked:
    """A `response.create` of ours."""

    event_id: str
    options: Mapping[str, Any]
    deadline: float
    retried: bool
    unwanted: bool = False
    outlived: bool = False  # a response was done since


class Responses:
    """Which response is wanted, asked for, active. Verbs in, `to_server` out."""

    def __init__(self, created_s: float, now: float = 0.0) -> None:
        """`created_s`: seconds until a `response.create` without an answer is asked once more, then given up."""
        self._created_s = created_s
        self._now = now
        self._wish: tuple[Mapping[str, Any], bool] | None = None
        self._asked: _Asked | None = None
        self._pending = False
        self._blocked_until: float | None = None
        self._active: dict[str, None] = {}
        self._finished: deque[str] = deque(maxlen=_FINISHED_KEPT)
        self._cancelled: set[str] = set()  # told so, and still active
        self._expected = False
        self._count = 0
        self._out: list[ClientEvent] = []

    @property
    def active(self) -> list[str]:
        """Identifiers of the responses under way, oldest first."""
        return list(self._active)

    def owes(self, whole: Callable[[str], bool]) -> bool:
        """The server owes a reply, or the rest of one; `whole`: all of that response's sound has come."""
        waiting = self._pending or self._wish is not None or self._expected
        return waiting or any(not whole(response_id) for response_id in self._active)

    def options(self, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        """With which options a response was asked for; empty where the server made it by itself."""
        ours = self._asked is not None and metadata.get(_NAME) == self._asked.event_id
        return self._asked.options if ours and self._asked else {}

    @property
    def busy(self) -> bool:
        """A response is under way, asked for, wished for, or the server is about to make one."""
        return bool(self._active) or self._pending or self._wish is not None or self._expected

    def to_server(self) -> list[ClientEvent]:
        """Drain what is to be sent."""
        out, self._out = self._out, []
        return out

    def want(self, options: Mapping[str, Any] | None = None) -> None:
        """Ask for a response, now or when the slot is free. Several wishes are one: the last one's options hold."""
        self._wish = (options or {}, False)
        self._send()

    def expect(self) -> None:
        """A turn was committed and the server will answer it by itself."""
        self._expected = True

    @property
    def expects(self) -> bool:
        """A turn has ended, and we have not asked for its answer yet, nor for another one."""
        return self._expected and not self._pending

    def claim(self) -> None:
        """The server does not answer by itself: what was expected of it is asked for, if nothing has overtaken that."""
        if self._expected:
            self._expected = False
            self.want()

    def speech_started(self) -> None:
        """The person speaks: what was wished or expected is overtaken, the server answers the new turn."""
        self._expected = False
        self._wish = None
        if self._asked:
            self._asked.unwanted = True

    def created(self, response_id: str, metadata: Mapping[str, Any]) -> bool:
        """`response.created`. False when it is one of ours that nobody wants any more: it is cancelled here (row 12)."""
        if response_id in self._active or response_id in self._finished:
            return True
        self._active[response_id] = None
        self._blocked_until = None
        ours = self._is_ours(metadata)
        self._expected = False
        if not ours:
            return True
        self._pending = False
        if self._asked and self._asked.unwanted:
            self._out.append(CancelResponse(response_id))
            self._cancelled.add(response_id)
            return False
        return True

    def _is_ours(self, metadata: Mapping[str, Any]) -> bool:
        """The pending create made it: it says so, or, where the server repeats no metadata, none of its own was due."""
        if not (self._pending and self._asked):
            return False
        name = metadata.get(_NAME)
        return not self._expected if name is None else bool(name == self._asked.event_id)

    def done(self, response_id: str, metadata: Mapping[str, Any]) -> bool:
        """`response.done`. False when it was told already; one that was never created is none of ours to miss (row 31)."""
        if response_id in self._finished:
            return False
        if response_id:
            self._finished.append(response_id)
        self._active.pop(response_id, None)
        self._cancelled.discard(response_id)
        self._blocked_until = None
        if self._asked:
            self._asked.outlived = True
            if metadata.get(_NAME) == self._asked.event_id:
                self._pending = False
        self._send()
        return True

    def is_done(self, response_id: str) -> bool:
        """No more is to come of that response."""
        return response_id in self._finished

    def cancel(self) -> None:
        """Stop whatever is under way, asked for or wished."""
        self._out += [CancelResponse(response_id) for response_id in self._active if response_id not in self._cancelled]
        self._cancelled.update(self._active)
        self.speech_started()

    def refused(self, error: ServerError) -> bool:
        """An `error` that may answer a `response.create` of ours. True when it did and nothing is lost by it."""
        asked = self._asked
        if asked is None or error.caused_by not in {None, asked.event_id}:
            return False
        if error.code == _ALREADY_ACTIVE or error.message.startswith(_ALREADY_ACTIVE_TEXT):
            self._pending = False
            lost = not self._again(asked)
            self._block(error.message, asked)
            self._send()
            return not lost
        if error.caused_by == asked.event_id:
            self._pending = False
            self._asked = None
            self._send()
        return False

    def _again(self, asked: _Asked) -> bool:
        """Make a wish of it again, once, unless nobody wants it or a newer wish is there. False when it is given up."""
        self._asked = None
        if asked.unwanted or self._wish is not None:
            return True
        if asked.retried:
            return False
        self._wish = (asked.options, True)
        return True

    def _block(self, message: str, asked: _Asked) -> None:
        """Wait for the response that is in the way, unless its `response.done` came before the error did."""
        found = _RESPONSE_ID.search(message)
        gone = found.group() in self._finished if found else asked.outlived
        if not gone and not self._active:
            self._blocked_until = self._now + _BLOCKED_S

    def tick(self, now: float) -> bool:
        """Time passes. True when a response we asked for was given up: nobody answered twice."""
        self._now = now
        if self._blocked_until is not None and now >= self._blocked_until:
            self._blocked_until = None
        gave_up = False
        asked = self._asked
        if self._pending and asked and now >= asked.deadline:
            self._pending = False
            gave_up = not self._again(asked)
        self._send()
        return gave_up

    def next_deadline(self) -> float | None:
        """When `tick` has something to do."""
        waits = [self._blocked_until] if self._blocked_until is not None else []
        if self._pending and self._asked:
            waits.append(self._asked.deadline)
        return min(waits, default=None)

    def _send(self) -> None:
        if self._wish is None or self._active or self._pending or self._expected or self._blocked_until is not None:
            return
        options, retried = self._wish
        self._wish = None
        self._count += 1
        event_id = f"viva_response_{self._count}"
        self._asked = _Asked(event_id, options, self._now + self._created_s, retried)
        self._pending = True
        # metadata comes back in response.created, so our response is known from the server's own
        self._out.append(CreateResponse({**options, "metadata": {_NAME: event_id}}, event_id=event_id))

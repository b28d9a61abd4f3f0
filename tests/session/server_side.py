"""One connection as its server sees it: what it was told, and which words to it would be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.session.anything import connection_of

from vivavoce.events import server as said
from vivavoce.events.client import (
    CancelResponse,
    ClientEvent,
    CreateItem,
    CreateResponse,
    DeleteItem,
    TruncateItem,
    UpdateSession,
)
from vivavoce.events.server import ServerEvent
from vivavoce.session.happenings import AssistantSaid, Called, Happening, UserSaid

CREATE_PATIENCE_S = 10.0
_OURS = "viva_line_"
Line = tuple[str, ...]


class ServerSide:
    """A connection.

    Attributes:
        number: which one, from 1.
        agreed: the settings are agreed on.
        steps: of its handshake that are done.
        began, line: the numbers of the first and the last millisecond of the microphone it has; 0 where it has none.
        active: its responses told as created, not yet as done.
        repeats: what it will say of the items it was told.
        pending: the `response.create` that it has not answered.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.agreed = False
        self.steps = 0
        self.began = 0
        self.line = 0
        self.active: set[str] = set()
        self.pending: CreateResponse | None = None
        self._done: set[str] = set()
        self._asked_at = 0.0
        self._items: list[tuple[str, Line]] = []  # what it was told of the past, as it stands in its conversation
        self._typed: set[str] = set()
        self.repeats: list[said.ItemAdded] = []

    # ---- what it says

    def says(self, event: ServerEvent) -> None:
        """It said so, and the client knows what that means for the response slot."""
        if isinstance(event, said.ResponseCreated):
            name = str(event.response["id"] or "")
            if name not in self._done:
                self.active.add(name)
                self.pending = None
        elif isinstance(event, said.ResponseDone):
            name = str(event.response["id"] or "")
            self.active.discard(name)
            self._done.add(name or "-")
            self.pending = None
        elif isinstance(event, said.ServerError):
            self.pending = None

    # ---- what it is told

    def hear(self, word: ClientEvent, now: float) -> None:
        """It is told this, `now`."""
        assert self.agreed or isinstance(word, UpdateSession), "nothing but the settings before they are agreed on"
        match word:
            case TruncateItem() | DeleteItem():
                assert connection_of(word.item_id) in {self.number, None}, (
                    "the items of another server mean nothing here"
                )
            case CancelResponse():
                assert word.response_id in self.active
            case CreateResponse():
                self._create(word, now)
            case CreateItem():
                self._item(word)

    def _create(self, word: CreateResponse, now: float) -> None:
        assert not self.active, "never a second response while one is active"
        if self.pending is not None:
            assert now >= self._asked_at + CREATE_PATIENCE_S, "never a second create while one is pending"
        self.pending, self._asked_at = word, now

    def _item(self, word: CreateItem) -> None:
        item = word.item
        name = str(item.get("id") or "")
        self.repeats.append(said.ItemAdded(item, word.previous_item_id))
        if item["type"] == "function_call_output" and not name:
            assert connection_of(item["call_id"]) == self.number, "the calls of another server mean nothing here"
        if not name.startswith(_OURS):
            self._typed.add(name)
            return
        names = [known for known, _ in self._items]
        assert name not in names, "nothing is told twice"
        at = len(names)
        if word.previous_item_id is not None:
            at = 0 if word.previous_item_id == "root" else names.index(word.previous_item_id) + 1
        self._items.insert(at, (name, _told(item)))

    def knows_what_was_said(self, shown: Sequence[Happening]) -> None:
        """It was told all that was shown and is not its own: once, in order.

        Words of the person that came late stand where their sound stood: earlier than they were shown.
        """
        own = [self._is_own(line) for line in shown]
        expected = [told for line, mine in zip(shown, own, strict=True) if not mine for told in _expected(line)]
        found = [told for _, told in self._items if told != ("user", "(sound)")]
        assert sorted(found) == sorted(expected)
        assert _without_person(found) == _without_person(expected)
        for place, told in enumerate(expected):
            assert found.index(told) <= place or told[0] != "user"

    def _is_own(self, line: Happening) -> bool:
        key = line.call_id if isinstance(line, Called) else getattr(line, "item_id", "")
        return connection_of(key) == self.number or key in self._typed


def _without_person(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line[0] != "user"]


def _told(item: Mapping[str, Any]) -> Line:
    if item["type"] == "message":
        return str(item["role"]), str(item["content"][0].get("text", "(sound)"))
    return str(item["type"]), str(item.get("output", item.get("name")))


def _expected(line: Happening) -> list[Line]:
    match line:
        case UserSaid(_, text) if text:
            return [("user", text)]
        case AssistantSaid() if line.heard_text:
            return [("assistant", line.heard_text + "—" * line.interrupted)]
        case Called():
            return [("function_call", line.name), ("function_call_output", line.output)]
        case _:
            return []

"""The answers of one conversation: the response slot, answers beside it, and the answer that is made ahead.

The default conversation has one slot (`active`); answers with `conversation: "none"` run beside it. An answer begins when
every word of the person in its context is recognised; then it is said to be silent (there were no words), to finish the
talk (the goodbye rule), or to be thought.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vivavoce.engine import settings
from vivavoce.engine.conversation import Conversation, Item, SpokenItem, TextItem, item_from, told
from vivavoce.engine.hearing import Ahead, Piece, Turn
from vivavoce.engine.jobs import Answer, Stop, Warm
from vivavoce.engine.outlet import Outlet
from vivavoce.engine.response import Response
from vivavoce.engine.settings import GOODBYE, Wish, refused
from vivavoce.engine.stages import Asked, Counted, Prompt, Words
from vivavoce.errors import ProtocolError

ANSWER_IN_ENGLISH = " Always answer in English."
_IN_VAIN = 2
NOTHING_COUNTED = Counted(0, 0, 0)


@dataclass(slots=True)
class _Open:
    """An answer that is not done; `items` is its context when it is not the conversation."""

    response: Response
    items: list[Item] | None


class Answers:
    """What is being answered."""

    def __init__(
        self,
        session: Mapping[str, Any],
        conversation: Conversation,
        outlet: Outlet,
        wants_to_finish: Callable[[str], bool],
    ) -> None:
        self.session = session
        self.active: Response | None = None
        self.has_spoken = False
        self._conversation = conversation
        self._outlet = outlet
        self._wants_to_finish = wants_to_finish
        self._open: dict[str, _Open] = {}
        self._jobs: dict[int, Response | Ahead] = {}
        self._warmed: Prompt | None = None
        self._kept: Ahead | None = None  # made ahead of a turn that is over; the client has not asked for an answer yet
        self._in_vain = 0  # so many in a row were never asked for

    # ---- begin

    def create(self, given: Mapping[str, Any] | None) -> list[SpokenItem]:
        """`response.create`. Answers the sound among its own input that must be recognised first.

        Raises:
            ProtocolError: a field is wrong, or the slot is taken.
        """
        wish = settings.wish(self.session, given)
        items = None if wish.input is None else [self._input(i, entry) for i, entry in enumerate(wish.input)]
        if wish.in_conversation and self.active is not None:
            raise ProtocolError(
                f"Conversation already has an active response in progress: {self.active.id}. "
                "Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        response = Response(self._outlet.new_id("resp"), wish, self._conversation, self._outlet)
        self._open[response.id] = _Open(response, items)
        if wish.in_conversation:
            self.active = response
        response.begin()
        self.advance(self._kept)
        self.forget_ahead()
        self._in_vain = 0
        own = [item for item in items or () if isinstance(item, SpokenItem) and item.pending]
        return [item for item in own if self._conversation.find(item.id) is not item]

    def _input(self, index: int, entry: Mapping[str, Any]) -> Item:
        path = f"response.input[{index}]"
        if entry.get("type") != "item_reference":
            return item_from(entry, self._outlet.new_id("item"), path)
        found = self._conversation.find(str(entry.get("id")))
        if found is None:
            raise refused(f"{path}.id", f"Item with item_id not found: {entry.get('id')}")
        return found

    def advance(self, ahead: Ahead | None = None) -> None:
        """Begin every answer that waited for nothing but words that are known now."""
        for entry in list(self._open.values()):
            items = self._conversation.recent() if entry.items is None else entry.items
            if entry.response.job is None and not any(isinstance(item, SpokenItem) and item.pending for item in items):
                self._begin(entry.response, items, ahead)

    def _begin(self, response: Response, items: list[Item], ahead: Ahead | None) -> None:
        last = items[-1] if items else None
        if self._finishes(response.wish, last):
            response.asked(GOODBYE, "{}")
            self._done(response).complete(NOTHING_COUNTED)
        elif isinstance(last, SpokenItem) and not last.told and not response.wish.has_own_instructions:
            self._say_nothing(response, last)
        else:
            self._think(response, self._prompt(response.wish, items), ahead)

    def _say_nothing(self, response: Response, heard: SpokenItem) -> None:
        """The last turn was speech without words, and nobody asks for something else to be said."""
        if heard.failed:
            self._done(response).fail("The speech could not be recognised.")
        else:
            self._done(response).complete(NOTHING_COUNTED)

    def _think(self, response: Response, prompt: Prompt, ahead: Ahead | None) -> None:
        if ahead is None or ahead.prompt != prompt or not response.wish.aloud or ahead.job not in self._jobs:
            response.job = self._ask(response, prompt, response.wish.aloud)
            return
        response.job = ahead.job
        self._jobs[ahead.job] = response
        for piece in ahead.pieces:
            self.answered(ahead.job, piece)

    def _ask(self, target: Response | Ahead, prompt: Prompt, aloud: bool) -> int:
        job = self._outlet.new_job()
        self._jobs[job] = target
        self._warmed = None
        self._outlet.ask(Answer(job, prompt, aloud))
        return job

    # ---- ahead of the end of a turn

    def think_ahead(self, turn: Turn) -> None:
        """Answer the words that `turn` is believed to hold, in silence."""
        wish = settings.wish(self.session, None)
        item = SpokenItem(turn.item_id, b"", turn.guess)
        if self.active is not None or not wish.aloud or not turn.guess or self._finishes(wish, item):
            return
        prompt = self._prompt(wish, [*self._conversation.recent(), item])
        turn.ahead = Ahead(0, prompt)
        turn.ahead.job = self._ask(turn.ahead, prompt, aloud=True)

    @property
    def may_be_asked(self) -> bool:
        """A client that is to ask for answers itself has done so, lately, or may still come to it."""
        return self._in_vain < _IN_VAIN

    def keep_ahead(self, turn: Turn) -> None:
        """The turn is over, and it is the client that asks for answers: the one made ahead waits for that."""
        self._kept, turn.ahead = turn.ahead, None
        self._in_vain += 1

    def forget_ahead(self) -> None:
        """Nobody asked for it, or for something else."""
        ahead, self._kept = self._kept, None
        self._drop(ahead)

    def drop_ahead(self, turn: Turn) -> None:
        """Throw away the answer made ahead, unless it was adopted."""
        ahead, turn.ahead = turn.ahead, None
        self._drop(ahead)

    def _drop(self, ahead: Ahead | None) -> None:
        if ahead is not None and self._jobs.get(ahead.job) is ahead:
            del self._jobs[ahead.job]
            self._outlet.ask(Stop(ahead.job))

    def warm(self) -> None:
        """Have the prompt of the next answer read, as far as it is known, while nothing is to be answered."""
        prompt = self._prompt(settings.wish(self.session, None), self._conversation.recent())
        if self.active is None and prompt != self._warmed:
            self._warmed = prompt
            self._outlet.ask(Warm(prompt))

    # ---- end

    def interrupt(self) -> None:
        """A person speaks: cut the active answer."""
        if self.active is not None:
            self._cut(self.active, "turn_detected")

    def cancel(self, response_id: str | None) -> None:
        """`response.cancel`; raises ProtocolError when there is nothing to cancel."""
        entry = self._open.get(response_id) if response_id else None
        found = entry.response if entry else None if response_id else self.active
        if found is None:
            raise ProtocolError("Cancellation failed: no active response found", code="response_cancel_not_active")
        self._cut(found, "client_cancelled")

    def _cut(self, response: Response, reason: str) -> None:
        if response.job is not None:
            self._outlet.ask(Stop(response.job))
        self._done(response).cancel(reason)

    def _done(self, response: Response) -> Response:
        """Free its place; what is still made for it is not wanted any more."""
        del self._open[response.id]
        if response.job is not None:
            self._jobs.pop(response.job, None)
        if self.active is response:
            self.active = None
        self._outlet.done(response.samples, in_conversation=response.wish.in_conversation)
        return response

    def answered(self, job: int, piece: Piece) -> None:
        """The next result of an `Answer`."""
        target = self._jobs.get(job)
        if isinstance(target, Ahead):
            target.pieces.append(piece)
        elif target is not None:
            self._piece(target, piece)

    def _piece(self, response: Response, piece: Piece) -> None:
        match piece:
            case Words():
                response.said(piece.text)
            case bytes():
                self.has_spoken = True
                response.sounded(piece)
            case Asked():
                response.asked(piece.name, piece.arguments)
            case _:  # Counted
                self._done(response).complete(piece)
                if self._conversation.shorten():
                    self.warm()

    def failed(self, job: int, message: str) -> None:
        """An `Answer` came to nothing; one made ahead is made anew at the end of the turn."""
        target = self._jobs.pop(job, None)
        if isinstance(target, Response):
            self._done(target).fail(message)

    # ---- what is asked of the model

    def _finishes(self, wish: Wish, last: Item | None) -> bool:
        """Whether the answer is the call that ends the talk; decided by a rule, because a small model misses goodbyes."""
        names = {tool["name"] for tool in wish.tools}
        if GOODBYE not in names or wish.tool_choice == "none":
            return False
        if wish.tool_choice == GOODBYE or (wish.tool_choice == "required" and names == {GOODBYE}):
            return True
        if isinstance(last, SpokenItem) or (isinstance(last, TextItem) and last.role == "user"):
            return self._wants_to_finish(last.told)
        return False

    def _prompt(self, wish: Wish, items: list[Item]) -> Prompt:
        spoken = settings.is_spoken(settings.language_of(self.session))
        tools = tuple(tool for tool in wish.tools if tool["name"] != GOODBYE)
        return Prompt(
            instructions=wish.instructions if spoken else wish.instructions + ANSWER_IN_ENGLISH,
            messages=tuple(told(items)),
            tools=tools,
            tool_choice=wish.tool_choice if tools else "none",
            max_tokens=wish.max_tokens,
        )

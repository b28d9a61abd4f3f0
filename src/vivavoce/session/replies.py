"""Replies: what the server makes of a response, says in it, and has done by functions in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.events import server
from vivavoce.session import happenings as told
from vivavoce.session.floor import Floor, Signal
from vivavoce.session.settings import FINISH_TOOL
from vivavoce.session.speech import SpeechEvent
from vivavoce.session.state import State
from vivavoce.session.trouble import mapping, outcome


class Replies:
    """Words of the server in; what follows from them is in the lists of the state."""

    def __init__(self, state: State) -> None:
        self._state = state

    def receive(self, event: server.ResponseCreated | server.ResponseDone) -> None:
        """A response begins or is over."""
        state = self._state
        response = event.response
        response_id, metadata = str(response.get("id") or ""), mapping(response.get("metadata"))
        if isinstance(event, server.ResponseCreated):
            if state.responses.expects:
                state.barge_in.agreed(ours=False)  # whatever it was asked: it answers by itself
            if not state.responses.created(response_id, metadata):
                state.speech.silence(response_id)
            state.move(Signal.ASKED)
            state.owed_since_now()
            return
        if not state.responses.done(response_id, metadata):
            return
        usage = response.get("usage")
        if isinstance(usage, Mapping):
            state.show(told.Used(response_id, usage))
        state.calls.response_done(response_id)
        state.speech.response_done(response_id)
        self._receive_outcome(response, state.responses.options(metadata))

    def _receive_outcome(self, response: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        state = self._state
        found = outcome(response)
        if not isinstance(found, told.Errored):
            state.retries.succeeded()
            state.patience.replied()
            if found is not None:
                state.show(found)
        elif found.fatal:
            state.fail(found.code, found.message, "refused", found.raw)
        else:
            error = server.ServerError(mapping(mapping(response.get("status_details")).get("error")))
            overtaken = state.responses.busy or state.calls.open or state.farewell.reason
            wanted = state.floor is Floor.THINKING and not overtaken
            pause_s = state.retries.failed(error, options, state.now) if wanted else None
            state.show(found)
            if pause_s is not None:
                state.warn("retrying", f"The reply is asked for again in {pause_s:g} s.")

    def speak(self, event: SpeechEvent) -> None:
        """The server says a word of a reply."""
        state = self._state
        state.owed_since_now()
        state.patience.replied()
        if isinstance(event, server.OutputItemDone):
            self._call(event.response_id, event.item)
        if state.speech.receive(event):
            state.move(Signal.SOUND)

    def _call(self, response_id: str, item: Mapping[str, Any]) -> None:
        state = self._state
        name = state.calls.receive(response_id, item)
        if name is None:
            return
        if state.responses.is_done(response_id):
            state.calls.response_done(response_id)
        if name == FINISH_TOOL:
            state.farewell.decide("goodbye")
        state.move(Signal.ASKED)

    def follow_calls(self) -> None:
        """One response after all outputs; none where the server answers a new turn, or where goodbye was said already."""
        state = self._state
        due = state.calls.take_due()
        if not due or state.floor is Floor.LISTENING:
            return
        if not state.farewell.reason:
            state.ask({})
        elif state.farewell.owed(due, said=state.speech.said(batch.response_id for batch in due)):
            state.ask({"tool_choice": "none"})

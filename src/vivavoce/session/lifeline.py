"""The connections of a talk: agreed on, lost and made again, grown old and replaced; and what silence of one means.

When and with what is decided in `continuity`, `patience` and `opening`; here the parts of a session are told of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.errors import Reason
from vivavoce.events import client, server
from vivavoce.events.server import ServerEvent
from vivavoce.session import happenings as told
from vivavoce.session.effects import Swap
from vivavoce.session.floor import Floor
from vivavoce.session.opening import Stage
from vivavoce.session.responses import Responses
from vivavoce.session.standby import Standby
from vivavoce.session.state import State

PROBE = "viva_probe"  # a sparse `session.update` that changes nothing: a server that lives answers it
_OVERLAP_S = 5.0  # what a server hears again that takes over in a quiet moment: the word that is just beginning


class Lifeline:
    """Verbs in; what follows from them is in the lists of the state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.end_at: float | None = None

    def opened(self, unix_s: float | None = None) -> None:
        """`Session.opened`."""
        state = self._state
        state.opening.opened(state.now, unix_s)
        state.due_known = False

    def gone(
        self,
        code: str,
        message: str,
        reason: Reason,
        raw: Mapping[str, Any] | None = None,
        after_s: float | None = None,
    ) -> None:
        """`Session.gone`."""
        state = self._state
        if state.stage is Stage.OVER:
            return
        if not state.met or reason != "lost":
            state.fail(code, message, reason, raw)
        elif state.continuity.lost_at is not None:
            self.try_again(code, message, after_s)
        else:
            self.lose(code, message)

    def lose(self, code: str, message: str) -> None:
        """The connection is of no more use: the standby takes over, or a new one is made."""
        state = self._state
        standby = state.continuity.standby
        if standby and standby.ready and not state.farewell.reason:
            self._swap(standby, lost=True)
            return
        self._sever()
        if state.farewell.reason == "goodbye" or (state.farewell.reason and not self._unanswered):
            state.continuity.lose_for_good()  # what came is heard to its end
        else:
            state.show(told.Reconnecting(code, message))
            state.continuity.lose(state.now)

    @property
    def _unanswered(self) -> bool:
        """Something that the person said or asked for waits for a server."""
        state = self._state
        return state.continuity.owed or state.continuity.kept.open or state.calls.running

    def try_again(self, code: str, message: str, hint_s: float | None = None) -> None:
        """A try failed: another one, if there is time for it."""
        state = self._state
        if state.continuity.failed(state.now, hint_s):
            state.opening = state.opening.again()
        elif hint_s is None:
            self.give_up(code, message)
        else:
            asked, left = f"{round(hint_s, 1):g} s", f"{round(state.continuity.left_s(state.now), 1):g} s"
            why = f"The server asks to wait {asked}, and only {left} are left for a new connection."
            state.fail(code, f"{why} {message}", "lost")

    def give_up(self, code: str, message: str) -> None:
        """No connection is to be had."""
        tried_s = self._state.settings.timeouts.reconnect_s
        self._state.fail(code, f"No connection was to be had within {tried_s:g} s. {message}", "lost")

    def no_reply(self) -> None:
        """The server owes a reply and will not give it; a talk that was about to end just ends."""
        state = self._state
        if state.farewell.reason:
            state.finish(state.farewell.reason)
        else:
            wait_s = state.settings.timeouts.reply_s
            state.fail("no_reply", f"No reply came within {wait_s:g} s; try again, or another model.", "no_reply")

    def stalled(self) -> None:
        """The server has been silent for too long."""
        state = self._state
        owed = state.owed
        if state.patience.stalled() or not owed:
            self.lose("stalled", f"The server has said nothing for {state.settings.timeouts.stall_s:g} s.")
        else:
            self.no_reply()

    @property
    def silent_at(self) -> float | None:
        """When the server will have been silent for too long, as far as silence means anything now."""
        state = self._state
        if state.stage is not Stage.READY or state.farewell.reason:
            return None
        return state.patience.silent_at(owed=state.owed)

    def _sever(self) -> None:
        """The connection is gone, and with it all that only it knew. What came of replies is heard to its end."""
        state = self._state
        answered_late = state.calls.open and not state.calls.running
        owed = state.responses.owes(state.speech.whole) or answered_late or state.retries.waiting
        owed = owed and state.floor is not Floor.LISTENING  # the server will answer what is being said
        if state.button.committing:
            state.continuity.put_by(state.button.unsent())
        state.speech.sever()
        state.barge_in.sever()
        state.transcript.sever(state.speech.knows)
        state.continuity.sever(state.transcript.awaits, owed=owed, silent=state.floor is Floor.THINKING)
        state.calls.sever()
        state.repeats.sever()
        state.retries.overtaken()
        state.patience.severed()
        state.responses = Responses(state.settings.timeouts.response_created_s, state.now)
        state.opening = state.opening.again()
        state.floor = Floor.SPEAKING if state.speech.sounding else Floor.THINKING
        state.speech.close_drained()
        state.show(*state.transcript.to_show())
        state.server.clear()

    def _resume(self, knows: int, last_s: float | None) -> None:
        """A new connection is ready: it is told what was said, then what it may not have heard."""
        state = self._state
        continuity = state.continuity
        state.barge_in.agreed(ours=state.opening.turns_are_ours)
        state.tell(continuity.back(knows, state.late))
        state.patience.heard(state.now)
        state.transcript.knows(str(word.item["id"]) for word in continuity.history.since(0))
        state.transcript.resume()
        continuity.lives(state.opening)
        state.ask_what_is_owed()
        state.server += state.responses.to_server()
        if state.settings.push_to_talk and not state.button.pressed:
            state.tell(continuity.nothing_again())
            state.ask_what_is_owed()
            return
        state.server += continuity.again(last_s, state.now)
        if continuity.kept.rehearing:
            self.probe(continuity.kept.length_s)  # a slow line takes as long for the sound as it lasts

    def probe(self, backlog_s: float = 0.0) -> None:
        """Ask the server for a sign of life. `backlog_s`: what it has to take before that."""
        state = self._state
        if state.patience.probe(state.now, backlog_s):
            state.server.append(client.UpdateSession({"type": "realtime"}, event_id=PROBE))

    def standby_opened(self, unix_s: float | None = None) -> None:
        """`Session.standby_opened`."""
        state = self._state
        if state.continuity.standby:
            state.continuity.standby.opened(unix_s, state.now)

    def receive_standby(self, event: ServerEvent) -> None:
        """`Session.receive_standby`."""
        self._state.continuity.receive(event, self._state.now)

    def standby_gone(self) -> None:
        """`Session.standby_gone`."""
        self._state.continuity.abandon(self._state.now)

    def swapped(self) -> bool:
        """The standby takes over, if there is one and it may."""
        standby = self._state.continuity.standby
        if standby is None or not self._may_swap:
            return False
        self._swap(standby)
        return True

    @property
    def _may_swap(self) -> bool:
        state = self._state
        continuity = state.continuity
        busy = state.waiting or continuity.kept.rehearing
        quiet = state.floor is Floor.QUIET and not state.transcript.waiting and not continuity.kept.open
        return not state.farewell.reason and continuity.may_swap(state.now, idle=not busy, quiet=quiet)

    def _swap(self, standby: Standby, *, lost: bool = False) -> None:
        """The standby takes over. `lost`: nobody knows since when the other one did not hear any more."""
        state = self._state
        # a reply that is still owed, or a loud microphone without an answer: the server may not have listened for a while
        doubtful = lost or state.patience.doubtful or state.waiting
        state.continuity.standby = None
        state.world.append(Swap())
        self._sever()
        state.opening = standby.opening
        state.server += state.continuity.to_standby()  # what was still to be said to it
        self._resume(standby.told, None if doubtful or state.continuity.kept.open else _OVERLAP_S)
        state.show(told.Renewed(standby.session_id))

    def receive(self, event: server.SessionCreated | server.SessionUpdated) -> None:
        """The server opens a conversation, or agrees on the settings."""
        state = self._state
        if isinstance(event, server.SessionCreated):
            offer = state.opening.created(event.session, state.now)
            state.server += [offer] if offer else []
            return
        ready = state.opening.updated(event.session)
        if ready and state.met:
            lost_s = state.continuity.lost_s(state.now)
            self._resume(0, None)
            state.show(told.Reconnected(ready.session_id, round(lost_s * 1_000)))
        elif ready:
            state.met = True
            state.barge_in.agreed(ours=state.opening.turns_are_ours)
            state.show(ready)
            state.continuity.lives(state.opening)
            if state.settings.max_s is not None:
                self.end_at = state.now + state.settings.max_s
        else:
            state.continuity.has_it_all(state.now)  # the answer to a probe

    def settings_refused(self, error: server.ServerError) -> None:
        """The server does not take what we ask it to be."""
        state = self._state
        answer = state.opening.refused(error, state.now)
        if answer is None and state.continuity.lost_at is not None:
            self.try_again(error.code, error.message)  # it was agreed on once
            return
        if answer is None:
            state.fail(error.code, state.opening.complaint(error), "settings", error.error)
            return
        warning, offer = answer
        if not state.opening.writes_down:
            state.transcript.stop_waiting()
        state.show(warning)
        state.server.append(offer)

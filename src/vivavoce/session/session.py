"""Session: what the words of the Realtime API mean. A switchboard over small pure objects.

Verbs in (`tick`, `receive`, `hear`, `judged`, `heard`, `hushed`, `type`, `answered`, `gone`, `leave`), two lists out (`to_world`,
`to_server`; a third, `to_standby`, where a second connection is made ready). It does no I/O, waits for nothing and has no
clock: `tick(now)` brings the time, `next_deadline()` says when it is wanted again. `now` is in seconds of any monotonic clock.

    connecting --session.created--> configuring --session.updated--> ready --> over
        ^                                                              |
        `-------- lost, or silent (then `lifeline` has the word) ------'

What it knows is in `state`; what follows from a word is decided for the person in `person`, for replies in `replies`, for the
connections in `lifeline`.

Nothing of the microphone is sent before `ready`: a rejected `session.update` would otherwise run the whole talk on the
server's own settings without anyone noticing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from vivavoce.errors import Reason
from vivavoce.events import server
from vivavoce.events.client import ClientEvent
from vivavoce.events.server import ServerEvent
from vivavoce.events.word import Unknown
from vivavoce.session import happenings as told
from vivavoce.session.bargein import Judged
from vivavoce.session.effects import Effect
from vivavoce.session.floor import Floor, Signal
from vivavoce.session.lifeline import PROBE, Lifeline
from vivavoce.session.opening import Stage
from vivavoce.session.person import Person
from vivavoce.session.replies import Replies
from vivavoce.session.settings import Settings
from vivavoce.session.state import State
from vivavoce.session.trouble import Weight, weigh

_ECHOES = (server.ItemAdded, server.ItemCreated, server.ItemDone, server.ItemTruncated, server.ItemDeleted)
_EXPIRED = "session_expired"
_NOBODY_SPOKE = "The reply was stopped for a sound in which the server heard nobody; the assistant is asked to go on."


class Session:
    """One conversation. Inputs return nothing; drain `to_world()` first, then `to_server()`, after each of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._state = State(settings)
        self._lifeline = Lifeline(self._state)
        self._person = Person(self._state)
        self._replies = Replies(self._state)
        self._due: float | None = None  # the earliest of all deadlines: it is asked for 100 times a second

    @property
    def stage(self) -> Stage:
        """Where the conversation stands with its server."""
        return self._state.stage

    @property
    def floor(self) -> Floor:
        """Whose turn it is."""
        return self._state.floor

    # ---- the two lists out

    def to_world(self) -> list[Effect]:
        """Drain what the world is asked to do, in order. Comes before `to_server`: Hush must not wait behind a socket."""
        out, self._state.world = self._state.world, []
        return out

    def to_server(self) -> list[ClientEvent]:
        """Drain what is to be said to the server, in order."""
        out, self._state.server = self._state.server, []
        return out

    def to_standby(self) -> list[ClientEvent]:
        """Drain what is to be said to the standby, in order."""
        return self._state.continuity.to_standby()

    @property
    def quiet(self) -> bool:
        """Ready, nobody speaks, no reply is owed, all that came was heard."""
        state = self._state
        ready = state.stage is Stage.READY and state.floor is Floor.QUIET and not state.patience.asked
        return ready and not state.continuity.kept.rehearing and not state.barge_in.open

    # ---- time

    def tick(self, now: float) -> None:
        """It is `now`. Call it before every other verb, and at `next_deadline()`."""
        state = self._state
        state.now = now
        if state.stage is Stage.OVER:
            return
        due = self.next_deadline()
        state.transcript.tick(now)
        gave_up = state.responses.tick(now)
        if due is None or now < due:
            return
        if self._lifeline.end_at is not None and now >= self._lifeline.end_at:
            state.finish("max_minutes")
        elif gave_up and not state.responses.busy:
            self._lifeline.no_reply()
        else:
            self._check_deadlines()
        self._after()

    def next_deadline(self) -> float | None:
        """When `tick` has something to do; None when only an input can change anything."""
        state = self._state
        if state.stage is Stage.OVER:
            return None
        if not state.due_known:
            self._due, state.due_known = self._earliest(), True
        return self._due

    def _earliest(self) -> float | None:
        state = self._state
        waits = [
            state.opening.deadline,
            state.patience.reply_by if state.owed else None,
            self._lifeline.end_at,
            state.farewell.deadline if state.floor is Floor.QUIET else None,
            state.responses.next_deadline(),
            state.transcript.next_deadline(),
            state.retries.deadline,
            self._lifeline.silent_at,
            state.barge_in.deadline(),
            state.patience.probe_at if state.stage is Stage.READY else None,
            *state.continuity.deadlines(state.now),
        ]
        return min((wait for wait in waits if wait is not None), default=None)

    def _check_deadlines(self) -> None:
        state = self._state
        now = state.now
        silence = state.opening.overdue(now)
        options = state.retries.due(now)
        if options is not None:
            state.ask(options)
        state.tell(state.continuity.heard_out(now))
        if state.barge_in.due(now):
            self._person.confirm()
        if state.barge_in.unfounded(now) and not state.farewell.reason:
            state.warn("nobody_spoke", _NOBODY_SPOKE)
            state.ask({})
        if state.continuity.given_up(now):
            self._lifeline.give_up("no_connection", "The last try had no outcome.")
        elif silence:
            self._lifeline.gone("no_answer", silence, "lost")
        elif state.owed and (by := state.patience.reply_by) is not None and now >= by:
            self._lifeline.no_reply()
        elif self._lifeline.silent_at is not None and now >= self._lifeline.silent_at:
            self._lifeline.stalled()
        elif state.stage is Stage.READY and (at := state.patience.probe_at) is not None and now >= at:
            self._lifeline.probe()

    # ---- the person

    def hear(self, pcm: bytes) -> None:
        """Sound of the microphone: 24 kHz 16-bit mono. Dropped before the first `ready`, and once goodbye was said.

        While there is no connection it is kept for the next one.
        """
        self._person.hear(pcm)

    def judged(self, verdict: Judged) -> None:
        """A detector judges what the microphone hears (`Settings.confirm_barge_in`): whether it interrupts a reply.

        Without effect where nothing is to be interrupted, or the server interrupts by itself.
        """
        self._person.judged(verdict)
        self._after()

    @property
    def pressed(self) -> bool:
        """Push to talk: the person speaks."""
        return self._state.button.pressed

    def press(self) -> None:
        """Push to talk: a turn begins. It interrupts a reply; only sound between this and `release` is sent."""
        self._person.press()
        self._after()

    def release(self) -> None:
        """Push to talk: the turn ends, and is answered; less than 100 ms of sound is none."""
        self._person.release()
        self._after()

    def type(self, text: str) -> None:
        """A typed turn. It interrupts a reply as speech does, but here the server must be told to stop."""
        self._person.type(text)
        self._after()

    def leave(self, reason: Reason) -> None:
        """The person ends the talk now."""
        if self._state.stage is not Stage.OVER:
            self._state.finish(reason)

    def leave_when_quiet(self, reason: Reason) -> None:
        """End the talk once the last word was heard and is on the screen; nothing more is listened to."""
        if self._state.stage is not Stage.OVER:
            self._state.farewell.decide(reason)
            self._after()

    # ---- the speaker and the functions

    def heard(self, item_id: str, ms: int) -> None:
        """The speaker reports: `ms` of this item have left it."""
        state = self._state
        if state.stage is not Stage.OVER and state.speech.heard(item_id, ms):
            state.owed_since_now()
            self._after()

    def hushed(self, item_id: str | None, ms: int) -> None:
        """The speaker is silent after a Hush; `item_id` was playing and `ms` of it were heard in the end."""
        state = self._state
        if state.stage is not Stage.OVER:
            state.speech.settle(item_id, ms)
            state.owed_since_now()
            self._after()

    def answered(self, call_id: str, output: str, error: str | None = None) -> None:
        """A function has answered; `error` says why it failed. An answer nobody waits for is dropped."""
        state = self._state
        if state.stage is not Stage.OVER and state.calls.answered(call_id, output, error):
            state.owed_since_now()
            self._after()

    # ---- the wire

    def opened(self, unix_s: float | None = None) -> None:
        """The connection stands; the server has the word. `unix_s`: this machine's clock, to know what `expires_at` means."""
        self._lifeline.opened(unix_s)

    def gone(
        self,
        code: str,
        message: str,
        reason: Reason,
        raw: Mapping[str, Any] | None = None,
        after_s: float | None = None,
    ) -> None:
        """The connection ended, or never came to be, and we did not end it.

        With reason `lost` a talk that had begun goes on: `Reopen` asks for the next connection, not before `after_s`, where
        the server asked for such a pause.
        """
        self._lifeline.gone(code, message, reason, raw, after_s)
        self._after()

    def standby_opened(self, unix_s: float | None = None) -> None:
        """The standby's connection stands."""
        if self.stage is not Stage.OVER:
            self._lifeline.standby_opened(unix_s)
            self._after()

    def receive_standby(self, event: ServerEvent) -> None:
        """The standby says a word."""
        if self.stage is not Stage.OVER:
            self._lifeline.receive_standby(event)
            self._after()

    def standby_gone(self, code: str, message: str) -> None:  # noqa: ARG002  # nobody is bothered: the talk goes on, it is tried again
        """The standby's connection ended, or never came to be."""
        if self.stage is not Stage.OVER:
            self._lifeline.standby_gone()
            self._after()

    def misread(self, message: str) -> None:
        """The server said something that is not the protocol's; the conversation goes on."""
        self._state.show(told.Errored("protocol_error", message, fatal=False))

    def warn(self, code: str, message: str) -> None:
        """A device or the wire has something to say to the person."""
        self._state.warn(code, message)

    def receive(self, event: ServerEvent) -> None:
        """The server says a word."""
        state = self._state
        if state.stage is Stage.OVER or self._too_early(event) or state.repeats.is_one(event):
            return
        state.patience.heard(state.now, echo=isinstance(event, _ECHOES))
        if state.barge_in.keeps(event, state.now, over=state.interruptible):
            if isinstance(event, server.SpeechStarted) and state.barge_in.doubts_turn(event.item_id):
                state.continuity.started(event.audio_start_ms)
        else:
            self._understand(event)
        self._after()

    def _understand(self, event: ServerEvent) -> None:
        match event:
            case server.SessionCreated() | server.SessionUpdated():
                self._lifeline.receive(event)
            case (
                server.SpeechStarted()
                | server.SpeechStopped()
                | server.AudioCommitted()
                | server.TranscriptionCompleted()
                | server.TranscriptionFailed()
            ):
                self._person.receive(event)
            case server.ItemAdded() | server.ItemCreated() | server.ItemDone():
                self._state.transcript.item(event.item, event.previous_item_id)
                if isinstance(event, server.ItemDone):
                    self._state.speech.item_done_elsewhere(event.item)
            case server.ResponseCreated() | server.ResponseDone():
                self._replies.receive(event)
            case (
                server.OutputItemAdded()
                | server.OutputItemDone()
                | server.AudioDelta()
                | server.TranscriptDelta()
                | server.TranscriptDone()
                | server.TextDelta()
                | server.TextDone()
            ):
                self._replies.speak(event)
            case server.ServerError():
                self._receive_error(event)
            case (
                server.ConversationCreated()
                | server.ItemRetrieved()
                | server.ItemTruncated()
                | server.ItemDeleted()
                | server.TranscriptionDelta()
                | server.TranscriptionSegment()
                | server.AudioCleared()
                | server.TimeoutTriggered()
                | server.ContentPartAdded()
                | server.ContentPartDone()
                | server.AudioDone()
                | server.ArgumentsDelta()
                | server.ArgumentsDone()
                | server.RateLimitsUpdated()
                | Unknown()
            ):
                pass  # said to be complete; what matters of it comes in another word
            case _:
                assert_never(event)

    def _too_early(self, event: ServerEvent) -> bool:
        """A new connection has not agreed on the settings yet: what it says of a conversation means nothing."""
        opens = isinstance(event, server.SessionCreated | server.SessionUpdated | server.ServerError)
        return self._state.met and self._state.stage is not Stage.READY and not opens

    def _receive_error(self, error: server.ServerError) -> None:
        state = self._state
        weight = weigh(error)
        if error.error.get("type") == "server_error" or error.code == "server_error":
            state.patience.suspect()
        if error.code == _EXPIRED and state.stage is Stage.READY:
            self._lifeline.lose(error.code, error.message)
        elif weight is Weight.FATAL:
            state.fail(error.code, error.message, "refused", error.error)
        elif state.opening.concerns(error):
            self._lifeline.settings_refused(error)
        else:
            expected = state.responses.refused(error) or weight is Weight.EXPECTED or error.caused_by == PROBE
            state.show(told.Errored(error.code, error.message, fatal=False, raw=error.error, expected=expected))

    def _after(self) -> None:
        """What follows from whatever happened: replies heard to their end, calls answered, the floor free, the end."""
        state = self._state
        state.due_known = False
        if state.stage is Stage.OVER:
            return
        for event in self._person.follow_barge_in():
            self._understand(event)
        state.pass_on()
        state.speech.close_drained()
        self._replies.follow_calls()
        state.show(*state.transcript.to_show())
        state.ask_what_is_owed()
        state.server += state.responses.to_server()
        if not (state.waiting or state.speech.sounding):
            state.continuity.settle(state.transcript.awaits)
            state.move(Signal.SETTLED)
        state.continuity.tick(state.now, state.opening)
        if self._lifeline.swapped():
            self._after()
            return
        state.world += state.continuity.to_world()
        reason = state.farewell.reason
        if (
            reason
            and state.floor is Floor.QUIET
            and not (state.continuity.unheard or state.barge_in.open)
            and state.farewell.may_end(state.now, words_owed=state.transcript.waiting)
        ):
            state.finish(reason)

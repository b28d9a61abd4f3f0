"""Session: what the words of the Realtime API mean. A switchboard over small pure objects.

Verbs in (`tick`, `receive`, `hear`, `heard`, `hushed`, `type`, `answered`, `gone`, `leave`), two lists out (`to_world`,
`to_server`). It does no I/O, waits for nothing and has no clock: `tick(now)` brings the time, `next_deadline()` says when it
is wanted again. `now` is in seconds of any monotonic clock.

    connecting --session.created--> configuring --session.updated--> ready --> over

Nothing of the microphone is sent before `ready`: a rejected `session.update` would otherwise run the whole talk on the
server's own settings without anyone noticing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from vivavoce.errors import Reason
from vivavoce.events import client, server
from vivavoce.events.client import ClientEvent
from vivavoce.events.server import ServerEvent
from vivavoce.events.word import Unknown
from vivavoce.session import happenings as told
from vivavoce.session.calls import Calls
from vivavoce.session.effects import Effect, Finish, Hush, Show
from vivavoce.session.farewell import Farewell
from vivavoce.session.floor import Floor, Signal, move
from vivavoce.session.happenings import Happening
from vivavoce.session.opening import Opening, Stage
from vivavoce.session.responses import Responses
from vivavoce.session.scribe import Scribe
from vivavoce.session.settings import FINISH_TOOL, Settings
from vivavoce.session.speech import Speech, SpeechEvent
from vivavoce.session.transcript import Transcript
from vivavoce.session.trouble import Weight, mapping, outcome, weigh


class Session:
    """One conversation. Inputs return nothing; drain `to_world()` first, then `to_server()`, after each of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.floor = Floor.QUIET
        waits = settings.timeouts
        self._opening = Opening(settings)
        self._responses = Responses(waits.response_created_s)
        self._transcript = Transcript(waits.transcript_s, person_is_written_down=bool(settings.transcription_model))
        self._speech = Speech(self._transcript)
        self._scribe = Scribe(settings.transcription_model, tentative=settings.transcription_tentative)
        self._calls = Calls()
        self._farewell = Farewell(waits.farewell_s)
        self._now = 0.0
        self._reply_deadline: float | None = None
        self._end_at: float | None = None
        self._due: float | None = (
            None  # the earliest of all deadlines, and whether that is still true: asked 100 times a second
        )
        self._due_known = False
        self._turn = ""
        self._typed = 0
        self._world: list[Effect] = []
        self._server: list[ClientEvent] = []

    # ---- the two lists out

    def to_world(self) -> list[Effect]:
        """Drain what the world is asked to do, in order. Comes before `to_server`: Hush must not wait behind a socket."""
        out, self._world = self._world, []
        return out

    def to_server(self) -> list[ClientEvent]:
        """Drain what is to be said to the server, in order."""
        out, self._server = self._server, []
        return out

    @property
    def stage(self) -> Stage:
        """Where the conversation stands with its server."""
        return self._opening.stage

    @property
    def quiet(self) -> bool:
        """Ready, nobody speaks, no reply is owed, all that came was heard."""
        return self.stage is Stage.READY and self.floor is Floor.QUIET

    # ---- time

    def tick(self, now: float) -> None:
        """It is `now`. Call it before every other verb, and at `next_deadline()`."""
        self._now = now
        if self.stage is Stage.OVER:
            return
        due = self.next_deadline()
        self._transcript.tick(now)
        gave_up = self._responses.tick(now)
        if due is None or now < due:
            return
        if gave_up and not self._responses.busy:
            self._no_reply()
        self._check_deadlines()
        self._after()

    def next_deadline(self) -> float | None:
        """When `tick` has something to do; None when only an input can change anything."""
        if self.stage is Stage.OVER:
            return None
        if not self._due_known:
            self._due, self._due_known = self._earliest(), True
        return self._due

    def _earliest(self) -> float | None:
        waits = [
            self._opening.deadline,
            self._reply_deadline if self._owed else None,
            self._end_at,
            self._farewell.deadline if self.floor is Floor.QUIET else None,
            self._responses.next_deadline(),
            self._transcript.next_deadline(),
        ]
        return min((wait for wait in waits if wait is not None), default=None)

    def _check_deadlines(self) -> None:
        now = self._now
        silence = self._opening.overdue(now)
        if silence:
            self._fail("no_answer", silence, "lost")
        elif self._end_at is not None and now >= self._end_at:
            self._finish("max_minutes")
        elif self._owed and self._reply_deadline is not None and now >= self._reply_deadline:
            self._no_reply()

    def _no_reply(self) -> None:
        """The server owes a reply and will not give it; a talk that was about to end just ends."""
        if self._farewell.reason:
            self._finish(self._farewell.reason)
        else:
            wait_s = self.settings.timeouts.reply_s
            self._fail("no_reply", f"No reply came within {wait_s:g} s; try again, or another model.", "no_reply")

    @property
    def _owed(self) -> bool:
        """A reply is due from the server, and nothing of it is left to be heard meanwhile."""
        waiting = self.floor in {Floor.THINKING, Floor.SPEAKING} and (self._responses.busy or self._calls.open)
        return waiting and not self._speech.sounding and not self._calls.running

    # ---- the person

    def hear(self, pcm: bytes) -> None:
        """Sound of the microphone: 24 kHz 16-bit mono. Dropped before `ready`, and once goodbye was said."""
        if self.stage is Stage.READY and pcm and not self._deaf:
            self._server.append(client.AppendAudio(pcm))

    @property
    def _deaf(self) -> bool:
        """The farewell is heard to its end: after goodbye only a turn that had already begun is listened to."""
        return self._farewell.reason is not None and self.floor is not Floor.LISTENING

    def type(self, text: str) -> None:
        """A typed turn. It interrupts a reply as speech does, but here the server must be told to stop."""
        text = text.strip()
        if self.stage is not Stage.READY or self._farewell.reason or not text:
            return
        self._interrupt(cancel=True)
        self._typed += 1
        item_id = f"viva_typed_{self._typed}"
        content = [{"type": "input_text", "text": text}]
        self._server.append(client.CreateItem({"id": item_id, "type": "message", "role": "user", "content": content}))
        self._transcript.person_said(item_id, text)
        self._ask({})
        self._after()

    def leave(self, reason: Reason) -> None:
        """The person ends the talk now."""
        if self.stage is not Stage.OVER:
            self._finish(reason)

    def leave_when_quiet(self, reason: Reason) -> None:
        """End the talk once the last word was heard and is on the screen; nothing more is listened to."""
        if self.stage is not Stage.OVER:
            self._farewell.decide(reason)
            self._after()

    # ---- the speaker

    def heard(self, item_id: str, ms: int) -> None:
        """The speaker reports: `ms` of this item have left it."""
        if self.stage is not Stage.OVER and self._speech.heard(item_id, ms):
            self._owed_since_now()
            self._after()

    def hushed(self, item_id: str | None, ms: int) -> None:
        """The speaker is silent after a Hush; `item_id` was playing and `ms` of it were heard in the end."""
        if self.stage is not Stage.OVER:
            self._speech.settle(item_id, ms)
            self._owed_since_now()
            self._after()

    # ---- functions

    def answered(self, call_id: str, output: str, error: str | None = None) -> None:
        """A function has answered; `error` says why it failed. An answer nobody waits for is dropped."""
        if self.stage is not Stage.OVER and self._calls.answered(call_id, output, error):
            self._owed_since_now()
            self._after()

    def _call(self, response_id: str, item: Mapping[str, Any]) -> None:
        name = self._calls.receive(response_id, item)
        if name is None:
            return
        if self._responses.is_done(response_id):
            self._calls.response_done(response_id)
        if name == FINISH_TOOL:
            self._farewell.decide("goodbye")
        self._move(Signal.ASKED)

    # ---- the wire

    def opened(self) -> None:
        """The connection stands; the server has the word."""
        self._opening.opened(self._now)
        self._due_known = False

    def gone(self, code: str, message: str, reason: Reason, raw: Mapping[str, Any] | None = None) -> None:
        """The connection ended, or never came to be, and we did not end it."""
        if self.stage is not Stage.OVER:
            self._fail(code, message, reason, raw)

    def misread(self, message: str) -> None:
        """The server said something that is not the protocol's; the conversation goes on."""
        self._show(told.Errored("protocol_error", message, fatal=False))

    def warn(self, code: str, message: str) -> None:
        """A device or the wire has something to say to the person."""
        self._warn(code, message)

    def receive(self, event: ServerEvent) -> None:
        """The server says a word."""
        if self.stage is Stage.OVER:
            return
        match event:
            case server.SessionCreated() | server.SessionUpdated():
                self._receive_session(event)
            case (
                server.SpeechStarted()
                | server.SpeechStopped()
                | server.AudioCommitted()
                | server.TranscriptionCompleted()
                | server.TranscriptionFailed()
            ):
                self._receive_person(event)
            case server.ItemAdded() | server.ItemCreated() | server.ItemDone():
                self._transcript.item(event.item, event.previous_item_id)
                if isinstance(event, server.ItemDone):
                    self._speech.item_done_elsewhere(event.item)
            case server.ResponseCreated() | server.ResponseDone():
                self._receive_response(event)
            case (
                server.OutputItemAdded()
                | server.OutputItemDone()
                | server.AudioDelta()
                | server.TranscriptDelta()
                | server.TranscriptDone()
                | server.TextDelta()
                | server.TextDone()
            ):
                self._receive_speech(event)
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
        self._after()

    def _receive_session(self, event: server.SessionCreated | server.SessionUpdated) -> None:
        if isinstance(event, server.SessionCreated):
            offer = self._opening.created(event.session, self._now)
            self._server += [offer] if offer else []
            return
        ready = self._opening.updated(event.session)
        if ready:
            self._show(ready)
            if self.settings.max_s is not None:
                self._end_at = self._now + self.settings.max_s

    def _receive_person(
        self,
        event: server.SpeechStarted
        | server.SpeechStopped
        | server.AudioCommitted
        | server.TranscriptionCompleted
        | server.TranscriptionFailed,
    ) -> None:
        match event:
            case server.SpeechStarted():
                self._move(Signal.SPEECH_STARTED)
                self._reply_deadline = None
                self._interrupt(cancel=not self.settings.interrupt_response)
                self._show(told.SpeechBegan(event.item_id, event.audio_start_ms))
            case server.SpeechStopped():
                self._show(told.SpeechEnded(event.item_id, event.audio_end_ms))
                self._turn_ended(event.item_id)
            case server.AudioCommitted():
                self._transcript.person_spoke(event.item_id, event.previous_item_id)
                self._turn_ended(event.item_id)
            case server.TranscriptionCompleted():
                self._transcript.person_said(event.item_id, event.transcript.strip())
            case _:  # TranscriptionFailed
                self._transcript.person_said(event.item_id, "")
                self._transcription_failed(event.error)

    def _turn_ended(self, item_id: str) -> None:
        """The person has spoken; the server will answer by itself, once for each turn."""
        if item_id == self._turn:
            return
        self._turn = item_id
        self._responses.expect()
        self._move(Signal.SPEECH_STOPPED)
        self._move(Signal.ASKED)
        self._owed_since_now()

    def _transcription_failed(self, error: Mapping[str, Any]) -> None:
        failure = self._scribe.failed(error)
        if failure is None:
            return
        warning, off = failure
        if off is not None:
            self._transcript.stop_waiting()
            self._server.append(off)
        self._show(warning)

    # ---- replies

    def _receive_response(self, event: server.ResponseCreated | server.ResponseDone) -> None:
        response = event.response
        response_id, metadata = str(response.get("id") or ""), mapping(response.get("metadata"))
        if isinstance(event, server.ResponseCreated):
            if not self._responses.created(response_id, metadata):
                self._speech.silence(response_id)
            self._move(Signal.ASKED)
            self._owed_since_now()
            return
        if not self._responses.done(response_id, metadata):
            return
        usage = response.get("usage")
        if isinstance(usage, Mapping):
            self._show(told.Used(response_id, usage))
        self._calls.response_done(response_id)
        self._speech.response_done(response_id)
        self._receive_outcome(response)

    def _receive_outcome(self, response: Mapping[str, Any]) -> None:
        found = outcome(response)
        if isinstance(found, told.Errored) and found.fatal:
            self._fail(found.code, found.message, "refused", found.raw)
        elif found is not None:
            self._show(found)

    def _receive_speech(self, event: SpeechEvent) -> None:
        self._owed_since_now()
        if isinstance(event, server.OutputItemDone):
            self._call(event.response_id, event.item)
        if self._speech.receive(event):
            self._move(Signal.SOUND)

    # ---- errors

    def _receive_error(self, error: server.ServerError) -> None:
        weight = weigh(error)
        if weight is Weight.FATAL:
            self._fail(error.code, error.message, "refused", error.error)
        elif self._opening.concerns(error):
            self._settings_refused(error)
        else:
            expected = self._responses.refused(error) or weight is Weight.EXPECTED
            self._show(told.Errored(error.code, error.message, fatal=False, raw=error.error, expected=expected))

    def _settings_refused(self, error: server.ServerError) -> None:
        answer = self._opening.refused(error, self._now)
        if answer is None:
            self._fail(error.code, self._opening.complaint(error), "settings", error.error)
            return
        warning, offer = answer
        if not self._opening.writes_down:
            self._transcript.stop_waiting()
        self._show(warning)
        self._server.append(offer)

    # ---- small verbs

    def _interrupt(self, *, cancel: bool) -> None:
        """Stop what is being said. The device answers with what was finally heard (`hushed`), then the server is told."""
        hushing = self._speech.hushing
        must_hush = self._speech.cut(self._responses.active)
        if cancel:
            self._responses.cancel()
        else:
            self._responses.speech_started()
        self._farewell.overtaken()
        self._server += self._responses.to_server()
        if must_hush:
            self._world.append(Hush())
        elif not hushing:
            self._speech.settle(None, 0)
            self._pass_on()

    def _pass_on(self) -> None:
        for part in (self._speech, self._calls):
            self._world += part.to_world()
            self._server += part.to_server()

    def _ask(self, options: Mapping[str, Any]) -> None:
        self._responses.want(options)
        self._move(Signal.ASKED)
        self._owed_since_now()

    def _owed_since_now(self) -> None:
        """A sign of life: a reply that is still owed has its full time again."""
        self._reply_deadline = self._now + self.settings.timeouts.reply_s

    def _move(self, signal: Signal) -> None:
        self.floor = move(self.floor, signal)

    def _after(self) -> None:
        """What follows from whatever happened: replies heard to their end, calls answered, the floor free, the end."""
        self._due_known = False
        if self.stage is Stage.OVER:
            return
        self._pass_on()
        self._speech.close_drained()
        self._follow_calls()
        self._server += self._responses.to_server()
        self._show(*self._transcript.to_show())
        if not (self._responses.busy or self._calls.open or self._speech.sounding):
            self._move(Signal.SETTLED)
        reason = self._farewell.reason
        if (
            reason
            and self.floor is Floor.QUIET
            and self._farewell.may_end(self._now, words_owed=self._transcript.waiting)
        ):
            self._finish(reason)

    def _follow_calls(self) -> None:
        """One response after all outputs; none where the server answers a new turn, or where goodbye was said already."""
        due = self._calls.take_due()
        if not due or self.floor is Floor.LISTENING:
            return
        if not self._farewell.reason:
            self._ask({})
        elif self._farewell.owed(due, said=self._speech.said(batch.response_id for batch in due)):
            self._ask({"tool_choice": "none"})

    def _show(self, *lines: Happening) -> None:
        self._world += [Show(line) for line in lines]

    def _warn(self, code: str, message: str) -> None:
        self._show(told.Warned(code, message))

    def _fail(self, code: str, message: str, reason: Reason, raw: Mapping[str, Any] | None = None) -> None:
        self._show(told.Errored(code, message, fatal=True, raw=raw))
        self._finish(reason)

    def _finish(self, reason: Reason) -> None:
        if self._speech.sounding:
            self._world.append(Hush())
        self._transcript.flush()
        self._show(*self._transcript.to_show())
        self._opening.stage = Stage.OVER
        self._world.append(Finish(reason))

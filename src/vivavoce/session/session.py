"""Session: what the words of the Realtime API mean. A switchboard over small pure objects.

Verbs in (`tick`, `receive`, `hear`, `heard`, `hushed`, `type`, `answered`, `gone`, `leave`), two lists out (`to_world`,
`to_server`; a third, `to_standby`, where a second connection is made ready). It does no I/O, waits for nothing and has no
clock: `tick(now)` brings the time, `next_deadline()` says when it is wanted again. `now` is in seconds of any monotonic clock.

    connecting --session.created--> configuring --session.updated--> ready --> over
        ^                                                              |
        `-------- lost, or silent (then `continuity` has the word) ----'

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
from vivavoce.pcm import peak
from vivavoce.session import happenings as told
from vivavoce.session.button import MIN_MS, Button
from vivavoce.session.calls import Calls
from vivavoce.session.continuity import Continuity
from vivavoce.session.effects import Effect, Finish, Hush, Show, Swap
from vivavoce.session.farewell import Farewell
from vivavoce.session.floor import Floor, Signal, move
from vivavoce.session.happenings import Happening
from vivavoce.session.opening import Opening, Stage
from vivavoce.session.patience import Patience
from vivavoce.session.repeats import Repeats
from vivavoce.session.responses import Responses
from vivavoce.session.retries import Retries
from vivavoce.session.scribe import Scribe
from vivavoce.session.settings import FINISH_TOOL, Settings
from vivavoce.session.speech import Speech, SpeechEvent
from vivavoce.session.standby import Standby
from vivavoce.session.transcript import Transcript
from vivavoce.session.trouble import Weight, mapping, outcome, weigh

_PROBE = "viva_probe"  # a sparse `session.update` that changes nothing: a server that lives answers it
_LOUD = 1_000  # of 32,767: louder than the noise of a room, softer than a voice near the microphone
_ECHOES = (server.ItemAdded, server.ItemCreated, server.ItemDone, server.ItemTruncated, server.ItemDeleted)
_EXPIRED = "session_expired"
_OVERLAP_S = 5.0  # what a server hears again that takes over in a quiet moment: the word that is just beginning


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
        self._retries = Retries()
        self._continuity = Continuity(waits, settings.history_characters)
        self._met = False  # there was an agreement once: what is lost now can be made good
        self._repeats = Repeats()
        self._now = 0.0
        self._patience = Patience(waits)
        self._button = Button()
        self._end_at: float | None = None
        self._due: float | None = (
            None  # the earliest of all deadlines, and whether that is still true: asked 100 times a second
        )
        self._due_known = False
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

    def to_standby(self) -> list[ClientEvent]:
        """Drain what is to be said to the standby, in order."""
        return self._continuity.to_standby()

    @property
    def stage(self) -> Stage:
        """Where the conversation stands with its server."""
        return self._opening.stage

    @property
    def quiet(self) -> bool:
        """Ready, nobody speaks, no reply is owed, all that came was heard."""
        return self.stage is Stage.READY and self.floor is Floor.QUIET and not self._continuity.kept.rehearing

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
        if self._end_at is not None and now >= self._end_at:
            self._finish("max_minutes")
        elif gave_up and not self._responses.busy:
            self._no_reply()
        else:
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
            self._patience.reply_by if self._owed else None,
            self._end_at,
            self._farewell.deadline if self.floor is Floor.QUIET else None,
            self._responses.next_deadline(),
            self._transcript.next_deadline(),
            self._retries.deadline,
            self._silent_at,
            self._patience.probe_at if self.stage is Stage.READY else None,
            *self._continuity.deadlines(self._now),
        ]
        return min((wait for wait in waits if wait is not None), default=None)

    def _check_deadlines(self) -> None:
        now = self._now
        silence = self._opening.overdue(now)
        options = self._retries.due(now)
        if options is not None:
            self._ask(options)
        self._tell(self._continuity.heard_out(now))
        if self._continuity.given_up(now):
            self._give_up("no_connection", "The last try had no outcome.")
        elif silence:
            self.gone("no_answer", silence, "lost")
        elif self._owed and (by := self._patience.reply_by) is not None and now >= by:
            self._no_reply()
        elif self._silent_at is not None and now >= self._silent_at:
            self._stalled()
        elif self.stage is Stage.READY and (at := self._patience.probe_at) is not None and now >= at:
            self._probe()

    @property
    def _silent_at(self) -> float | None:
        """When the server will have been silent for too long, as far as silence means anything now."""
        if self.stage is not Stage.READY or self._farewell.reason:
            return None
        return self._patience.silent_at(owed=self._owed)

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
        """Sound of the microphone: 24 kHz 16-bit mono. Dropped before the first `ready`, and once goodbye was said.

        While there is no connection it is kept for the next one.
        """
        if not pcm or self._deaf or not self._met:
            return
        if self.settings.push_to_talk:
            if not self._button.pressed:
                return
            self._button.hear(len(pcm))
        ready = self.stage is Stage.READY
        if ready:
            self._server.append(client.AppendAudio(pcm))
        self._continuity.kept.hear(pcm, sent=ready)
        if ready and not self._patience.doubtful and peak(pcm) > _LOUD:
            self._patience.loud(self._now)
            self._due_known = False

    @property
    def _deaf(self) -> bool:
        """The farewell is heard to its end: after goodbye only a turn that had already begun is listened to."""
        return self._farewell.reason is not None and self.floor is not Floor.LISTENING

    @property
    def pressed(self) -> bool:
        """Push to talk: the person speaks."""
        return self._button.pressed

    def press(self) -> None:
        """Push to talk: a turn begins. It interrupts a reply; only sound between this and `release` is sent."""
        if not self._met or self.stage is Stage.OVER or self._farewell.reason or self._button.pressed:
            return
        self._interrupt(cancel=True)
        self._button.press()
        self._continuity.kept.pressed()
        self._move(Signal.SPEECH_STARTED)
        self._patience.nothing_owed()
        self._show(told.SpeechBegan("", 0))
        self._after()

    def release(self) -> None:
        """Push to talk: the turn ends, and is answered; less than 100 ms of sound is none."""
        if self.stage is Stage.OVER or not self._button.pressed:
            return
        ready = self.stage is Stage.READY
        self._move(Signal.SPEECH_STOPPED)
        self._show(told.SpeechEnded("", 0))
        if not self._button.release():
            self._server += [client.ClearAudio()] if ready else []
            self._continuity.kept.forget_press()
            self._warn("too_short", f"That was too short: a turn is at least {MIN_MS} ms of sound.")
        else:
            if ready:
                self._server.append(client.CommitAudio())
            else:
                self._continuity.put_by(self._button.unsent())
            self._ask({})
        self._after()

    def type(self, text: str) -> None:
        """A typed turn. It interrupts a reply as speech does, but here the server must be told to stop."""
        text = text.strip()
        if not self._met or self.stage is Stage.OVER or self._farewell.reason or not text:
            return
        self._interrupt(cancel=True)
        self._typed += 1
        item_id = f"viva_typed_{self._typed}"
        content = [{"type": "input_text", "text": text}]
        if self.stage is Stage.READY:  # else the next connection is told with the history
            self._server.append(
                client.CreateItem({"id": item_id, "type": "message", "role": "user", "content": content})
            )
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

    def opened(self, unix_s: float | None = None) -> None:
        """The connection stands; the server has the word. `unix_s`: this machine's clock, to know what `expires_at` means."""
        self._opening.opened(self._now, unix_s)
        self._due_known = False

    def gone(self, code: str, message: str, reason: Reason, raw: Mapping[str, Any] | None = None) -> None:
        """The connection ended, or never came to be, and we did not end it.

        With reason `lost` a talk that had begun goes on: `Reopen` asks for the next connection.
        """
        if self.stage is Stage.OVER:
            return
        if not self._met or reason != "lost":
            self._fail(code, message, reason, raw)
        elif self._continuity.lost_at is not None:
            self._try_again(code, message)
        else:
            self._lose(code, message)
        self._after()

    def _lose(self, code: str, message: str) -> None:
        """The connection is of no more use: the standby takes over, or a new one is made."""
        standby = self._continuity.standby
        if standby and standby.ready and not self._farewell.reason:
            self._swap(standby, lost=True)
            return
        self._sever()
        if self._farewell.reason == "goodbye" or (self._farewell.reason and not self._unanswered):
            self._continuity.lose_for_good()  # what came is heard to its end
        else:
            self._show(told.Reconnecting(code, message))
            self._continuity.lose(self._now)

    @property
    def _unanswered(self) -> bool:
        """Something that the person said or asked for waits for a server."""
        return self._continuity.owed or self._continuity.kept.open or self._calls.running

    def _try_again(self, code: str, message: str) -> None:
        if self._continuity.failed(self._now):
            self._opening = self._opening.again()
        else:
            self._give_up(code, message)

    def _give_up(self, code: str, message: str) -> None:
        tried_s = self.settings.timeouts.reconnect_s
        self._fail(code, f"No connection was to be had within {tried_s:g} s. {message}", "lost")

    def _stalled(self) -> None:
        owed = self._owed
        if self._patience.stalled() or not owed:
            self._lose("stalled", f"The server has said nothing for {self.settings.timeouts.stall_s:g} s.")
        else:
            self._no_reply()

    def _sever(self) -> None:
        """The connection is gone, and with it all that only it knew. What came of replies is heard to its end."""
        answered_late = self._calls.open and not self._calls.running
        owed = self._responses.owes(self._speech.whole) or answered_late or self._retries.waiting
        owed = owed and self.floor is not Floor.LISTENING  # the server will answer what is being said
        if self._button.committing:
            self._continuity.put_by(self._button.unsent())
        self._speech.sever()
        self._transcript.sever(self._speech.knows)
        self._continuity.sever(self._transcript.awaits, owed=owed, silent=self.floor is Floor.THINKING)
        self._calls.sever()
        self._repeats.sever()
        self._retries.overtaken()
        self._patience.severed()
        self._responses = Responses(self.settings.timeouts.response_created_s, self._now)
        self._opening = self._opening.again()
        self.floor = Floor.SPEAKING if self._speech.sounding else Floor.THINKING
        self._speech.close_drained()
        self._show(*self._transcript.to_show())
        self._server.clear()

    def _resume(self, knows: int, last_s: float | None) -> None:
        """A new connection is ready: it is told what was said, then what it may not have heard."""
        continuity = self._continuity
        self._tell(continuity.back(knows, self._late))
        self._patience.heard(self._now)
        self._transcript.knows(str(word.item["id"]) for word in continuity.history.since(0))
        self._transcript.resume()
        continuity.lives(self._opening)
        self._ask_what_is_owed()
        self._server += self._responses.to_server()
        if self.settings.push_to_talk and not self._button.pressed:
            self._tell(continuity.nothing_again())
            self._ask_what_is_owed()
            return
        self._server += continuity.again(last_s, self._now)
        if continuity.kept.rehearing:
            self._probe(continuity.kept.length_s)  # a slow line takes as long for the sound as it lasts

    def _probe(self, backlog_s: float = 0.0) -> None:
        if self._patience.probe(self._now, backlog_s):
            self._server.append(client.UpdateSession({"type": "realtime"}, event_id=_PROBE))

    @property
    def _late(self) -> list[str]:
        """Items and calls of which the last line is still to come."""
        return [*self._transcript.pending, *self._calls.orphans]

    def _tell(self, words: list[client.CreateItem]) -> None:
        """Tell the server of what was said under earlier names; it will repeat them."""
        self._server += words
        self._transcript.knows(str(word.item["id"]) for word in words)

    def _ask_what_is_owed(self) -> None:
        """The reply that a lost connection did not give, once this one knows all that was heard."""
        ready = self.stage is Stage.READY and not self._speech.sounding and not self._calls.running
        if ready and self._continuity.may_ask(self._late):
            self._ask({})

    # ---- a second connection, before the first grows too old

    def standby_opened(self, unix_s: float | None = None) -> None:
        """The standby's connection stands."""
        if self._continuity.standby and self.stage is not Stage.OVER:
            self._continuity.standby.opened(unix_s, self._now)
            self._after()

    def receive_standby(self, event: ServerEvent) -> None:
        """The standby says a word."""
        if self.stage is not Stage.OVER:
            self._continuity.receive(event, self._now)
            self._after()

    def standby_gone(self, code: str, message: str) -> None:  # noqa: ARG002  # nobody is bothered: the talk goes on, it is tried again
        """The standby's connection ended, or never came to be."""
        if self.stage is not Stage.OVER:
            self._continuity.abandon(self._now)
            self._after()

    @property
    def _may_swap(self) -> bool:
        continuity = self._continuity
        busy = self._waiting or continuity.kept.rehearing
        quiet = self.floor is Floor.QUIET and not self._transcript.waiting and not continuity.kept.open
        return not self._farewell.reason and continuity.may_swap(self._now, idle=not busy, quiet=quiet)

    def _swap(self, standby: Standby, *, lost: bool = False) -> None:
        """The standby takes over. `lost`: nobody knows since when the other one did not hear any more."""
        # a reply that is still owed, or a loud microphone without an answer: the server may not have listened for a while
        doubtful = lost or self._patience.doubtful or self._waiting
        self._continuity.standby = None
        self._world.append(Swap())
        self._sever()
        self._opening = standby.opening
        self._server += self._continuity.to_standby()  # what was still to be said to it
        self._resume(standby.told, None if doubtful or self._continuity.kept.open else _OVERLAP_S)
        self._show(told.Renewed(standby.session_id))

    def misread(self, message: str) -> None:
        """The server said something that is not the protocol's; the conversation goes on."""
        self._show(told.Errored("protocol_error", message, fatal=False))

    def warn(self, code: str, message: str) -> None:
        """A device or the wire has something to say to the person."""
        self._warn(code, message)

    def receive(self, event: ServerEvent) -> None:
        """The server says a word."""
        if self.stage is Stage.OVER or self._too_early(event) or self._repeats.is_one(event):
            return
        self._patience.heard(self._now, echo=isinstance(event, _ECHOES))
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

    def _too_early(self, event: ServerEvent) -> bool:
        """A new connection has not agreed on the settings yet: what it says of a conversation means nothing."""
        opens = isinstance(event, server.SessionCreated | server.SessionUpdated | server.ServerError)
        return self._met and self.stage is not Stage.READY and not opens

    def _receive_session(self, event: server.SessionCreated | server.SessionUpdated) -> None:
        if isinstance(event, server.SessionCreated):
            offer = self._opening.created(event.session, self._now)
            self._server += [offer] if offer else []
            return
        ready = self._opening.updated(event.session)
        if ready and self._met:
            lost_s = self._continuity.lost_s(self._now)
            self._resume(0, None)
            self._show(told.Reconnected(ready.session_id, round(lost_s * 1_000)))
        elif ready:
            self._met = True
            self._show(ready)
            self._continuity.lives(self._opening)
            if self.settings.max_s is not None:
                self._end_at = self._now + self.settings.max_s
        else:
            self._continuity.has_it_all(self._now)  # the answer to a probe

    def _receive_person(
        self,
        event: server.SpeechStarted
        | server.SpeechStopped
        | server.AudioCommitted
        | server.TranscriptionCompleted
        | server.TranscriptionFailed,
    ) -> None:
        match event:
            case server.SpeechStarted() if event.item_id and event.item_id == self._continuity.turn:
                pass  # it has stopped already: the two came in the wrong order
            case server.SpeechStarted():
                self._continuity.started(event.audio_start_ms)
                self._move(Signal.SPEECH_STARTED)
                self._patience.nothing_owed()
                self._interrupt(cancel=not self.settings.interrupt_response)
                self._show(told.SpeechBegan(event.item_id, event.audio_start_ms))
            case server.SpeechStopped():
                self._show(told.SpeechEnded(event.item_id, event.audio_end_ms))
                self._turn_ended(event.item_id, event.audio_end_ms)
            case server.AudioCommitted():
                self._button.committing = False
                self._transcript.person_spoke(event.item_id, event.previous_item_id)
                self._turn_ended(event.item_id, None)
            case server.TranscriptionCompleted():
                self._transcript.person_said(event.item_id, event.transcript.strip())
                self._continuity.kept.safe(event.item_id)
            case _:  # TranscriptionFailed
                self._transcript.person_said(event.item_id, "")
                self._transcription_failed(event.error)

    def _turn_ended(self, item_id: str, ms: int | None) -> None:
        """The person has spoken; the server will answer by itself, once for each turn."""
        if not self._continuity.ended(item_id, ms):
            return
        if not self.settings.push_to_talk:  # else it was asked for at the end of the turn
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
            self._opening.write_nothing_down()
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
        self._receive_outcome(response, self._responses.options(metadata))

    def _receive_outcome(self, response: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        found = outcome(response)
        if not isinstance(found, told.Errored):
            self._retries.succeeded()
            self._patience.replied()
            if found is not None:
                self._show(found)
        elif found.fatal:
            self._fail(found.code, found.message, "refused", found.raw)
        else:
            error = server.ServerError(mapping(mapping(response.get("status_details")).get("error")))
            overtaken = self._responses.busy or self._calls.open or self._farewell.reason
            wanted = self.floor is Floor.THINKING and not overtaken
            pause_s = self._retries.failed(error, options, self._now) if wanted else None
            self._show(found)
            if pause_s is not None:
                self._warn("retrying", f"The reply is asked for again in {pause_s:g} s.")

    def _receive_speech(self, event: SpeechEvent) -> None:
        self._owed_since_now()
        self._patience.replied()
        if isinstance(event, server.OutputItemDone):
            self._call(event.response_id, event.item)
        if self._speech.receive(event):
            self._move(Signal.SOUND)

    # ---- errors

    def _receive_error(self, error: server.ServerError) -> None:
        weight = weigh(error)
        if error.error.get("type") == "server_error" or error.code == "server_error":
            self._patience.suspect()
        if error.code == _EXPIRED and self.stage is Stage.READY:
            self._lose(error.code, error.message)
        elif weight is Weight.FATAL:
            self._fail(error.code, error.message, "refused", error.error)
        elif self._opening.concerns(error):
            self._settings_refused(error)
        else:
            expected = self._responses.refused(error) or weight is Weight.EXPECTED or error.caused_by == _PROBE
            self._show(told.Errored(error.code, error.message, fatal=False, raw=error.error, expected=expected))

    def _settings_refused(self, error: server.ServerError) -> None:
        answer = self._opening.refused(error, self._now)
        if answer is None and self._continuity.lost_at is not None:
            self._try_again(error.code, error.message)  # it was agreed on once
            return
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
        self._retries.overtaken()
        self._continuity.owed = False
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
            for effect in part.to_world():
                self._world.append(effect)
                if isinstance(effect, Show):
                    self._remember(effect.what)
            self._server += part.to_server()
        self._world += self._continuity.to_world()

    def _remember(self, line: Happening) -> None:
        if isinstance(line, told.AssistantSaid):  # the turns were said before it, but for one that waits for its reply
            waits = self.floor is Floor.THINKING
            self._continuity.settle(self._transcript.awaits, but=self._continuity.turn if waits else None)
        self._tell(self._continuity.saw(line))

    def _ask(self, options: Mapping[str, Any]) -> None:
        reopens = self._continuity.lost_at is not None
        self._continuity.owed = reopens
        if self.stage is Stage.READY:
            self._responses.want(options)
        elif not reopens:
            return  # goodbye was said, and the server is gone
        self._move(Signal.ASKED)
        self._owed_since_now()

    def _owed_since_now(self) -> None:
        """A sign of life: a reply that is still owed has its full time again."""
        self._patience.owed(self._now)

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
        self._show(*self._transcript.to_show())
        self._ask_what_is_owed()
        self._server += self._responses.to_server()
        if not (self._waiting or self._speech.sounding):
            self._continuity.settle(self._transcript.awaits)
            self._move(Signal.SETTLED)
        self._continuity.tick(self._now, self._opening)
        if (standby := self._continuity.standby) and self._may_swap:
            self._swap(standby)
            self._after()
            return
        self._world += self._continuity.to_world()
        reason = self._farewell.reason
        if (
            reason
            and self.floor is Floor.QUIET
            and not self._continuity.unheard
            and self._farewell.may_end(self._now, words_owed=self._transcript.waiting)
        ):
            self._finish(reason)

    @property
    def _waiting(self) -> bool:
        """A reply, or a function, is waited for."""
        return self._responses.busy or self._calls.open or self._retries.waiting or self._continuity.owed

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
        for line in lines:
            self._world.append(Show(line))
            self._remember(line)

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

"""Session: what the words of the Realtime API mean. A switchboard over small pure objects.

Verbs in (`tick`, `receive`, `hear`, `heard`, `hushed`, `type`, `answered`, `gone`, `leave`), two lists out (`to_world`,
`to_server`). It does no I/O, waits for nothing and has no clock: `tick(now)` brings the time, `next_deadline()` says when it
is wanted again. `now` is in seconds of any monotonic clock.

    connecting --session.created--> configuring --session.updated--> ready --> over

Nothing of the microphone is sent before `ready`: a rejected `session.update` would otherwise run the whole talk on the
server's own settings without anyone noticing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, assert_never

from vivavoce.errors import Reason
from vivavoce.events import client, server
from vivavoce.events.client import ClientEvent
from vivavoce.events.server import ServerEvent
from vivavoce.events.word import Unknown
from vivavoce.session import happenings as told
from vivavoce.session.calls import Asked, Calls
from vivavoce.session.effects import Call, Effect, Finish, Hush, Play, Show
from vivavoce.session.floor import Floor, Signal, move
from vivavoce.session.happenings import Happening
from vivavoce.session.playback import Playback, Reply, Verdict
from vivavoce.session.responses import Responses
from vivavoce.session.settings import FINISH_TOOL, Settings, without
from vivavoce.session.transcript import Transcript, Who
from vivavoce.session.trouble import Weight, weigh

_SETTINGS_EVENT = "viva_settings"
_PREVIEW_HINT = " This endpoint speaks the preview protocol: try --preview."
_GA_HINT = " This endpoint speaks the GA protocol: leave --preview out."
_DIALECT_HINTS = {  # rows 2 and 3 of the failure modes
    ("unknown_parameter", "session.type"): _PREVIEW_HINT,
    ("unknown_parameter", "session.output_modalities"): _PREVIEW_HINT,
    ("unknown_parameter", "session.audio"): _PREVIEW_HINT,
    ("missing_required_parameter", "session.type"): _GA_HINT,
    ("unknown_parameter", "session.modalities"): _GA_HINT,
}


class Stage(Enum):
    """Where the conversation stands with its server."""

    CONNECTING = auto()
    CONFIGURING = auto()
    READY = auto()
    OVER = auto()


class Session:
    """One conversation. Inputs return nothing; drain `to_world()` first, then `to_server()`, after each of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stage = Stage.CONNECTING
        self.floor = Floor.QUIET
        waits = settings.timeouts
        self._responses = Responses(waits.response_created_s)
        self._playback = Playback()
        self._transcript = Transcript(waits.transcript_s, person_is_written_down=bool(settings.transcription_model))
        self._calls = Calls()
        self._wanted = settings.as_session()
        self._now = 0.0
        self._stage_deadline: float | None = None
        self._reply_deadline: float | None = None
        self._end_at: float | None = None
        self._leaving: Reason | None = None
        self._farewell_by: float | None = None
        self._transcription_warned = False
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
    def quiet(self) -> bool:
        """Ready, nobody speaks, no reply is owed, all that came was heard."""
        return self.stage is Stage.READY and self.floor is Floor.QUIET

    # ---- time

    def tick(self, now: float) -> None:
        """It is `now`. Call it before every other verb, and at `next_deadline()`."""
        self._now = now
        if self.stage is Stage.OVER:
            return
        self._transcript.tick(now)
        if self._responses.tick(now):
            self._warn("no_response", "The server did not answer a request for a reply, twice; please say it again.")
        self._check_deadlines()
        self._after()

    def next_deadline(self) -> float | None:
        """When `tick` has something to do; None when only an input can change anything."""
        if self.stage is Stage.OVER:
            return None
        waits = [
            self._stage_deadline,
            self._reply_deadline if self._owed else None,
            self._end_at,
            self._farewell_by,
            self._responses.next_deadline(),
            self._transcript.next_deadline(),
        ]
        return min((wait for wait in waits if wait is not None), default=None)

    def _check_deadlines(self) -> None:
        now = self._now
        if self._stage_deadline is not None and now >= self._stage_deadline:
            word = "session.created" if self.stage is Stage.CONNECTING else "session.updated"
            self._fail(
                "no_answer", f"The server is connected but never said {word}; is the address a Realtime API?", "lost"
            )
        elif self._end_at is not None and now >= self._end_at:
            self._finish("max_minutes")
        elif self._leaving and self._farewell_by is not None and now >= self._farewell_by:
            self._finish(self._leaving)
        elif self._owed and self._reply_deadline is not None and now >= self._reply_deadline:
            if self._leaving:
                self._finish(self._leaving)
            else:
                wait_s = self.settings.timeouts.reply_s
                self._fail("no_reply", f"No reply came within {wait_s:g} s; try again, or another model.", "no_reply")

    @property
    def _owed(self) -> bool:
        """A reply is due from the server, and nothing of it is left to be heard meanwhile."""
        waiting = self.floor in {Floor.THINKING, Floor.SPEAKING} and self._responses.busy
        return waiting and not self._playback.sounding and not self._calls.running

    # ---- the person

    def hear(self, pcm: bytes) -> None:
        """Sound of the microphone: 24 kHz 16-bit mono. Dropped before `ready`, and once goodbye was said."""
        if self.stage is Stage.READY and pcm and not self._deaf:
            self._server.append(client.AppendAudio(pcm))

    @property
    def _deaf(self) -> bool:
        """The farewell is heard to its end: after goodbye only a turn that had already begun is listened to."""
        return self._leaving is not None and self.floor is not Floor.LISTENING

    def type(self, text: str) -> None:
        """A typed turn. It interrupts a reply as speech does, but here the server must be told to stop."""
        text = text.strip()
        if self.stage is not Stage.READY or self._leaving or not text:
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
            self._leaving = self._leaving or reason
            self._after()

    # ---- the speaker

    def heard(self, item_id: str, ms: int) -> None:
        """The speaker reports: `ms` of this item have left it."""
        reply = self._playback.heard(item_id, ms)
        if reply is not None and not reply.judged:
            self._progress(reply)
            self._owed_since_now()
        self._after()

    def hushed(self, item_id: str | None, ms: int) -> None:
        """The speaker is silent after a Hush; `item_id` was playing and `ms` of it were heard in the end."""
        self._settle_cut(item_id, ms)
        self._after()

    def _settle_cut(self, item_id: str | None, ms: int) -> None:
        judged = self._playback.settle(item_id, ms, self._responses.active)
        playing = next((r for r, v in judged if v is not Verdict.HEARD and r.received_bytes), None)
        if playing is not None:
            self._show(told.Interrupted(playing.item_id, playing.heard_ms))
        for reply, verdict in judged:
            self._carry_out(reply, verdict)

    def _carry_out(self, reply: Reply, verdict: Verdict) -> None:
        if verdict is Verdict.TRUNCATE:
            self._server.append(client.TruncateItem(reply.item_id, reply.heard_ms))
            self._show(told.Truncated(reply.item_id, reply.heard_ms))
        elif verdict is Verdict.DELETE:
            self._server.append(client.DeleteItem(reply.item_id))
            self._show(told.Deleted(reply.item_id))
        self._progress(reply)
        self._transcript.place(reply.item_id, Who.ASSISTANT)
        self._transcript.close(reply.item_id, interrupted=verdict is not Verdict.HEARD)

    # ---- functions

    def answered(self, call_id: str, output: str, error: str | None = None) -> None:
        """A function has answered; `error` says why it failed. An answer nobody waits for is dropped."""
        call = self._calls.answered(call_id)
        if call is None or self.stage is Stage.OVER:
            return
        self._answer(call, output, error)
        self._after()

    def _answer(self, call: Asked, output: str, error: str | None) -> None:
        item = {"type": "function_call_output", "call_id": call.call_id, "output": output}
        self._server.append(client.CreateItem(item))
        arguments = call.text if call.arguments is None else call.arguments
        self._show(told.Called(call.name, arguments, output, error))

    def _call(self, response_id: str, item: Mapping[str, Any]) -> None:
        call = self._calls.asked(response_id, item)
        if call is None:
            return
        if call.name == FINISH_TOOL:
            self._leaving = "goodbye"
            self._calls.answered(call.call_id)
            self._answer(call, '{"ok":true}', None)
        elif call.arguments is None:
            self._calls.answered(call.call_id)
            problem = "the arguments are not a JSON object"
            self._answer(call, json.dumps({"error": problem}), problem)
        else:
            self._world.append(Call(call.call_id, call.name, call.arguments))

    # ---- the wire

    def opened(self) -> None:
        """The connection stands; the server has the word."""
        self._stage_deadline = self._now + self.settings.timeouts.created_s

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
                self._receive_item(event.item, event.previous_item_id)
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
                self._receive_reply(event)
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
            if self.stage is Stage.CONNECTING:
                self.stage = Stage.CONFIGURING
                self._configure()
        elif self.stage is Stage.CONFIGURING:
            self.stage = Stage.READY
            self._stage_deadline = None
            if self.settings.max_s is not None:
                self._end_at = self._now + self.settings.max_s
            model = str(event.session.get("model") or self.settings.model)
            self._show(told.Ready(self.settings.server, model, str(event.session.get("id") or "")))

    def _configure(self) -> None:
        self._stage_deadline = self._now + self.settings.timeouts.updated_s
        self._server.append(client.UpdateSession(self._wanted, event_id=_SETTINGS_EVENT))

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
                self._turn_ended()
            case server.AudioCommitted():
                self._transcript.person_spoke(event.item_id, event.previous_item_id)
                self._turn_ended()
            case server.TranscriptionCompleted():
                self._transcript.person_said(event.item_id, event.transcript.strip())
            case server.TranscriptionFailed():
                self._transcript.person_said(event.item_id, "")
                self._transcription_failed(event.error)

    def _turn_ended(self) -> None:
        """The person has spoken; the server will answer by itself."""
        self._responses.expect()
        self._move(Signal.SPEECH_STOPPED)
        self._move(Signal.ASKED)
        self._owed_since_now()

    def _transcription_failed(self, error: Mapping[str, Any]) -> None:
        if self._transcription_warned:
            return
        self._transcription_warned = True
        reason = str(error.get("message") or "no reason given")
        model = self.settings.transcription_model
        if not self.settings.transcription_tentative:
            self._warn("transcription_failed", f"Your words could not be written down by {model!r}: {reason}")
            return
        self._transcript.stop_waiting()
        off = {"type": "realtime", "audio": {"input": {"transcription": None}}}
        self._server.append(client.UpdateSession(off))
        self._warn(
            "transcription_off",
            f"{model!r} cannot write down your words here, so they are not shown; name a transcription deployment in "
            "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT or with --transcription-model.",
        )

    def _receive_item(self, item: Mapping[str, Any], previous_id: str | None) -> None:
        item_id = item.get("id")
        if not isinstance(item_id, str):
            return
        if item.get("type") != "message" or item.get("role") == "system":
            self._transcript.place(item_id, Who.PLACE, previous_id)
        elif item.get("role") == "assistant":
            self._transcript.place(item_id, Who.ASSISTANT, previous_id)
        else:
            self._transcript.person_spoke(item_id, previous_id)
            self._typed_elsewhere(item_id, item)

    def _typed_elsewhere(self, item_id: str, item: Mapping[str, Any]) -> None:
        """An item of the person that is text has its words with it."""
        parts = [part for part in item.get("content") or () if isinstance(part, Mapping)]
        text = " ".join(str(part.get("text") or "") for part in parts if part.get("type") == "input_text")
        if text:
            self._transcript.person_said(item_id, text)

    # ---- replies

    def _receive_response(self, event: server.ResponseCreated | server.ResponseDone) -> None:
        response = event.response
        response_id = str(response.get("id") or "")
        if isinstance(event, server.ResponseCreated):
            metadata = response.get("metadata")
            wanted = self._responses.created(
                response_id, metadata if isinstance(metadata, Mapping) else None, metadata_told="metadata" in response
            )
            if not wanted:
                self._playback.cut([response_id])
            self._move(Signal.ASKED)
            self._owed_since_now()
            return
        usage = response.get("usage")
        if isinstance(usage, Mapping):
            self._show(told.Used(response_id, usage))
        if not self._responses.done(response_id):
            return
        self._calls.response_done(response_id)
        for reply in self._playback.of(response_id):
            self._complete(reply)
        self._receive_outcome(response)

    def _receive_outcome(self, response: Mapping[str, Any]) -> None:
        details = _mapping(response.get("status_details"))
        if response.get("status") == "failed":
            error = server.ServerError(_mapping(details.get("error")))
            if weigh(error) is Weight.FATAL:
                self._fail(error.code, error.message, "refused", dict(details))
            else:
                self._show(told.Errored(error.code or "response_failed", error.message, fatal=False, raw=dict(details)))
        elif response.get("status") == "incomplete":
            why = details.get("reason") or "the server did not say why"
            self._warn("incomplete", f"The reply ends before its end: {why}.")

    def _receive_reply(
        self,
        event: server.OutputItemAdded
        | server.OutputItemDone
        | server.AudioDelta
        | server.TranscriptDelta
        | server.TranscriptDone
        | server.TextDelta
        | server.TextDone,
    ) -> None:
        self._owed_since_now()
        late = self._playback.is_cut(event.response_id)
        match event:
            case server.OutputItemAdded():
                self._begin(event, late=late)
            case server.OutputItemDone():
                self._call(event.response_id, event.item)
                self._item_done(event.response_id, event.item)
            case server.AudioDelta():
                if self._playback.receive(event.item_id, event.response_id, len(event.audio)):
                    self._world.append(Play(event.item_id, event.audio))
                    self._move(Signal.SOUND)
                    self._progress(self._playback.begin(event.item_id, event.response_id))
            case server.TranscriptDelta() | server.TranscriptDone() if late:
                pass  # words of a reply that was cut and can no longer be heard
            case server.TranscriptDelta():
                received_ms = self._playback.begin(event.item_id, event.response_id).received_ms
                self._transcript.words(event.item_id, event.delta, received_ms, spoken=True)
            case server.TranscriptDone():
                self._transcript.all_words(event.item_id, event.transcript, spoken=True)
            case server.TextDelta():
                self._transcript.words(event.item_id, event.delta, 0, spoken=False)
            case server.TextDone():
                self._transcript.all_words(event.item_id, event.text, spoken=False)

    def _begin(self, event: server.OutputItemAdded, *, late: bool) -> None:
        item_id = event.item.get("id")
        if event.item.get("type") != "message" or not isinstance(item_id, str):
            return
        if not late:
            self._playback.begin(item_id, event.response_id)
        elif item_id not in self._playback.replies:
            self._carry_out(self._playback.reject(item_id, event.response_id), Verdict.DELETE)

    def _item_done(self, response_id: str, item: Mapping[str, Any]) -> None:
        item_id = item.get("id")
        if item.get("type") == "message" and isinstance(item_id, str):
            self._complete(self._playback.begin(item_id, response_id))

    def _complete(self, reply: Reply) -> None:
        """No more of it will come."""
        reply.complete = True
        self._progress(reply)

    def _progress(self, reply: Reply) -> None:
        if reply.received_bytes:
            self._transcript.progress(reply.item_id, reply.heard_ms, reply.received_ms, complete=reply.complete)

    # ---- errors

    def _receive_error(self, error: server.ServerError) -> None:
        weight = weigh(error)
        if weight is Weight.FATAL:
            self._fail(error.code, error.message, "refused", error.error)
        elif self.stage is Stage.CONFIGURING and error.caused_by in {None, _SETTINGS_EVENT}:
            self._settings_refused(error)
        elif not self._responses.refused(error):
            expected = weight is Weight.EXPECTED
            self._show(told.Errored(error.code, error.message, fatal=False, raw=error.error, expected=expected))

    def _settings_refused(self, error: server.ServerError) -> None:
        param = str(error.error.get("param") or "")
        spared = without(self._wanted, param)
        if spared is None:
            hint = _DIALECT_HINTS.get((error.code, param), "")
            self._fail(error.code, f"The server refused our settings: {error.message}{hint}", "settings", error.error)
            return
        self._wanted, path = spared
        if path == "audio.input.transcription":
            self._transcript.stop_waiting()
        self._warn("setting_refused", f"The server does not take {path} and goes on without it: {error.message}")
        self._configure()

    # ---- small verbs

    def _interrupt(self, *, cancel: bool) -> None:
        """Stop what is being said. The device answers with what was finally heard (`hushed`), then the server is told."""
        hushing = self._playback.hushing
        must_hush = self._playback.cut(self._responses.active)
        if cancel:
            self._responses.cancel()
        else:
            self._responses.speech_started()
        self._server += self._responses.to_server()
        if must_hush:
            self._world.append(Hush())
        elif not hushing:
            self._settle_cut(None, 0)

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
        if self.stage is Stage.OVER:
            return
        for reply in self._playback.newly_drained():
            self._transcript.close(reply.item_id, interrupted=False)
        self._follow_calls()
        self._server += self._responses.to_server()
        self._show(*self._transcript.to_show())
        if not (self._responses.busy or self._calls.running or self._playback.sounding):
            self._move(Signal.SETTLED)
        if self._leaving and self.floor is Floor.QUIET:
            self._part(self._leaving)

    def _follow_calls(self) -> None:
        """One response after all outputs; none where the server answers a new turn, or where goodbye was said already."""
        due = self._calls.take_due()
        if not due or self.floor is Floor.LISTENING:
            return
        if not self._leaving:
            self._ask({})
            return
        said = any(
            reply.received_bytes and not reply.cut for batch in due for reply in self._playback.of(batch.response_id)
        )
        if not (said and all(name == FINISH_TOOL for batch in due for name in batch.names)):
            self._ask({"tool_choice": "none"})

    def _part(self, reason: Reason) -> None:
        """The last word was heard. The person's own last words may still be on their way to the screen."""
        if not self._transcript.waiting:
            self._finish(reason)
        elif self._farewell_by is None:
            self._farewell_by = self._now + self.settings.timeouts.farewell_s

    def _show(self, *lines: Happening) -> None:
        self._world += [Show(line) for line in lines]

    def _warn(self, code: str, message: str) -> None:
        self._show(told.Warned(code, message))

    def _fail(self, code: str, message: str, reason: Reason, raw: Mapping[str, Any] | None = None) -> None:
        self._show(told.Errored(code, message, fatal=True, raw=raw))
        self._finish(reason)

    def _finish(self, reason: Reason) -> None:
        if self._playback.sounding:
            self._world.append(Hush())
        self._transcript.flush()
        self._show(*self._transcript.to_show())
        self.stage = Stage.OVER
        self._world.append(Finish(reason))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}

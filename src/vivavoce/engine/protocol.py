"""The server half of the GA Realtime protocol: client events in, server events and jobs out. No I/O, no clock.

    receive(event) --+                              +--> to_client():   server events, in order
    noticed(p)       |                              |
    heard, answered, +--> settings, conversation, --+
    failed (results) |    turn, response slot       +--> to_pipeline(): jobs (listen, recognise, answer, stop, warm)

Time is the line of appended sound: every position and the idle time-out are counted in its samples.

A turn is answered in three steps that overlap: a pause of 96 ms starts recognition of what was said so far; its words
start an answer (`Ahead`) while the rest of the silence still runs; the end of the turn adopts that answer when its prompt
is the very one that is needed now, else it is thrown away and made anew. Speech that goes on throws it away at once.

Errors go to the client as `error`; no input raises. An answer that waits for words of a person begins when the last of
them was recognised or failed, so `response.done` always comes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from vivavoce.engine import settings
from vivavoce.engine.answers import Answers
from vivavoce.engine.conversation import Conversation, Item, OutputItem, ReplyItem, SpokenItem, item_from
from vivavoce.engine.hearing import Ahead, Line, Piece, Turn
from vivavoce.engine.jobs import Job, Listen, Recognise, Relisten, Stop
from vivavoce.engine.settings import refused
from vivavoce.engine.stages import Recognised
from vivavoce.engine.turns import Paused, Resumed, Started, TurnChange, Turns
from vivavoce.errors import ProtocolError
from vivavoce.events import client, server
from vivavoce.events.codec import CLIENT_SHAPES, Event
from vivavoce.events.server import ServerEvent
from vivavoce.events.word import Unknown
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES, SAMPLES_PER_MS, even, samples_to_ms

MIN_COMMIT_MS = 100
MAX_APPEND_BYTES = 15 * 2**20
MAX_BUFFER_SAMPLES = 10 * 60 * RATE_HZ  # without voice activity detection the client must commit or clear


class EngineProtocol:
    """One conversation, seen from the server."""

    def __init__(self, *, session_id: str, model: str, wants_to_finish: Callable[[str], bool], token: str = "") -> None:
        self._token = token
        self._numbers = itertools.count(1)
        self._session = settings.defaults(session_id, model)
        self._conversation = Conversation(self.new_id("conv"))
        self._line = Line()
        self._turns: Turns | None = Turns(settings.turn_settings(self._detection))
        self._turn: Turn | None = None
        self._hearing: dict[int, Turn | SpokenItem] = {}
        self._out: list[ServerEvent] = []
        self._jobs: list[Job] = []
        self._idle_from: int | None = None
        self._answers = Answers(self._session, self._conversation, self, wants_to_finish)
        self.say(server.SessionCreated(self._session))

    # ---- the two drains

    def to_client(self) -> list[ServerEvent]:
        """What to send, in order; each with an `event_id`."""
        said, self._out = self._out, []
        return [replace(event, event_id=self.new_id("event")) for event in said]

    def to_pipeline(self) -> list[Job]:
        """What to do, in order."""
        jobs, self._jobs = self._jobs, []
        return jobs

    @property
    def items(self) -> list[dict[str, Any]]:
        """The conversation as it is now, in order, as `conversation.item.done` shows each item: without its sound."""
        return [item.view() for item in self._conversation.items]

    # ---- what the client says

    def receive(self, event: Event) -> None:
        """The client said this. Never raises: what is wrong with it is answered by an `error`."""
        try:
            self._dispatch(event)
        except ProtocolError as error:
            self._refuse(error, event.event_id)

    def misheard(self, error: ProtocolError) -> None:
        """The client said something that is no event."""
        self._refuse(error, error.event_id)

    def _dispatch(self, event: Event) -> None:
        match event:
            case client.UpdateSession():
                self._update(event)
            case client.AppendAudio():
                self._append(event)
            case client.CommitAudio() | client.ClearAudio():
                self._commit_or_clear(event)
            case client.CreateItem() | client.RetrieveItem() | client.TruncateItem() | client.DeleteItem():
                self._change_items(event)
            case client.CreateResponse():
                self._respond(event.response)
            case client.CancelResponse():
                self._answers.cancel(event.response_id)
            case _:
                self._unknown(event)

    def _unknown(self, event: Event) -> None:
        name = event.type if isinstance(event, Unknown) else event.TYPE
        listed = ", ".join(f"'{known}'" for known in sorted(CLIENT_SHAPES))
        raise refused("type", f"Invalid value: '{name}'. Supported values are: {listed}.")

    # ---- settings

    @property
    def _detection(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] | None = self._session["audio"]["input"]["turn_detection"]
        return found or {}

    @property
    def _transcription(self) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._session["audio"]["input"]["transcription"]
        return found

    def _update(self, event: client.UpdateSession) -> None:
        self._session = settings.updated(self._session, event.session, has_spoken=self._answers.has_spoken)
        self._answers.session = self._session
        self.say(server.SessionUpdated(self._session))
        self._retune()
        self._answers.warm()

    def _retune(self) -> None:
        """Bring voice activity detection in line with the settings."""
        if not self._detection:
            self._drop_turn()
            self._turns = None
        elif self._turns is None:
            self._turns = Turns(settings.turn_settings(self._detection), self._line.end)
            self._line.drop_before(self._line.end)
            self.ask(Relisten())
        else:
            self._turns.settings = settings.turn_settings(self._detection)

    # ---- sound

    def _append(self, event: client.AppendAudio) -> None:
        if len(event.audio) > MAX_APPEND_BYTES:
            raise refused("audio", "Invalid value: 'audio' is longer than 15 MiB.")
        pcm = even(event.audio)
        if self._turns is None and self._line.kept + len(pcm) // SAMPLE_BYTES > MAX_BUFFER_SAMPLES:
            raise refused("audio", "The input audio buffer holds 10 minutes and is full: commit or clear it.")
        self._line.append(pcm)
        if self._turns is not None and pcm:
            self.ask(Listen(pcm))

    def _commit_or_clear(self, event: client.CommitAudio | client.ClearAudio) -> None:
        if isinstance(event, client.ClearAudio):
            self._drop_buffer()
            self.say(server.AudioCleared())
            return
        turn, end = self._turn, self._line.end
        start = end - self._line.kept if self._turns is None else turn.began if turn else end
        ms = (end - start) / SAMPLES_PER_MS
        if ms < MIN_COMMIT_MS:
            raise ProtocolError(
                "Error committing input audio buffer: buffer too small. "
                f"Expected at least 100ms of audio, but buffer only has {ms:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        item = SpokenItem(turn.item_id if turn else self.new_id("item"), self._line.take(start, end))
        self._drop_buffer()
        self._committed(item)
        self._recognise(item)

    def _drop_buffer(self) -> None:
        self._drop_turn()
        if self._turns is not None:
            self._turns.forget(self._line.end)
        self._line.drop_before(self._line.end)

    def _drop_turn(self) -> None:
        if self._turn is not None:
            self._drop_guess(self._turn)
            self._turn = None

    def noticed(self, probability: float) -> None:
        """The next 32 ms of the line are speech with this probability."""
        if self._turns is None:  # switched off while the sound was on its way
            return
        change = self._turns.hear(probability)
        if change is not None:
            self._turn_changed(change)
        self._watch_idle(self._turns.position)
        self._line.drop_before(self._turns.keep_from)

    def _turn_changed(self, change: TurnChange) -> None:
        if isinstance(change, Started):
            self._started(change.at)
            return
        turn = cast("Turn", self._turn)  # every other change lies between `Started` and the end of that turn
        match change:
            case Paused():
                turn.hearing = self._ask_words(turn, self._line.take(turn.began, change.at))
            case Resumed():
                self._drop_guess(turn)
            case _:  # Stopped
                self._stopped(turn, change.at)

    def _started(self, at: int) -> None:
        self._idle_from = None
        self._answers.forget_ahead()
        self._turn = Turn(self.new_id("item"), at)
        self.say(server.SpeechStarted(self._turn.item_id, samples_to_ms(at)))
        if self._detection["interrupt_response"]:
            self._answers.interrupt()

    def _stopped(self, turn: Turn, at: int) -> None:
        self._turn = None
        item = SpokenItem(turn.item_id, self._line.take(turn.began, at))
        self.say(server.SpeechStopped(item.id, samples_to_ms(at)))
        self._committed(item)
        if self._detection["create_response"]:
            self._respond_by_itself()
        if turn.guess is not None:
            self._settle(item, turn.guess, turn.ahead)
        elif turn.hearing is not None:
            self._hearing[turn.hearing] = item
        else:
            self._recognise(item)
        if self._detection["create_response"]:
            self._answers.drop_ahead(turn)
        else:
            self._answers.keep_ahead(turn)

    def _committed(self, item: SpokenItem) -> None:
        before = self._conversation.add(item)
        self.say(server.AudioCommitted(item.id, before))
        self.say(server.ItemAdded(item.view(), before))
        self.say(server.ItemDone(item.view(), before))

    def _watch_idle(self, now: int) -> None:
        limit, since = self._detection.get("idle_timeout_ms"), self._idle_from
        if limit is None or since is None or now - since < limit * SAMPLES_PER_MS:
            return
        self._idle_from = None
        item = SpokenItem(self.new_id("item"), self._line.take(since, now), "", silent=True)
        self.say(server.TimeoutTriggered(item.id, samples_to_ms(since), samples_to_ms(now)))
        self._committed(item)
        self._respond_by_itself()
        self._settle(item, "", None)

    # ---- words of the person

    def _ask_words(self, target: Turn | SpokenItem, pcm: bytes) -> int:
        job = self.new_job()
        self._hearing[job] = target
        self.ask(Recognise(job, pcm, settings.language_of(self._session)))
        return job

    def _recognise(self, item: SpokenItem) -> None:
        self._ask_words(item, item.pcm)

    def heard(self, job: int, words: Recognised) -> None:
        """The result of a `Recognise`."""
        target = self._hearing.pop(job, None)
        if isinstance(target, Turn):
            target.guess = words.text.strip()
            if self._detection["create_response"] or self._answers.may_be_asked:
                self._answers.think_ahead(target)
        elif target is not None:
            self._settle(target, words.text.strip(), None)

    def _settle(self, item: SpokenItem, words: str, ahead: Ahead | None) -> None:
        item.transcript = words
        if self._transcription is not None:
            seconds = round(len(item.pcm) / (SAMPLE_BYTES * RATE_HZ), 3)
            usage = {"type": "duration", "seconds": seconds}
            self.say(server.TranscriptionCompleted(item.id, words, 0, usage))
        self._answers.advance(ahead)

    def _drop_guess(self, turn: Turn) -> None:
        if turn.hearing is not None and turn.hearing in self._hearing:
            del self._hearing[turn.hearing]
            self.ask(Stop(turn.hearing))
        turn.hearing = turn.guess = None
        self._answers.drop_ahead(turn)

    # ---- items

    def _change_items(
        self, event: client.CreateItem | client.RetrieveItem | client.TruncateItem | client.DeleteItem
    ) -> None:
        match event:
            case client.CreateItem():
                self._create_item(event)
            case client.RetrieveItem():
                self.say(server.ItemRetrieved(self._item(event.item_id, "retrieve").view(sound=True)))
            case client.TruncateItem():
                self._truncate(event)
            case _:  # DeleteItem
                self._answers.forget_ahead()
                self._conversation.remove(self._item(event.item_id, "delete"))
                self.say(server.ItemDeleted(event.item_id))
                self._answers.advance()
                self._answers.warm()

    def _item(self, item_id: str, verb: str) -> Item:
        found = self._conversation.find(item_id)
        if found is None:
            raise ProtocolError(f"Item with item_id not found: {item_id}", code=f"item_{verb}_invalid_item_id")
        return found

    def _create_item(self, event: client.CreateItem) -> None:
        item = item_from(event.item, self.new_id("item"))
        if self._conversation.find(item.id):
            raise refused("item.id", f"Item with item_id already exists: {item.id}")
        if isinstance(item, OutputItem) and not self._conversation.called(item.call_id):
            raise ProtocolError(
                f"Tool call ID '{item.call_id}' not found in conversation.", code="invalid_tool_call_id"
            )
        try:
            before = self._conversation.add(item, event.previous_item_id)
        except KeyError:
            raise ProtocolError(
                f"Item with item_id not found: {event.previous_item_id}",
                field="previous_item_id",
                code="item_create_invalid_previous_item_id",
            ) from None
        self.say(server.ItemAdded(item.view(), before))
        self.say(server.ItemDone(item.view(), before))
        if isinstance(item, SpokenItem):
            self._recognise(item)

    def _truncate(self, event: client.TruncateItem) -> None:
        item = self._item(event.item_id, "truncate")
        if not isinstance(item, ReplyItem) or not item.samples or event.content_index:
            raise ProtocolError("Only model output audio messages can be truncated", code="unsupported_content_type")
        if event.heard_ms < 0:
            raise refused("audio_end_ms", "Invalid value: 'audio_end_ms' must not be negative.")
        length = samples_to_ms(item.samples)
        if event.heard_ms > length:  # the service says so, with a null event_id, and truncates anyway
            self._refuse(refused("", f"Audio content of {length}ms is already shorter than {event.heard_ms}ms"), None)
        kept = min(event.heard_ms, length)
        item.truncate(kept)
        self.say(server.ItemTruncated(item.id, kept, 0))
        self._answers.warm()

    # ---- answers

    def _respond_by_itself(self) -> None:
        try:
            self._respond(None)
        except ProtocolError as error:
            self._refuse(error, None)

    def _respond(self, given: Mapping[str, Any] | None) -> None:
        unheard = self._answers.create(given)
        self._idle_from = None
        for item in unheard:
            self._recognise(item)

    def answered(self, job: int, piece: Piece) -> None:
        """The next result of an `Answer`: words, their sound (24 kHz), a function, at last the count of tokens."""
        self._answers.answered(job, piece)

    def failed(self, job: int, message: str) -> None:
        """A `Recognise` or an `Answer` came to nothing; `message` says why."""
        target = self._hearing.pop(job, None)
        if isinstance(target, Turn):
            target.hearing = None
        elif target is not None:
            self._failed_to_hear(target, message)
        self._answers.failed(job, message)

    def _failed_to_hear(self, item: SpokenItem, message: str) -> None:
        item.failed = True
        if self._transcription is not None:
            error = {"type": "server_error", "code": None, "message": message, "param": None}
            self.say(server.TranscriptionFailed(item.id, error, 0))
        self._answers.advance()

    # ---- what the parts say through this object

    def say(self, event: ServerEvent) -> None:
        """Queue a word for the client."""
        self._out.append(event)

    def ask(self, job: Job) -> None:
        """Queue a job for the pipeline."""
        self._jobs.append(job)

    def done(self, samples: int, *, in_conversation: bool) -> None:
        """The idle time-out counts "from `response.done` + playback length"."""
        if in_conversation:
            self._idle_from = self._line.end + samples

    def new_job(self) -> int:
        """A number for a job."""
        return next(self._numbers)

    def new_id(self, kind: str) -> str:
        """An identifier such as `item_7`, with the token of this conversation in it."""
        return f"{kind}_{self._token}{next(self._numbers)}"

    def _refuse(self, error: ProtocolError, event_id: str | None) -> None:
        said = {
            "type": "invalid_request_error",
            "code": error.code,
            "message": str(error),
            "param": error.field or None,
            "event_id": event_id,
        }
        self.say(server.ServerError(said))

    def trouble(self, message: str) -> None:
        """The engine itself failed outside of a job; the conversation goes on."""
        said = {"type": "server_error", "code": "server_error", "message": message, "param": None, "event_id": None}
        self.say(server.ServerError(said))

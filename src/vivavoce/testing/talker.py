"""A server that behaves: the protocol half of the offline engine, with a scripted mind. No I/O, no clock, no model.

Client events in (`receive`), time in (`tick`), server events out (`to_client`), `next_deadline()`. What is loud is speech,
what was said is in the sound itself (`sound.spoken`), and each answer is what a function of the test makes of it.

    talker = Talker(Talk(), number=1, expires_at=1_800_000_000)
    talker.receive(AppendAudio(spoken("Hello?", 500) + silence(600)))
    [event.TYPE for event in talker.to_client()]    # session.created, speech_started ... response.done
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vivavoce.engine.jobs import Answer, Job, Listen, Recognise, Relisten, Stop
from vivavoce.engine.protocol import EngineProtocol
from vivavoce.engine.settings import refused
from vivavoce.engine.stages import Asked, Counted, Prompt, Recognised, Words
from vivavoce.engine.turns import CHUNK_SAMPLES
from vivavoce.errors import ProtocolError
from vivavoce.events import server
from vivavoce.events.client import UpdateSession
from vivavoce.events.codec import Event
from vivavoce.events.server import ServerEvent
from vivavoce.pcm import SAMPLE_BYTES, ms_to_bytes
from vivavoce.testing.sound import LOUD, numbered, understood

if TYPE_CHECKING:
    from vivavoce.testing.line import Line

__all__ = ["Reply", "Talk", "Talker", "in_order", "repeating"]

MS_PER_CHARACTER = 60
_LIMITS = (
    {"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 60.0},
    {"name": "tokens", "limit": 50_000, "remaining": 49_950, "reset_seconds": 60.0},
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    Attributes:
        text: its words; "" for none.
        ms: of sound, numbered samples; None = 60 ms a character.
        pcm: recorded sound instead, 24 kHz 16-bit mono.
        calls: functions to call, name and arguments (JSON text).
        error: `status_details.error` of a response that fails after what it said: a rate limit, a `server_error`.
        incomplete: the reason why it ends before its end: `max_output_tokens` or `content_filter`.
    """

    text: str = "One two three."
    ms: int | None = None
    pcm: bytes | None = None
    calls: tuple[tuple[str, str], ...] = ()
    error: Mapping[str, Any] | None = None
    incomplete: str | None = None

    @property
    def sound(self) -> bytes:
        """Its sound."""
        if self.pcm is not None:
            return self.pcm
        return numbered(len(self.text) * MS_PER_CHARACTER if self.ms is None else self.ms)


Answering = Callable[[Prompt], Reply]


def repeating(prompt: Prompt) -> Reply:
    """Says what was said last: `You said: Hello?`."""
    said = str(prompt.messages[-1]["content"]) if prompt.messages else "nothing"
    return Reply(f"You said: {said}")


def in_order(*replies: Reply) -> Answering:
    """These, one after the other, whatever is said; the last one again and again. Connections share the order."""
    given = iter(replies)

    def answer(prompt: Prompt) -> Reply:
        del prompt
        return next(given, replies[-1])

    return answer


def says_goodbye(text: str) -> bool:
    """Whether these words end the talk."""
    return "goodbye" in text.lower()


@dataclass(frozen=True, slots=True)
class Talk:
    """How a server behaves; also a step of a script: it talks until the client leaves or the session expires.

    Attributes:
        answer: what is said to a prompt (`prompt.messages[-1]["content"]` is what was said last).
        understand: the words in the sound of a turn.
        transcripts: when the words of the person are told: `at_once`, `after_reply` (row 22), `failed` (row 23) or `never`.
        pace: how many times faster than it is heard the sound is sent; None = all at once.
        delta_ms: of sound, in one delta, at most.
        think_s: between the end of a turn and the first word of its answer.
        lasts_s: until the session expires: `session_expired`, close 1001 (row 13).
        refuses: paths this server does not know, such as `session.audio.input.noise_reduction` (row 27).
        wants_to_finish: words that are answered by calling `user_wants_to_finish_conversation`.
        model: what `session.model` says.
    """

    answer: Answering = repeating
    understand: Callable[[bytes], str] = understood
    transcripts: Literal["at_once", "after_reply", "failed", "never"] = "at_once"
    pace: float | None = None
    delta_ms: int = 100
    think_s: float = 0.0
    lasts_s: float = 3600.0
    refuses: Sequence[str] = ()
    wants_to_finish: Callable[[str], bool] = says_goodbye
    model: str = "scripted-1"

    async def __call__(self, line: Line) -> None:
        """Talk until it is over."""
        await line.converse(self)


@dataclass(frozen=True, slots=True)
class _Failure:
    error: Mapping[str, Any]


_Piece = Words | bytes | Asked | Counted | _Failure


@dataclass(order=True, slots=True)
class _Due:
    """The next piece of an answer, and when it is said."""

    at: float
    order: int
    job: int = field(compare=False)
    piece: _Piece = field(compare=False)
    reply: Reply = field(compare=False)


class Talker:
    """One conversation with a server that behaves."""

    def __init__(self, talk: Talk, *, number: int, expires_at: float) -> None:
        """`number` of the connection is in every id; `expires_at` in Unix seconds."""
        self._talk = talk
        self._expires_at = expires_at
        self._protocol = EngineProtocol(
            session_id=f"sess_{number}", model=talk.model, wants_to_finish=talk.wants_to_finish, token=f"{number}_"
        )
        self._now = 0.0
        self._order = itertools.count()
        self._due: list[_Due] = []
        self._recognising: list[Recognise] = []
        self._speaking = False
        self._rest = b""
        self._held: list[ServerEvent] = []
        self._out: list[ServerEvent] = []
        self._settle()

    # ---- in and out

    @property
    def items(self) -> list[dict[str, Any]]:
        """The conversation as the server has it now: items in order, as `conversation.item.done` shows them."""
        return self._protocol.items

    def to_client(self) -> list[ServerEvent]:
        """What to send, in order."""
        said, self._out = self._out, []
        return said

    def receive(self, event: Event) -> None:
        """The client said this."""
        refusal = self._refusal(event) if isinstance(event, UpdateSession) else None
        if refusal is not None:
            self._protocol.misheard(refusal)
        else:
            self._protocol.receive(event)
        self._settle()

    def misheard(self, error: ProtocolError) -> None:
        """The client said something that is no event, or not one of this spelling."""
        self._protocol.misheard(error)
        self._settle()

    def expire(self) -> None:
        """The session is over; the connection is closed next."""
        said = {"type": "invalid_request_error", "code": "session_expired", "param": None, "event_id": None}
        said["message"] = "Your session hit the maximum duration of 60 minutes."
        self._out.append(server.ServerError(said, event_id=self._protocol.new_id("event")))

    def tick(self, now: float) -> None:
        """It is `now`, in seconds; what is due is said."""
        self._now = now
        while self._due and self._due[0].at <= now:
            self._say(heapq.heappop(self._due))

    def next_deadline(self) -> float | None:
        """When `tick` has something to do."""
        return self._due[0].at if self._due else None

    def _refusal(self, event: UpdateSession) -> ProtocolError | None:
        for path in self._talk.refuses:
            found: Any = {"session": event.session}
            for name in path.split("."):
                found = found.get(name) if isinstance(found, Mapping) else None
            if found is not None:
                error = refused(path, f"Unknown parameter: '{path}'.", "unknown_parameter")
                error.event_id = event.event_id
                return error
        return None

    # ---- the stages

    def _settle(self) -> None:
        """Do what the protocol asks until it asks no more."""
        while True:
            events, jobs = self._protocol.to_client(), self._protocol.to_pipeline()
            for event in events:
                self._pass(event)
            for job in jobs:
                self._work(job)
            recognised = self._recognise()
            if not (events or jobs or recognised):
                return

    def _work(self, job: Job) -> None:
        match job:
            case Listen():
                self._listen(job.pcm)
            case Relisten():
                self._rest = b""
            case Recognise():
                self._recognising.append(job)
            case Answer():
                self._answer(job)
            case Stop():
                self._recognising = [kept for kept in self._recognising if kept.job != job.job]
                self._due = [kept for kept in self._due if kept.job != job.job]
                heapq.heapify(self._due)
            case _:  # Warm: there is no model
                pass

    def _listen(self, pcm: bytes) -> None:
        sound = self._rest + pcm
        whole = len(sound) // (CHUNK_SAMPLES * SAMPLE_BYTES) * CHUNK_SAMPLES
        self._rest = sound[whole * SAMPLE_BYTES :]
        chunks = np.frombuffer(sound[: whole * SAMPLE_BYTES], "<i2").astype(np.int32).reshape(-1, CHUNK_SAMPLES)
        for loudest in np.abs(chunks).max(axis=1):
            self._protocol.noticed(float(loudest > LOUD))

    def _recognise(self) -> bool:
        """Understand the turns that are over; a pause in one is nothing to be answered ahead of its end."""
        if self._speaking or not self._recognising:
            return False
        job = self._recognising.pop(0)
        self._protocol.heard(job.job, Recognised(self._talk.understand(job.pcm), job.language))
        return True

    # ---- answers

    def _answer(self, job: Answer) -> None:
        reply = self._talk.answer(job.prompt)
        begin = self._now + self._talk.think_s
        for after_s, piece in self._pieces(reply, job):
            heapq.heappush(self._due, _Due(begin + after_s, next(self._order), job.job, piece, reply))
        self.tick(self._now)

    def _pieces(self, reply: Reply, job: Answer) -> Iterator[tuple[float, _Piece]]:
        """The answer, each piece with its time: a word, then its share of the sound."""
        sound = reply.sound if job.aloud else b""
        words = [f"{word} " for word in reply.text.split()] or ([""] if sound else [])
        pace = self._talk.pace or float("inf")
        step, at = ms_to_bytes(self._talk.delta_ms), 0
        for index, word in enumerate(words, 1):
            yield at / ms_to_bytes(1000) / pace, Words(word if index < len(words) else word.rstrip())
            end = len(sound) // SAMPLE_BYTES * index // len(words) * SAMPLE_BYTES
            while at < end:
                piece = sound[at : min(at + step, end)]
                yield at / ms_to_bytes(1000) / pace, piece
                at += len(piece)
        after_s = at / ms_to_bytes(1000) / pace
        yield from ((after_s, Asked(name, arguments)) for name, arguments in reply.calls)
        last = Counted(10 * len(job.prompt.messages), 0, len(words), complete=reply.incomplete is None)
        yield after_s, last if reply.error is None else _Failure(reply.error)

    def _say(self, due: _Due) -> None:
        if isinstance(due.piece, _Failure):
            self._protocol.failed(due.job, str(due.piece.error.get("message")))
        else:
            self._protocol.answered(due.job, due.piece)
        for event in self._protocol.to_client():
            self._pass(_as_wished(event, due.reply))
        self._settle()

    # ---- what the engine does otherwise than the service

    def _pass(self, event: ServerEvent) -> None:
        match event:
            case server.SessionCreated() | server.SessionUpdated():
                self._speaking = self._speaking and bool(event.session["audio"]["input"]["turn_detection"])
                self._out.append(replace(event, session={**event.session, "expires_at": self._expires_at}))
            case server.SpeechStarted():
                self._speaking = True
                self._out.append(event)
            case server.SpeechStopped() | server.AudioCommitted() | server.AudioCleared():
                self._speaking = False
                self._out.append(event)
            case server.TranscriptionCompleted():
                self._transcribed(event)
            case server.ResponseCreated():
                self._out += [event, server.RateLimitsUpdated(list(_LIMITS), event_id=self._protocol.new_id("event"))]
            case server.ResponseDone():
                self._out += [event, *self._held]
                self._held = []
            case _:
                self._out.append(event)

    def _transcribed(self, event: server.TranscriptionCompleted) -> None:
        match self._talk.transcripts:
            case "at_once":
                self._out.append(event)
            case "after_reply":
                self._held.append(event)
            case "failed":
                error = {"type": "server_error", "code": None, "message": "Transcription failed.", "param": None}
                self._out.append(server.TranscriptionFailed(event.item_id, error, 0, event_id=event.event_id))
            case "never":
                pass


def _as_wished(event: ServerEvent, reply: Reply) -> ServerEvent:
    """The end of a response, with the reason that the reply names."""
    if not isinstance(event, server.ResponseDone) or not (reply.error or reply.incomplete):
        return event
    details: dict[str, Any] = {"type": event.response["status"]}
    details |= {"error": dict(reply.error)} if reply.error else {"reason": reply.incomplete}
    return replace(event, response={**event.response, "status_details": details})

"""Hear, think, speak: the stages on threads, around the protocol object.

    feed --> [ears] --receive, noticed--> EngineProtocol --> tell(server event)
                                            |   ^   |  ^
                                  Recognise v   |   v  | Answer, Warm
                                        [recogniser]  [mind and mouth]

Three threads a session; one lock around its protocol object, so that words leave in the order the protocol said them.
A result of a job that was stopped is ignored by the protocol; a stopped job is told so at once through its `cut`.
An exception in a stage fails its job, one outside of a job becomes an `error` event; both are logged.
"""

from __future__ import annotations

import logging
import queue
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import samplerate

from vivavoce.engine.clauses import Clauses
from vivavoce.engine.hearing import Piece
from vivavoce.engine.jobs import Answer, Job, Listen, Recognise, Relisten, Stop, Warm
from vivavoce.engine.protocol import EngineProtocol
from vivavoce.engine.stages import HEAR_RATE_HZ, NOTICE_SAMPLES, Asked, Counted, Hear, Notice, Speak, Think, Words
from vivavoce.errors import ProtocolError, VivaError
from vivavoce.events.codec import Event
from vivavoce.events.server import ServerEvent
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES, ms_to_bytes

log = logging.getLogger(__name__)

_RATIO = HEAR_RATE_HZ / RATE_HZ
_CHUNK_BYTES = NOTICE_SAMPLES * SAMPLE_BYTES
_FULL_SCALE = 32768.0
_AUDIBLE = 327  # a hundredth of full scale
_FILTER = "sinc_fastest"  # 20 samples (1.25 ms) of delay, 2.5 ms of CPU a second
_PATIENCE_S = 10.0


@dataclass(slots=True)
class Stages:
    """The models, loaded once a process and shared by its sessions.

    Attributes:
        name: what `session.model` says.
        notice: a new voice activity detector, one for each session: it keeps state.
        wants_to_finish: the goodbye rule.
        close: frees them all.
    """

    name: str
    notice: Callable[[], Notice]
    hear: Hear
    think: Think
    speak: Speak
    wants_to_finish: Callable[[str], bool]
    close: Callable[[], None] = lambda: None
    hear_lock: threading.Lock = field(default_factory=threading.Lock)
    speak_lock: threading.Lock = field(default_factory=threading.Lock)


class Resampler:
    """24 kHz bytes -> chunks of 512 samples at 16 kHz, for voice activity detection."""

    def __init__(self) -> None:
        self._filter = samplerate.Resampler(_FILTER, channels=1)
        self._rest = b""

    def chunks(self, pcm: bytes) -> list[bytes]:
        """The chunks that are complete now."""
        self._rest += _to_bytes(self._filter.process(_to_floats(pcm), _RATIO, end_of_input=False))
        whole = len(self._rest) // _CHUNK_BYTES * _CHUNK_BYTES
        found = [self._rest[at : at + _CHUNK_BYTES] for at in range(0, whole, _CHUNK_BYTES)]
        self._rest = self._rest[whole:]
        return found


def _from_first_sound(pcm: bytes) -> bytes:
    """Without the silence with which a synthesiser begins (0.3 s), but for 20 ms: a person waits for the first word."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > _AUDIBLE)
    return pcm[max(int(loud[0]) * SAMPLE_BYTES - ms_to_bytes(20), 0) :] if len(loud) else b""


def _to_floats(pcm: bytes) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.frombuffer(pcm, np.dtype("<i2")).astype(np.float32) / np.float32(_FULL_SCALE)


def _to_bytes(sound: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bytes:
    return (np.clip(sound, -1.0, 1.0) * (_FULL_SCALE - 1)).astype("<i2").tobytes()


def for_hearing(pcm: bytes) -> bytes:
    """24 kHz -> 16 kHz, the whole piece."""
    return _to_bytes(samplerate.resample(_to_floats(pcm), _RATIO, _FILTER)) if pcm else b""


class Session:
    """One conversation: client events in by `feed`, server events out through `tell`.

    `tell` is called on any of the threads, one call at a time and in order, while the protocol is locked: it must return
    at once and must not call back.
    """

    def __init__(self, stages: Stages, tell: Callable[[ServerEvent], None]) -> None:
        self._stages = stages
        self._sounds: int | None = None  # the last job of which something was heard
        self._tell = tell
        self._protocol = EngineProtocol(
            session_id=f"sess_{secrets.token_hex(8)}",
            model=stages.name,
            wants_to_finish=stages.wants_to_finish,
            token=f"{secrets.token_hex(4)}_",
        )
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._notice = stages.notice()
        self._resampler = Resampler()
        self._sound: deque[Listen | Relisten] = deque()
        self._cuts: dict[int, threading.Event] = {}
        self._warming: threading.Event | None = None
        self._inbox: queue.SimpleQueue[Event | ProtocolError | None] = queue.SimpleQueue()
        self._to_hear: queue.SimpleQueue[Recognise | None] = queue.SimpleQueue()
        self._to_answer: queue.SimpleQueue[Answer | tuple[Warm, threading.Event] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=work, name=f"viva {work.__name__.strip('_')}", daemon=True)
            for work in (self._ears, self._recogniser, self._mind)
        ]
        with self._lock:
            self._flush()
        for thread in self._threads:
            thread.start()

    @property
    def backlog(self) -> int:
        """Words of the client that wait to be taken."""
        return self._inbox.qsize()

    def feed(self, event: Event | ProtocolError) -> None:
        """Take a word of the client, or the reason why it is none. Never blocks."""
        self._inbox.put(event)

    def close(self) -> None:
        """Stop everything and wait for the threads; nothing is told afterwards. Twice is allowed."""
        self._closed.set()
        with self._lock:
            for cut in [*self._cuts.values(), *([self._warming] if self._warming else [])]:
                cut.set()
        for inbox in (self._inbox, self._to_hear, self._to_answer):
            inbox.put(None)
        for thread in self._threads:
            thread.join(_PATIENCE_S)
            if thread.is_alive():
                log.error("the thread %s does not stop", thread.name)

    # ---- one place touches the protocol

    @contextmanager
    def _locked(self) -> Iterator[EngineProtocol]:
        with self._lock:
            yield self._protocol
            self._flush()

    def _flush(self) -> None:
        events, jobs = self._protocol.to_client(), self._protocol.to_pipeline()
        if self._closed.is_set():
            return
        for event in events:
            self._tell(event)
        for job in jobs:
            self._start(job)

    def _start(self, job: Job) -> None:
        match job:
            case Listen() | Relisten():
                self._sound.append(job)
            case Recognise():
                self._cuts[job.job] = threading.Event()
                self._to_hear.put(job)
            case Answer():
                self._cuts[job.job] = threading.Event()
                self._stop_warming()
                self._to_answer.put(job)
            case Warm():
                self._stop_warming()
                self._warming = threading.Event()
                self._to_answer.put((job, self._warming))
            case Stop():
                if cut := self._cuts.get(job.job):
                    cut.set()

    def _stop_warming(self) -> None:
        if self._warming is not None:
            self._warming.set()
            self._warming = None

    def _fail(self, job: int | None, error: Exception) -> None:
        if isinstance(error, VivaError):  # a sentence for the person, who is told it; no bug
            what = str(error)
            log.info("the engine failed: %s", what)
        else:
            what = f"{type(error).__name__}: {error}"
            log.error("the engine failed: %s", what, exc_info=error)
        with self._locked() as protocol:
            if job is None:
                protocol.trouble(f"The engine had an error while processing your request. {what}")
            else:
                protocol.failed(job, what)

    # ---- the threads

    def _ears(self) -> None:
        while (event := self._inbox.get()) is not None:
            if self._closed.is_set():
                return
            try:
                self._take(event)
            except Exception as error:  # noqa: BLE001 - a thread must not die unseen: told to the client and logged
                self._fail(None, error)

    def _take(self, event: Event | ProtocolError) -> None:
        with self._locked() as protocol:
            if isinstance(event, ProtocolError):
                protocol.misheard(event)
            else:
                protocol.receive(event)
        while self._sound:
            job = self._sound.popleft()
            if isinstance(job, Relisten):
                self._notice.reset()
                self._resampler = Resampler()
            else:
                self._listen(job.pcm)

    def _listen(self, pcm: bytes) -> None:
        for chunk in self._resampler.chunks(pcm):
            probability = self._notice.notice(chunk)
            with self._locked() as protocol:
                protocol.noticed(probability)

    def _recogniser(self) -> None:
        while (job := self._to_hear.get()) is not None:
            try:
                self._recognise(job)
            except Exception as error:  # noqa: BLE001 - whatever a model raises: the job fails, told and logged
                self._fail(job.job, error)
            finally:
                self._forget(job.job)

    def _recognise(self, job: Recognise) -> None:
        if self._cuts[job.job].is_set():
            return
        sound = for_hearing(job.pcm)
        with self._stages.hear_lock:
            words = self._stages.hear.hear(sound, job.language)
        with self._locked() as protocol:
            protocol.heard(job.job, words)

    def _mind(self) -> None:
        while (job := self._to_answer.get()) is not None:
            number = job.job if isinstance(job, Answer) else None
            try:
                if isinstance(job, Answer):
                    self._answer(job, self._cuts[job.job])
                elif not job[1].is_set():
                    self._stages.think.warm(job[0].prompt, job[1])
            except Exception as error:  # noqa: BLE001 - whatever a model raises: the job fails, told and logged
                self._fail(number, error)
            finally:
                if number is not None:
                    self._forget(number)

    def _forget(self, job: int) -> None:
        with self._lock:
            del self._cuts[job]

    def _answer(self, job: Answer, cut: threading.Event) -> None:
        if cut.is_set():
            return
        clauses = Clauses()
        counted = Counted(0, 0, 0)
        for piece in self._stages.think.think(job.prompt, cut):
            if cut.is_set():
                return
            match piece:
                case Words():
                    self._utter(job, clauses.feed(piece.text) if job.aloud else [piece.text], cut)
                case Asked():
                    self._utter(job, clauses.rest(), cut)
                    self._result(job, piece)
                case Counted():
                    counted = piece
        self._utter(job, clauses.rest(), cut)
        self._result(job, counted)

    def _result(self, job: Answer, piece: Piece) -> None:
        with self._locked() as protocol:
            protocol.answered(job.job, piece)

    def _utter(self, job: Answer, clauses: list[str], cut: threading.Event) -> None:
        for clause in clauses:
            if cut.is_set():
                return
            self._result(job, Words(clause))
            if not job.aloud or not clause.strip():
                continue
            with self._stages.speak_lock:
                for pcm in self._stages.speak.speak(clause.strip(), cut):
                    if cut.is_set():
                        return
                    sound = pcm if self._sounds == job.job else _from_first_sound(pcm)
                    if sound:
                        self._sounds = job.job
                        self._result(job, sound)

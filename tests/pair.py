"""Session and engine protocol joined by two lists, as h11 joins its two connections: no socket, no thread, no clock.

Words of the model are scripted, sound is 100 ms of silence-that-counts per word, speech is a byte that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from vivavoce.engine.goodbye import wants_to_finish
from vivavoce.engine.hearing import Piece
from vivavoce.engine.jobs import Answer, Listen, Recognise, Stop
from vivavoce.engine.protocol import EngineProtocol
from vivavoce.engine.stages import Counted, Prompt, Recognised, Words
from vivavoce.events.client import ClientEvent
from vivavoce.pcm import bytes_to_ms, ms_to_bytes
from vivavoce.session.effects import Call, Finish, Hush, Play, Show
from vivavoce.session.happenings import Happening
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings

CHUNK_MS = 32
LOUD, QUIET = b"\x10\x10", b"\0\0"


def speech(ms: int) -> bytes:
    """Sound that the detector of the pair takes for a voice."""
    return LOUD * (ms_to_bytes(ms) // 2)


def quiet(ms: int) -> bytes:
    """Sound that it does not."""
    return QUIET * (ms_to_bytes(ms) // 2)


@dataclass
class Pair:
    """Both halves, and the person and the model between them.

    Attributes:
        think: what the model says to a prompt.
        says: what the recogniser hears.
        heard: what was heard of each item.
        speaker: what is queued to be heard, per item.
        told: every word the client said to the server.
    """

    think: Callable[[Prompt], Sequence[Piece]]
    says: str = ""
    settings: Settings = field(default_factory=lambda: Settings(transcription_model="base"))
    shown: list[Happening] = field(default_factory=list)
    told: list[ClientEvent] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    speaker: dict[str, int] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    ended: str | None = None
    held: bool = False
    now: float = 0.0

    def __post_init__(self) -> None:
        self.session = Session(self.settings)
        self.engine = EngineProtocol(session_id="sess_pair", model="pair", wants_to_finish=wants_to_finish)
        self._rest: list[bytes] = []
        self._waiting: list[tuple[int, Piece]] = []
        self.session.opened()
        self.settle()

    def hear(self, pcm: bytes) -> None:
        """The microphone, 40 ms at a time."""
        step = ms_to_bytes(40)
        for at in range(0, len(pcm), step):
            self.now += 0.04
            self.session.tick(self.now)
            self.session.hear(pcm[at : at + step])
            self.settle()

    def type(self, text: str) -> None:
        """A typed turn."""
        self.session.type(text)
        self.settle()

    def play(self, ms: int | None = None) -> None:
        """The speaker plays so much of what is queued, or all of it."""
        for item_id, queued in list(self.speaker.items()):
            self.heard[item_id] = min(queued, ms if ms is not None else queued)
            self.session.heard(item_id, self.heard[item_id])
            if ms is None:
                del self.speaker[item_id]
        self.settle()

    def finish_thinking(self) -> None:
        """Let the model go on where `held` stopped it."""
        self.held = False
        self.settle()

    def settle(self) -> None:
        """Carry words from half to half until nobody has anything to say."""
        while True:
            effects, client_words = self.session.to_world(), self.session.to_server()
            for effect in effects:
                self._carry_out(effect)
            for word in client_words:
                self.told.append(word)
                self.engine.receive(word)
            server_words, jobs = self.engine.to_client(), self.engine.to_pipeline()
            for event in server_words:
                self.session.receive(event)
            for job in jobs:
                self._work(job)
            went_on = self._go_on()
            if not (effects or client_words or server_words or jobs or went_on):
                return

    def _carry_out(self, effect: object) -> None:
        match effect:
            case Play():
                self.speaker[effect.item_id] = self.speaker.get(effect.item_id, 0) + bytes_to_ms(len(effect.pcm))
            case Hush():
                item_id = next(iter(self.speaker), None)
                self.session.hushed(item_id, self.heard.get(item_id or "", 0))
                self.speaker.clear()
            case Show():
                self.shown.append(effect.what)
            case Call():
                self.calls.append(effect)
            case Finish():
                self.ended = effect.reason

    def _work(self, job: object) -> None:
        match job:
            case Listen():
                self._rest.append(job.pcm)
                sound = b"".join(self._rest)
                size = ms_to_bytes(CHUNK_MS)
                whole = len(sound) // size * size
                self._rest = [sound[whole:]]
                for at in range(0, whole, size):
                    self.engine.noticed(1.0 if sound[at : at + 2] == LOUD else 0.0)
            case Recognise():
                self.engine.heard(job.job, Recognised(self.says, "en"))
            case Answer():
                for piece in self.think(job.prompt):
                    self._waiting.append((job.job, piece))
                    if isinstance(piece, Words) and job.aloud:
                        self._waiting.append((job.job, bytes(ms_to_bytes(100 * len(piece.text.split())))))
                self._waiting.append((job.job, Counted(1, 0, 1)))
            case Stop():
                self._waiting = [(number, piece) for number, piece in self._waiting if number != job.job]

    def _go_on(self) -> bool:
        if not self._waiting or (self.held and len(self._waiting) <= 1):
            return False
        number, piece = self._waiting.pop(0)
        self.engine.answered(number, piece)
        return True

"""Session and engine protocol joined by two lists, as h11 joins its two connections: no socket, no thread, no clock.

Words of the model are scripted, sound is 100 ms of silence-that-counts per word, speech is a byte that says so. A connection
may be lost at any time: what was on its way is gone, and the next one is an engine that knows nothing.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from vivavoce.engine.conversation import Item
from vivavoce.engine.goodbye import wants_to_finish
from vivavoce.engine.hearing import Piece
from vivavoce.engine.jobs import Answer, Job, Listen, Recognise, Stop
from vivavoce.engine.protocol import EngineProtocol
from vivavoce.engine.stages import Counted, Prompt, Recognised, Words
from vivavoce.events.client import ClientEvent
from vivavoce.events.server import ServerEvent, SessionCreated
from vivavoce.pcm import bytes_to_ms, ms_to_bytes
from vivavoce.session.effects import Call, Discard, Effect, Finish, Hush, Play, Prepare, Reopen, Show, Swap
from vivavoce.session.happenings import Happening
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings

CHUNK_MS = 32
STEP_MS = 40
QUIET = b"\0\0"
UNIX_S = 1_000_000.0
_LOUD = 0x1000


def speech(ms: int, sentence: int = 0) -> bytes:
    """Sound that the detector of the pair takes for a voice; which sentence it is can be read in every sample."""
    return struct.pack("<H", _LOUD + sentence) * (ms_to_bytes(ms) // 2)


def quiet(ms: int) -> bytes:
    """Sound that it does not."""
    return QUIET * (ms_to_bytes(ms) // 2)


def sentences(pcm: bytes) -> str:
    """The sentences in this sound, as a recogniser would write them down: nobody understands less than 40 ms of one."""
    samples = Counter(struct.unpack(f"<{len(pcm) // 2}H", pcm))
    least = ms_to_bytes(40) // 2
    return " ".join(f"sentence{value - _LOUD}" for value, count in samples.items() if value and count >= least)


class Connection:
    """One engine and its mind, and the way there and back.

    Attributes:
        dead: nothing arrives any more, in either direction, and nobody has noticed.
    """

    def __init__(self, pair: Pair, number: int) -> None:
        self.engine = EngineProtocol(
            session_id=f"sess_{number}", model="pair", wants_to_finish=wants_to_finish, token=f"{number}_"
        )
        self.dead = False
        self._pair = pair
        self._expires_at = None if pair.life_s is None else UNIX_S + pair.now + pair.life_s
        self._rest = b""
        self._waiting: list[tuple[int, Piece]] = []

    def carry(self, words: Sequence[ClientEvent]) -> list[ServerEvent] | None:
        """To the engine, and what it says; None when nothing has happened."""
        if self.dead:
            return None
        for word in words:
            self.engine.receive(word)
        events, jobs = self.engine.to_client(), self.engine.to_pipeline()
        for job in jobs:
            self._work(job)
        went_on = self._go_on()
        return [self._dated(event) for event in events] if words or events or jobs or went_on else None

    def _dated(self, event: ServerEvent) -> ServerEvent:
        if isinstance(event, SessionCreated):
            return replace(event, session={**event.session, "expires_at": self._expires_at})
        return event

    def _work(self, job: Job) -> None:
        match job:
            case Listen():
                self._listen(self._rest + job.pcm)
            case Recognise():
                self.engine.heard(job.job, Recognised(self._pair.says or sentences(job.pcm), "en"))
            case Answer():
                for piece in self._pair.think(job.prompt):
                    self._waiting.append((job.job, piece))
                    if isinstance(piece, Words) and job.aloud:
                        self._waiting.append((job.job, bytes(ms_to_bytes(100 * len(piece.text.split())))))
                self._waiting.append((job.job, Counted(1, 0, 1)))
            case Stop():
                self._waiting = [(number, piece) for number, piece in self._waiting if number != job.job]

    def _listen(self, sound: bytes) -> None:
        size = ms_to_bytes(CHUNK_MS)
        whole = len(sound) // size * size
        self._rest = sound[whole:]
        for at in range(0, whole, size):
            self.engine.noticed(0.0 if sound[at : at + 2] == QUIET else 1.0)

    def _go_on(self) -> bool:
        if not self._waiting or (self._pair.held and len(self._waiting) <= 1):
            return False
        number, piece = self._waiting.pop(0)
        self.engine.answered(number, piece)
        return True


@dataclass
class Pair:
    """Both halves, and the person and the model between them.

    Attributes:
        think: what the model says to a prompt.
        says: what the recogniser hears; "" for what is in the sound.
        life_s: of a connection; None: it never ends by itself.
        outage_s: how long there is no connection after one was lost.
        heard: what was heard of each item.
        speaker: what is queued to be heard, per item.
        told: every word the client said to the server.
        held: the model keeps back the end of its answer.
    """

    think: Callable[[Prompt], Sequence[Piece]]
    says: str = ""
    settings: Settings = field(default_factory=lambda: Settings(transcription_model="base"))
    life_s: float | None = None
    outage_s: float = 0.0
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
        self.connections = 0
        self.line: Connection | None = None
        self.standby: Connection | None = None
        self._opens_at = 0.0
        self._open()

    @property
    def conversation(self) -> list[Item]:
        """What the engine in use knows, in order; nothing where there is none."""
        if self.line is None:
            return []
        return self.line.engine._conversation.items  # its view does not say what was heard of a reply

    @property
    def dead(self) -> bool:
        """The connection is dead, and nobody has noticed."""
        return self.line is not None and self.line.dead

    def dies(self) -> None:
        """Nothing arrives any more, in either direction."""
        if self.line is not None:
            self.line.dead = True

    def hear(self, pcm: bytes) -> None:
        """The microphone, 40 ms at a time."""
        step = ms_to_bytes(STEP_MS)
        for at in range(0, len(pcm), step):
            self.now += STEP_MS / 1_000
            self.session.tick(self.now)
            self.settle()
            if self.line is None and self.now >= self._opens_at and self.ended is None:
                self._open()
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

    def lose(self) -> None:
        """The connection is lost, and that is noticed."""
        self.session.gone("connection_lost", "It is gone.", "lost")
        self.settle()

    def settle(self) -> None:
        """Carry words from half to half until nobody has anything to say."""
        while self._carry():
            pass

    def _open(self) -> None:
        self.line = self._connection()
        self.session.opened(UNIX_S + self.now)
        self.settle()

    def _connection(self) -> Connection:
        self.connections += 1
        return Connection(self, self.connections)

    def _carry(self) -> bool:
        effects, words = self.session.to_world(), self.session.to_server()
        second = self.session.to_standby()
        for effect in effects:
            self._carry_out(effect)
        self.told += words
        line, standby = self.line, self.standby
        assert line or not words or self.ended, "nothing is said into the void"
        events = line.carry(words) if line else None
        for event in events or ():
            if self.line is line:
                self.session.receive(event)
        aside = standby.carry(second) if standby else None
        for event in aside or ():
            if self.standby is standby:
                self.session.receive_standby(event)
        return bool(effects or words or second) or events is not None or aside is not None

    def _carry_out(self, effect: Effect) -> None:
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
            case Reopen():
                self.line, self._opens_at = None, self.now + effect.after_s + self.outage_s
            case Prepare():
                self.standby = self._connection()
                self.session.standby_opened(UNIX_S + self.now)
            case Swap():
                self.line, self.standby = self.standby, None
            case Discard():
                self.standby = None

"""A barge-in that can be taken back: a sound over a reply makes it quieter, and stops it only once it is known to be speech.

Two ears say what they hear. A detector on this machine judges each sound (`Judged`), within 1.4 s; the server's voice
activity detection says where turns begin and end, later, and takes a cough for one. While there is a reply to interrupt, the
server's turns are kept back until the sound is judged:

    still --SOUND--> in doubt --SPEECH----> the reply is cut, the turn is a turn
      ^              (ducked, then held) --NOTHING--> the reply goes on, the turn is deleted when it ends
      `------------- a new SOUND, at any time ---------------'

When in doubt, the person is right: a sound that nobody judges in time is speech, and so is what the server alone goes on
hearing, or goes on hearing long after the first cough in it, however many there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from vivavoce.events import server
from vivavoce.events.server import ServerEvent
from vivavoce.session.effects import Duck, Effect, Show
from vivavoce.session.happenings import Ducked, Restored
from vivavoce.session.settings import Settings

FULL, LOW, HELD = 1.0, 0.2, 0.0
"""Shares of the loudness. Held: nothing is played, and nothing of the reply is lost."""
# A turn that begins while a sound goes on, or so long after it, is that sound's. The server says `speech_started` only once its
# detection is sure (the offline engine: after 96 ms of voice), and then the word has to come here over a network that may be
# slow. `prefix_padding_ms` delays nothing: it only sets `audio_start_ms` back, on the line of the sound that was appended.
_FRESH_S = 1.5
# Nobody tells us when a sound ends, but its verdict comes at most so long after that (ports.Ear): so long before a NOTHING it was
# still there, or it began later than that. Counted from the verdict itself, a sound of 10 ms would explain turns too long.
_JUDGED_AFTER_S = 0.55
_TURNS = 64
_Person = server.SpeechStarted | server.SpeechStopped | server.AudioCommitted
_Words = server.TranscriptionCompleted | server.TranscriptionFailed | server.TranscriptionDelta
_Items = server.ItemAdded | server.ItemCreated | server.ItemDone


class Judged(Enum):
    """What a detector says of the microphone's sound."""

    SOUND = auto()  # something began that may be a person who wants to speak
    SPEECH = auto()  # it is
    NOTHING = auto()  # it was not: a cough, a laugh, a click, "mm-hm"


class _Fate(Enum):
    KEPT = auto()
    TURN = auto()
    NONE = auto()


@dataclass(slots=True)
class _Turn:
    """A turn of the server, and what becomes of it.

    Attributes:
        at: when it began to be kept back.
        heard: the detector heard a sound that goes with it.
        nothing_at: when it was first known of a sound in it, or of the one that it began with, that it was nothing.
        words: what is kept back.
        ended: the server has said that it stopped.
        committed: the server has it as an item.
    """

    at: float
    heard: bool = False
    nothing_at: float | None = None
    fate: _Fate = _Fate.KEPT
    words: list[ServerEvent] = field(default_factory=list)
    ended: bool = False
    committed: bool = False

    def keep(self, word: ServerEvent) -> None:
        self.words.append(word)
        self.committed = self.committed or isinstance(word, server.AudioCommitted)
        self.ended = self.ended or self.committed or isinstance(word, server.SpeechStopped)


class BargeIn:
    """Which sounds interrupt. Verbs in; `to_world`, `take_turns` and `take_dismissed` out.

    Attributes:
        in_force: the server neither cuts replies nor answers turns by itself: both is ours.
    """

    def __init__(self, settings: Settings) -> None:
        self.in_force = False
        self._waits = settings.timeouts
        self._waits_long = settings.semantic  # such a server keeps a turn open for seconds after the last sound
        self._sound: Judged | None = None  # what the last sound was judged to be
        self._since = 0.0  # when it began, or was judged
        self._lasted_until = 0.0  # when it was last known to go on
        self._share = FULL
        self._kept: dict[str, _Turn] = {}
        self._past: dict[str, _Turn] = {}  # the last that were decided on
        self._released: list[ServerEvent] = []
        self._deleted: list[str] = []
        self._nobody = False
        self._cut_at: float | None = None  # a reply was cut for a person of whom the server has said nothing yet
        self._world: list[Effect] = []

    # ---- out

    def to_world(self) -> list[Effect]:
        """Drain what the world is asked to do."""
        out, self._world = self._world, []
        return out

    def take_turns(self) -> list[ServerEvent]:
        """Drain the words of turns that were kept back and are turns after all, in order."""
        out, self._released = self._released, []
        return out

    def take_dismissed(self) -> list[str]:
        """Drain the turns that were none, and that the server has as items."""
        out, self._deleted = self._deleted, []
        return out

    @property
    def open(self) -> bool:
        """A sound is in doubt, or a turn that may be one is kept back."""
        return self._doubts or any(not turn.heard for turn in self._kept.values())

    @property
    def _doubts(self) -> bool:
        return self._sound is Judged.SOUND

    def doubts_turn(self, item_id: str) -> bool:
        """That turn of the server is kept back, and may be one."""
        turn = self._kept.get(item_id)
        return turn is not None and not (turn.heard and self._sound is Judged.NOTHING)

    def take_nobody(self) -> bool:
        """Whether since the last call it was found that nobody spoke."""
        out, self._nobody = self._nobody, False
        return out

    # ---- the detector

    def judged(self, verdict: Judged, now: float, *, over: bool) -> bool:
        """A sound is judged; `over`: there is a reply that it may interrupt. True when it does."""
        if not self.in_force:
            return False
        doubted = self._doubts
        match verdict:
            case Judged.SPEECH:
                self._is_speech(now)
                return over and doubted
            case Judged.SOUND if not doubted:
                self._begins(now, over=over)
            case Judged.NOTHING if doubted or self._kept:
                self._is_nothing(now)
        return False

    def _begins(self, now: float, *, over: bool) -> None:
        """A new sound: turns that ended before it were another one's, and those that go on may be its own."""
        for item_id, turn in [*self._kept.items()]:
            if turn.ended and turn.heard:
                self._dismiss(item_id)
            turn.heard = turn.heard or not turn.ended
        self._lasted_until = now
        if over or self._kept:
            self._sound, self._since = Judged.SOUND, now
            self._turn_down(LOW if over else FULL)
        else:
            self._sound = None

    def _is_nothing(self, now: float) -> None:
        self._sound, self._since = Judged.NOTHING, now
        self._lasted_until = max(self._lasted_until, now - _JUDGED_AFTER_S)
        self._nobody = True
        self._turn_down(FULL)
        for item_id, turn in [*self._kept.items()]:
            if turn.heard and turn.nothing_at is None:
                turn.nothing_at = now
            self._settle(item_id)

    def _is_speech(self, now: float) -> None:
        self._sound, self._since = Judged.SPEECH, now
        self._lasted_until = now
        for item_id in [*self._kept]:
            self._release(item_id)

    # ---- the server

    def keeps(self, event: ServerEvent, now: float, *, over: bool) -> bool:
        """Whether this word is kept back, or belongs to a turn that was none; `over`: a turn that begins would interrupt."""
        item_id = _turn_of(event) if self.in_force else ""
        turn = self._kept.get(item_id) or self._past.get(item_id)
        if turn is None:
            if not item_id or not isinstance(event, _Person):
                return False
            self._cut_at = None
            turn = self._begun(item_id, now, over=over)
        match turn.fate:
            case _Fate.TURN:
                return False
            case _Fate.KEPT:
                turn.keep(event)
                self._settle(item_id)
            case _Fate.NONE if isinstance(event, server.AudioCommitted) and not turn.committed:
                turn.committed = True
                self._deleted.append(item_id)
        return True

    def _begun(self, item_id: str, now: float, *, over: bool) -> _Turn:
        fresh = self._sound if self._doubts or now - self._lasted_until < _FRESH_S else None
        turn = self._kept[item_id] = _Turn(now, fresh is not None, now if fresh is Judged.NOTHING else None)
        if not over or fresh is Judged.SPEECH:
            self._release(item_id)
        return turn

    def _settle(self, item_id: str) -> None:
        """A turn that the server has as an item, of a sound that was nothing, is none."""
        turn = self._kept[item_id]
        if turn.committed and turn.heard and not self._doubts:
            self._dismiss(item_id)

    def _dismiss(self, item_id: str) -> None:
        self._nobody = True
        turn = self._decide(item_id, _Fate.NONE)
        self._deleted += [item_id] if turn.committed else []

    def _release(self, item_id: str) -> None:
        turn = self._decide(item_id, _Fate.TURN)
        self._released += turn.words
        turn.words = []

    def _decide(self, item_id: str, fate: _Fate) -> _Turn:
        turn = self._past[item_id] = self._kept.pop(item_id)
        turn.fate = fate
        if len(self._past) > _TURNS:
            del self._past[next(iter(self._past))]
        return turn

    # ---- time, and what happens meanwhile

    def deadline(self) -> float | None:
        """When `due` or `unfounded` has something to do."""
        waits = [self._due_at, None if self._cut_at is None else self._cut_at + self._waits.dismissed_s]
        return min((wait for wait in waits if wait is not None), default=None)

    @property
    def _due_at(self) -> float | None:
        waits = [due for turn in self._kept.values() if (due := self._due_of(turn)) is not None]
        if self._doubts:
            waits.append(self._since + (self._waits.hold_s if self._share == LOW else self._waits.judged_s))
        return min(waits, default=None)

    def _due_of(self, turn: _Turn) -> float | None:
        """When a turn that the detector knows nothing of, or that goes on long after a cough, is believed; one that ended is none.

        It does not matter how often the detector says SOUND and NOTHING meanwhile, or that it is in doubt again.
        """
        if not turn.heard:
            return turn.at + self._waits.unheard_s
        if turn.ended and self._doubts:
            return None  # what is in doubt is its own sound: those before it were dismissed when that began
        first = turn.at if turn.nothing_at is None else turn.nothing_at
        return first + self._waits.dismissed_s * (5 if self._waits_long else 1)

    def due(self, now: float) -> bool:
        """Time passes. True when what is heard is speech, because nobody says otherwise."""
        late = [
            (item_id, turn)
            for item_id, turn in self._kept.items()
            if (due := self._due_of(turn)) is not None and now >= due
        ]
        ended = [item_id for item_id, turn in late if turn.heard and turn.ended]
        for item_id in ended:  # a cough that ended long ago, and that the server does not have
            self._dismiss(item_id)
        if len(late) > len(ended) or (self._doubts and now >= self._since + self._waits.judged_s):
            self._is_speech(now)
            return True
        if self._doubts and self._share == LOW and now >= self._since + self._waits.hold_s:
            self._turn_down(HELD)
        return False

    def nothing_to_interrupt(self) -> None:
        """No reply is there any more: a turn of which the detector has heard nothing is an ordinary turn now."""
        self._turn_down(FULL)
        for item_id in [item_id for item_id, turn in self._kept.items() if not turn.heard]:
            self._release(item_id)

    def was_cut(self, now: float) -> None:
        """A reply was cut for what is heard: the server will hear a turn."""
        self._cut_at = now

    def unfounded(self, now: float) -> bool:
        """A reply was cut, and the server hears nobody: the rest of it is to be asked for. True once."""
        due = self._cut_at is not None and now >= self._cut_at + self._waits.dismissed_s
        if due:
            self._cut_at = None
        return due

    def cut(self) -> None:
        """The reply was interrupted: what comes next is loud."""
        self._cut_at = None
        self._sound = None if self._doubts else self._sound
        self._loudness(FULL)

    def agreed(self, *, ours: bool) -> None:
        """A connection is ready; `ours`: its server leaves cutting and answering to us."""
        self.in_force = ours
        if not ours:
            self.cut()

    def sever(self) -> None:
        """The connection is gone, and its turns with it."""
        self._cut_at = None
        self._kept.clear()
        self._past.clear()
        self._deleted.clear()
        self._released.clear()

    def _turn_down(self, share: float) -> None:
        """Quieter or loud again, and said so."""
        before = self._share
        self._loudness(share)
        if before == FULL and share == LOW:
            self._world.append(Show(Ducked()))
        elif before != FULL and share == FULL:
            self._world.append(Show(Restored()))

    def _loudness(self, share: float) -> None:
        if share != self._share:
            self._share = share
            self._world.append(Duck(share))


def _turn_of(event: ServerEvent) -> str:
    """The item that a word of the person's turns is about; "" for other words."""
    if isinstance(event, _Person | _Words):
        return event.item_id
    if isinstance(event, _Items):
        item_id = event.item.get("id")
        return item_id if isinstance(item_id, str) else ""
    return ""

"""A barge-in that can be taken back: a sound over a reply makes it quieter, and stops it only once it is known to be speech.

Two ears say what they hear. A detector on this machine judges each sound (`Judged`), within some 200 ms; the server's voice
activity detection says where turns begin and end, later, and takes a cough for one. While there is a reply to interrupt, the
server's turns are kept back until the sound is judged:

    nothing --SOUND--> in doubt --SPEECH----------------------> the reply is cut, the turn is a turn
       ^               (ducked, then held) --NOTHING--> dismissed: the reply goes on, the turn is deleted
       `------------------- a new SOUND, at any time ---------------'

When in doubt, the person is right: a sound that is not judged in time is speech; so is what the server alone hears for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from vivavoce.events import server
from vivavoce.events.server import ServerEvent
from vivavoce.session.effects import Duck, Effect, Show
from vivavoce.session.happenings import Ducked, Restored
from vivavoce.session.recent import Recent
from vivavoce.session.settings import Timeouts

FULL, LOW, HELD = 1.0, 0.2, 0.0
"""Shares of the loudness. Held: nothing is played, and nothing of the reply is lost."""
_FRESH_S = 1.5  # the server notices a sound so much later than we do, at most
_OLD_S = 10.0  # a turn that began with a cough so long ago has nothing to do with what begins now
_REMEMBERED = 64
_Person = server.SpeechStarted | server.SpeechStopped | server.AudioCommitted
_Words = server.TranscriptionCompleted | server.TranscriptionFailed | server.TranscriptionDelta
_Items = server.ItemAdded | server.ItemCreated | server.ItemDone


class Judged(Enum):
    """What a detector says of the microphone's sound."""

    SOUND = auto()  # something began that may be a person who wants to speak
    SPEECH = auto()  # it is
    NOTHING = auto()  # it was not: a cough, a laugh, a click, "mm-hm"


@dataclass(slots=True)
class _Turn:
    """A turn of the server that is kept back: its words, when it began, whether the detector heard anything of it."""

    words: list[ServerEvent]
    at: float
    heard: bool

    @property
    def committed(self) -> bool:
        return any(isinstance(word, server.AudioCommitted) for word in self.words)


class BargeIn:
    """Which sounds interrupt. Verbs in; `to_world`, `take_turns` and `take_dismissed` out.

    Attributes:
        in_force: the server neither cuts replies nor answers turns by itself: both is ours.
    """

    def __init__(self, waits: Timeouts) -> None:
        self.in_force = False
        self._waits = waits
        self._sound: Judged | None = None  # what the last sound was judged to be
        self._since = 0.0
        self._share = FULL
        self._turns: dict[str, _Turn] = {}
        self._known = Recent(_REMEMBERED)
        self._dismissed = Recent(_REMEMBERED)
        self._deleted = Recent(_REMEMBERED)
        self._released: list[ServerEvent] = []
        self._none: list[tuple[str, bool]] = []
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

    def take_dismissed(self) -> list[tuple[str, bool]]:
        """Drain the turns that were none, and whether the server has each as an item; one it has not yet comes again."""
        out, self._none = self._none, []
        return out

    @property
    def open(self) -> bool:
        """A sound is in doubt, or a turn that may be one is kept back."""
        return self._sound is Judged.SOUND or any(not turn.heard for turn in self._turns.values())

    # ---- the detector

    def judged(self, verdict: Judged, now: float, *, over: bool) -> bool:
        """A sound is judged; `over`: there is a reply that it may interrupt. True when it does."""
        if not self.in_force:
            return False
        if verdict is Judged.SPEECH:
            self._is_speech(now)
            return over
        if verdict is Judged.SOUND:
            self._begins(now, over=over)
        elif self._sound is Judged.SOUND:
            self._was_nothing(now)
        return False

    def _begins(self, now: float, *, over: bool) -> None:
        if now - self._since > _OLD_S:
            for item_id in [name for name, turn in self._turns.items() if turn.heard]:
                self._dismiss(item_id)
        if not over and not self._turns:
            self._sound = None
            return
        self._sound, self._since = Judged.SOUND, now
        for turn in self._turns.values():
            turn.heard = True
        if over:
            self._turn_down(LOW)

    def _was_nothing(self, now: float) -> None:
        self._sound, self._since = Judged.NOTHING, now
        self._turn_down(FULL)
        for item_id in [name for name, turn in self._turns.items() if turn.committed]:
            self._dismiss(item_id)

    def _is_speech(self, now: float) -> None:
        self._sound, self._since = Judged.SPEECH, now
        self._known.update(self._turns)
        self._released += [word for turn in self._turns.values() for word in turn.words]
        self._turns.clear()

    # ---- the server

    def keeps(self, event: ServerEvent, now: float, *, over: bool) -> bool:
        """Whether this word is kept back, or belongs to a turn that was none; `over`: a turn that begins would interrupt."""
        item_id = _turn_of(event) if self.in_force else ""
        if not item_id:
            return False
        if turn := self._turns.get(item_id):
            turn.words.append(event)
            if turn.committed and turn.heard and self._sound is not Judged.SOUND:
                self._dismiss(item_id)
            return True
        if item_id in self._dismissed:
            if isinstance(event, server.AudioCommitted) and item_id not in self._deleted:
                self._was_none(item_id, committed=True)
            return True
        return isinstance(event, _Person) and item_id not in self._known and self._keeps_turn(item_id, event, now, over)

    def _keeps_turn(self, item_id: str, event: ServerEvent, now: float, over: bool) -> bool:
        fresh = self._sound if self._sound is Judged.SOUND or now - self._since < _FRESH_S else None
        if not over or fresh is Judged.SPEECH:
            self._known.add(item_id)
            return False
        self._turns[item_id] = _Turn([event], now, heard=fresh is not None)
        return True

    def _dismiss(self, item_id: str) -> None:
        self._dismissed.add(item_id)
        self._was_none(item_id, committed=self._turns.pop(item_id).committed)

    def _was_none(self, item_id: str, *, committed: bool) -> None:
        self._none.append((item_id, committed))
        if committed:
            self._deleted.add(item_id)

    # ---- time, and what happens meanwhile

    def deadline(self) -> float | None:
        """When `due` has something to do."""
        if self._sound is Judged.SOUND:
            return self._since + (self._waits.hold_s if self._share == LOW else self._waits.judged_s)
        return min((turn.at + self._waits.unheard_s for turn in self._turns.values() if not turn.heard), default=None)

    def due(self, now: float) -> bool:
        """Time passes. True when what is heard is speech, because nobody says otherwise."""
        by = self.deadline()
        if by is None or now < by:
            return False
        if self._sound is Judged.SOUND and now < self._since + self._waits.judged_s:
            self._turn_down(HELD)
            return False
        self._is_speech(now)
        return True

    def nothing_to_interrupt(self) -> None:
        """No reply is there any more: a turn of which the detector has heard nothing is an ordinary turn now."""
        self._turn_down(FULL)
        if not all(turn.heard for turn in self._turns.values()):
            self._is_speech(self._since)

    def cut(self) -> None:
        """The reply was interrupted: what comes next is loud."""
        if self._sound is Judged.SOUND:
            self._sound = None
        self._loudness(FULL)

    def sever(self) -> None:
        """The connection is gone, and its turns with it."""
        self._turns.clear()
        self._known.clear()
        self._dismissed.clear()
        self._deleted.clear()
        self._none.clear()
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

"""How a conversation outlives its connections: when the next is made, how long that is tried, what it must be told.

A connection ends in three ways, and each has its answer:

    it is lost     closed, or silent while a reply is owed       connect anew, at once, then with growing pauses
    it grows old   `session.expires_at` comes near               a second one is made ready beside it, then they swap
    it refuses us  a key, a quota, a model                       the talk is over (`trouble.py`); nothing here

What the new one is told is in `history.py` (what was said) and `kept.py` (what may not have been heard).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vivavoce.events.client import AppendAudio, ClientEvent, CreateItem
from vivavoce.events.server import ServerEvent
from vivavoce.session.effects import Discard, Effect, Prepare, Reopen
from vivavoce.session.happenings import AssistantSaid, Called, Happening, UserSaid
from vivavoce.session.history import History
from vivavoce.session.kept import Kept
from vivavoce.session.opening import Opening
from vivavoce.session.settings import Timeouts
from vivavoce.session.standby import Standby

_LONGEST_LIFE_S = 24 * 3600.0
_LONGEST_TURN_S = 600.0
_LAST_S = 10.0  # how long before its end the swap does not wait for a good moment any more,
_NOTICING_S = 0.5  # a server notices speech a little later than it has it
_LAST_SHARE = 0.05  # but at most this share of its life
_SAID = (UserSaid, AssistantSaid)
_ROOT = "root"  # in front of everything (reference section 2.1)


class Continuity:
    """The connections of one talk. Verbs in; `to_world` and `to_standby` out. `now` in seconds of the session's clock.

    Attributes:
        history: what was said.
        kept: the sound that may have to be said again.
        owed: a reply that a lost connection did not give, and that no kept sound will bring about.
        standby: the second connection, while there is one.
        lost_at: since when there is no connection; None while there is one.
        turn: the name of the last turn of the person that ended on this connection.
    """

    def __init__(self, waits: Timeouts, history_characters: int) -> None:
        self._waits = waits
        self.history = History(history_characters)
        self.kept = Kept(waits.kept_s, waits.reconnect_s + _LONGEST_TURN_S)
        self.owed = False
        self.standby: Standby | None = None
        self.lost_at: float | None = None
        self.turn = ""
        self._told_again: list[tuple[str, bytes]] = []  # turns that are owed a reply, to be heard again, their sound
        self._heard_out_at: float | None = None  # what is told again has been listened to by then
        self._tries = 0
        self._renew_at: float | None = None  # a second connection is to be made ready
        self._press_at: float | None = None  # it takes over also while the person speaks or a whole reply still sounds
        self._swap_by: float | None = None  # it takes over in any case
        self._late: set[str] = set()
        self._behind = _ROOT
        self._world: list[Effect] = []
        self._second: list[ClientEvent] = []

    def to_world(self) -> list[Effect]:
        """Drain what the world is asked to do."""
        out, self._world = self._world, []
        return out

    def to_standby(self) -> list[ClientEvent]:
        """Drain what is to be said to the standby."""
        out, self._second = self._second, []
        return out

    # ---- lost and back

    def lost_s(self, now: float) -> float:
        """For how long there has been no connection."""
        return 0.0 if self.lost_at is None else now - self.lost_at

    def lose(self, now: float) -> None:
        """The connection is gone: the next is tried at once."""
        self.abandon(now)
        self.lost_at = now
        self._heard_out_at = None
        self._tries = 0
        self._renew_at = self._press_at = self._swap_by = None
        self._world.append(Reopen(0.0))

    def lose_for_good(self) -> None:
        """The connection is gone, and nothing is wanted of a server any more."""
        self.owed = False
        self._heard()
        self.kept.heard_out()

    def left_s(self, now: float) -> float:
        """For how long a new connection is still tried."""
        return self._waits.reconnect_s - self.lost_s(now)

    def failed(self, now: float, hint_s: float | None = None) -> bool:
        """A try failed: another one, after a pause, and not within `hint_s`, which the server asked for.

        False when it has been tried for long enough, or will have been by then.
        """
        pause_s = min(self._waits.backoff_first_s * 2**self._tries, self._waits.backoff_longest_s)
        self._tries += 1
        left_s = self.left_s(now)
        if (pause_s if hint_s is None else hint_s) > left_s:
            return False
        self._world.append(Reopen(pause_s) if hint_s is None else Reopen(min(hint_s + pause_s, left_s), hint_s))
        return True

    @property
    def _given_up_at(self) -> float | None:
        """When a try that neither fails nor leads anywhere has had its time, too."""
        if self.lost_at is None:
            return None
        return self.lost_at + self._waits.reconnect_s + self._waits.created_s + self._waits.updated_s

    def given_up(self, now: float) -> bool:
        """A new connection has been tried for long enough, whatever became of the last try."""
        return self._given_up_at is not None and now >= self._given_up_at

    def sever(self, awaits: Callable[[str], bool], *, owed: bool, silent: bool) -> None:
        """The connection is gone, one way or another: nothing more is told to it.

        `owed`: it did not give all of a reply; `silent`: nothing of it was heard, so that the turn may be said again.
        """
        self._late.clear()
        sound = self.kept.sound_of(self.turn) if owed and silent else b""
        unsafe = self.kept.unsafe()
        self.settle(awaits, but=self.turn if sound else None)
        if sound and self.turn in unsafe:
            self._told_again = [(turn, self.kept.sound_of(turn)) for turn in self.kept.unsafe()]
        self.kept.sever()
        self.owed = self.owed or owed
        self.turn = ""

    def back(self, knows: int, late: Iterable[str]) -> list[CreateItem]:
        """A connection took over that knows the lines before number `knows`: what it has to be told.

        `late`: items and calls of earlier connections of which the last word is still to come.
        """
        self.lost_at = None
        self._late = set(late)
        everything = self.history.since(0)
        self._behind = str(everything[-1].item["id"]) if everything else _ROOT
        return self.history.since(knows)

    def late(self, pending: Iterable[str]) -> bool:
        """One of these lines, which are still to come, was begun on an earlier connection and must be told to this one."""
        return not self._late.isdisjoint(pending)

    def may_ask(self, pending: Iterable[str]) -> bool:
        """The reply that is owed may be asked for: this connection knows all that was said. `pending`: as in `late`."""
        return self.owed and not self._told_again and not self.late(pending)

    def saw(self, line: Happening) -> list[CreateItem]:
        """A line was shown. What this connection must be told of it: it knows its own, not the late ones of an earlier one."""
        first = self.history.end
        self.history.saw(line)
        key = line.call_id if isinstance(line, Called) else line.item_id if isinstance(line, _SAID) else None
        if key not in self._late:
            return []
        self._late.discard(key)
        words = []
        for word in self.history.since(first):
            words.append(CreateItem(word.item, self._behind))
            self._behind = str(word.item["id"])
        return words

    @property
    def unheard(self) -> bool:
        """The person may have spoken, and no server has noticed it yet."""
        return self.kept.rehearing or (self.lost_at is not None and self.kept.open)

    # ---- turns of the person

    def started(self, ms: int) -> None:
        """The server hears the person, since `ms` of its line."""
        self._heard()
        self.kept.started(ms)

    def ended(self, item_id: str, ms: int | None) -> bool:
        """A turn ended at `ms` of the line, None for now. False where that is no news."""
        if not self.kept.stopped(item_id, ms):
            return False
        self._heard()
        self.turn = item_id
        self.owed = False  # what an earlier turn is owed, the answer to this one gives
        return True

    def _heard(self) -> None:
        self._told_again = []
        self._heard_out_at = None

    def settle(self, awaits: Callable[[str], bool], *, but: str | None = None) -> None:
        """Turns that were answered, and of which no words will come, need not be said again: they are told as sound.

        `awaits`: words of that turn may still come.
        """
        for item_id in self.kept.unsafe():
            if item_id == but or awaits(item_id):
                continue
            if sound := self.kept.sound_of(item_id):
                self.history.heard_unwritten(item_id, sound)
            self.kept.safe(item_id)

    def again(self, last_s: float | None, now: float) -> list[AppendAudio]:
        """What a new connection is to hear first: all that was kept, or only `last_s` of it."""
        pieces = [AppendAudio(piece) for piece in self.kept.again(last_s)]
        if not self.kept.rehearing:
            self._heard_out_at = None
        elif self._heard_out_at is None:
            self._heard_out_at = now + self._waits.noticed_s
            if (
                self._told_again
            ):  # ... and is not told in another way to a server that is dead: it answers no probe till then
                self._heard_out_at += (self._waits.stall_s or 0) / 2 + self.kept.length_s
        return pieces

    def put_by(self, item_id: str) -> None:
        """What was said just now is a turn that no server has committed: it goes with the history."""
        self.ended(item_id, None)
        self.settle(lambda _: False)

    def nothing_again(self) -> list[CreateItem]:
        """A new connection that notices no speech by itself: a turn it would have to hear again is told as an item."""
        self.kept.again(0.0)
        return self._as_item()

    def has_it_all(self, now: float) -> None:
        """The server answers what was said to it behind the sound: it will notice soon who is in that, or nobody is."""
        if self._heard_out_at is not None:
            wait_s = self._waits.noticed_s if self._told_again else _NOTICING_S  # a turn in it is known to be missing
            self._heard_out_at = min(self._heard_out_at, now + wait_s)

    def heard_out(self, now: float) -> list[CreateItem]:
        """What was told again has been listened to, if it has by `now`: a turn that nobody noticed is told as an item."""
        if self._heard_out_at is None or now < self._heard_out_at:
            return []
        self.kept.heard_out()
        return self._as_item()

    def _as_item(self) -> list[CreateItem]:
        told_again = self._told_again
        self._heard()
        first = self.history.end
        for turn, sound in told_again:
            self.history.heard_unwritten(turn, sound)
            self.kept.told()
        return self.history.since(first)

    # ---- growing old

    def lives(self, opening: Opening) -> None:
        """The connection of this opening is in use now; the server may have said when it ends.

        Where its clock and ours cannot both be right, `Timeouts.life_s` is taken.
        """
        self._renew_at = self._press_at = self._swap_by = None
        if opening.expires_at is None or opening.opened_unix_s is None:
            return
        life_s = opening.expires_at - opening.opened_unix_s
        if not 0 < life_s <= _LONGEST_LIFE_S:
            life_s = self._waits.life_s
        begin = opening.opened_at
        self._renew_at = begin + max(life_s - self._waits.renew_before_s, life_s / 2)
        self._swap_by = begin + life_s - min(_LAST_S, life_s * _LAST_SHARE)
        self._press_at = (self._renew_at + self._swap_by) / 2

    def deadlines(self, now: float) -> list[float | None]:
        """When `tick` or `heard_out` has something to do, or `may_swap` answers otherwise."""
        if self.lost_at is not None:
            return [self._heard_out_at, self._given_up_at]
        if self.standby is None:
            return [self._heard_out_at, self._renew_at]
        if not self.standby.ready:
            return [self._heard_out_at, self.standby.opening.deadline]
        return [self._heard_out_at, *(at for at in (self._press_at, self._swap_by) if at is not None and at > now)]

    def tick(self, now: float, opening: Opening) -> None:
        """Time passes: a second connection is due, or the one being made has kept silent. `opening`: of the one in use."""
        if self.standby is not None:
            if self.standby.opening.overdue(now):
                self.abandon(now)
        elif self._renew_at is not None and now >= self._renew_at:
            self._renew_at = None
            self.standby = Standby(opening.again(), self.history)
            self._world.append(Prepare())

    def receive(self, event: ServerEvent, now: float) -> None:
        """The standby says a word."""
        if self.standby is not None:
            self.standby.receive(event, now)
            self._second += self.standby.to_server()
            if self.standby.failed:
                self.abandon(now)

    def abandon(self, now: float) -> None:
        """The standby, if there is one, is of no use: another is tried after a quarter of the time that is left."""
        if self.standby is None:
            return
        self.standby = None
        self._second.clear()
        self._world.append(Discard())
        if self._swap_by is not None:
            again_at = now + max((self._swap_by - now) / 4, self._waits.backoff_first_s)
            self._renew_at = again_at if again_at < self._swap_by else None

    def may_swap(self, now: float, *, idle: bool, quiet: bool) -> bool:
        """The standby may take over: nobody would notice (`quiet`); or time presses, and no reply would be cut (`idle`)."""
        if self.standby is None or not self.standby.ready:
            return False
        if self._swap_by is not None and now >= self._swap_by:
            return True
        return idle and (quiet or (self._press_at is not None and now >= self._press_at))

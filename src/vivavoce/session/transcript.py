"""What was said, in order, as it grows; and what was heard of it.

The words of the person arrive when the transcriber likes, often after the reply; the words of the assistant arrive before
their sound. Entries stand in the order of `previous_item_id`, and lines are let out from the front only: a reply waits for
the words it answers, but not for ever (`overdue`), and a failed transcription settles its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from vivavoce.session.happenings import AssistantDelta, AssistantSaid, CutBy, Happening, UserSaid
from vivavoce.session.recent import Recent

_FASTEST_MS_PER_CHAR = 45  # nobody speaks faster than about 22 characters a second
_KEPT = 1_024  # lines of one connection that are known to be shown
_LATE = 64  # turns whose words have not come in time, and may still come
_SPOKEN_MS_PER_CHAR = 60  # an ordinary voice, until the server has sent the sound that belongs to the words


class Who(Enum):
    """Whose item it is; PLACE is an item that is never shown and only holds its place in the order."""

    PERSON = auto()
    ASSISTANT = auto()
    PLACE = auto()


@dataclass(slots=True)
class Entry:
    """One item of the conversation.

    Attributes:
        text: its words, so far.
        marks: for each piece of an assistant's words: where it begins in `text`, and how much sound had come by then.
        settled: a person's words are final; an assistant's item will not change any more.
        spoken: it has, or will have, sound.
    """

    item_id: str
    who: Who
    text: str = ""
    marks: list[tuple[int, int]] = field(default_factory=list)
    settled: bool = False
    spoken: bool = False
    words_complete: bool = False
    sound_complete: bool = False
    received_ms: int = 0
    heard_ms: int = 0
    cut_by: CutBy | None = None
    shown: int = 0
    wanted_by: float | None = None

    def heard_chars(self) -> int:
        """How many characters of `text` were heard, whole words only.

        Two estimates, and the lesser counts: words are never heard before the sound that had come when they did, and,
        once all is there, sound and words are taken to run evenly.
        """
        if not self.spoken or (self.sound_complete and self.words_complete and self.heard_ms >= self.received_ms):
            return len(self.text)
        if self.heard_ms <= 0 or not self.text:
            return 0
        if self.sound_complete:
            even = len(self.text) * self.heard_ms // max(self.received_ms, 1)
        else:
            even = self.heard_ms // _FASTEST_MS_PER_CHAR
        return self._whole_words(min(self._by_marks(), even))

    def _by_marks(self) -> int:
        ends = [*self.marks[1:], (len(self.text), self._sound_of_all())]
        for (start, from_ms), (end, to_ms) in zip(self.marks, ends, strict=True):
            if self.heard_ms < to_ms:
                share = max(self.heard_ms - from_ms, 0) * (end - start) // max(to_ms - from_ms, 1)
                return start + share
        return len(self.text)

    def _sound_of_all(self) -> int:
        if self.sound_complete:
            return self.received_ms
        start, from_ms = self.marks[-1]
        return max(self.received_ms, from_ms + (len(self.text) - start) * _SPOKEN_MS_PER_CHAR)

    def _whole_words(self, count: int) -> int:
        if count >= len(self.text) or self.text[count].isspace():
            return min(count, len(self.text))
        while count > 0 and not self.text[count - 1].isspace():
            count -= 1
        return len(self.text[:count].rstrip())


class Transcript:
    """The conversation as lines. Verbs in, `to_show` out."""

    def __init__(self, wait_s: float, *, person_is_written_down: bool) -> None:
        """`wait_s`: how long words of the person may keep back what follows them."""
        self._wait_s = wait_s
        self._written_down = person_is_written_down
        self._entries: dict[str, Entry] = {}  # not yet shown, or shown without the words that are still to come
        self._order: list[str] = []  # not yet shown
        self._late: deque[str] = deque()  # no longer in that order: their words did not come in time
        self._gone = Recent(_KEPT)
        self._told: set[str] = set()  # to this connection, under other names
        self._earlier = 0  # so many of `_order` came on an earlier connection: before all that this one says
        self._now = 0.0
        self._out: list[Happening] = []

    def to_show(self) -> list[Happening]:
        """Drain the lines that may be shown, in order."""
        while self._order and self._let_out(self._entries[self._order[0]]):
            item_id = self._order.pop(0)
            self._earlier = max(self._earlier - 1, 0)
            if self._entries[item_id].settled:
                self._leave(item_id)
            else:
                self._late.append(item_id)
                self._give_up_the_first()
        out, self._out = self._out, []
        return out

    def _leave(self, item_id: str) -> None:
        del self._entries[item_id]
        self._gone.add(item_id)

    def _give_up_the_first(self) -> None:
        """So many turns have been waited for in vain that the first of them is waited for no longer."""
        if len(self._late) > _LATE:
            item_id = self._late.popleft()
            if item_id in self._entries:
                self._leave(item_id)

    @property
    def waiting(self) -> bool:
        """Words of the person are still on their way."""
        return any(entry.who is Who.PERSON and not entry.settled for entry in self._entries.values())

    def forget(self, item_id: str) -> None:
        """The server has that item no more: its words are not waited for."""
        entry = self._entries.get(item_id)
        if entry is not None and not entry.settled:
            entry.who, entry.settled = Who.PLACE, True

    def stop_waiting(self) -> None:
        """Nobody writes down what the person says any more."""
        self._written_down = False
        for entry in self._entries.values():
            if entry.who is Who.PERSON and not entry.settled:
                entry.who, entry.settled = Who.PLACE, True

    def sever(self, sounds: Callable[[str], bool]) -> None:
        """The connection is gone: words that have not come will not come, and its names mean nothing any more.

        `sounds`: that item of the assistant is still to be heard, or judged.
        """
        self._gone.clear()
        self._told.clear()
        self._late.clear()
        for item_id, entry in list(self._entries.items()):
            if entry.settled:
                continue
            if entry.who is Who.PERSON:
                entry.who, entry.settled = Who.PLACE, True
                if item_id not in self._order:
                    del self._entries[item_id]
            elif not sounds(item_id):
                self.close(item_id, cut_by="connection")

    @property
    def pending(self) -> list[str]:
        """Items, in order, of which the last line is still to come."""
        return list(self._order)

    def resume(self) -> None:
        """A new connection: what it says stands behind all that is still to be shown."""
        self._earlier = len(self._order)

    def knows(self, item_ids: Iterable[str]) -> None:
        """These items were shown already, under other names."""
        self._told.update(item_ids)

    def awaits(self, item_id: str) -> bool:
        """The words of the person may still come."""
        entry = self._entries.get(item_id)
        return entry is not None and self._keeps_back(entry)

    def place(self, item_id: str, who: Who, previous_id: str | None = None) -> Entry | None:
        """The entry of this item, new or known, behind `previous_id` where that is known, else at the end.

        None when the item has been shown already, or is somebody else's.
        """
        if item_id in self._gone or item_id in self._told:
            return None
        entry = self._entries.get(item_id)
        if entry is None:
            entry = self._entries[item_id] = Entry(item_id, who, settled=who is Who.PLACE)
            self._order.insert(self._place_behind(previous_id), item_id)
        return entry if entry.who is who else None

    def _place_behind(self, previous_id: str | None) -> int:
        if previous_id in self._order:
            return max(self._order.index(previous_id) + 1, self._earlier)
        shown = previous_id in self._gone or previous_id in self._told or previous_id in self._entries
        return self._earlier if shown else len(self._order)

    def item(self, item: Mapping[str, Any], previous_id: str | None) -> None:
        """An item is in the conversation: whose it is, and its place. One that is neither person's has only a place."""
        item_id = item.get("id")
        if not isinstance(item_id, str):
            return
        if item.get("type") != "message" or item.get("role") == "system":
            self.place(item_id, Who.PLACE, previous_id)
        elif item.get("role") == "assistant":
            self.place(item_id, Who.ASSISTANT, previous_id)
        elif text := _typed(item):
            self.person_said(item_id, text, previous_id)
        else:
            self.person_spoke(item_id, previous_id)

    def person_spoke(self, item_id: str, previous_id: str | None) -> None:
        """A turn was committed; its words will follow, if anybody writes them down."""
        entry = self.place(item_id, Who.PERSON if self._written_down else Who.PLACE, previous_id)
        if entry is not None and entry.wanted_by is None:
            entry.wanted_by = self._now + self._wait_s

    def person_said(self, item_id: str, text: str, previous_id: str | None = None) -> None:
        """The words of the person; empty when they were not understood. Too late for their place is better than lost."""
        entry = self.place(item_id, Who.PERSON, previous_id)
        if entry is None or entry.settled:
            return
        entry.text, entry.settled = text, True
        if item_id not in self._order:
            self._out.append(UserSaid(item_id, text))
            self._leave(item_id)

    def words(self, item_id: str, delta: str, received_ms: int, *, spoken: bool) -> None:
        """More words of the assistant; `received_ms` of their item's sound had come before them."""
        entry = self.place(item_id, Who.ASSISTANT)
        if entry is None or entry.settled or entry.words_complete:
            return
        entry.spoken = spoken
        entry.marks.append((len(entry.text), received_ms))
        entry.text += delta

    def all_words(self, item_id: str, text: str, *, spoken: bool) -> None:
        """All words of an item; they count where no piece of them came before."""
        entry = self.place(item_id, Who.ASSISTANT)
        if entry is None or entry.settled:
            return
        if not entry.text:
            self.words(item_id, text, 0, spoken=spoken)
        entry.words_complete = True

    def progress(self, item_id: str, heard_ms: int, received_ms: int, *, complete: bool) -> None:
        """How much of its sound has come and was heard."""
        entry = self.place(item_id, Who.ASSISTANT)
        if entry is None or entry.settled:
            return
        entry.spoken = True
        entry.heard_ms, entry.received_ms, entry.sound_complete = heard_ms, received_ms, complete

    def close(self, item_id: str, *, cut_by: CutBy | None = None) -> None:
        """The item of the assistant was heard to its end, or cut."""
        entry = self._entries.get(item_id)
        if entry is None or entry.settled or entry.who is not Who.ASSISTANT:
            return
        entry.cut_by = cut_by
        entry.words_complete = entry.settled = True

    def tick(self, now: float) -> None:
        """Time passes; words that never come stop being waited for."""
        self._now = now

    def next_deadline(self) -> float | None:
        """When `tick` has something to do."""
        return min(
            (e.wanted_by for e in self._entries.values() if self._keeps_back(e) and e.wanted_by is not None),
            default=None,
        )

    def flush(self) -> None:
        """The talk is over: nothing is waited for, what is there is let out."""
        self.stop_waiting()
        for entry in self._entries.values():
            if not entry.settled:
                cut = entry.spoken and not (entry.sound_complete and entry.heard_ms >= entry.received_ms)
                self.close(entry.item_id, cut_by="end" if cut else None)

    def _keeps_back(self, entry: Entry) -> bool:
        """Words of the person that are still to come, and may be waited for."""
        overdue = entry.wanted_by is not None and self._now >= entry.wanted_by
        return entry.who is Who.PERSON and not entry.settled and not overdue

    def _let_out(self, entry: Entry) -> bool:
        """Show what may be shown of the entry at the front. True when the next one may follow."""
        if entry.who is Who.PERSON:
            if entry.settled:
                self._out.append(UserSaid(entry.item_id, entry.text))
            return not self._keeps_back(entry)
        if entry.who is Who.ASSISTANT:
            upto = entry.heard_chars()
            if upto > entry.shown:
                self._out.append(AssistantDelta(entry.item_id, entry.text[entry.shown : upto]))
                entry.shown = upto
            if entry.settled and (entry.text or entry.heard_ms):
                self._out.append(_said(entry))
        return entry.settled


def _said(entry: Entry) -> AssistantSaid:
    heard_text = entry.text[: entry.shown]  # an estimate that has been shown is not taken back
    cut = entry.cut_by is not None
    return AssistantSaid(entry.item_id, entry.text, heard_text, entry.heard_ms, cut, entry.cut_by)


def _typed(item: Mapping[str, Any]) -> str:
    """The words of an item that is text; "" where it is sound, or says nothing."""
    content = item.get("content")
    parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
    return " ".join(str(part.get("text") or "") for part in parts if part.get("type") == "input_text")

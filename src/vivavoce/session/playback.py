"""What was received and what was heard of each reply, in samples; where to cut (reference section 2.5).

Positions come from the speaker, never from a clock. A cut is made in two steps: `cut` marks the replies (their late sound
stays silent from then on), `settle` is called when the device has said what was finally heard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

from vivavoce import pcm
from vivavoce.session.recent import Recent

_KEPT = 256  # settled replies, and cut responses, of which late words are known to be late


class Verdict(Enum):
    """What becomes of an item whose reply was cut."""

    HEARD = auto()  # all of it was heard and there is no more: nothing is sent
    TRUNCATE = auto()
    DELETE = auto()


@dataclass(slots=True)
class Reply:
    """One item of the assistant that is, or will be, sound."""

    item_id: str
    response_id: str
    received_bytes: int = 0
    heard_ms: int = 0
    complete: bool = False  # no more sound will come
    drained: bool = False  # complete, and heard to its last sample
    cut: bool = False
    judged: bool = False
    missed: bool = False  # more of it came after the cut, and was not played
    severed: bool = False  # its connection is gone: no server knows it
    broken: bool = False  # ... before all of it came

    @property
    def received_ms(self) -> int:
        """Milliseconds received, rounded down."""
        return pcm.bytes_to_ms(self.received_bytes)

    @property
    def sounding(self) -> bool:
        """Sound of it may still be in the speaker."""
        return self.received_ms > self.heard_ms


@dataclass(slots=True)
class Playback:
    """All replies, in the order in which they are played; of those that are settled the last ones."""

    replies: dict[str, Reply] = field(default_factory=dict)
    _open: dict[str, Reply] = field(
        default_factory=dict
    )  # neither drained nor cut: the few that are looked at all the time
    _settled: deque[str] = field(default_factory=deque)
    _cut_responses: Recent = field(default_factory=lambda: Recent(_KEPT))
    _hushes: list[list[Reply]] = field(default_factory=list)  # for each Hush not yet answered, what it cut

    def is_cut(self, response_id: str) -> bool:
        """Late words of this response are not to be heard."""
        return response_id in self._cut_responses

    def begin(self, item_id: str, response_id: str) -> Reply:
        """The reply, new or known."""
        reply = self.replies.get(item_id)
        if reply is None:
            reply = self.replies[item_id] = self._open[item_id] = Reply(item_id, response_id)
        return reply

    def receive(self, item_id: str, response_id: str, count: int) -> bool:
        """`count` bytes of it came. False when they are late: the reply was cut."""
        reply = self.begin(item_id, response_id)
        if reply.cut or response_id in self._cut_responses:
            reply.missed = True
            return False
        if reply.drained:
            reply.drained = False
            self._open[item_id] = reply
        reply.received_bytes += count - count % pcm.SAMPLE_BYTES  # the speaker drops half samples, each time
        return True

    def heard(self, item_id: str, ms: int) -> Reply | None:
        """The speaker says so; never beyond what was received, never backwards. None where it changes nothing any more."""
        reply = self.replies.get(item_id)
        if reply is None or reply.judged:
            return None
        reply.heard_ms = max(reply.heard_ms, min(ms, reply.received_ms))
        return reply

    def silence(self, response_id: str) -> None:
        """A response that nobody wants: it has not spoken yet, and is not to be heard when it does."""
        self._cut_responses.add(response_id)

    def reject(self, item_id: str, response_id: str) -> Reply:
        """An item that begins after its response was cut: nothing of it is ever heard."""
        reply = self.replies[item_id] = Reply(item_id, response_id, cut=True, judged=True)
        self._put_by(reply)
        return reply

    def of(self, response_id: str) -> list[Reply]:
        """The replies that belong to a response."""
        return [reply for reply in self.replies.values() if reply.response_id == response_id]

    def newly_drained(self) -> list[Reply]:
        """Replies that have been heard to the end since the last call."""
        found = [reply for reply in self._open.values() if reply.complete and not reply.sounding]
        for reply in found:
            reply.drained = True
            del self._open[reply.item_id]
            self._put_by(reply)
        return found

    def _put_by(self, reply: Reply) -> None:
        """It is settled; the one that was settled longest ago may be forgotten."""
        self._settled.append(reply.item_id)
        if len(self._settled) > _KEPT:
            oldest = self._settled.popleft()
            if oldest not in self._unsettled:
                self.replies.pop(oldest, None)

    @property
    def _unsettled(self) -> set[str]:
        return set(self._open) | {reply.item_id for hush in self._hushes for reply in hush}

    @property
    def sounding(self) -> bool:
        """Something is in the speaker, or is being hushed out of it."""
        return self.hushing or any(reply.sounding for reply in self._open.values())

    @property
    def hushing(self) -> bool:
        """The speaker was told to be silent and has not answered yet."""
        return bool(self._hushes)

    def cut(self, active: Iterable[str]) -> bool:
        """The replies of `active` responses, and all that still sound, are cut. True when the speaker must be hushed.

        When it need not be, they are settled with the Hush under way; where there is none, call `settle(None, 0)`.
        """
        self._cut_responses.update(active)
        wanted = [r for r in self._open.values() if r.sounding or r.response_id in self._cut_responses]
        for reply in wanted:
            reply.cut = True
            del self._open[reply.item_id]
            if reply.response_id:  # a server that names no response must not be silenced for good
                self._cut_responses.add(reply.response_id)
        must_hush = any(reply.sounding for reply in wanted)
        if must_hush or not self._hushes:
            self._hushes.append(wanted)
        else:
            self._hushes[-1] += wanted
        return must_hush

    def whole(self, response_id: str) -> bool:
        """It has spoken, and all of its sound has come."""
        replies = self.of(response_id)
        return any(reply.received_bytes for reply in replies) and all(reply.complete for reply in replies)

    def sever(self) -> None:
        """The connection is gone: what came of its replies is played, no more will come, and what is settled is forgotten."""
        unsettled = self._unsettled
        self._settled.clear()
        self.replies = {item_id: reply for item_id, reply in self.replies.items() if item_id in unsettled}
        for reply in self.replies.values():
            reply.broken = reply.broken or not reply.complete
            reply.severed = reply.complete = True
        self._cut_responses.clear()

    def settle(self, item_id: str | None, ms: int) -> list[tuple[Reply, Verdict]]:
        """The speaker is silent: `item_id` was playing, `ms` of it were heard. What becomes of each reply that was cut.

        What was queued before that item was heard whole, what was queued behind it not at all. With None nothing was
        queued any more: all was heard.
        """
        replies = self._hushes.pop(0) if self._hushes else []
        order = [*self.replies]
        at = len(order) if item_id is None else order.index(item_id) if item_id in self.replies else -1
        for reply in replies:
            place = order.index(reply.item_id)
            if place < at:
                reply.heard_ms = reply.received_ms
            elif place == at:
                self.heard(reply.item_id, ms)
        judged = [(reply, _judge(reply)) for reply in replies]
        for reply in replies:
            self._put_by(reply)
        return judged


def _judge(reply: Reply) -> Verdict:
    reply.judged = True
    if reply.heard_ms == 0:
        return Verdict.DELETE  # a truncate at 0 is refused: "Only model output audio messages can be truncated" (row 7)
    if reply.complete and not reply.sounding and not reply.missed:
        return Verdict.HEARD
    return Verdict.TRUNCATE

"""Leaving: one farewell, heard to its end, and the last words of the person on the screen (reference section 2.6, step 8)."""

from __future__ import annotations

from collections.abc import Sequence

from vivavoce.errors import Reason
from vivavoce.session.calls import Batch
from vivavoce.session.settings import FINISH_TOOL


class Farewell:
    """Whether the talk is to end, and whether it may end yet.

    Attributes:
        reason: why the talk will end; None while nobody wants it to.
        deadline: when the last words of the person are waited for no longer; None when they are not waited for.
    """

    def __init__(self, wait_s: float) -> None:
        """`wait_s`: how long the last words of the person may keep back the end."""
        self._wait_s = wait_s
        self.reason: Reason | None = None
        self.deadline: float | None = None
        self._asked = False

    def decide(self, reason: Reason) -> None:
        """The talk is to end; the first reason holds."""
        self.reason = self.reason or reason

    def overtaken(self) -> None:
        """The person speaks after all: what they say is answered before the end."""
        self.deadline = None
        self._asked = False

    def owed(self, due: Sequence[Batch], *, said: bool) -> bool:
        """A farewell must be asked for now that these calls are answered. `said`: their responses spoke already.

        There is one farewell, also when functions answer one after the other, and also when the model answers the request
        for a farewell with one more finish call. A response that spoke and then called nothing but the finish tool has
        said goodbye.
        """
        finish_alone = all(name == FINISH_TOOL for batch in due for name in batch.names)
        if self._asked or (said and finish_alone):
            return False
        self._asked = True
        return True

    def may_end(self, now: float, *, words_owed: bool) -> bool:
        """The last word was heard; `words_owed`: words of the person are still on their way to the screen."""
        if words_owed and self.deadline is None:
            self.deadline = now + self._wait_s
        return not words_owed or (self.deadline is not None and now >= self.deadline)

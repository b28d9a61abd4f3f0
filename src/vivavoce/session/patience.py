"""How long a reply is waited for, and when the silence of a server means that it is gone (row 25 of the failure modes)."""

from __future__ import annotations

from vivavoce.session.settings import Timeouts


class Patience:
    """Since when a reply is owed, and when the server last said anything. `now` in seconds of the session's clock."""

    def __init__(self, waits: Timeouts) -> None:
        self._waits = waits
        self._owed_since: float | None = None
        self._heard_at = 0.0
        self._suspected = False
        self._stalls = 0
        self._loud_at: float | None = None  # of the first loud sound since the server said anything
        self._answer_by: float | None = None
        self._probes_in_vain = 0

    def owed(self, now: float) -> None:
        """A reply is owed from now on, or shows a sign of life: it has its full time again."""
        self._owed_since = now

    def nothing_owed(self) -> None:
        """The person speaks: what was owed is overtaken."""
        self._owed_since = None

    def heard(self, now: float, *, echo: bool = False) -> None:
        """The server said something; `echo`: it repeats what it was told, which may have been long before it fell silent."""
        self._heard_at = now
        self._suspected = False
        if echo:
            return
        self._loud_at = None
        if self._answer_by is not None:
            self._answer_by = None
            self._probes_in_vain = 0

    def loud(self, now: float) -> None:
        """The person may be speaking: a server that lives will say something soon, or is asked to (`probe_at`)."""
        if self._loud_at is None and self._probes_in_vain < self._waits.stalls:
            self._loud_at = now

    @property
    def asked(self) -> bool:
        """The server was asked for a sign of life, and has given none yet."""
        return self._answer_by is not None

    @property
    def doubtful(self) -> bool:
        """The person may have spoken, and the server has said nothing since; or it owes the answer to a probe."""
        return self._loud_at is not None or self._answer_by is not None

    @property
    def probe_at(self) -> float | None:
        """When the server is to be asked for a sign of life; None when there is no need."""
        if self._waits.stall_s is None or self._loud_at is None or self._answer_by is not None:
            return None
        return self._loud_at + self._waits.stall_s / 2

    def probe(self, now: float, backlog_s: float = 0.0) -> bool:
        """Ask it now? Any word is an answer. False where asking is of no use; `backlog_s`: what it has to take before it."""
        if self._waits.stall_s is None or self._probes_in_vain >= self._waits.stalls:
            return False
        self._answer_by = now + self._waits.stall_s / 2 + backlog_s
        return True

    def severed(self) -> None:
        """That connection is gone; whether the next one lives is another question."""
        self._suspected = False
        self._loud_at = self._answer_by = None

    def replied(self) -> None:
        """It was a reply: no connection was made in vain."""
        self._stalls = 0

    def suspect(self) -> None:
        """The server told a fault of its own: silence after it means that it is gone."""
        self._suspected = True

    def stalled(self) -> bool:
        """The silence has lasted too long. True when a new connection may help; a few were tried in vain otherwise."""
        self._stalls += 1
        self._probes_in_vain += self._answer_by is not None  # one that a loss has overtaken says nothing of the server
        return self._stalls <= self._waits.stalls

    @property
    def reply_by(self) -> float | None:
        """When a reply that is owed has had its time; None when none is."""
        return None if self._owed_since is None else self._owed_since + self._waits.reply_s

    def silent_at(self, *, owed: bool) -> float | None:
        """When the silence will have lasted too long; None where it means nothing. `owed`: the server has a reply to give."""
        if self._waits.stall_s is None:
            return None
        if owed and self._owed_since is not None:
            return max(self._heard_at, self._owed_since) + self._waits.stall_s
        if self._answer_by is not None:
            return self._answer_by
        return self._heard_at + self._waits.stall_s if self._suspected else None

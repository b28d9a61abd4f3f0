"""A second connection, made ready beside the one in use, so that a session that grows old is left without a gap.

opened --session.created--> our settings --session.updated--> the history so far; ready
"""

from __future__ import annotations

from vivavoce.events import server
from vivavoce.events.client import ClientEvent
from vivavoce.events.server import ServerEvent
from vivavoce.session.history import History
from vivavoce.session.opening import Opening, Stage

__all__ = ["Standby"]


class Standby:
    """The handshake of the second connection. Verbs in, `to_server` out.

    Attributes:
        opening: its agreement on the settings.
        told: the number of the first line it was not told; it knows those before.
        session_id: what the server calls it.
        failed: it will not become ready.
    """

    def __init__(self, opening: Opening, history: History) -> None:
        """`opening`: of a connection not made yet; `history`: what it will be told."""
        self.opening = opening
        self.told = 0
        self.session_id = ""
        self.failed = False
        self._history = history
        self._out: list[ClientEvent] = []

    @property
    def ready(self) -> bool:
        """It may take over."""
        return self.opening.stage is Stage.READY and not self.failed

    def to_server(self) -> list[ClientEvent]:
        """Drain what is to be said to it."""
        out, self._out = self._out, []
        return out

    def opened(self, unix_s: float | None, now: float) -> None:
        """It stands."""
        self.opening.opened(now, unix_s)

    def receive(self, event: ServerEvent, now: float) -> None:
        """It says a word; what is not about its settings will be told again, or does not matter."""
        match event:
            case server.SessionCreated():
                offer = self.opening.created(event.session, now)
                self._out += [offer] if offer else []
            case server.SessionUpdated():
                ready = self.opening.updated(event.session)
                if ready:
                    self.session_id = ready.session_id
                    self._out += self._history.since(0)
                    self.told = self._history.end
            case server.ServerError() if self.opening.concerns(event):
                answer = self.opening.refused(event, now)
                self.failed = answer is None
                self._out += [answer[1]] if answer else []
            case _:
                pass

    def overdue(self, now: float) -> bool:
        """It has kept silent for too long."""
        return self.opening.overdue(now) is not None

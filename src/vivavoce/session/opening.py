"""From the first word of the server to an agreement on the settings (reference section 2.4).

    connecting --session.created--> configuring --session.updated--> ready

A `session.update` is rejected whole on one bad field (section 2.1). Where the server names a field that can be spared, we
ask again without it and say so; otherwise the talk fails loudly rather than run on the server's own settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from vivavoce.events.client import UpdateSession
from vivavoce.events.server import ServerError
from vivavoce.session.happenings import Ready, Warned
from vivavoce.session.settings import Settings, without

_EVENT_ID = "viva_settings"
_PREVIEW_HINT = " This endpoint speaks the preview protocol: try --preview."
_GA_HINT = " This endpoint speaks the GA protocol: leave --preview out."
_DIALECT_HINTS = {  # rows 2 and 3 of the failure modes
    ("unknown_parameter", "session.type"): _PREVIEW_HINT,
    ("unknown_parameter", "session.output_modalities"): _PREVIEW_HINT,
    ("unknown_parameter", "session.audio"): _PREVIEW_HINT,
    ("missing_required_parameter", "session.type"): _GA_HINT,
    ("unknown_parameter", "session.modalities"): _GA_HINT,
}


class Stage(Enum):
    """Where the conversation stands with its server."""

    CONNECTING = auto()
    CONFIGURING = auto()
    READY = auto()
    OVER = auto()


class Opening:
    """What we ask the server to be, and what is left of it after its refusals.

    Attributes:
        stage: where we are.
        expires_at: Unix seconds at which the server will end the session, None where it does not say.
        opened_at: when the connection stood, by the session's clock.
        opened_unix_s: the same by this machine's clock, None where nobody told.
        turns_are_ours: agreed: the server neither answers a turn nor cuts a reply by itself.
        deadline: when the server should have said the next word; None when we wait for none.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._wanted = settings.as_session()
        self._session_id = ""
        self.stage = Stage.CONNECTING
        self.deadline: float | None = None
        self.expires_at: float | None = None
        self.opened_at = 0.0
        self.opened_unix_s: float | None = None
        self.turns_are_ours = False

    @property
    def writes_down(self) -> bool:
        """The offer asks for the words of the person."""
        return "transcription" in self._wanted["audio"]["input"]

    def again(self) -> Opening:
        """The opening of the next connection: the same offer, without what was refused before."""
        following = Opening(self._settings)
        following._wanted = self._wanted
        return following

    def write_nothing_down(self) -> None:
        """The next connections are not asked for the words of the person."""
        self._wanted = (without(self._wanted, "audio.input.transcription") or (self._wanted, ""))[0]

    def opened(self, now: float, unix_s: float | None = None) -> None:
        """The connection stands; the server has the word."""
        if self.stage is Stage.CONNECTING:
            self.opened_at, self.opened_unix_s = now, unix_s
            self.deadline = now + self._settings.timeouts.created_s

    def created(self, session: Mapping[str, Any], now: float) -> UpdateSession | None:
        """`session.created`: our offer. None when it was made already."""
        if self.stage is not Stage.CONNECTING:
            return None
        self.stage = Stage.CONFIGURING
        self._session_id = str(session.get("id") or "")
        expires_at = session.get("expires_at")
        self.expires_at = float(expires_at) if isinstance(expires_at, int | float) and expires_at else None
        return self._offer(now)

    def updated(self, session: Mapping[str, Any]) -> Ready | None:
        """`session.updated`: agreed. None when it answers no offer."""
        if self.stage is not Stage.CONFIGURING:
            return None
        self.stage = Stage.READY
        self.deadline = None
        self.turns_are_ours = _answers_nothing(self._wanted) and not _answers_by_itself(session)
        model = str(session.get("model") or self._settings.model)
        return Ready(self._settings.server, model, str(session.get("id") or self._session_id))

    def concerns(self, error: ServerError) -> bool:
        """The error answers our offer: it names it, or no word at all."""
        return self.stage is Stage.CONFIGURING and error.caused_by in {None, _EVENT_ID}

    def refused(self, error: ServerError, now: float) -> tuple[Warned, UpdateSession] | None:
        """What to say and what to offer next; None when the refused field cannot be spared."""
        spared = without(self._wanted, _param(error))
        if spared is None:
            return None
        self._wanted, path = spared
        said = f"The server does not take {path} and goes on without it: {error.message}"
        return Warned("setting_refused", said), self._offer(now)

    def _offer(self, now: float) -> UpdateSession:
        self.deadline = now + self._settings.timeouts.updated_s
        return UpdateSession(self._wanted, event_id=_EVENT_ID)

    @staticmethod
    def complaint(error: ServerError) -> str:
        """Why there is no agreement, and what to do next where we know it."""
        hint = _DIALECT_HINTS.get((error.code, _param(error)), "")
        return f"The server refused our settings: {error.message}{hint}"

    def overdue(self, now: float) -> str | None:
        """What to say when the server has kept silent for too long."""
        if self.deadline is None or now < self.deadline:
            return None
        word = "session.created" if self.stage is Stage.CONNECTING else "session.updated"
        return f"The server is connected but never said {word}; is the address a Realtime API?"


def _param(error: ServerError) -> str:
    return str(error.error.get("param") or "")


def _detection(session: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = session
    for name in ("audio", "input", "turn_detection"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _answers_nothing(wanted: Mapping[str, Any]) -> bool:
    return _detection(wanted).get("create_response") is False


def _answers_by_itself(session: Mapping[str, Any]) -> bool:
    """The server says so, whatever it was asked; one that does not say is taken to do as it was asked."""
    return _detection(session).get("create_response") is True

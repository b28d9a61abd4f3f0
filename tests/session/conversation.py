"""A session driven as `live` drives it: the time, the verb, the two lists; and the words a server would say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from vivavoce.events import server as said
from vivavoce.events.client import AppendAudio, ClientEvent, CreateResponse
from vivavoce.events.server import ServerEvent
from vivavoce.pcm import silence
from vivavoce.session.effects import Effect, Finish, Show
from vivavoce.session.happenings import Happening
from vivavoce.session.session import Session
from vivavoce.session.settings import FINISH_TOOL, Settings, Timeouts

PATIENT = Settings(timeouts=Timeouts(stall_s=None))  # a server may be silent for as long as it likes

Line = TypeVar("Line", bound=Happening)
Word = TypeVar("Word", bound=ClientEvent)
Deed = TypeVar("Deed", bound=Effect)


class Conversation:
    """One session and all that came out of it."""

    def __init__(self, settings: Settings | None = None, *, ready: bool = True) -> None:
        self.session = Session(settings or PATIENT)
        self.now = 0.0
        self.did: list[Effect] = []
        self.sent: list[ClientEvent] = []
        self.second: list[ClientEvent] = []
        if ready:
            self.do(self.session.opened)
            self.says(said.SessionCreated({"id": "sess_1"}), said.SessionUpdated({"id": "sess_1", "model": "m"}))
            self.forget()

    def do(self, verb: Callable[..., None], *values: Any) -> None:
        """One input, as `live` makes it."""
        self.session.tick(self.now)
        verb(*values)
        self.take()

    def take(self) -> None:
        self.did += self.session.to_world()
        self.sent += self.session.to_server()
        self.second += self.session.to_standby()

    def says(self, *events: ServerEvent) -> None:
        """The server says these words."""
        for event in events:
            self.do(self.session.receive, event)

    def heard(self, item_id: str, ms: int) -> None:
        self.do(self.session.heard, item_id, ms)

    def hushed(self, item_id: str | None, ms: int) -> None:
        self.do(self.session.hushed, item_id, ms)

    def types(self, text: str) -> None:
        self.do(self.session.type, text)

    def answers(self, call_id: str, output: str = "sunny") -> None:
        self.do(self.session.answered, call_id, output)

    def wait(self, seconds: float) -> None:
        """Time passes; the alarm rings whenever the session asked for it."""
        until = self.now + seconds
        while (due := self.session.next_deadline()) is not None and due <= until:
            self.now = max(due, self.now)
            self.session.tick(self.now)
            self.take()
            again = self.session.next_deadline()
            assert again is None or again > self.now, "an alarm that changes nothing would ring for ever"
        self.now = until
        self.session.tick(self.now)
        self.take()

    def forget(self) -> None:
        """Only what follows is of interest."""
        self.did, self.sent, self.second = [], [], []

    def shown(self, kind: type[Line]) -> list[Line]:
        return [deed.what for deed in self.did if isinstance(deed, Show) and isinstance(deed.what, kind)]

    def lines(self) -> list[Happening]:
        return [deed.what for deed in self.did if isinstance(deed, Show)]

    def deeds(self, kind: type[Deed]) -> list[Deed]:
        return [deed for deed in self.did if isinstance(deed, kind)]

    def words(self, kind: type[Word]) -> list[Word]:
        return [word for word in self.sent if isinstance(word, kind)]

    @property
    def asked(self) -> CreateResponse:
        """The last `response.create`."""
        return self.words(CreateResponse)[-1]

    @property
    def ended(self) -> str | None:
        """Why the talk is over, None while it is not."""
        ends = self.deeds(Finish)
        return ends[-1].reason if ends else None

    @property
    def listens(self) -> bool:
        """Sound of the microphone goes to the server."""
        before = len(self.sent)
        self.do(self.session.hear, b"\1\0")
        return self.sent[before:] == [AppendAudio(b"\1\0")]


def began(user: str) -> said.SpeechStarted:
    return said.SpeechStarted(user, audio_start_ms=100)


def turn(user: str, previous: str | None = None) -> list[ServerEvent]:
    """The person speaks and stops; the server will answer."""
    return [
        began(user),
        said.SpeechStopped(user, audio_end_ms=900),
        said.AudioCommitted(user, previous),
        said.ItemAdded({"id": user, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}, previous),
    ]


def written(user: str, text: str) -> said.TranscriptionCompleted:
    return said.TranscriptionCompleted(user, text)


def created(response: str, ask: CreateResponse | None = None) -> said.ResponseCreated:
    """`response.created`, of the server's own or in answer to `ask`."""
    metadata = ask.response["metadata"] if ask is not None and ask.response is not None else None
    return said.ResponseCreated({"id": response, "status": "in_progress", "metadata": metadata})


def done(response: str, status: str = "completed", **more: Any) -> said.ResponseDone:
    return said.ResponseDone({"id": response, "status": status, "usage": {"total_tokens": 9}, **more})


def begins(response: str, item: str, previous: str | None = None) -> list[ServerEvent]:
    message = {"id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    return [said.OutputItemAdded(response, message), said.ItemAdded(message, previous)]


def sound(response: str, item: str, ms: int) -> said.AudioDelta:
    return said.AudioDelta(item, silence(ms), response)


def words(response: str, item: str, text: str) -> said.TranscriptDelta:
    return said.TranscriptDelta(item, text, response)


def item_done(response: str, item: str, status: str = "completed") -> said.OutputItemDone:
    return said.OutputItemDone(response, {"id": item, "type": "message", "role": "assistant", "status": status})


def spoken(
    response: str, item: str, ms: int, text: str = "hello there", previous: str | None = None
) -> list[ServerEvent]:
    """One whole item: words, sound, done."""
    return [
        *begins(response, item, previous),
        words(response, item, text),
        sound(response, item, ms),
        item_done(response, item),
    ]


def called(response: str, call: str, name: str = "weather", arguments: str = "{}", **more: Any) -> said.OutputItemDone:
    item: Mapping[str, Any] = {
        "id": f"item_{call}",
        "type": "function_call",
        "status": "completed",
        "call_id": call,
        "name": name,
        "arguments": arguments,
        **more,
    }
    return said.OutputItemDone(response, item)


def goodbye(response: str, call: str = "bye") -> said.OutputItemDone:
    return called(response, call, FINISH_TOOL, "")


def error(code: str | None = None, message: str = "no", **more: Any) -> said.ServerError:
    return said.ServerError({"type": "invalid_request_error", "code": code, "message": message, **more})

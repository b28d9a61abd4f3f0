"""The steps of a script: what a server does to one connection, one after the other.

    [Say(SessionCreated({...})), Expect("session.update"), Say({"type": "session.updated", "session": {}}), Cut()]

A step is called with the `Line` and may be any `async def step(line)` of yours. After its last step a server says nothing
more, reads on, and lets the client leave. Words are given as dataclasses of `vivavoce.events.server` or as JSON objects, in
the GA spelling; a client that came by the preview address hears them in its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from vivavoce.engine import settings
from vivavoce.engine.conversation import Conversation
from vivavoce.engine.jobs import Job
from vivavoce.engine.response import Response
from vivavoce.engine.stages import Counted
from vivavoce.events.server import AudioDelta, ServerEvent
from vivavoce.pcm import bytes_to_ms, ms_to_bytes

if TYPE_CHECKING:
    from vivavoce.testing.line import Line

__all__ = [
    "Close",
    "Cut",
    "Delay",
    "Expect",
    "Flood",
    "Half",
    "Refuse",
    "Say",
    "SayText",
    "Speak",
    "Stall",
    "Word",
    "reply_words",
]

Word = ServerEvent | Mapping[str, Any]
Matches = Callable[[Mapping[str, Any]], bool]


class Say:
    """Say these words, in this order. A word that is there twice is said twice."""

    def __init__(self, *words: Word) -> None:
        self.words = words

    async def __call__(self, line: Line) -> None:
        """Say them."""
        for word in self.words:
            await line.say(word)


@dataclass(frozen=True, slots=True)
class SayText:
    """Send this text (or these bytes, as a binary frame) as it is, whether it is JSON or not."""

    text: str | bytes

    async def __call__(self, line: Line) -> None:
        """Send it."""
        await line.send(self.text)


class Expect:
    """Wait until the client says this; words in between are passed over. The test fails if it never comes."""

    def __init__(self, *wanted: str | Matches, within_s: float = 10.0) -> None:
        """`wanted`: types, or functions of the JSON object, in the order in which they must come."""
        self.wanted = wanted
        self.within_s = within_s

    async def __call__(self, line: Line) -> None:
        """Wait.

        Raises:
            ScriptFailed: the client did not say it in time, or left.
        """
        for wanted in self.wanted:
            await line.expect(wanted, self.within_s)


@dataclass(frozen=True, slots=True)
class Delay:
    """Say nothing for so many seconds; what the client says is still taken."""

    seconds: float

    async def __call__(self, line: Line) -> None:
        """Wait."""
        await line.sleep(self.seconds)


@dataclass(frozen=True, slots=True)
class Stall:
    """Stop reading and saying: no word, no pong, nothing; for so many seconds, or (None) for good."""

    seconds: float | None = None

    async def __call__(self, line: Line) -> None:
        """Stand still."""
        await line.stall(self.seconds)


@dataclass(frozen=True, slots=True)
class Close:
    """Close with this code and reason."""

    code: int = 1000
    reason: str = ""

    async def __call__(self, line: Line) -> None:
        """Close."""
        await line.close(self.code, self.reason)


@dataclass(frozen=True, slots=True)
class Cut:
    """End the TCP connection; no close frame. What was said before has left."""

    async def __call__(self, line: Line) -> None:
        """Cut."""
        await line.cut()


@dataclass(frozen=True, slots=True)
class Half:
    """Half of a word, then the TCP connection ends.

    Attributes:
        word: which; None, in a fault, is the word at which it strikes.
        of: half the bytes of its WebSocket `frame`, or a whole first frame of a `message` whose second one never comes.
    """

    word: Word | None = None
    of: Literal["frame", "message"] = "frame"

    async def __call__(self, line: Line) -> None:
        """Say half of it."""
        await line.half(self.word or {"type": "response.created", "response": {}}, self.of)


@dataclass(frozen=True, slots=True)
class Flood:
    """Say this word so many times, as fast as the client takes it."""

    word: Word
    times: int

    async def __call__(self, line: Line) -> None:
        """Say it."""
        for _ in range(self.times):
            await line.say(self.word)


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the handshake with this; as a fault: cut the connection, and answer the next `times` handshakes with this.

    Attributes:
        status: the HTTP status.
        body: text, or a JSON object.
        headers: beside `Content-Type` and `Content-Length`.
    """

    status: int
    body: str | Mapping[str, Any] = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1

    async def __call__(self, line: Line) -> None:
        """Cut, and let the next ones in no more."""
        line.refuse_next(self)
        await line.cut()


@dataclass(frozen=True, slots=True)
class Speak:
    """One whole response: `text`, and its sound in deltas.

    Attributes:
        pcm: 24 kHz 16-bit mono, such as `sound.numbered(1000)` or a recording.
        pace: how many times faster than it is heard it is sent; None = at once.
        name: of response and item: `resp_NAME`, `item_NAME`.
        metadata: of the response.
    """

    text: str
    pcm: bytes
    pace: float | None = None
    delta_ms: int = 100
    name: str = "spoken"
    metadata: Mapping[str, Any] | None = None

    async def __call__(self, line: Line) -> None:
        """Say all of it."""
        begin, sent_ms = line.now, 0
        for word in reply_words(self.text, self.pcm, delta_ms=self.delta_ms, name=self.name, metadata=self.metadata):
            if isinstance(word, AudioDelta) and self.pace is not None:
                await line.sleep(begin + sent_ms / 1000 / self.pace - line.now)
                sent_ms += bytes_to_ms(len(word.audio))
            await line.say(word)


class _List:
    """An `Outlet` that is a list; the only answer in it needs neither jobs nor time."""

    def __init__(self, name: str) -> None:
        self.words: list[ServerEvent] = []
        self._name = name

    def say(self, event: ServerEvent) -> None:
        self.words.append(event)

    def ask(self, job: Job) -> None:
        del job

    def new_job(self) -> int:
        return 0

    def new_id(self, kind: str) -> str:
        return f"{kind}_{self._name}"

    def done(self, samples: int, *, in_conversation: bool) -> None:
        del samples, in_conversation


def reply_words(
    text: str,
    pcm: bytes,
    *,
    delta_ms: int = 100,
    name: str = "spoken",
    metadata: Mapping[str, Any] | None = None,
) -> list[ServerEvent]:
    """The words of one whole spoken response in their normal order, `response.created` to `response.done`; see `Speak`."""
    outlet = _List(name)
    wish = settings.wish(settings.defaults("sess", "scripted"), {"metadata": dict(metadata)} if metadata else None)
    response = Response(f"resp_{name}", wish, Conversation(), outlet)
    response.begin()
    response.said(text)
    for piece in _pieces(pcm, ms_to_bytes(delta_ms)):
        response.sounded(piece)
    response.complete(Counted(10, 0, len(text.split())))
    return outlet.words


def _pieces(pcm: bytes, step: int) -> Iterator[bytes]:
    for at in range(0, len(pcm), step):
        yield pcm[at : at + step]

"""A person in front of a real talk: the client as `viva talk --json` joins it, a scripted server, ears and mouth of lists.

The lines are those of the program; the speaker plays by itself, or by hand where a test says what was heard. Time leaps where
nothing else can happen (`testing.hurried`), so every time-out is the one of real life, and the load of the machine changes nothing.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vivavoce.devices.memory import MemoryMicrophone, MemorySpeaker
from vivavoce.live import Functions, Outcome, Parts, Talk, run
from vivavoce.pcm import silence
from vivavoce.ports import Ear, Wire
from vivavoce.session.happenings import Happening
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings
from vivavoce.terminal.json_lines import JsonLines
from vivavoce.testing import Expect, Line, RealtimeServer, Say, hurried, spoken
from vivavoce.testing.faults import Step
from vivavoce.testing.server import Plan
from vivavoce.wire.preview import PREVIEW
from vivavoce.wire.refusals import Advice
from vivavoce.wire.websocket import GA, Dialect, Server, WebSocketWire

__all__ = [
    "CREATED",
    "OPENING",
    "UPDATED",
    "WRITTEN",
    "Lines",
    "Person",
    "Seen",
    "hold",
    "preview_wire",
    "when",
    "wire_to",
]

ADVICE = Advice(model="m", named_by="--model", key="check the key", address="the address after --server")
WRITTEN = Settings(transcription_model="scribe")
CREATED = {"type": "session.created", "session": {"id": "sess_1", "model": "m"}}
UPDATED = {"type": "session.updated", "session": {"id": "sess_1", "model": "m"}}
OPENING: list[Step] = [Say(CREATED), Expect("session.update"), Say(UPDATED)]
LIMIT_S = 3000
_LOOK_S = 0.01
_PLAYED_MS = 20


class Lines:
    """The lines of the talk, as `--json` writes them."""

    def __init__(self) -> None:
        self._out = io.StringIO()
        self._screen = JsonLines(self._out)
        self._lines: list[dict[str, Any]] = []
        self.happenings: list[Happening] = []

    def show(self, happening: Happening, t: float, out_ms: int | None) -> None:
        self._out.seek(0)
        self._out.truncate()
        self._screen.show(happening, t, out_ms)
        self._lines.append(json.loads(self._out.getvalue()))
        self.happenings.append(happening)

    def __iter__(self) -> Any:
        return iter(self._lines)

    @property
    def types(self) -> list[str]:
        return [line["type"] for line in self._lines]

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [line for line in self._lines if line["type"] == type_]

    def texts(self, *types: str) -> list[str]:
        """What was said, in the order of the lines."""
        return [str(line.get("heard_text", line.get("text"))) for line in self._lines if line["type"] in types]


@dataclass
class Person:
    """Whoever talks; a `live.Performer`."""

    does: Callable[[Person], Awaitable[None]]
    lines: Lines
    microphone: MemoryMicrophone
    speaker: MemorySpeaker
    server: RealtimeServer
    stage: Talk | None = None

    def saw(self, what: Happening) -> None:
        del what

    def heard(self, item_id: str, ms: int) -> None:
        del item_id, ms

    async def perform(self, talk: Talk) -> None:
        self.stage = talk
        await self.until(lambda: "ready" in self.lines.types)
        await self.does(self)

    @property
    def talk(self) -> Talk:
        assert self.stage is not None
        return self.stage

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():  # noqa: ASYNC110  # the condition may be about either side
            await asyncio.sleep(_LOOK_S)

    async def sees(self, type_: str, times: int = 1) -> dict[str, Any]:
        """Wait for the n-th line of that type."""
        await self.until(lambda: len(self.lines.of(type_)) >= times)
        return self.lines.of(type_)[times - 1]

    async def told(self, type_: str, times: int = 1, connection: int = 1) -> Mapping[str, Any]:
        """Wait until the server was told the n-th word of that type on that connection."""

        def words() -> list[Mapping[str, Any]]:
            seen = self.server.connections
            return seen[connection - 1].words(type_) if len(seen) >= connection else []

        await self.until(lambda: len(words()) >= times)
        return words()[times - 1]

    def say(self, text: str, ms: int = 300, pause_ms: int = 700) -> None:
        self.microphone.hear(spoken(text, ms) + silence(pause_ms))

    async def says(self, text: str, ms: int = 300, pause_ms: int = 700) -> None:
        """As `say`, at the pace of a microphone."""
        sound, step = spoken(text, ms) + silence(pause_ms), 20 * 48
        for at in range(0, len(sound), step):
            self.microphone.hear(sound[at : at + step])
            await asyncio.sleep(0.02)

    def type(self, text: str) -> None:
        self.talk.type(text)

    async def received(self, ms: int) -> None:
        """Wait until so much sound of replies is queued or played."""
        await self.until(lambda: self.queued_ms >= ms)

    @property
    def queued_ms(self) -> int:
        """Milliseconds of sound given to the speaker."""
        assert isinstance(self.speaker, _CountingSpeaker)
        return self.speaker.queued_bytes // 48

    async def play(self, ms: int) -> None:
        """Let so much leave the speaker, and the talk know it."""
        self.speaker.advance(ms)
        await self.settled()

    async def settled(self) -> None:
        """Let everybody act on what has happened."""
        for _ in range(5):
            await asyncio.sleep(_LOOK_S)

    async def ends(self) -> None:
        """All was heard; the person is done."""
        await self.until(lambda: self.talk.quiet)
        self.talk.leave_when_quiet("script_done")


class _CountingSpeaker(MemorySpeaker):
    """Knows how much it was given."""

    queued_bytes = 0

    def play(self, item_id: str, pcm: bytes) -> None:
        self.queued_bytes += len(pcm)
        super().play(item_id, pcm)


@dataclass
class Seen:
    """What is left of a talk."""

    outcome: Outcome
    lines: Lines
    server: RealtimeServer
    played: bytes = field(repr=False)

    @property
    def exit_code(self) -> int:
        return self.outcome.error.exit_code if self.outcome.error else 0

    @property
    def errors(self) -> list[tuple[str, bool]]:
        return [(line["code"], line["fatal"]) for line in self.lines.of("error")]


def wire_to(url: str, dialect: Dialect = GA, headers: Mapping[str, str] | None = None) -> Wire:
    async def asked() -> Mapping[str, str]:
        return headers or {}

    return WebSocketWire(Server(url, asked, ADVICE, dialect))


async def _nothing(person: Person) -> None:
    await person.until(lambda: False)


def hold(  # noqa: PLR0913  # what a talk is made of, each with what it usually is
    server: RealtimeServer,
    does: Callable[[Person], Awaitable[None]] = _nothing,
    *,
    settings: Settings = WRITTEN,
    by_hand: bool = False,
    functions: Functions | None = None,
    wire: Callable[[str], Wire] = wire_to,
    preview: bool = False,
    ear: Ear | None = None,
) -> Seen:
    """One talk with that server. Without `does` it must end by itself; `by_hand`: the speaker plays when told to."""

    async def talk() -> Seen:
        lines, speaker = Lines(), _CountingSpeaker()

        async def play() -> None:
            while True:
                await asyncio.sleep(_PLAYED_MS / 1000)
                speaker.advance(_PLAYED_MS)

        async with asyncio.timeout(LIMIT_S), server:
            microphone = MemoryMicrophone(ends=False)
            person = Person(does, lines, microphone, speaker, server)
            url = server.preview_url if preview else server.url
            parts = Parts(
                Session(settings), wire(url), microphone, speaker, lines, functions=functions, performer=person, ear=ear
            )
            playing = None if by_hand else asyncio.create_task(play())
            try:
                outcome = await run(parts)
            except asyncio.CancelledError:
                told = [connection.types for connection in server.connections]
                raise AssertionError(f"the talk did not end; lines: {list(lines)}; told: {told}") from None
            finally:
                if playing:
                    playing.cancel()
        return Seen(outcome, lines, server, bytes(speaker.heard))

    return hurried(talk())


def scripted(*steps: Step, then: Sequence[Plan] = (), speed: float = 1.0) -> RealtimeServer:
    """A server that agrees on the settings and does this; `then`: what its further connections get."""
    return RealtimeServer([*OPENING, *steps], *then, speed=speed)


def when(condition: Callable[[], bool]) -> Step:
    """A step: wait until that is so."""

    async def step(line: Line) -> None:
        while not condition():
            await line.sleep(_LOOK_S)

    return step


def preview_wire(url: str) -> Wire:
    return wire_to(url, PREVIEW)

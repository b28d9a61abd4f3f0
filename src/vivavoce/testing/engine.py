"""The engine's protocol object without a pipeline: a test says what was noticed, heard and thought, and reads what is said.

desk = Desk()
desk.speaks(500)            # half a second of speech, then silence until the turn is over
desk.hears("Hello.")        # the result of the recognition that was asked for
desk.thinks("Hi! ", b"..")  # words, then their sound
assert desk.names() == [...]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.engine.hearing import Piece
from vivavoce.engine.jobs import Answer, Job, Listen, Recognise, Stop, Warm
from vivavoce.engine.protocol import EngineProtocol
from vivavoce.engine.stages import Asked, Counted, Recognised, Words
from vivavoce.engine.turns import CHUNK_SAMPLES
from vivavoce.events import server
from vivavoce.events.client import AppendAudio, ClientEvent, UpdateSession
from vivavoce.events.server import ServerEvent
from vivavoce.pcm import SAMPLE_BYTES

SPEECH, SILENCE = 0.9, 0.0
CHUNK_MS = 32


class Desk:
    """Drives one `EngineProtocol`."""

    def __init__(self) -> None:
        self.protocol = EngineProtocol(
            session_id="sess_1", model="test", wants_to_finish=lambda text: "goodbye" in text.lower()
        )
        self.said: list[ServerEvent] = []
        self.jobs: list[Job] = []
        self._read = 0
        self._drain()

    def _drain(self) -> None:
        self.said += self.protocol.to_client()
        self.jobs += self.protocol.to_pipeline()

    def new(self) -> list[ServerEvent]:
        """What was said since the last call."""
        found, self._read = self.said[self._read :], len(self.said)
        return found

    def names(self) -> list[str]:
        """The types of what was said since the last call."""
        return [event.TYPE for event in self.new()]

    def last(self, kind: type[Any]) -> Any:
        """The last word of that kind."""
        return next(event for event in reversed(self.said) if isinstance(event, kind))

    def job(self, kind: type[Any]) -> Any:
        """The last job of that kind."""
        return next(job for job in reversed(self.jobs) if isinstance(job, kind))

    def count(self, kind: type[Any]) -> int:
        """How many jobs of that kind were asked for."""
        return sum(isinstance(job, kind) for job in self.jobs)

    def error(self) -> Mapping[str, Any]:
        """The last error."""
        found: Mapping[str, Any] = self.last(server.ServerError).error
        return found

    def send(self, *events: ClientEvent) -> None:
        """The client says these."""
        for event in events:
            self.protocol.receive(event)
            self._drain()

    def update(self, **session: Any) -> None:
        """`session.update` with these fields."""
        self.send(UpdateSession({"type": "realtime", **session}))

    def update_input(self, **audio_input: Any) -> None:
        """`session.update` of `audio.input`."""
        self.update(audio={"input": audio_input})

    def sound(self, ms: int, probability: float) -> None:
        """`ms` milliseconds (whole chunks) arrive and are noticed with this probability."""
        chunk = bytes(CHUNK_SAMPLES * SAMPLE_BYTES)
        for _ in range(ms // CHUNK_MS):
            self.send(AppendAudio(chunk))
            if isinstance(self.jobs[-1], Listen):
                self.protocol.noticed(probability)
                self._drain()

    def speaks(self, ms: int = 480, silence_ms: int = 544) -> None:
        """A turn: speech, then silence (by default long enough to end it)."""
        self.sound(ms, SPEECH)
        self.sound(silence_ms, SILENCE)

    def hears(self, text: str) -> None:
        """The last recognition finds these words."""
        self.protocol.heard(self.job(Recognise).job, Recognised(text, "en"))
        self._drain()

    def thinks(self, *pieces: str | Piece, done: bool = True) -> None:
        """The last answer is made of these: words, sound, calls; then, if `done`, the count."""
        job = self.job(Answer).job
        for piece in (*pieces, *([Counted(10, 4, 5)] if done else [])):
            self.protocol.answered(job, Words(piece) if isinstance(piece, str) else piece)
        self._drain()

    def fails(self, kind: type[Any], message: str = "broken") -> None:
        """The last job of that kind fails."""
        self.protocol.failed(self.job(kind).job, message)
        self._drain()

    def has_a_free_slot(self) -> bool:
        """Whether every answer that was created is done."""
        created = {e.response["id"] for e in self.said if isinstance(e, server.ResponseCreated)}
        done = [e.response["id"] for e in self.said if isinstance(e, server.ResponseDone)]
        return created == set(done) and len(done) == len(set(done))


__all__ = ["SILENCE", "SPEECH", "Asked", "Desk", "Stop", "Warm"]

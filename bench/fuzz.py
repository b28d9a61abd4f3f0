"""Fuzzing with coverage guidance: can any text, or any order of inputs, make the pure rooms raise what they must not?

    pip install atheris
    python bench/fuzz.py codec   [--minutes 10] [--corpus FOLDER]
    python bench/fuzz.py session [--minutes 10] [--corpus FOLDER]

codec: a text is a word, or a `ProtocolError` that names its field; a word that was read is written and read again as the same.
session: bytes choose verbs, words of the reference (bent a little) and times; it never raises, never sends anything but its
settings before it is ready, never cuts beyond what was received, and no alarm is in the past. The examples of the reference are the
first corpus; what is found is written to `crash-*`, is run again with `python bench/fuzz.py codec crash-...`, and becomes a test
(tests/events/test_found_by_fuzzing.py).
"""

from __future__ import annotations

import json
import sys
import tempfile
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["vivavoce"]):
    from vivavoce.errors import ProtocolError
    from vivavoce.events import codec
    from vivavoce.events.client import AppendAudio, TruncateItem, UpdateSession
    from vivavoce.events.server import ServerEvent
    from vivavoce.pcm import bytes_to_ms
    from vivavoce.session.effects import Finish, Play
    from vivavoce.session.opening import Stage
    from vivavoce.session.session import Session
    from vivavoce.session.settings import Settings
    from vivavoce.wire.preview import PREVIEW

REFERENCE = Path(__file__).parent.parent / "tests" / "events" / "reference"
WORDS = [
    json.loads(path.read_text())
    for path in sorted(REFERENCE.glob("*.json"))
    if not path.name.startswith("http-") and ".client." not in path.name
]
SERVER_WORDS = frozenset(typing.get_args(ServerEvent))
IDS = ["a", "b", "c", "resp_1", "resp_2", "item_1", "item_2", "call_1", "viva_line_1", "viva_typed_1", "", "root"]
ID_FIELDS = ("item_id", "response_id", "call_id", "previous_item_id", "event_id", "id")


def codec_target(data: bytes) -> None:
    """Any text, in both spellings."""
    text = data.decode("utf-8", errors="surrogateescape")
    for decode, encode in ((codec.decode, codec.encode), (PREVIEW.decode, None)):
        try:
            event = decode(text)
        except ProtocolError:
            continue
        if encode is not None:
            again = codec.decode(encode(event))
            assert again == event, (again, event)


def session_target(data: bytes) -> None:
    """Any order of inputs."""
    Drive(atheris.FuzzedDataProvider(data)).run()


class Drive:
    """A session, and dice made of bytes."""

    def __init__(self, dice: Any) -> None:
        self.dice = dice
        waits = [None, "w"]
        self.session = Session(
            Settings(transcription_model=waits[dice.ConsumeIntInRange(0, 1)], interrupt_response=dice.ConsumeBool())
        )
        self.now = 0.0
        self.received: dict[str, int] = {}
        self.over = False

    def run(self) -> None:
        self.do(self.session.opened, 1000.0)
        self.do(self.session.receive, codec.decode('{"type":"session.created","session":{"id":"s","expires_at":4600}}'))
        self.do(self.session.receive, codec.decode('{"type":"session.updated","session":{"id":"s"}}'))
        while self.dice.remaining_bytes() and not self.over:
            self.step()
        self.session.leave("interrupt")
        self.take()
        assert self.over

    def step(self) -> None:
        session, dice = self.session, self.dice
        verbs: list[Callable[[], None]] = [
            self.pass_time,
            self.ring,
            lambda: self.do(session.hear, b"\1\0" * dice.ConsumeIntInRange(0, 5_000)),
            lambda: self.do(session.heard, self.some_id(), dice.ConsumeIntInRange(-5, 2_000)),
            lambda: self.do(session.hushed, self.some_id() or None, dice.ConsumeIntInRange(-5, 2_000)),
            lambda: self.do(session.type, "hello"),
            lambda: self.do(session.answered, self.some_id(), "sunny"),
            lambda: self.do(session.gone, "connection_lost", "cut; start again", "lost"),
            lambda: self.do(session.opened, 1000.0 + self.now),
            lambda: self.do(session.standby_opened, 1000.0 + self.now),
            lambda: self.hear_word(session.receive_standby),
            lambda: self.do(session.standby_gone, "no_connection", "nobody"),
            *[lambda: self.hear_word(session.receive)] * 4,
        ]
        verbs[dice.ConsumeIntInRange(0, len(verbs) - 1)]()

    def pass_time(self) -> None:
        self.now += self.dice.ConsumeIntInRange(0, 40) / 2
        self.do(None)

    def ring(self) -> None:
        due = self.session.next_deadline()
        self.now = max(self.now, due or 0.0)
        self.do(None)
        again = self.session.next_deadline()
        assert again is None or again > self.now or self.over

    def hear_word(self, verb: Any) -> None:
        try:
            event = codec.decode(json.dumps(self.bent(WORDS[self.dice.ConsumeIntInRange(0, len(WORDS) - 1)])))
        except ProtocolError:
            return
        if type(event) in SERVER_WORDS:  # a wire never gives the session a word that only we may say
            self.do(verb, event)

    def bent(self, value: Any) -> Any:
        """A word with other names, and now and then something else where it matters little."""
        if isinstance(value, dict):
            return {key: self.some_id() if key in ID_FIELDS else self.bent(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self.bent(part) for part in value]
        if isinstance(value, int) and not isinstance(value, bool):
            return self.dice.ConsumeIntInRange(0, 9_999) if self.dice.ConsumeIntInRange(0, 3) == 0 else value
        return value

    def some_id(self) -> str:
        place: int = self.dice.ConsumeIntInRange(0, len(IDS) - 1)
        return IDS[place]

    def do(self, verb: Any, *values: Any) -> None:
        self.session.tick(self.now)
        self.take()
        if verb is not None:
            verb(*values)
            self.take()

    def take(self) -> None:
        for effect in self.session.to_world():
            if isinstance(effect, Play):
                self.received[effect.item_id] = self.received.get(effect.item_id, 0) + (len(effect.pcm) & ~1)
            elif isinstance(effect, Finish):
                self.over = True
        for word in self.session.to_server():
            if isinstance(word, TruncateItem):
                assert 0 < word.heard_ms <= bytes_to_ms(self.received.get(word.item_id, 0))
            if self.session.stage is Stage.CONFIGURING:
                assert isinstance(word, UpdateSession | AppendAudio)
        self.session.to_standby()


def main() -> None:
    """Fuzz for so many minutes."""
    target = {"codec": codec_target, "session": session_target}[sys.argv[1]]
    rest = sys.argv[2:]
    minutes = float(rest.pop(rest.index("--minutes") + 1)) if "--minutes" in rest else 10.0
    corpus = rest.pop(rest.index("--corpus") + 1) if "--corpus" in rest else tempfile.mkdtemp()
    files = [arg for arg in rest if not arg.startswith("--")]
    if not files:
        Path(corpus).mkdir(parents=True, exist_ok=True)
        for path in sorted(REFERENCE.glob("*.json")):
            (Path(corpus) / path.name).write_bytes(path.read_bytes())
    arguments = files or [corpus, f"-max_total_time={round(minutes * 60)}", "-max_len=20000", "-timeout=20"]
    atheris.Setup([sys.argv[0], *arguments], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

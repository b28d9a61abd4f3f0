"""A small talk for the tests of a tape: a real session and a real recorder, driven as `live` drives them."""

from __future__ import annotations

import asyncio
import json
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vivavoce.events import server as said
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings
from vivavoce.tape import parts
from vivavoce.tape.recorder import Recorder

STARTED = 1000.0
LOUD, QUIET = 12_000, 0
SETTINGS = Settings(server="custom", model="numbered-1", transcription_model="whisper", tools=[])


def tone(ms: int, level: int = LOUD) -> bytes:
    """`ms` milliseconds of one value."""
    return array("h", [level] * (24 * ms)).tobytes()


class Recording:
    """One session on tape. `at` is the time of the next input, seconds since the program began."""

    def __init__(self, folder: Path, settings: Settings = SETTINGS) -> None:
        self.session = Session(settings)
        self.tape = Recorder(folder, settings, program="vivavoce test", started=STARTED)
        self.at = 0.0

    def do(self, verb: str, *values: Any) -> None:
        """One input, as `live` makes it."""
        now = STARTED + self.at
        self.tape.took(now, verb, values)
        self.session.tick(now)
        if verb != "tick":
            getattr(self.session, verb)(*values)
        self.tape.gave(self.session.to_world(), self.session.to_server(), self.session.to_standby())

    def says(self, *events: said.ServerEvent) -> None:
        """The server says these words."""
        for event in events:
            self.do("receive", event)

    def hears(self, level: int, blocks: int) -> None:
        """The microphone hears so many blocks of 20 ms, one after the other."""
        for _ in range(blocks):
            self.at = round(self.at + 0.02, 6)
            self.do("hear", tone(20, level))

    def open(self) -> None:
        """From connecting to ready."""
        self.do("opened")
        self.says(said.SessionCreated({"id": "sess_1"}), said.SessionUpdated({"id": "sess_1", "model": "numbered-1"}))

    def person(self, item_id: str, text: str, ms: int) -> None:
        """Speech of `ms` milliseconds, noticed 100 ms late, its end 300 ms late."""
        self.hears(LOUD, 5)
        self.says(said.SpeechStarted(item_id, 0))
        self.hears(LOUD, ms // 20 - 5)
        self.hears(QUIET, 15)
        self.says(said.SpeechStopped(item_id, ms), said.AudioCommitted(item_id))
        self.says(said.TranscriptionCompleted(item_id, text))

    def reply(self, item_id: str, text: str, ms: int) -> None:
        """A reply of `ms` milliseconds comes at once."""
        response_id = f"resp_{item_id}"
        item = {"id": item_id, "type": "message", "role": "assistant", "status": "completed"}
        self.says(
            said.ResponseCreated({"id": response_id}),
            said.OutputItemAdded(response_id, item),
            said.TranscriptDelta(item_id, text, response_id),
            *(said.AudioDelta(item_id, tone(100, 100 + n), response_id) for n in range(ms // 100)),
            said.OutputItemDone(response_id, item),
            said.ResponseDone({"id": response_id, "status": "completed", "output": [item]}),
        )

    def heard(self, item_id: str, ms: int) -> None:
        """The speaker plays that much of the item, and says so every 100 ms."""
        begun = self.at
        for done in range(100, ms + 1, 100):
            self.at = round(begun + done / 1000, 6)
            self.do("heard", item_id, done)

    def close(self) -> None:
        """The tape is whole."""
        asyncio.run(self.tape.close())
        assert self.tape.warnings() == []


def small_talk(folder: Path) -> None:
    """A question and its answer, an interruption, a function, a typed goodbye."""
    talk = Recording(folder)
    talk.open()
    talk.person("user_1", "What is it?", 600)
    talk.at += 0.1
    talk.reply("item_1", "It is a cat. ", 500)
    talk.heard("item_1", 500)
    talk.person("user_2", "Tell me more.", 400)
    talk.at += 0.2
    talk.reply("item_2", "A long story about cats and more cats.", 2000)
    talk.heard("item_2", 700)
    talk.says(said.SpeechStarted("user_3", 0))
    talk.at += 0.04
    talk.do("hushed", "item_2", 740)
    talk.hears(LOUD, 10)
    talk.hears(QUIET, 10)
    talk.says(said.SpeechStopped("user_3", 0), said.AudioCommitted("user_3"))
    talk.says(said.TranscriptionCompleted("user_3", "Open the door."))
    call = {"id": "c", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "open_door"}
    talk.says(
        said.ResponseCreated({"id": "resp_c"}),
        said.OutputItemDone("resp_c", call | {"arguments": '{"width": 3}'}),
        said.ResponseDone({"id": "resp_c", "status": "completed", "output": []}),
    )
    talk.at += 0.25
    talk.do("answered", "call_1", "open 3", None)
    talk.reply("item_3", "It is open.", 300)
    talk.heard("item_3", 300)
    talk.do("type", "Thank you!")
    talk.at += 0.5
    talk.reply("item_4", "Goodbye.", 200)
    talk.heard("item_4", 200)
    talk.do("leave_when_quiet", "goodbye")
    talk.close()


def rewrite(folder: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the lines of a tape and seal them anew: what no checksum can notice."""
    meta = json.loads((folder / parts.META).read_text())
    path = folder / parts.EVENTS
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    seal = parts.first_seal(meta)
    out = []
    for line in lines:
        del line["seal"]
        text, seal = parts.sealed(parts.compact(line), seal)
        out.append(f"{text}\n")
    path.write_text("".join(out))
    meta["closed"] = {"lines": len(out), "seal": seal}
    (folder / parts.META).write_text(json.dumps(meta))

"""What a new connection must be told of the conversation so far: text, in order (row 16 of the failure modes).

What the assistant said cannot be sent again as sound, so it goes as text: the words that were *heard*, and a dash where they
were cut. What the person said goes as text, too; where nobody wrote it down, as the sound itself, as far as that is kept.
A call goes with its answer under a name of our own, because the old `call_id` means nothing to the new server.

Every line has a number for the whole talk, and its item the same `id` on every connection.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vivavoce import pcm
from vivavoce.events.client import CreateItem
from vivavoce.session.happenings import AssistantSaid, Called, Happening, UserSaid

CUT = "—"  # how a transcript says that somebody was interrupted; a word in brackets would be read out
_SOUND_MS = 60_000  # of turns that nobody wrote down
_PREFIX = "viva_line_"


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    key: str
    items: tuple[Mapping[str, Any], ...]
    characters: int = 0
    sound_bytes: int = 0


class History:
    """The lines of the talk as items of a conversation; the oldest are forgotten where it grows too long."""

    def __init__(self, most_characters: int) -> None:
        """`most_characters`: of all lines together that are told to a new connection."""
        self._most_characters = most_characters
        self._lines: deque[_Line] = deque()
        self._characters = self._sound_bytes = 0
        self._next = 1

    @property
    def end(self) -> int:
        """The number of the next line."""
        return self._next

    def saw(self, line: Happening) -> bool:
        """A line of the transcript, in the order in which it is shown. True when there is something to tell of it."""
        match line:
            case UserSaid(item_id, text) if text:
                self._user_said(item_id, text)
            case AssistantSaid(item_id) if line.heard_text:
                text = line.heard_text + CUT * line.interrupted
                self._add(item_id, _message(self._name(), "assistant", "output_text", text), characters=len(text))
            case Called():
                self._called(line)
            case _:
                return False
        return True

    def heard_unwritten(self, item_id: str, sound: bytes) -> None:
        """A turn of the person that nobody wrote down yet: 24 kHz 16-bit mono. Words that come after all take its place."""
        if any(line.key == item_id for line in self._lines):
            return
        part = {"type": "input_audio", "audio": sound}  # once: it becomes text only where JSON is made of it
        item = {"id": self._name(), "type": "message", "role": "user", "content": [part]}
        self._add(item_id, item, sound_bytes=len(sound))

    def _user_said(self, item_id: str, text: str) -> None:
        at = next((at for at, line in enumerate(self._lines) if line.sound_bytes and line.key == item_id), None)
        if at is None:
            self._add(item_id, _message(self._name(), "user", "input_text", text), characters=len(text))
            return
        line = self._lines[at]  # who was told the sound is not told the words: the number is the same
        words = _message(str(line.items[0]["id"]), "user", "input_text", text)
        self._lines[at] = _Line(line.number, item_id, (words,), len(text))
        self._sound_bytes -= line.sound_bytes
        self._characters += len(text)
        self._keep_short()

    def since(self, number: int) -> list[CreateItem]:
        """The lines from `number` on, as words for the server."""
        return [CreateItem(item) for line in self._lines if line.number >= number for item in line.items]

    def _called(self, line: Called) -> None:
        name = self._name()
        arguments = line.arguments if isinstance(line.arguments, str) else json.dumps(line.arguments)
        call = {"type": "function_call", "call_id": name, "name": line.name, "arguments": arguments}
        answer = {"type": "function_call_output", "call_id": name, "output": line.output}
        size = len(arguments) + len(line.output)
        self._add(line.call_id, {"id": name, **call}, {"id": f"{name}_out", **answer}, characters=size)

    def _name(self) -> str:
        return f"{_PREFIX}{self._next}"

    def _add(self, key: str, *items: Mapping[str, Any], characters: int = 0, sound_bytes: int = 0) -> None:
        self._lines.append(_Line(self._next, key, items, characters, sound_bytes))
        self._next += 1
        self._characters += characters
        self._sound_bytes += sound_bytes
        self._keep_short()

    def _keep_short(self) -> None:
        while self._characters > self._most_characters and len(self._lines) > 1:
            self._forget(self._lines[0])
        while self._sound_bytes > pcm.ms_to_bytes(_SOUND_MS):
            oldest = next(line for line in self._lines if line.sound_bytes)
            if oldest is self._lines[-1]:
                return  # what was said just now is told, however long it is
            self._forget(oldest)

    def _forget(self, line: _Line) -> None:
        self._lines.remove(line)
        self._characters -= line.characters
        self._sound_bytes -= line.sound_bytes


def _message(item_id: str, role: str, kind: str, text: str) -> Mapping[str, Any]:
    return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}

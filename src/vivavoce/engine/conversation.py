"""The conversation as the engine keeps it: items in order, and what the language model is told of them.

The model is told what was heard: a reply that was cut holds only the words that sounded before the cut. Speech without
words is not told at all, nor is the call that ends the talk (a small model says a better farewell to "goodbye" than to
the answer of a function).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from vivavoce.engine.settings import GOODBYE, among, mapping, refused, text
from vivavoce.errors import ProtocolError
from vivavoce.pcm import SAMPLE_BYTES, SAMPLES_PER_MS, even

FAREWELL_TOLD = " Goodbye!"  # a small model answers "you can hang up now" with anything but a farewell
SILENCE_TOLD = "(I have said nothing for a while.)"
TOLD_CHARACTERS = 12_000  # about 3,000 tokens; the rest of the model's window is for instructions, tools and the answer
KEPT_CHARACTERS = 3_000  # cut well below, so that the cached beginning of the prompt stays the same for many turns
KEPT_SOUND_BYTES = 32 * 2**20  # about 11 minutes for `conversation.item.retrieve`; the oldest sound goes first

ROOT = "root"
ITEM_KINDS = ("message", "function_call", "function_call_output")


@dataclass(slots=True)
class TextItem:
    """A message the client wrote."""

    id: str
    role: str
    parts: list[Mapping[str, Any]]

    @property
    def told(self) -> str:
        """Its words."""
        return " ".join(str(part["text"]) for part in self.parts if part["text"])

    def view(self, *, sound: bool = False) -> dict[str, Any]:
        """The item as the API shows it."""
        del sound
        return _message(self.id, "completed", self.role, [dict(part) for part in self.parts])


@dataclass(slots=True)
class SpokenItem:
    """What a person said; `transcript` is None until it was recognised, "" when there were no words."""

    id: str
    pcm: bytes
    transcript: str | None = None
    failed: bool = False
    silent: bool = False

    @property
    def pending(self) -> bool:
        """Whether recognition still owes its words."""
        return self.transcript is None and not self.failed

    @property
    def told(self) -> str:
        """Its words, as far as known."""
        return SILENCE_TOLD if self.silent else self.transcript or ""

    def view(self, *, sound: bool = False) -> dict[str, Any]:
        """The item as the API shows it."""
        part: dict[str, Any] = {"type": "input_audio", "transcript": self.transcript}
        if sound:
            part["audio"] = base64.b64encode(self.pcm).decode()
        return _message(self.id, "completed", "user", [part])


@dataclass(frozen=True, slots=True)
class Clause:
    """Words whose sound begins at sample `at` of the reply."""

    text: str
    at: int


@dataclass(slots=True)
class ReplyItem:
    """What the assistant says. `samples` counts its sound, also when the sound itself was let go."""

    id: str
    aloud: bool
    status: str = "in_progress"
    clauses: list[Clause] = field(default_factory=list)
    pcm: bytearray = field(default_factory=bytearray)
    samples: int = 0
    cut: bool = False

    @property
    def told(self) -> str:
        """Its words; after a cut the ones that were heard."""
        return "".join(clause.text for clause in self.clauses).strip()

    @property
    def part(self) -> dict[str, Any]:
        """Its one content part as the API shows it."""
        words = "".join(clause.text for clause in self.clauses)
        return {"type": "output_audio", "transcript": words} if self.aloud else {"type": "output_text", "text": words}

    def say(self, words: str) -> None:
        """The next words; their sound follows."""
        if not self.cut:
            self.clauses.append(Clause(words, self.samples))

    def sound(self, pcm: bytes) -> None:
        """The sound of the last words."""
        if not self.cut:
            self.pcm += pcm
            self.samples += len(pcm) // SAMPLE_BYTES

    def truncate(self, ms: int) -> None:
        """Keep `ms` milliseconds and the words that sounded in them. Whatever is still made of it is not kept."""
        end = min(ms * SAMPLES_PER_MS, self.samples)
        bounds = [*(clause.at for clause in self.clauses), self.samples]
        self.clauses = [
            heard
            for clause, (start, stop) in zip(self.clauses, pairwise(bounds), strict=True)
            if (heard := _heard_of(clause, start, stop, end)).text
        ]
        del self.pcm[end * SAMPLE_BYTES :]
        self.samples = end
        self.cut = True

    def view(self, *, sound: bool = False) -> dict[str, Any]:
        """The item as the API shows it: no content before the first words."""
        content = [self.part] if self.clauses or self.samples else []
        if sound and content and self.aloud:
            content[0]["audio"] = base64.b64encode(self.pcm).decode()
        return _message(self.id, self.status, "assistant", content)


def _heard_of(clause: Clause, start: int, stop: int, end: int) -> Clause:
    """The whole words of `clause` (samples `start` to `stop`) that had sounded at `end`, at an even pace."""
    if stop <= end:
        return clause
    count = len(clause.text) * (end - start) // (stop - start) if end > start else 0
    if not clause.text[count].isspace():
        count = max(clause.text.rfind(" ", 0, count), 0)
    return Clause(clause.text[:count].rstrip(), clause.at)


@dataclass(slots=True)
class CallItem:
    """A function the model wants called."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: str = "completed"

    def view(self, *, sound: bool = False) -> dict[str, Any]:
        """The item as the API shows it."""
        del sound
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "function_call",
            "status": self.status,
            "name": self.name,
            "call_id": self.call_id,
            "arguments": self.arguments,
        }


@dataclass(slots=True)
class OutputItem:
    """What a function answered."""

    id: str
    call_id: str
    output: str

    def view(self, *, sound: bool = False) -> dict[str, Any]:
        """The item as the API shows it."""
        del sound
        return {
            "id": self.id,
            "object": "realtime.item",
            "type": "function_call_output",
            "status": "completed",
            "call_id": self.call_id,
            "output": self.output,
        }


Item = TextItem | SpokenItem | ReplyItem | CallItem | OutputItem


def _message(item_id: str, status: str, role: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }


def told(items: Iterable[Item]) -> list[dict[str, Any]]:
    """The items as chat messages of a `Prompt`."""
    messages: list[dict[str, Any]] = []
    calls: set[str] = set()
    for item in items:
        match item:
            case CallItem() if item.name != GOODBYE:
                calls.add(item.call_id)
                _add_call(messages, item)
            case CallItem() if messages and messages[-1]["role"] == "user":
                messages[-1]["content"] += FAREWELL_TOLD
            case OutputItem() if item.call_id in calls:
                messages.append({"role": "tool", "content": item.output, "call_id": item.call_id})
            case TextItem() | SpokenItem() | ReplyItem() if item.told:
                messages.append({"role": _role(item), "content": item.told})
            case _:  # no words, or the answer of the goodbye call
                pass
    return messages


def _role(item: TextItem | SpokenItem | ReplyItem) -> str:
    if isinstance(item, TextItem):
        return item.role
    return "user" if isinstance(item, SpokenItem) else "assistant"


def _add_call(messages: list[dict[str, Any]], item: CallItem) -> None:
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": ""})
    asked = {"name": item.name, "arguments": item.arguments, "call_id": item.call_id}
    messages[-1].setdefault("calls", []).append(asked)


def _weight(message: Mapping[str, Any]) -> int:
    return len(message["content"]) + sum(len(call["arguments"]) for call in message.get("calls", ()))


class Conversation:
    """The default conversation."""

    def __init__(self, conversation_id: str = "conv") -> None:
        self.id = conversation_id
        self.items: list[Item] = []
        self._first_told = 0

    def find(self, item_id: str) -> Item | None:
        """The item of that id."""
        return next((item for item in reversed(self.items) if item.id == item_id), None)

    def called(self, call_id: str) -> bool:
        """Whether a function call of that id is here."""
        return any(isinstance(item, CallItem) and item.call_id == call_id for item in self.items)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put `item` behind the one with id `after` (None: at the end, "root": in front); answers the id now before it.

        Raises:
            KeyError: there is no such item.
        """
        at = len(self.items) if after is None else 0
        if after not in {None, ROOT}:
            at = 1 + next((i for i, known in enumerate(self.items) if known.id == after), -2)
            if at < 0:
                raise KeyError(after)
        self.items.insert(at, item)
        self._first_told += at < self._first_told
        self._let_sound_go()
        return self.items[at - 1].id if at else None

    def before(self, item: Item) -> str | None:
        """The id of the item in front of this one."""
        at = next(i for i, known in enumerate(self.items) if known is item)
        return self.items[at - 1].id if at else None

    def remove(self, item: Item) -> None:
        """Forget the item."""
        at = next(i for i, known in enumerate(self.items) if known is item)
        del self.items[at]
        self._first_told -= at < self._first_told

    def recent(self) -> list[Item]:
        """The items the model is told of: all, or in a long talk the later ones. The first changes seldom (prompt cache)."""
        self.shorten()
        return self.items[self._first_told :]

    def shorten(self) -> bool:
        """Tell less from now on if it has become too much; whether it had."""
        items = self.items[self._first_told :]
        if sum(map(_weight, told(items))) <= TOLD_CHARACTERS:
            return False
        while len(items) > 1 and sum(map(_weight, told(items))) > KEPT_CHARACTERS:
            del items[0]
        self._first_told = len(self.items) - len(items)
        return True

    def _let_sound_go(self) -> None:
        sounding = [item for item in self.items if isinstance(item, SpokenItem | ReplyItem) and item.pcm]
        total = sum(len(item.pcm) for item in sounding)
        for item in sounding[:-1]:
            if total <= KEPT_SOUND_BYTES:
                return
            total -= len(item.pcm)
            item.pcm = b"" if isinstance(item, SpokenItem) else bytearray()


def item_from(said: Mapping[str, Any], new_id: str, path: str = "item") -> Item:
    """The item that a client describes.

    Raises:
        ProtocolError: it is not one this engine can keep; `field` says where.
    """
    item_id = text(said.get("id", new_id), f"{path}.id")
    match said.get("type"):
        case "message":
            return _message_from(said, item_id, path)
        case "function_call":
            return CallItem(item_id, *(_required(said, name, path) for name in ("call_id", "name", "arguments")))
        case "function_call_output":
            return OutputItem(item_id, *(_required(said, name, path) for name in ("call_id", "output")))
        case None:
            raise _missing(f"{path}.type")
        case other:
            raise refused(f"{path}.type", f"Invalid value: {other!r}. Supported values are: {', '.join(ITEM_KINDS)}.")


def _message_from(said: Mapping[str, Any], item_id: str, path: str) -> Item:
    role = among("user", "assistant", "system")(_required(said, "role", path), f"{path}.role")
    content = said.get("content")
    if not isinstance(content, list) or not content:
        raise _missing(f"{path}.content")
    parts = [mapping(part, f"{path}.content[{i}]") for i, part in enumerate(content)]
    if role == "user" and parts[0].get("type") == "input_audio":
        return SpokenItem(item_id, _sound(parts, f"{path}.content"))
    return TextItem(item_id, role, [_text_part(part, role, f"{path}.content[{i}]") for i, part in enumerate(parts)])


def _text_part(part: Mapping[str, Any], role: str, path: str) -> Mapping[str, Any]:
    kind = among(*(("output_text", "text") if role == "assistant" else ("input_text",)))
    if role != "assistant" or part.get("type") != "output_audio":  # its sound cannot be sent back, its text can
        kind(_required(part, "type", path), f"{path}.type")
    return {"type": "output_text" if role == "assistant" else "input_text", "text": _required(part, "text", path)}


def _sound(parts: Sequence[Mapping[str, Any]], path: str) -> bytes:
    if len(parts) > 1:
        raise refused(path, f"Invalid value: '{path}' holds sound and more; this engine takes one part of sound.")
    sound = parts[0].get("audio")
    if isinstance(sound, bytes):  # a wire that makes no JSON
        return even(sound)
    try:
        return even(base64.b64decode(_required(parts[0], "audio", f"{path}[0]"), validate=True))
    except ValueError:
        raise refused(f"{path}[0].audio", f"'{path}[0].audio' is not base64.") from None


def _required(said: Mapping[str, Any], name: str, path: str) -> str:
    if said.get(name) is None:
        raise _missing(f"{path}.{name}")
    found: str = text(said[name], f"{path}.{name}")
    return found


def _missing(path: str) -> ProtocolError:
    return refused(path, f"Missing required parameter: '{path}'.", "missing_required_parameter")

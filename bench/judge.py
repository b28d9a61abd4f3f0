"""What a talk lost: what was shown, beside what its servers hold and were given. Used by `bench/chaos.py`."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from vivavoce.session.happenings import AssistantSaid, Happening, UserSaid
from vivavoce.session.history import CUT
from vivavoce.testing import RealtimeServer, understood
from vivavoce.testing.connection import Connection

TOLD = "viva_line_"
PROBE_BYTES = 480  # of the microphone: no two of them are alike

Line = UserSaid | AssistantSaid


def shown(lines: list[Happening]) -> list[Line]:
    """The lines of both sides."""
    said = [line for line in lines if isinstance(line, UserSaid | AssistantSaid)]
    return [line for line in said if isinstance(line, AssistantSaid) or line.text]


def whole(line: AssistantSaid) -> bool:
    """It was heard to its end."""
    return bool(line.heard_text) and not line.interrupted and line.heard_text == line.text


def said_twice(lines: list[Line]) -> list[str]:
    """Turns that were shown, and replies that were heard whole, more than once."""
    told = Counter(line.text for line in lines if isinstance(line, UserSaid) or whole(line))
    return [f"{count} times: {text}" for text, count in told.items() if count > 1]


def cut(lines: list[Line], interrupted: set[str], server: RealtimeServer, life_s: float) -> list[str]:
    """Replies that were cut though nobody interrupted them, nothing went wrong, and their connection was not at its end.

    `interrupted`: the turns of which the reply was interrupted; `life_s`: of a session.
    """
    faulty = {happened.connection for happened in server.faults.happened}
    ages = {f"item_{one.number}_": one.pieces[-1].t - one.t for one in server.connections if one.pieces}
    oldest_s = life_s - min(10.0, life_s * 0.05) - 0.5
    found, asked = [], ""
    for line in lines:
        if isinstance(line, UserSaid):
            asked = line.text
        elif not whole(line) and asked not in interrupted:
            number = int(line.item_id.split("_")[1])
            if number not in faulty and ages[f"item_{number}_"] < oldest_s:
                found.append(f"cut for nothing: {line}")
    return found


class Held:
    """The conversation that one connection holds."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.own = f"item_{connection.number}_"
        self.sounds = {
            word["item"]["id"]: base64.b64decode(part["audio"])
            for word in connection.words("conversation.item.create")
            for part in word["item"].get("content", ())
            if part["type"] == "input_audio"
        }
        self.items = [item for item in connection.items if item["type"] == "message"]

    def words(self, item: Mapping[str, Any]) -> str:
        """Its words; those in the sound of a turn that nobody had written down."""
        if item["id"] in self.sounds:
            return understood(self.sounds[item["id"]])
        return " ".join(str(part.get("text") or part.get("transcript") or "") for part in item["content"])

    def twice(self, lines: list[Line]) -> list[str]:
        """What stands here more often than it was shown; a turn more than once."""
        most = Counter({("user", line.text): 1 for line in lines if isinstance(line, UserSaid)})
        most.update(("assistant", told(line)) for line in lines if isinstance(line, AssistantSaid))
        estimated = {line.item_id for line in lines if isinstance(line, AssistantSaid) and not whole(line)}
        found = Counter((item["role"], self.words(item)) for item in self.items if item["id"] not in estimated)
        return [
            f"connection {self.connection.number} holds {count} times {line}"
            for line, count in found.items()
            if count > max(most[line], 1)
        ]

    def other_than(self, lines: list[Line]) -> list[str]:
        """Where this is not, line for line, what was shown."""
        expected = [line for line in lines if self.belongs(line)]
        seen = {line.text for line in lines if isinstance(line, UserSaid)}
        found = []
        for item in self.items:
            words = self.words(item)
            if item["id"] in self.sounds and words not in seen:
                continue  # a turn whose words never came is told as it sounded
            if expected and self.fits(item, words, expected[0]):
                expected.pop(0)
            else:
                found.append(f"{item['id']} {item['role']}: {words!r} where {expected[:1]} belongs")
        return [*found, *(f"missing: {line}" for line in expected)]

    def belongs(self, line: Line) -> bool:
        """It is to be found here: words that were heard, or, of a reply of this connection, a piece of its sound."""
        if isinstance(line, UserSaid) or line.heard_text:
            return True
        return line.item_id.startswith(self.own) and line.heard_ms > 0

    def fits(self, item: Mapping[str, Any], words: str, line: Line) -> bool:
        """This is that line."""
        mine = line.item_id.startswith(self.own)
        if mine != (item["id"] == line.item_id) or (not mine and not item["id"].startswith(TOLD)):
            return False
        if isinstance(line, UserSaid):
            return item["role"] == "user" and words == line.text
        if mine and line.interrupted:
            truncates = self.connection.words("conversation.item.truncate")
            cuts = [word["audio_end_ms"] for word in truncates if word["item_id"] == line.item_id]
            return item["role"] == "assistant" and line.text.startswith(words.strip()) and cuts == [line.heard_ms]
        return item["role"] == "assistant" and words == told(line)


def told(line: AssistantSaid) -> str:
    """What another connection is told of it."""
    return line.heard_text + CUT * line.interrupted


Place = tuple[int, int]
"""Where sound begins and ends on the line of the microphone."""


def places(read: bytes, sound: bytes) -> Iterator[Place]:
    """The pieces of the microphone that a connection was given, in the order in which they came; what is none raises."""
    at = 0
    while at < len(sound):
        start = read.find(sound[at : at + PROBE_BYTES])
        if start < 0:
            raise AssertionError(f"byte {at} of {len(sound)} is nothing that the microphone said")
        length = min(len(sound) - at, len(read) - start)
        same = np.frombuffer(sound, np.uint8, length, at) == np.frombuffer(read, np.uint8, length, start)
        end = length if same.all() else int(np.argmin(same))
        yield start, start + end
        at += end


def said_again(before: Place, after: Place) -> int:
    """Bytes that one connection was given twice."""
    return max(before[1] - after[0], 0)


def missing_sound(given: list[list[Place]], end: int) -> int:
    """Bytes of the microphone, from the first to `end`, that no connection was given."""
    missing, reached = 0, 0
    for start, stop in sorted(place for each in given for place in each):
        missing += max(min(start, end) - reached, 0)
        reached = max(reached, stop)
    return missing + max(end - reached, 0)

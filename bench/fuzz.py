"""Fuzzing with coverage guidance: can any text, or any order of inputs, make the pure rooms raise what they must not?

    pip install atheris
    python bench/fuzz.py codec   [--minutes 10] [--corpus FOLDER]
    python bench/fuzz.py session [--minutes 10] [--corpus FOLDER]

codec: the bytes are a text, or (first byte odd) choose a word of the reference and bend it: other values, fields left out, invented
or renamed. It is a word, or a `ProtocolError` that names its field, in both spellings; a word that was read is written and read
again as the same.
session: bytes choose settings, verbs (all of them), words of the reference (bent a little) and times. See `Drive` for the laws.
The examples of the reference are the first corpus; what is found is written to `crash-*`, is run again with
`python bench/fuzz.py codec crash-...`, and becomes a test (tests/events/test_found_by_fuzzing.py).
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
    from vivavoce.events.client import (
        AppendAudio,
        ClearAudio,
        ClientEvent,
        CommitAudio,
        CreateItem,
        TruncateItem,
        UpdateSession,
    )
    from vivavoce.events.server import ServerEvent
    from vivavoce.pcm import bytes_to_ms, ms_to_bytes
    from vivavoce.session.bargein import Judged
    from vivavoce.session.button import MIN_MS
    from vivavoce.session.effects import Call, Effect, Finish, Hush, Play, Prepare, Reopen, Show, Swap
    from vivavoce.session.happenings import AssistantDelta, AssistantSaid
    from vivavoce.session.opening import Stage
    from vivavoce.session.session import Session
    from vivavoce.session.settings import Settings, Timeouts
    from vivavoce.wire.preview import PREVIEW

REFERENCE = Path(__file__).parent.parent / "tests" / "events" / "reference"
ALL_WORDS = [
    json.loads(path.read_text()) for path in sorted(REFERENCE.glob("*.json")) if not path.name.startswith("http-")
]
WORDS = [
    json.loads(path.read_text())
    for path in sorted(REFERENCE.glob("*.json"))
    if not path.name.startswith("http-") and ".client." not in path.name
]
SERVER_WORDS = frozenset(typing.get_args(ServerEvent))
IDS = ["a", "b", "c", "resp_1", "resp_2", "item_1", "item_2", "call_1", "viva_line_1", "viva_typed_1", "", "root"]
ID_FIELDS = ("item_id", "response_id", "call_id", "previous_item_id", "event_id", "id")
FIELDS = [
    "type",
    "event_id",
    "delta",
    "session",
    "response",
    "item",
    "id",
    "audio",
    "content",
    "error",
    "extra",
    "\ud800",
]
CREATED = '{"type":"session.created","session":{"id":"s","expires_at":%s}}'
UPDATED = '{"type":"session.updated","session":{"id":"s"}}'


# ---- the codec


def codec_target(data: bytes) -> None:
    """Any text, in both spellings."""
    if data[:1] and data[0] % 2:
        dice = atheris.FuzzedDataProvider(data[1:])
        text = json.dumps(bent(dice, ALL_WORDS[dice.ConsumeIntInRange(0, len(ALL_WORDS) - 1)]))
    else:
        text = data[1:].decode("utf-8", errors="surrogateescape")
    for decode in (codec.decode, PREVIEW.decode):
        try:
            event = decode(text)
        except ProtocolError:
            continue
        again = codec.decode(codec.encode(event))
        assert again == event, (again, event)


def bent(dice: Any, value: Any) -> Any:
    """The same value, with something else here and there."""
    how = dice.ConsumeIntInRange(0, 19)
    if how == 0:
        return anything(dice, 2)
    if isinstance(value, dict):
        fields = {name: bent(dice, part) for name, part in value.items()}
        if how == 1 and fields:
            del fields[dice.PickValueInList(list(fields))]
        elif how == 2:
            fields[dice.PickValueInList(FIELDS)] = anything(dice, 2)
        elif how == 3:
            fields["type"] = dice.PickValueInList(ALL_WORDS).get("type")
        return fields
    if isinstance(value, list):
        return [bent(dice, part) for part in value] * (2 if how == 1 else 1)
    return value


def anything(dice: Any, depth: int) -> Any:
    """Any value of JSON."""
    kinds: list[Callable[[], Any]] = [
        lambda: None,
        dice.ConsumeBool,
        lambda: dice.ConsumeInt(16),
        dice.ConsumeRegularFloat,
        lambda: dice.ConsumeUnicode(12),
        lambda: dice.PickValueInList(["AAAA", "AAA", "AA==", "=", "message", "function_call", "pcm16", "none"]),
        lambda: [anything(dice, depth - 1) for _ in range(dice.ConsumeIntInRange(0, 3))],
        lambda: {dice.PickValueInList(FIELDS): anything(dice, depth - 1) for _ in range(dice.ConsumeIntInRange(0, 3))},
    ]
    return kinds[dice.ConsumeIntInRange(0, 7 if depth else 5)]()


# ---- the session


def session_target(data: bytes) -> None:
    """Any order of inputs."""
    Drive(atheris.FuzzedDataProvider(data)).run()


class Drive:
    """A session, and dice made of bytes.

    Laws: nothing is raised. Before a connection has agreed it is told nothing but settings. A cut is never beyond what was
    received. A turn is committed only with 100 ms of sound on this very connection. No item is told twice to one connection.
    What was shown of a reply piece by piece is what is said to have been heard. No alarm is in the past. After the end come
    only warnings.
    """

    def __init__(self, dice: Any) -> None:
        self.dice = dice
        self.pushes = dice.ConsumeBool()
        self.judges = not self.pushes and dice.ConsumeBool()
        self.session = Session(
            Settings(
                transcription_model=[None, "w"][dice.ConsumeIntInRange(0, 1)],
                transcription_tentative=dice.ConsumeBool(),
                interrupt_response=dice.ConsumeBool(),
                confirm_barge_in=self.judges,
                push_to_talk=self.pushes,
                max_s=[None, 900.0][dice.ConsumeIntInRange(0, 1)],
                history_characters=[100_000, 40][dice.ConsumeIntInRange(0, 1)],
                timeouts=Timeouts(stall_s=[10.0, None][dice.ConsumeIntInRange(0, 1)]),
            )
        )
        self.now = 0.0
        self.received: dict[str, int] = {}
        self.shown: dict[str, str] = {}
        self.calls: list[str] = []
        self.hushes = 0
        self.over = False
        self.uncommitted = 0  # bytes of sound that this connection was given, and holds
        self.told: set[str] = set()  # items, to this connection
        self.told_standby: set[str] = set()

    def run(self) -> None:
        self.agree()
        while self.dice.remaining_bytes() and not self.over:
            self.step()
        self.session.leave("interrupt")
        self.take()
        assert self.over
        self.step()

    def step(self) -> None:
        session, dice = self.session, self.dice
        verbs: list[Callable[[], None]] = [
            self.pass_time,
            self.ring,
            lambda: self.do(session.hear, b"\1\0" * dice.ConsumeIntInRange(0, 5_000)),
            lambda: self.do(session.hear, b"\0\x40" * dice.ConsumeIntInRange(0, 5_000)),
            lambda: self.do(session.heard, self.some_item(), dice.ConsumeIntInRange(-5, 2_000)),
            self.be_silent,
            lambda: self.do(session.hushed, self.some_id() or None, dice.ConsumeIntInRange(-5, 2_000)),
            lambda: self.do(session.type, ["hello", " ", dice.ConsumeUnicode(8)][dice.ConsumeIntInRange(0, 2)]),
            self.answer,
            lambda: self.do(session.press),
            lambda: self.do(session.release),
            *[lambda: self.do(session.judged, dice.PickValueInList([*Judged]))] * 3,
            lambda: self.do(session.warn, "sound_dropped", "too slow"),
            lambda: self.do(session.misread, "no word"),
            lambda: self.do(session.leave_when_quiet, dice.PickValueInList(["goodbye", "script_done"])),
            lambda: self.do(session.gone, "connection_lost", "cut; start again", "lost"),
            self.agree,
            self.agree_standby,
            lambda: self.do(session.opened, dice.PickValueInList([None, 1000.0 + self.now])),
            lambda: self.do(session.standby_opened, dice.PickValueInList([None, 1000.0 + self.now])),
            lambda: self.hear_word(session.receive_standby),
            lambda: self.do(session.standby_gone, "no_connection", "nobody"),
            *[lambda: self.hear_word(session.receive)] * 6,
        ]
        verbs[dice.ConsumeIntInRange(0, len(verbs) - 1)]()

    def agree(self) -> None:
        self.do(self.session.opened, 1000.0 + self.now)
        self.do(self.session.receive, codec.decode(CREATED % self.expiry()))
        self.do(self.session.receive, codec.decode(UPDATED))

    def agree_standby(self) -> None:
        self.do(self.session.standby_opened, 1000.0 + self.now)
        self.do(self.session.receive_standby, codec.decode(CREATED % self.expiry()))
        self.do(self.session.receive_standby, codec.decode(UPDATED))

    def expiry(self) -> str:
        return str(self.dice.PickValueInList(["null", 1060.0 + self.now, 4600.0 + self.now, 3]))

    def be_silent(self) -> None:
        """An honest speaker, as far as it was hushed."""
        if self.hushes:
            self.hushes -= 1
            self.do(self.session.hushed, self.some_item() or None, self.dice.ConsumeIntInRange(0, 2_000))

    def answer(self) -> None:
        call_id = self.calls.pop(0) if self.calls else self.some_id()
        error = [None, "broken"][self.dice.ConsumeIntInRange(0, 1)]
        self.do(self.session.answered, call_id, "sunny", error)

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

    def some_item(self) -> str:
        """Of one that was played, where there is one."""
        return str(self.dice.PickValueInList([*self.received])) if self.received else self.some_id()

    def do(self, verb: Any, *values: Any) -> None:
        self.session.tick(self.now)
        self.take()
        if verb is not None:
            verb(*values)
            self.take()

    def take(self) -> None:
        was_over = self.over
        effects, words, second = self.session.to_world(), self.session.to_server(), self.session.to_standby()
        if was_over:  # a device may still have something to say, which `live` shows before the last line
            assert not words
            assert not second
            assert all(isinstance(effect, Show) for effect in effects)
        for effect in effects:
            self.see(effect)
        for word in second:
            if isinstance(word, CreateItem):
                self.tell(word, self.told_standby)
        for said in words:
            self.say(said)

    def see(self, effect: Effect) -> None:
        match effect:
            case Play():
                self.received[effect.item_id] = self.received.get(effect.item_id, 0) + (len(effect.pcm) & ~1)
            case Hush():
                self.hushes += 1
            case Call():
                self.calls.append(effect.call_id)
            case Show(AssistantDelta() as line):
                self.shown[line.item_id] = self.shown.get(line.item_id, "") + line.text
            case Show(AssistantSaid() as line):
                assert self.shown.pop(line.item_id, "") == line.heard_text
            case Finish():
                self.over = True
            case Reopen():
                self.told, self.uncommitted = set(), 0
            case Prepare():
                self.told_standby = set()
            case Swap():
                self.told, self.uncommitted = self.told_standby, 0
            case _:
                pass

    def say(self, word: ClientEvent) -> None:
        if self.session.stage is Stage.CONFIGURING:
            assert isinstance(word, UpdateSession | AppendAudio)
        match word:
            case TruncateItem():
                assert 0 < word.heard_ms <= bytes_to_ms(self.received.get(word.item_id, 0))
            case AppendAudio():
                self.uncommitted += len(word.audio)
            case CommitAudio():
                assert self.pushes
                assert self.uncommitted >= ms_to_bytes(MIN_MS), self.uncommitted
                self.uncommitted = 0
            case ClearAudio():
                self.uncommitted = 0
            case CreateItem():
                self.tell(word, self.told)
            case _:
                pass

    @staticmethod
    def tell(word: CreateItem, told: set[str]) -> None:
        name = word.item.get("id")
        if name is not None:
            assert name not in told, word
            told.add(str(name))


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
            (Path(corpus) / path.name).write_bytes(b" " + path.read_bytes())
    arguments = files or [corpus, f"-max_total_time={round(minutes * 60)}", "-max_len=20000", "-timeout=20"]
    atheris.Setup([sys.argv[0], *arguments], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

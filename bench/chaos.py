"""200 conversations with a server that breaks: what is lost? Goal: nothing.

    python bench/chaos.py [--conversations 200] [--turns 20] [--faults 6] [--life 60] [--first-seed 1] [--at-once 2] [--json]
    python bench/chaos.py --seed 4711              # one conversation again, its faults in words

A person says "turn 1", "turn 2" ... to a Realtime server on loopback (`vivavoce.testing`), over real sockets, through a whole talk:
session, wire, microphone, speaker, with the time-outs of the product (even seeds: those of `--server URL`; odd ones: those of Azure
and OpenAI), in a loop whose time leaps to the next timer where nothing else can happen (`vivavoce.testing.hurried`): minutes pass
in seconds, and the load of the machine changes nothing. Every fourth turn interrupts the reply before it; sessions expire after
`--life` seconds, so connections are renewed as well. Faults come from the seed (`vivavoce.testing.random_faults`): closes, cuts,
half messages, refused handshakes, stalls, words said twice (sound, too), words in the wrong order.

Counted as lost:
    unanswered      a turn whose reply was not heard whole, though nobody interrupted it
    twice           a turn shown twice, a reply heard whole twice, a line that one connection holds twice, a reply that was cut
                    though nobody interrupted it and its connection had no fault
    history         a line that was shown and is not, word for word, in its place and once, what the last connection holds there;
                    a line it holds that nobody saw. Of a reply that was cut on that very connection the server estimates the
                    words; the millisecond at which it was told to cut is exact
    unheard         a turn that no connection was given whole
    microphone_ms   sound of the microphone, up to the end, that no connection has read: every block is different, so its place
                    is known
    hangs           conversations that did not end; exceptions, wrong ends
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from vivavoce.choose import Choice
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.devices.wav import WavSpeaker
from vivavoce.engine.stages import Prompt
from vivavoce.live import Parts, run
from vivavoce.pcm import bytes_to_ms
from vivavoce.ports import Trouble
from vivavoce.session.happenings import AssistantSaid, Errored, Happening, Ready, UserSaid
from vivavoce.session.history import CUT
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings, Timeouts
from vivavoce.testing import (
    Fault,
    RealtimeServer,
    Reply,
    Twice,
    hurried,
    random_faults,
    spoken,
    understood,
)
from vivavoce.testing import Talk as Behaving
from vivavoce.testing.connection import Connection
from vivavoce.wire.factory import wire_for

TURN_MS = 600
LIFE_S = 60.0  # of a session: connections are renewed when they are half as old
ANSWERED_WITHIN_S = 300.0  # a silent server is noticed after 20 s, a row of refusals is over sooner than after this
HANG_S = 7200.0
HEARS_S = 0.5
PROBE_BYTES = 480  # no two of them are alike
TOLD = "viva_line_"


class NoisyMicrophone:
    """A `QueuedMicrophone` whose silence is noise that never repeats, and that remembers all that was read."""

    def __init__(self, seed: int) -> None:
        self._voice = QueuedMicrophone(clock=asyncio.get_running_loop().time)
        self._dice = np.random.default_rng(seed)
        self.read_so_far = bytearray()

    def say(self, pcm: bytes) -> None:
        """Speak."""
        self._voice.say(pcm)

    @property
    def speaking(self) -> bool:
        """Not all was read."""
        return self._voice.speaking

    async def read(self) -> bytes | None:
        """The next blocks."""
        pcm = await self._voice.read()
        if pcm is None:
            return None
        sound = np.frombuffer(pcm, "<i2")
        noise = self._dice.integers(-300, 301, len(sound), dtype=np.int16)
        heard: bytes = np.where(sound == 0, noise, sound).astype("<i2").tobytes()
        self.read_so_far += heard
        return heard

    def warnings(self) -> list[Trouble]:
        """None."""
        return self._voice.warnings()

    async def close(self) -> None:
        """End."""
        await self._voice.close()


@dataclass
class Person:
    """Says its turns, one after the other, and remembers which were answered."""

    microphone: NoisyMicrophone
    turns: int
    dice: random.Random
    lines: list[Happening] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)
    interrupted: set[int] = field(default_factory=set)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    sounding: asyncio.Event = field(default_factory=asyncio.Event)
    is_heard: Callable[[], bool] = lambda: True
    spoken: int = 0  # bytes that the microphone had said when the person left

    def saw(self, what: Happening) -> None:
        """A line was shown."""
        self.lines.append(what)
        if isinstance(what, Ready):
            self.ready.set()
        if isinstance(what, AssistantSaid) and whole(what):
            self.answered |= {n for n in range(1, self.turns + 1) if f"turn {n}." in what.text}

    def heard(self, item_id: str, ms: int) -> None:
        """The speaker reported."""
        del item_id, ms
        self.sounding.set()

    def show(self, happening: Happening, t: float, out_ms: int | None) -> None:
        """A screen nobody reads."""

    async def perform(self, talk: Any) -> None:
        """Speak all turns, then leave."""
        await self.ready.wait()
        for number in range(1, self.turns + 1):
            self.sounding.clear()
            self.microphone.say(turn(number))
            await self._until(lambda: not self.microphone.speaking)
            if number % 4 == 0 and number < self.turns:
                if await self._until(self.sounding.is_set):
                    self.interrupted.add(number)
                await asyncio.sleep(self.dice.uniform(0.0, 0.8))
            else:
                await self._until(partial(self._is_done, number, talk))
        await self._until(lambda: talk.quiet and self.is_heard())
        self.spoken = len(self.microphone.read_so_far)
        talk.leave_when_quiet("script_done")

    def _is_done(self, number: int, talk: Any) -> bool:
        return number in self.answered and bool(talk.quiet)

    async def _until(self, happened: Callable[[], bool]) -> bool:
        """Wait for it, but not for ever; whether it happened."""
        now = asyncio.get_running_loop().time
        end = now() + ANSWERED_WITHIN_S
        while not happened() and now() < end:  # noqa: ASYNC110  # a look is cheaper than an event for each cause
            await asyncio.sleep(0.1)
        return happened()


@dataclass
class Lost:
    """What one conversation lost, and what happened in it."""

    seed: int
    unanswered: list[int] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    unheard: list[int] = field(default_factory=list)
    microphone_ms: int = 0
    hangs: int = 0
    exceptions: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    happened: list[str] = field(default_factory=list)
    connections: int = 0
    renewed: int = 0
    as_sound: int = 0
    seconds: float = 0.0

    @property
    def anything(self) -> bool:
        """Something was lost."""
        words = self.unanswered or self.twice or self.history
        return bool(words or self.unheard or self.microphone_ms or self.hangs or self.exceptions)


@dataclass(frozen=True)
class Wish:
    """One conversation; `make` another session, to see that what it loses is found."""

    seed: int
    turns: int = 20
    faults: int = 6
    life_s: float = LIFE_S
    make: Callable[[Settings], Session] = Session


def turn(number: int) -> bytes:
    """What the person says then; no sample of it is 0."""
    return spoken(f"turn {number}.", TURN_MS)


def faults_of(seed: int, count: int) -> list[Fault]:
    """The faults of a conversation; deltas of sound are said twice, too."""
    dice = random.Random(seed)  # noqa: S311  # the same again, not secret
    extra = Fault("response.output_audio.delta", Twice(), nth=dice.randint(1, 200))
    return [*random_faults(seed, count, nth=(1, 18)), extra]


async def converse(wish: Wish) -> Lost:
    """One conversation."""
    seed = wish.seed
    lost = Lost(seed)
    behaving = Behaving(
        answer=lambda prompt: Reply(f"You said {last_words(prompt)} And so on.", ms=900),
        pace=3.0,
        lasts_s=wish.life_s,
    )
    microphone = NoisyMicrophone(seed)
    person = Person(microphone, wish.turns, random.Random(seed))  # noqa: S311  # as above
    clock = asyncio.get_running_loop().time
    began = clock()
    async with RealtimeServer(behaving, faults=faults_of(seed, wish.faults)) as server:
        person.is_heard = lambda: server.now - last_heard(server).pieces[-1].t < HEARS_S
        choice = Choice(kind="custom", address=server.url, url=server.url, model="scripted")
        session = wish.make(Settings(transcription_model="w", timeouts=Timeouts.of(("custom", "azure")[seed % 2])))
        parts = Parts(session, wire_for(choice), microphone, WavSpeaker(None, clock=clock), person, performer=person)
        try:
            async with asyncio.timeout(HANG_S):
                outcome = await run(parts)
        except TimeoutError:
            lost.hangs = 1
        except Exception as error:  # noqa: BLE001  # counted
            lost.exceptions.append(f"{type(error).__name__}: {error}")
        else:
            if outcome.reason != "script_done":
                lost.exceptions.append(f"the talk ended with {outcome.reason}: {outcome.error}")
        judge(lost, wish, person, server)
        server.failures.clear()
    lost.seconds = clock() - began
    return lost


def last_words(prompt: Prompt) -> str:
    """What the person said last; behind it may stand what was heard of a reply that was lost."""
    return next((str(said["content"]) for said in reversed(prompt.messages) if said["role"] == "user"), "nothing")


def last_heard(server: RealtimeServer) -> Connection:
    """The connection that was spoken to last."""
    return max((one for one in server.connections if one.pieces), key=lambda one: one.pieces[-1].t)


# ---- the judge


def judge(lost: Lost, wish: Wish, person: Person, server: RealtimeServer) -> None:
    """Compare what was said with what was heard and kept."""
    for happened in server.faults.happened:
        lost.faults[type(happened.fault.do).__name__.lower()] += 1
        lost.happened.append(f"{happened.t:.2f} s, connection {happened.connection}: {happened.fault}")
    lost.connections = len(server.connections)
    lost.renewed = sum(line.TYPE == "renewed" for line in person.lines)
    every = set(range(1, person.turns + 1))
    lost.unanswered = sorted(every - person.answered - person.interrupted)
    lost.exceptions += [
        f"{line.code}: {line.message}" for line in person.lines if isinstance(line, Errored) and not line.expected
    ]
    lost.exceptions += [f"the server: {type(error).__name__}: {error}" for error in server.failures]
    lines = list(shown(person.lines))
    held = [Held(connection) for connection in server.connections if connection.items]
    lost.twice = [*said_twice(lines), *(each for one in held for each in one.twice(lines)), *cut(person, server, wish)]
    last = Held(last_heard(server))
    lost.history = last.other_than(lines)
    lost.as_sound = sum(len(one.sounds) for one in held)
    sounds = [bytes(one.sound) for one in server.connections if one.sound]
    sounds += [sound for one in held for sound in one.sounds.values()]
    lost.unheard = [n for n in sorted(every) if not any(turn(n) in sound for sound in sounds)]
    read = bytes(person.microphone.read_so_far)
    given = [list(places(read, sound)) for sound in sounds]
    lost.microphone_ms = bytes_to_ms(missing_sound(given, person.spoken or len(read)))
    lost.twice += [
        f"{bytes_to_ms(again)} ms of sound" for each in given if (again := sum(map(said_again, each, each[1:])))
    ]


Line = UserSaid | AssistantSaid


def shown(lines: list[Happening]) -> Iterator[Line]:
    """The lines of both sides."""
    for line in lines:
        if (isinstance(line, UserSaid) and line.text) or isinstance(line, AssistantSaid):
            yield line


def whole(line: AssistantSaid) -> bool:
    """It was heard to its end."""
    return bool(line.heard_text) and not line.interrupted and line.heard_text == line.text


def said_twice(lines: list[Line]) -> list[str]:
    """Turns that were shown, and replies that were heard whole, more than once."""
    told = Counter(line.text for line in lines if isinstance(line, UserSaid) or whole(line))
    return [f"{count} times: {text}" for text, count in told.items() if count > 1]


def cut(person: Person, server: RealtimeServer, wish: Wish) -> list[str]:
    """Replies that were cut though nobody interrupted them, nothing went wrong, and their connection was not at its end."""
    faulty = {happened.connection for happened in server.faults.happened}
    ages = {f"item_{one.number}_": one.pieces[-1].t - one.t for one in server.connections if one.pieces}
    oldest_s = wish.life_s - min(10.0, wish.life_s * 0.05) - 0.5
    interrupted = {f"turn {n}." for n in person.interrupted}
    found, asked = [], ""
    for line in shown(person.lines):
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


def one(wish: Wish) -> Lost:
    """One conversation, in a process of its own pool."""
    lost: Lost = hurried(converse(wish))
    if lost.anything:
        print(f"seed {lost.seed} lost something: {lost}", file=sys.stderr, flush=True)
    return lost


def main() -> None:
    """Run, count, print; exit 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--faults", type=int, default=6)
    parser.add_argument("--life", type=float, default=LIFE_S, help="seconds until a session expires")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--json", action="store_true")
    wishes = parser.parse_args()
    seeds = [wishes.seed] if wishes.seed else list(range(wishes.first_seed, wishes.first_seed + wishes.conversations))
    began = time.monotonic()
    wanted = [Wish(seed, wishes.turns, wishes.faults, wishes.life) for seed in seeds]
    if len(wanted) == 1:
        found = [one(wanted[0])]
    else:
        with multiprocessing.get_context("spawn").Pool(wishes.at_once) as pool:
            found = pool.map(one, wanted, chunksize=1)
    faults: Counter[str] = Counter()
    for lost in found:
        faults += lost.faults
    figures = {
        "conversations": len(found),
        "turns": wishes.turns * len(found),
        "faults": dict(sorted(faults.items())),
        "least_faults_in_one": min(sum(lost.faults.values()) for lost in found),
        "connections": sum(lost.connections for lost in found),
        "renewals": sum(lost.renewed for lost in found),
        "told_as_sound": sum(lost.as_sound for lost in found),
        "unanswered": sum(len(lost.unanswered) for lost in found),
        "twice": sum(len(lost.twice) for lost in found),
        "history": sum(len(lost.history) for lost in found),
        "unheard": sum(len(lost.unheard) for lost in found),
        "microphone_ms": sum(lost.microphone_ms for lost in found),
        "hangs": sum(lost.hangs for lost in found),
        "exceptions": sum(len(lost.exceptions) for lost in found),
        "seeds_that_lost": [lost.seed for lost in found if lost.anything],
        "minutes_of_talk": round(sum(lost.seconds for lost in found) / 60, 1),
        "seconds": round(time.monotonic() - began, 1),
    }
    if wishes.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:20} {figure}")
    if wishes.seed:
        print(*found[0].happened, sep="\n")
    sys.exit(bool(figures["seeds_that_lost"]))


if __name__ == "__main__":
    main()

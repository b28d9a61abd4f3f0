"""200 conversations with a server that breaks: what is lost? Goal: nothing.

    python -m bench.chaos [--conversations 200] [--turns 20] [--faults 6] [--life 60] [--first-seed 1] [--at-once 2] [--json]
    python -m bench.chaos --seed 4711              # one conversation again, its faults in words

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
import json
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from bench.judge import Held, cut, missing_sound, places, said_again, said_twice, shown, whole

from vivavoce.choose import Choice
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.devices.wav import WavSpeaker
from vivavoce.engine.stages import Prompt
from vivavoce.live import Parts, run
from vivavoce.pcm import bytes_to_ms
from vivavoce.ports import Trouble
from vivavoce.session.happenings import AssistantSaid, Errored, Happening, Ready
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings, Timeouts
from vivavoce.testing import (
    Fault,
    RealtimeServer,
    Reply,
    SpokenEar,
    Twice,
    hurried,
    random_faults,
    spoken,
)
from vivavoce.testing import Talk as Behaving
from vivavoce.testing.connection import Connection
from vivavoce.wire.factory import wire_for

TURN_MS = 600
LIFE_S = 60.0  # of a session: connections are renewed when they are half as old
ANSWERED_WITHIN_S = 300.0  # a silent server is noticed after 20 s, a row of refusals is over sooner than after this
HANG_S = 7200.0
HEARS_S = 0.5


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
    """One conversation; `make` another session, to see that what it loses is found; `confirmed`: we judge what interrupts."""

    seed: int
    turns: int = 20
    faults: int = 6
    life_s: float = LIFE_S
    make: Callable[[Settings], Session] = Session
    confirmed: bool = False


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
        waits = Timeouts.of(("custom", "azure")[seed % 2])
        session = wish.make(Settings(transcription_model="w", confirm_barge_in=wish.confirmed, timeouts=waits))
        ear = SpokenEar() if wish.confirmed else None
        speaker = WavSpeaker(None, clock=clock)
        parts = Parts(session, wire_for(choice), microphone, speaker, person, performer=person, ear=ear)
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
    lines = shown(person.lines)
    held = [Held(connection) for connection in server.connections if connection.items]
    interrupted = {f"turn {n}." for n in person.interrupted}
    lost.twice = [*said_twice(lines), *cut(lines, interrupted, server, wish.life_s)]
    lost.twice += [each for one in held for each in one.twice(lines)]
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
    parser.add_argument("--confirmed", action="store_true", help="a detector judges what interrupts (`SpokenEar`)")
    parser.add_argument("--json", action="store_true")
    wishes = parser.parse_args()
    seeds = [wishes.seed] if wishes.seed else list(range(wishes.first_seed, wishes.first_seed + wishes.conversations))
    began = time.monotonic()
    wanted = [Wish(seed, wishes.turns, wishes.faults, wishes.life, confirmed=wishes.confirmed) for seed in seeds]
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

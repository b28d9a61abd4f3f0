"""200 conversations with a server that breaks: what is lost? Goal: nothing.

    python bench/chaos.py [--conversations 200] [--turns 20] [--faults 6] [--first-seed 1] [--at-once 2] [--json]
    python bench/chaos.py --seed 4711              # one conversation again, its faults in words

A person says "turn 1", "turn 2" ... to a Realtime server on loopback (`vivavoce.testing`), over real sockets, through a whole
talk: session, wire, microphone, speaker, all with their own time-outs, in a loop whose time leaps to the next timer where nothing
else can happen (`vivavoce.testing.hurried`): minutes pass in seconds, and the load of the machine changes nothing. Every fourth
turn interrupts the reply before it; sessions expire after a few turns, so connections are renewed as well. Faults come from
the seed (`vivavoce.testing.random_faults`): closes, cuts, half messages, refused handshakes, stalls, words said twice (sound,
too), words in the wrong order.

Counted as lost:
    unanswered      a turn whose reply was never heard, though nobody interrupted it
    history         a line that was shown (the person's words, what was heard of a reply) and is not, in its place and once, in
                    the conversation that the last connection holds
    microphone_ms   sound of the microphone that no connection was given: every block is different, so its place is known
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings, Timeouts
from vivavoce.testing import Fault, RealtimeServer, Reply, Twice, hurried, random_faults, spoken
from vivavoce.testing import Talk as Behaving
from vivavoce.wire.factory import wire_for

TURN_MS = 600
LIFE_S = 24.0  # of a session: connections are renewed every 12 s
ANSWERED_WITHIN_S = 200.0  # a stalled server is noticed after 10 s, a row of refusals is over sooner than after this
HANG_S = 3600.0
WAITS = Timeouts(stalls=5)


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

    def saw(self, what: Happening) -> None:
        """A line was shown."""
        self.lines.append(what)
        if isinstance(what, Ready):
            self.ready.set()
        if isinstance(what, AssistantSaid) and what.heard_text:
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
            self.microphone.say(spoken(f"turn {number}.", TURN_MS))
            await self._until(lambda: not self.microphone.speaking)
            if number % 4 == 0 and number < self.turns:
                await self._until(self.sounding.is_set)
                await asyncio.sleep(self.dice.uniform(0.0, 0.8))
                self.interrupted.add(number)
            else:
                await self._until(lambda n=number: n in self.answered and talk.quiet)
        await self._until(lambda: talk.quiet)
        talk.leave_when_quiet("script_done")

    async def _until(self, happened: Any) -> None:
        now = asyncio.get_running_loop().time
        end = now() + ANSWERED_WITHIN_S
        while not happened() and now() < end:  # noqa: ASYNC110  # a look is cheaper than an event for each cause
            await asyncio.sleep(0.1)


@dataclass
class Lost:
    """What one conversation lost, and what happened in it."""

    seed: int
    unanswered: list[int] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    microphone_ms: int = 0
    hangs: int = 0
    exceptions: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    happened: list[str] = field(default_factory=list)
    connections: int = 0
    renewed: int = 0
    seconds: float = 0.0

    @property
    def anything(self) -> bool:
        """Something was lost."""
        return bool(self.unanswered or self.history or self.microphone_ms or self.hangs or self.exceptions)


def faults_of(seed: int, count: int) -> list[Fault]:
    """The faults of a conversation; deltas of sound are said twice, too."""
    dice = random.Random(seed)  # noqa: S311  # the same again, not secret
    extra = Fault("response.output_audio.delta", Twice(), nth=dice.randint(1, 200))
    return [*random_faults(seed, count, nth=(1, 18)), extra]


async def converse(seed: int, turns: int, count: int, make: Callable[[Settings], Session] = Session) -> Lost:
    """One conversation; `make` another session, to see that what it loses is found."""
    lost = Lost(seed)
    behaving = Behaving(
        answer=lambda prompt: Reply(f"You said {last_words(prompt)} And so on.", ms=900),
        pace=3.0,
        lasts_s=LIFE_S,
    )
    microphone = NoisyMicrophone(seed)
    person = Person(microphone, turns, random.Random(seed))  # noqa: S311  # as above
    began = asyncio.get_running_loop().time()
    async with RealtimeServer(behaving, faults=faults_of(seed, count)) as server:
        choice = Choice(kind="custom", address=server.url, url=server.url, model="scripted")
        session = make(Settings(transcription_model="w", timeouts=WAITS))
        wire = wire_for(choice)
        parts = Parts(
            session, wire, microphone, WavSpeaker(None, clock=asyncio.get_running_loop().time), person, performer=person
        )
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
        judge(lost, person, server)
        server.failures.clear()
    lost.seconds = asyncio.get_running_loop().time() - began
    return lost


def last_words(prompt: Prompt) -> str:
    """What the person said last; behind it may stand what was heard of a reply that was lost."""
    return next((str(said["content"]) for said in reversed(prompt.messages) if said["role"] == "user"), "nothing")


def judge(lost: Lost, person: Person, server: RealtimeServer) -> None:
    """Compare what was said with what was heard and kept."""
    for happened in server.faults.happened:
        lost.faults[type(happened.fault.do).__name__.lower()] += 1
        lost.happened.append(f"{happened.t:.2f} s, connection {happened.connection}: {happened.fault}")
    lost.connections = len(server.connections)
    lost.renewed = sum(line.TYPE == "renewed" for line in person.lines)
    every = set(range(1, person.turns + 1))
    lost.unanswered = sorted(every - person.answered - person.interrupted)
    lost.exceptions += [
        line.message for line in person.lines if isinstance(line, Errored) and (line.fatal or "nternal" in line.code)
    ]
    spoken_to = [connection for connection in server.connections if connection.pieces]
    last = max(spoken_to, key=lambda connection: connection.pieces[-1].t, default=None)
    lost.history = missing_lines(person.lines, last.items if last else [])
    sounds = [bytes(connection.sound) for connection in server.connections if connection.sound]
    lost.microphone_ms = bytes_to_ms(missing_sound(bytes(person.microphone.read_so_far), sounds))


def missing_lines(lines: list[Happening], items: list[dict[str, Any]]) -> list[str]:
    """What was shown, and is not in its place in the conversation of the server."""
    missing = []
    held = list(said(items))
    at = 0
    for role, text in shown(lines):
        for place in range(at, len(held)):
            if held[place][0] == role and same(held[place][1], text):
                at = place + 1
                break
        else:
            missing.append(f"{role}: {text}")
    return missing


def shown(lines: list[Happening]) -> Iterator[tuple[str, str]]:
    """The lines of both sides that hold words."""
    for line in lines:
        if isinstance(line, UserSaid) and line.text:
            yield "user", line.text
        elif isinstance(line, AssistantSaid) and line.heard_text:
            yield "assistant", line.heard_text


def said(items: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The words of a conversation of the server."""
    for item in items:
        if item["type"] == "message":
            words = " ".join(str(part.get("text") or part.get("transcript") or "") for part in item["content"])
            yield item["role"], words


def same(kept: str, heard: str) -> bool:
    """The same words; of a reply that was cut, each side estimates the last words for itself."""
    kept = kept.removesuffix("—").strip()
    heard = heard.strip()
    return kept == heard or (bool(kept) and (heard.startswith(kept) or kept.startswith(heard)))


def missing_sound(spoken_in_all: bytes, sounds: list[bytes]) -> int:
    """Bytes of the microphone that no connection was given, between the first and the last that one was given."""
    given: list[tuple[int, int]] = []
    for sound in sounds:
        at = spoken_in_all.find(sound[:480])
        if at < 0 or spoken_in_all[at : at + len(sound)] != sound:
            return len(sound)  # not what the microphone said, or not in its order
        given.append((at, at + len(sound)))
    missing, reached = 0, 0
    for start, end in sorted(given):
        missing += max(start - reached, 0)
        reached = max(reached, end)
    return missing


def one(wish: tuple[int, int, int]) -> Lost:
    """One conversation, in a process of its own pool."""
    lost: Lost = hurried(converse(*wish))
    if lost.anything:
        print(f"seed {lost.seed} lost something: {lost}", file=sys.stderr, flush=True)
    return lost


def main() -> None:
    """Run, count, print; exit 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--faults", type=int, default=6)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--json", action="store_true")
    wishes = parser.parse_args()
    seeds = [wishes.seed] if wishes.seed else list(range(wishes.first_seed, wishes.first_seed + wishes.conversations))
    began = time.monotonic()
    wanted = [(seed, wishes.turns, wishes.faults) for seed in seeds]
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
        "unanswered": sum(len(lost.unanswered) for lost in found),
        "history": sum(len(lost.history) for lost in found),
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

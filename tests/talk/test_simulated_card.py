"""Whole talks on simulated sound cards: what the server is told was heard is what left the membrane."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator

import numpy as np
import pytest

from vivavoce.devices.card import LOOK_S, Card
from vivavoce.devices.loudness import FADE_SAMPLES
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.events.client import ClientEvent, TruncateItem
from vivavoce.events.server import (
    AudioDelta,
    OutputItemAdded,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
)
from vivavoce.live import Parts, Talk
from vivavoce.pcm import SAMPLES_PER_MS
from vivavoce.ports import Trouble
from vivavoce.session.happenings import AssistantSaid, Errored, Happening, Reconnecting, Warned
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings
from vivavoce.testing.hurry import hurried
from vivavoce.testing.portaudio import SimulatedDevice, SimulatedPortAudio
from vivavoce.testing.sound import NUMBERS, numbered, runs

ROUNDS = 4
STEP_MS = 5
LOOK_STEPS = round(LOOK_S * 1000 / STEP_MS)
LATENCIES_MS = (20, 30, 50, 80, 130, 200, 300, 400)


class Server:
    """A wire whose server sends a long reply, and hears the person in the middle of it; `ROUNDS` times."""

    def __init__(self, system: SimulatedPortAudio, latency_ms: float, seed: int) -> None:
        self.told: list[ClientEvent] = []
        self.done = asyncio.Event()
        self._system = system
        self._latency_s = latency_ms / 1000
        self._words = self._script(random.Random(seed))  # noqa: S311  no secret

    def another(self) -> Server:
        raise AssertionError("the connection is not lost")

    async def _script(self, chance: random.Random) -> AsyncIterator[ServerEvent]:
        yield SessionCreated({"id": "s"})
        yield SessionUpdated({"id": "s", "model": "m"})
        for n in range(ROUNDS):
            item = f"item_{n}"
            yield ResponseCreated({"id": f"r{n}", "metadata": None})
            yield OutputItemAdded(f"r{n}", {"id": item, "type": "message", "role": "assistant"})
            sound = numbered(1200)
            for at in range(0, len(sound), 9600):
                yield AudioDelta(item, sound[at : at + 9600], f"r{n}")
            await self._until(self._system.now() + self._latency_s + chance.uniform(0.05, 0.6))
            yield SpeechStarted(f"user_{n}", 0)
            yield ResponseDone({"id": f"r{n}", "status": "cancelled", "output": []})
            while sum(isinstance(word, TruncateItem) for word in self.told) <= n:  # noqa: ASYNC110  told by `send`
                await asyncio.sleep(0.001)
            await self._until(self._system.now() + self._latency_s + 0.1)
        self.done.set()
        await asyncio.Event().wait()

    async def _until(self, then_s: float) -> None:
        while self._system.now() < then_s:  # noqa: ASYNC110  a clock that is moved by hand
            await asyncio.sleep(0.001)

    async def open(self) -> None:
        pass

    def send(self, event: ClientEvent) -> None:
        self.told.append(event)

    async def receive(self) -> ServerEvent:
        await asyncio.sleep(0)
        word: ServerEvent = await anext(self._words)
        return word

    def warnings(self) -> list[Trouble]:
        return []

    async def close(self) -> None:
        pass


class Shown(list[Happening]):
    def show(self, happening: Happening, t: float, out_ms: int | None) -> None:  # noqa: ARG002  the port's signature
        self.append(happening)


async def talk_on(device: SimulatedDevice, seed: int) -> tuple[list[float], Shown]:
    """Cut replies, and how far what the server was told is from what left, in ms."""
    system = SimulatedPortAudio([device, SimulatedDevice("mic", inputs=1)])
    card = Card(system, threads=False)
    server, shown = Server(system, device.latency_ms, seed), Shown()
    parts = Parts(Session(Settings()), server, SoundCardMicrophone(card=card), SoundCardSpeaker(card=card), shown)
    talk = Talk(parts, asyncio.get_running_loop().time())
    holding = asyncio.ensure_future(talk.run())
    while not server.done.is_set():
        system.advance(STEP_MS)
        await asyncio.sleep(0.002)
        assert not holding.done(), shown
    talk.leave("interrupt")
    await holding
    told = [word.heard_ms for word in server.told if isinstance(word, TruncateItem)]
    return [ms - left for ms, left in zip(told, left_ms(device), strict=True)], shown


def left_ms(device: SimulatedDevice) -> list[float]:
    """How much of each reply left: from a sample that says it is the first, to the silence before the next."""
    sound = np.frombuffer(bytes(device.heard), "<i2")
    begins = [run.at for run in runs(bytes(device.heard)) if run.start == 0 and run.samples > 1]
    ends = [*begins[1:], len(sound)]
    return [(int(np.flatnonzero(sound[a:b])[-1]) + 1) / SAMPLES_PER_MS for a, b in zip(begins, ends, strict=True)]


@pytest.mark.parametrize("drift_ppm", [0.0, 200.0])
def test_the_server_is_told_what_left_the_speaker_whatever_its_latency(drift_ppm: float) -> None:
    async def all_of_them() -> list[tuple[list[float], Shown]]:
        devices = [SimulatedDevice("out", outputs=1, latency_ms=ms, drift_ppm=drift_ppm) for ms in LATENCIES_MS]
        return await asyncio.gather(*(talk_on(device, seed) for seed, device in enumerate(devices)))

    talks = hurried(all_of_them())
    off = [abs(error) for errors, _ in talks for error in errors]
    assert len(off) == ROUNDS * len(LATENCIES_MS)
    assert max(off) <= 2
    assert [line for _, shown in talks for line in shown if isinstance(line, Errored | Warned)] == []


class Unplugging(Server):
    """A long reply whose speaker is pulled in mid-sentence, the person speaks when it goes on; then one that is heard whole."""

    def __init__(self, system: SimulatedPortAudio, headset: SimulatedDevice, laptop: SimulatedDevice) -> None:
        super().__init__(system, headset.latency_ms, 0)
        self._headset, self._laptop = headset, laptop

    async def _script(self, chance: random.Random) -> AsyncIterator[ServerEvent]:
        yield SessionCreated({"id": "s"})
        yield SessionUpdated({"id": "s", "model": "m"})
        async for word in self._reply("item_0", 6000):
            yield word
        await self._until(self._system.now() + self._latency_s + 1.003)
        self._system.pull(self._headset)
        while not runs(bytes(self._laptop.heard)):  # noqa: ASYNC110  time is moved by hand
            await asyncio.sleep(0.001)
        await self._until(self._system.now() + chance.uniform(0.4, 0.5))
        yield SpeechStarted("user_0", 0)
        yield ResponseDone({"id": "item_0", "status": "cancelled", "output": []})
        while not any(isinstance(word, TruncateItem) for word in self.told):  # noqa: ASYNC110  told by `send`
            await asyncio.sleep(0.001)
        await self._until(self._system.now() + 0.2)
        async for word in self._reply("item_1", 600):
            yield word
        yield ResponseDone({"id": "item_1", "status": "completed", "output": []})
        await self._until(self._system.now() + 1.5)
        self.done.set()
        await asyncio.Event().wait()

    async def _reply(self, item: str, ms: int) -> AsyncIterator[ServerEvent]:
        yield ResponseCreated({"id": item, "metadata": None})
        yield OutputItemAdded(item, {"id": item, "type": "message", "role": "assistant"})
        sound = numbered(ms)
        for at in range(0, len(sound), 9600):
            yield AudioDelta(item, sound[at : at + 9600], item)


@pytest.mark.parametrize("latency_ms", [20.0, 120.0, 400.0])
@pytest.mark.parametrize("opens_by_name", [False, True])
def test_a_speaker_that_is_unplugged_in_mid_sentence_changes_nothing_for_the_conversation(
    latency_ms: float, *, opens_by_name: bool
) -> None:
    headset = SimulatedDevice("headset", outputs=1, latency_ms=latency_ms)
    laptop = SimulatedDevice("laptop", outputs=2)

    async def hold() -> tuple[Server, Shown]:
        system = SimulatedPortAudio([headset, laptop, SimulatedDevice("mic", inputs=1)], opens_by_name=opens_by_name)
        card = Card(system, threads=False)
        server, shown = Unplugging(system, headset, laptop), Shown()
        parts = Parts(Session(Settings()), server, SoundCardMicrophone(card=card), SoundCardSpeaker(card=card), shown)
        talk = Talk(parts, asyncio.get_running_loop().time())
        holding = asyncio.ensure_future(talk.run())
        for step in itertools.count(1):
            if server.done.is_set():
                break
            system.advance(STEP_MS)
            if step % LOOK_STEPS == 0:
                card.look()
            await asyncio.sleep(0.002)
            assert not holding.done(), shown
        talk.leave("interrupt")
        await holding
        return server, shown

    server, shown = hurried(hold())

    (before,) = runs(bytes(headset.heard))
    cut, whole = (run for run in runs(bytes(laptop.heard)) if run.samples > FADE_SAMPLES)
    assert before.start == 0
    assert cut.start == before.samples % NUMBERS, "nothing is lost, nothing is heard twice"
    (truncate,) = (word for word in server.told if isinstance(word, TruncateItem))
    silent = int(np.flatnonzero(np.frombuffer(bytes(laptop.heard), "<i2")[cut.at : whole.at])[-1]) + 1
    assert abs(truncate.heard_ms - (before.samples + silent) / SAMPLES_PER_MS) <= 2
    assert (whole.start, whole.samples) == (0, 600 * SAMPLES_PER_MS)

    assert [line.code for line in shown if isinstance(line, Warned)] == ["device_back"]
    (told,) = (line for line in shown if isinstance(line, Warned))
    assert told.message.startswith("The sound devices changed: the speaker is now 'laptop'")
    said = [(line.item_id, line.heard_ms, line.cut_by) for line in shown if isinstance(line, AssistantSaid)]
    assert said == [("item_0", truncate.heard_ms, "person"), ("item_1", 600, None)]
    assert not [line for line in shown if isinstance(line, Errored | Reconnecting)]

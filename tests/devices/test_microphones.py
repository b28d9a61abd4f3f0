"""The laws of the Microphone port, for every microphone."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from tests.devices.through import holds, sound_of

from vivavoce.devices.memory import MemoryMicrophone
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.devices.soundcard import SoundCardMicrophone
from vivavoce.devices.wav import FileMicrophone
from vivavoce.pcm import RATE_HZ, ms_to_bytes
from vivavoce.ports import Microphone
from vivavoce.testing.hurry import hurried


def recording() -> NDArray[np.int16]:
    """0.6 s of noise, so that each of its moments is different from the others; no silence within."""
    return (np.random.default_rng(7).standard_normal(14_400) * 4000).clip(-32_000, 32_000).astype("<i2")


@dataclass
class Person:
    """A microphone and the sound that comes into it."""

    mic: Microphone
    speak: Callable[[], None]
    """From now on, or from the first read on, the recording is said."""
    spoken: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(1.5)
    """Until it was said."""
    exact: bool = True


Law = Callable[[Person], Coroutine[Any, Any, None]]


def _memory(_: Path) -> Person:
    mic = MemoryMicrophone(ends=False)
    pcm = recording().tobytes()

    def speak() -> None:
        for at in range(0, len(pcm), 960):
            mic.hear(pcm[at : at + 960])

    return Person(mic, speak)


def _queued(_: Path) -> Person:
    mic = QueuedMicrophone(clock=asyncio.get_running_loop().time)
    return Person(mic, lambda: mic.say(recording().tobytes()))


def _file(path: Path) -> Person:
    mic = FileMicrophone(path, wait=True, clock=asyncio.get_running_loop().time)
    return Person(mic, mic.begin)


@pytest.fixture
def obeys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Law], None]]:
    """Runs a law with one kind of microphone and closes it. Time is real for the card only."""
    path = tmp_path / "recording.wav"
    soundfile.write(path, recording(), RATE_HZ, subtype="PCM_16")
    players: list[subprocess.Popen[bytes]] = []

    def card(_: Path) -> Person:
        paplay = shutil.which("paplay")
        assert paplay is not None

        def speak() -> None:
            players.append(subprocess.Popen([paplay, "--device=mic_feed", str(path)]))  # noqa: S603  pulseaudio-utils

        mic = SoundCardMicrophone()

        async def spoken() -> None:
            assert await asyncio.to_thread(players[-1].wait, 60) == 0
            ring = mic._capture.ring
            wanted = ring.waiting + ms_to_bytes(300)  # what was played is on its way for a while
            while ring.waiting < wanted:  # noqa: ASYNC110  filled by the audio thread
                await asyncio.sleep(0.01)

        return Person(mic, speak, spoken, exact=False)

    if request.param == "card":
        request.getfixturevalue("virtual_audio")
    make = {"memory": _memory, "queued": _queued, "file": _file, "card": card}[request.param]

    async def run(law: Law) -> None:
        person = make(path)
        try:
            async with asyncio.timeout(60):
                await law(person)
        finally:
            await person.mic.close()

    runner = asyncio.run if request.param == "card" else hurried
    yield lambda law: runner(run(law))
    for player in players:
        player.wait(60)


everyone = pytest.mark.parametrize(
    "obeys", ["memory", "queued", "file", pytest.param("card", marks=pytest.mark.sound)], indirect=True
)
at_real_pace = pytest.mark.parametrize(
    "obeys", ["queued", "file", pytest.param("card", marks=pytest.mark.sound)], indirect=True
)


def contains(heard: bytes, *, exact: bool) -> bool:
    """Whether the recording is in `heard`, whole and without a gap; through a card, resampled twice, nearly so."""
    said = recording().tobytes()
    return said in heard if exact else holds(sound_of(heard), said)


async def read_until_contained(person: Person) -> list[bytes]:
    pieces: list[bytes] = []
    while not contains(b"".join(pieces), exact=person.exact):
        piece = await person.mic.read()
        assert piece is not None
        pieces.append(piece)
    return pieces


@everyone
def test_what_is_said_is_read_in_order_and_without_a_gap(obeys: Callable[[Law], None]) -> None:
    async def law(person: Person) -> None:
        person.speak()
        pieces = await read_until_contained(person)
        assert all(pieces)
        assert all(len(piece) % 2 == 0 for piece in pieces)
        assert person.mic.warnings() == []

    obeys(law)


@everyone
def test_a_read_that_is_cancelled_loses_nothing(obeys: Callable[[Law], None]) -> None:
    async def law(person: Person) -> None:
        person.speak()
        heard = b""
        while not contains(heard, exact=person.exact):
            reading = asyncio.ensure_future(person.mic.read())
            await asyncio.wait({reading}, timeout=0.007)
            reading.cancel()
            (answer,) = await asyncio.gather(reading, return_exceptions=True)
            heard += answer if isinstance(answer, bytes) else b""

    obeys(law)


@at_real_pace
def test_a_slow_reader_gets_what_waited_in_one_piece(obeys: Callable[[Law], None]) -> None:
    async def law(person: Person) -> None:
        await person.mic.read()
        person.speak()
        await person.spoken()
        assert contains(await person.mic.read() or b"", exact=person.exact)

    obeys(law)


@at_real_pace
def test_silence_is_sound_too(obeys: Callable[[Law], None]) -> None:
    async def law(person: Person) -> None:
        heard = [await person.mic.read() or b"" for _ in range(5)]
        assert all(len(piece) >= 960 for piece in heard)
        assert not any(b"".join(heard))

    obeys(law)


@everyone
def test_a_close_ends_the_read_under_way_and_all_later_ones(obeys: Callable[[Law], None]) -> None:
    async def law(person: Person) -> None:
        reading = asyncio.ensure_future(_drained(person.mic))
        await asyncio.sleep(0.05)
        await person.mic.close()
        await person.mic.close()
        assert await reading is None
        assert await person.mic.read() is None

    obeys(law)


async def _drained(mic: Microphone) -> bytes | None:
    while await mic.read() is not None:
        pass
    return None

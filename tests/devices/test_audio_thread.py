"""What runs on the audio thread waits for no lock, touches nothing outside, and keeps no more the longer it runs."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import time
import tracemalloc
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, RLock
from types import FrameType, FunctionType, ModuleType
from typing import Any

import pytest

from vivavoce.devices.capture import Capture
from vivavoce.devices.card import Card
from vivavoce.devices.host import Call, Format, Kind
from vivavoce.devices.playback import Playback
from vivavoce.devices.processing import Tap
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.devices.stream import MicrophoneStream
from vivavoce.pcm import BLOCK_BYTES
from vivavoce.testing.portaudio import SimulatedDevice, SimulatedPortAudio
from vivavoce.testing.sound import numbered

LOCKS = (type(Lock()), type(RLock()))
BEYOND = (type, ModuleType, AbstractEventLoop, asyncio.Future, ThreadPoolExecutor)
OUTSIDE = {"_io", "io", "posix", "nt", "_socket", "socket", "select", "_thread"}
SLOW = {"print", "input", "sleep"}
OURS, OTHERS = None, 44_100
"""The format that a device takes: any, or only its own, in stereo."""


def locks_within(*roots: object) -> Iterator[Any]:
    """Every lock that these can reach, those of the modules of the devices too."""
    waiting = [*roots, *(vars(m) for name, m in sys.modules.items() if name.startswith("vivavoce.devices."))]
    seen = set[int]()
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, BEYOND):
            continue
        seen.add(id(thing))
        if isinstance(thing, LOCKS):
            yield thing
        waiting += (thing.__closure__ or ()) if isinstance(thing, FunctionType) else gc.get_referents(thing)


class Watched(SimulatedPortAudio):
    """Makes each call on a thread, while every lock that can be reached from it is held by another.

    Attributes:
        outside: what the calls did that they must not.
        patience_s: how long a call may take.
    """

    def __init__(self, *devices: SimulatedDevice) -> None:
        super().__init__(devices)
        self.outside: list[str] = []
        self.patience_s = 5.0
        self._thread = ThreadPoolExecutor(1)

    def open(self, kind: Kind, index: int, form: Format, call: Call, finished: Callable[[], None]) -> Any:
        return super().open(kind, index, form, self.watched(call), self.watched(finished))

    def watched(self, called: Callable[..., object]) -> Callable[..., None]:
        """`called`, which raises `TimeoutError` now when it waits for a lock."""

        def call(*args: Any) -> None:
            held = [lock for lock in locks_within(called) if lock.acquire(blocking=False)]
            try:
                self._thread.submit(self._observed, called, *args).result(self.patience_s)
            finally:
                for lock in held:
                    lock.release()

        return call

    def _observed(self, called: Callable[..., object], *args: Any) -> None:
        sys.setprofile(self._note)
        try:
            called(*args)
        finally:
            sys.setprofile(None)

    def _note(self, _frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call":
            home = function.__module__ or type(function.__self__).__module__
            if home in OUTSIDE or function.__name__ in SLOW:
                self.outside.append(f"{home}.{function.__qualname__}")


def devices(rate_hz: int | None, latency_ms: float = 30.0) -> tuple[SimulatedDevice, SimulatedDevice]:
    """A speaker and a microphone."""
    rates_hz, own = (None, None) if rate_hz is None else ((rate_hz,), (2,))
    return (
        SimulatedDevice("speaker", outputs=2, latency_ms=latency_ms, rates_hz=rates_hz, channel_counts=own),
        SimulatedDevice("mic", inputs=2, rates_hz=rates_hz, channel_counts=own),
    )


class Plain:
    """A processor that changes nothing, and may be made to stand still."""

    def __init__(self) -> None:
        self.begun, self.goes_on = Event(), Event()
        self.blocks = 0

    def played(self, pcm: bytes, at_s: float) -> None:
        pass

    def captured(self, pcm: bytes, at_s: float) -> bytes:
        del at_s
        self.begun.set()
        self.goes_on.wait(60)
        self.blocks += 1
        return pcm


@pytest.mark.parametrize("rate_hz", [OURS, OTHERS])
@pytest.mark.parametrize("latency_ms", [30, 200])
@pytest.mark.parametrize("processed", [True, False])
def test_no_call_waits_for_a_lock_or_touches_anything_outside(
    rate_hz: int | None, latency_ms: int, processed: bool
) -> None:
    out, into = devices(rate_hz, latency_ms)
    system = Watched(out, into)
    card, plain = Card(system, threads=False), Plain()
    plain.goes_on.set()

    async def law() -> None:
        speaker, mic = SoundCardSpeaker(card=card), SoundCardMicrophone(card=card)
        card.threads = True  # the processor has its thread, as with a real card; the watch has none
        if processed:
            mic.process(plain, speaker)
        waiting = [asyncio.ensure_future(mic.read()), asyncio.ensure_future(speaker.report())]
        await asyncio.sleep(0)
        speaker.start()
        deeds: tuple[Callable[[], object], ...] = (
            lambda: speaker.play("a", numbered(100)),
            lambda: speaker.play("a", numbered(100)),  # behind a gap: the cushion has its say
            lambda: speaker.play("b", numbered(2000)),
            lambda: speaker.duck(0.5),
            speaker.hush,
            lambda: speaker.play("c", numbered(5000)),
            lambda: speaker.duck(0.0),
            lambda: speaker.duck(1.0),
            lambda: system.stall(out, 300),
            lambda: system.stall(into, 300),
            lambda: setattr(mic, "muted", True),
            system.stop,
            system.restart,
        )
        for deed in deeds:
            deed()
            system.advance(150)
            card.look()
        assert out.heard
        for task in waiting:
            task.cancel()
        await asyncio.gather(speaker.close(), mic.close())

    asyncio.run(law())
    assert system.outside == []


def test_a_reader_of_the_stream_is_woken_without_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    system = Watched(*devices(OURS))
    card = Card(system, threads=False)
    monkeypatch.setattr("vivavoce.devices.capture.card_of_this_machine", lambda: card)
    with MicrophoneStream() as mic, ThreadPoolExecutor(1) as reader:
        reading = reader.submit(mic.read, 2 * BLOCK_BYTES)
        while not mic._wanted:
            time.sleep(0.001)
        system.advance(100)
        assert len(reading.result(10)) == 2 * BLOCK_BYTES
    assert system.outside == []


def test_the_watch_misses_none_of_these() -> None:
    system, lock, here = Watched(), Lock(), socket.socket()

    def held() -> None:
        with lock:
            pass

    with here, open(os.devnull, "w") as nowhere:  # noqa: PTH123  `open` is what is watched
        deeds: tuple[Callable[[], object], ...] = (
            lambda: open(os.devnull).close(),  # noqa: PTH123
            lambda: nowhere.write("x"),
            lambda: print(end=""),  # noqa: T201
            lambda: os.stat(os.devnull),  # noqa: PTH116
            here.fileno,
            lambda: Lock().acquire(),
            lambda: time.sleep(0),
        )
        for deed in deeds:
            before = len(system.outside)
            system.watched(deed)()
            assert len(system.outside) > before
    system.patience_s = 0.1
    with pytest.raises(TimeoutError):
        system.watched(held)()


class Minutes:
    """A card that plays and records, with a barge-in in each of the first five seconds."""

    def __init__(self, rate_hz: int | None) -> None:
        self.out, into = devices(rate_hz)
        self.system = SimulatedPortAudio([self.out, into])
        self.card = Card(self.system, threads=False)
        self.playback = Playback(card=self.card)
        self.capture = Capture(None, keep=True, card=self.card)
        self.playback.begin()

    def go_by(self, seconds: int, *, reads: bool) -> None:
        piece = numbered(40)
        for n in range(seconds * 25):
            if n in range(0, 125, 25):
                self.playback.hush()
            self.playback.play("a", piece)
            self.system.advance(40)
            if reads:
                self.capture.ring.read()
        self.out.heard.clear()

    def grow_by(self, seconds: int, *, reads: bool) -> int:
        """Bytes, counted from when it has gone on for longer than anything is kept."""
        self.go_by(15, reads=reads)
        before = taken()
        self.go_by(seconds, reads=reads)
        return taken() - before


def taken() -> int:
    """Bytes that code of ours holds; not that of the sound server's thread, which another test may have left at work."""
    gc.collect()
    ours = [tracemalloc.Filter(True, "*vivavoce*"), tracemalloc.Filter(False, "*pulse.py")]
    return sum(found.size for found in tracemalloc.take_snapshot().filter_traces(ours).statistics("filename"))


@pytest.fixture
def counted() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


LITTLE = 6000
"""Bytes: one for each block that leaves in a minute; numbers that Python keeps for later account for 2,500."""


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("rate_hz", [OURS, OTHERS])
def test_a_minute_more_takes_no_more_memory(rate_hz: int | None) -> None:
    minutes = Minutes(rate_hz)
    minutes.playback.tap = Tap()  # of which nobody takes
    assert minutes.grow_by(60, reads=True) < LITTLE


@pytest.mark.usefixtures("counted")
def test_what_nobody_reads_for_minutes_is_overwritten_and_told_to_the_millisecond() -> None:
    minutes = Minutes(OURS)
    assert minutes.grow_by(120, reads=False) < LITTLE
    assert len(minutes.capture.ring.read()) == minutes.capture.ring.capacity
    minutes.capture.warn()
    recorded_ms = minutes.capture.link.calls * 20
    assert [t.message.split(" ms")[0] for t in minutes.capture.troubles.drain()] == [f"{recorded_ms - 10_000}"]


@pytest.mark.usefixtures("counted")
def test_a_processor_that_stands_still_for_minutes_loses_what_is_beyond_ten_seconds_and_it_is_told() -> None:
    minutes, plain = Minutes(OURS), Plain()
    minutes.playback.tap = Tap()
    minutes.card.threads = True
    minutes.capture.process(plain, minutes.playback.tap)
    calls = minutes.capture.link.calls
    minutes.system.advance(40)
    assert plain.begun.wait(10)
    assert minutes.grow_by(120, reads=True) < LITTLE
    plain.goes_on.set()
    kept = 501  # one in its hands
    while plain.blocks < 2 * kept:
        time.sleep(0.001)
    minutes.capture.close()
    minutes.capture.warn()
    lost_ms = (minutes.capture.link.calls - calls - kept) * 20
    assert [t.message.split(" ms")[0] for t in minutes.capture.troubles.drain()] == [f"{lost_ms}"]

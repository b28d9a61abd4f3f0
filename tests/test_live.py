"""The join: one session, a wire, ears, a mouth and a screen made of lists."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vivavoce.devices.barge_words import WIDTH, Later, WordsEar
from vivavoce.devices.bargein import BargeInDetector
from vivavoce.devices.memory import MemoryMicrophone, MemorySpeaker
from vivavoce.errors import (
    KeyRefused,
    NoDevice,
    ProtocolError,
    ServerGone,
    SignInFailed,
    TooManyRequests,
    VivaError,
)
from vivavoce.events.client import (
    AppendAudio,
    CancelResponse,
    ClientEvent,
    CommitAudio,
    CreateItem,
    CreateResponse,
    TruncateItem,
    UpdateSession,
)
from vivavoce.events.server import (
    AudioCommitted,
    AudioDelta,
    OutputItemAdded,
    OutputItemDone,
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    TranscriptDelta,
)
from vivavoce.live import Outcome, Parts, Talk, run
from vivavoce.pcm import silence
from vivavoce.ports import Trouble
from vivavoce.session.bargein import Judged
from vivavoce.session.happenings import (
    Ended,
    Errored,
    Happening,
    Interrupted,
    Ready,
    Reconnected,
    Reconnecting,
    Renewed,
    Truncated,
    Warned,
)
from vivavoce.session.session import Session
from vivavoce.session.settings import FINISH_TOOL, Settings, Timeouts
from vivavoce.testing.hurry import hurried

OPENING: tuple[ServerEvent, ...] = (SessionCreated({"id": "s"}), SessionUpdated({"id": "s", "model": "m"}))
REPLY: tuple[ServerEvent, ...] = (
    ResponseCreated({"id": "r", "metadata": None}),
    OutputItemAdded("r", {"id": "a", "type": "message", "role": "assistant"}),
    TranscriptDelta("a", "Hello there.", "r"),
    AudioDelta("a", bytes(range(1, 241)) * 200, "r"),
    OutputItemDone("r", {"id": "a", "type": "message", "role": "assistant", "status": "completed"}),
    ResponseDone({"id": "r", "status": "completed", "output": []}),
)


class ListWire:
    """A server that is a list of words; a callable in it decides, from what it was told, when to go on."""

    def __init__(self, *script: ServerEvent | VivaError | Callable[[list[ClientEvent]], bool]) -> None:
        self.script = list(script)
        self.told: list[ClientEvent] = []
        self.closed = 0
        self.troubles: list[Trouble] = []
        self.on_open: VivaError | None = None
        self.following: list[ListWire] = []

    def another(self) -> ListWire:
        if not self.following:
            nobody = ListWire()
            nobody.on_open = ServerGone("Nobody there.")
            return nobody
        following = self.following.pop(0)
        following.following = self.following
        return following

    async def open(self) -> None:
        if self.on_open:
            raise self.on_open

    def send(self, event: ClientEvent) -> None:
        self.told.append(event)

    async def receive(self) -> ServerEvent:
        while True:
            await asyncio.sleep(0.001)
            if not self.script:
                continue
            step = self.script[0]
            if callable(step):
                if step(self.told):
                    self.script.pop(0)
                continue
            self.script.pop(0)
            if isinstance(step, VivaError):
                raise step
            return step

    def warnings(self) -> list[Trouble]:
        found, self.troubles = self.troubles, []
        return found

    async def close(self) -> None:
        self.closed += 1


class ListScreen:
    """Remembers what it is shown."""

    def __init__(self) -> None:
        self.shown: list[Happening] = []
        self.clocks: list[tuple[float, int | None]] = []

    def show(self, happening: Happening, t: float, out_ms: int | None) -> None:
        self.shown.append(happening)
        self.clocks.append((t, out_ms))

    def of(self, kind: type[Happening]) -> list[Any]:
        return [line for line in self.shown if isinstance(line, kind)]


HASTY = Settings(timeouts=Timeouts(reconnect_s=0.0))  # a connection that is lost is tried for once


def told(kind: type[ClientEvent], count: int = 1) -> Callable[[list[ClientEvent]], bool]:
    return lambda words: sum(isinstance(word, kind) for word in words) >= count


FINISH: tuple[ServerEvent | Callable[[list[ClientEvent]], bool], ...] = (
    ResponseCreated({"id": "f", "metadata": None}),
    OutputItemDone("f", {"id": "c", "type": "function_call", "call_id": "c", "name": FINISH_TOOL, "arguments": ""}),
    ResponseDone({"id": "f", "status": "completed", "output": []}),
    told(CreateResponse),
    ResponseCreated({"id": "farewell"}),
    ResponseDone({"id": "farewell", "status": "completed", "output": []}),
)


def hold(
    wire: ListWire,
    *,
    settings: Settings | None = None,
    microphone: MemoryMicrophone | None = None,
    speaker_ms: int = 50,
    **more: Any,
) -> tuple[Outcome, ListScreen]:
    """One talk; the speaker plays `speaker_ms` every millisecond."""

    async def talk() -> tuple[Outcome, ListScreen]:
        screen, speaker = ListScreen(), MemorySpeaker()

        async def play() -> None:
            while True:
                await asyncio.sleep(0.001)
                speaker.advance(speaker_ms)

        playing = asyncio.create_task(play())
        parts = Parts(
            Session(settings or HASTY), wire, microphone or MemoryMicrophone(ends=False), speaker, screen, **more
        )
        try:
            return await asyncio.wait_for(run(parts), 20), screen
        finally:
            playing.cancel()

    return hurried(talk())


def test_nothing_of_the_microphone_is_sent_before_the_settings_are_taken() -> None:
    wire = ListWire(SessionCreated({"id": "s"}), told(UpdateSession), OPENING[1], told(AppendAudio), *FINISH)
    outcome, _ = hold(wire, microphone=MemoryMicrophone([silence(20)], ends=False))
    assert outcome.reason == "goodbye"
    assert isinstance(wire.told[0], UpdateSession)
    assert wire.told[1] == AppendAudio(silence(20))


def test_the_talk_ends_when_the_last_word_was_heard_and_closes_everything() -> None:
    wire = ListWire(*OPENING, *REPLY, *FINISH)
    outcome, screen = hold(wire)
    assert outcome == Outcome("goodbye")
    assert screen.shown[-1] == Ended("goodbye")
    assert wire.closed == 1


def test_an_interruption_is_told_after_the_speaker_has_answered() -> None:
    wire = ListWire(
        *OPENING, *REPLY, lambda _: True, SpeechStarted("u", 10), told(TruncateItem), ServerGone("bye", code=1000)
    )
    _, screen = hold(wire, speaker_ms=1)
    (cut,) = screen.of(Truncated)
    (interrupted,) = screen.of(Interrupted)
    assert [word for word in wire.told if isinstance(word, TruncateItem)] == [TruncateItem("a", cut.audio_end_ms)]
    assert interrupted.heard_ms == cut.audio_end_ms
    assert 0 < cut.audio_end_ms < 1000


def test_a_word_that_cannot_be_understood_is_shown_and_the_talk_goes_on() -> None:
    wire = ListWire(*OPENING, ProtocolError("'delta' is missing"), *FINISH)
    outcome, screen = hold(wire)
    assert outcome.reason == "goodbye"
    assert [(e.message, e.fatal) for e in screen.of(Errored)] == [("'delta' is missing", False)]


def test_a_lost_connection_that_is_not_to_be_had_again_is_the_end_and_is_told_before_it() -> None:
    outcome, screen = hold(ListWire(*OPENING, ServerGone("The server left (1011).", code=1011)))
    assert outcome.reason == "lost"
    assert isinstance(outcome.error, ServerGone)
    assert screen.of(Reconnecting) == [Reconnecting("connection_lost", "The server left (1011).")]
    (fatal,) = screen.of(Errored)
    assert fatal.fatal
    assert "Nobody there." in fatal.message
    assert screen.shown[-1] == Ended("lost")


def test_a_lost_connection_is_made_again_and_every_wire_is_closed() -> None:
    microphone = MemoryMicrophone([silence(20)] * 3, ends=False)
    wire = ListWire(*OPENING, told(AppendAudio, 3), ServerGone("cut", code=1006))
    broken, second = ListWire(), ListWire(*OPENING, told(AppendAudio), *REPLY, *FINISH)
    broken.on_open = ServerGone("Nobody there.")
    wire.following = [broken, second]
    waits = Timeouts(backoff_first_s=0.001)
    outcome, screen = hold(wire, settings=Settings(timeouts=waits), microphone=microphone)
    assert outcome == Outcome("goodbye")
    assert [type(line) for line in screen.shown[:3]] == [Ready, Reconnecting, Reconnected]
    assert (wire.closed, broken.closed, second.closed) == (1, 1, 1)
    assert isinstance(second.told[0], UpdateSession)
    heard = b"".join(word.audio for word in second.told if isinstance(word, AppendAudio))
    assert heard == silence(60), "all that a server may not have heard is said again"


@pytest.mark.parametrize("error", [TooManyRequests("Too many."), SignInFailed("Nobody is signed in.")])
def test_what_passes_is_waited_for_when_connecting_again_but_not_the_first_time(error: VivaError) -> None:
    full, second = ListWire(), ListWire(*OPENING, *FINISH)
    full.on_open = error
    wire = ListWire(*OPENING, ServerGone("cut", code=1006))
    wire.following = [full, second]
    outcome, _ = hold(wire, settings=Settings(timeouts=Timeouts(backoff_first_s=0.001)))
    assert outcome == Outcome("goodbye")
    first = ListWire()
    first.on_open = error
    outcome, screen = hold(first)
    assert outcome.error is error
    assert screen.shown[-1] == Ended("refused")


def test_a_key_that_is_refused_when_connecting_again_ends_the_talk() -> None:
    refusing = ListWire()
    refusing.on_open = KeyRefused("The key is not accepted.")
    wire = ListWire(*OPENING, ServerGone("cut", code=1006))
    wire.following = [refusing]
    outcome, screen = hold(wire)
    assert outcome.error is refusing.on_open
    assert outcome.error.exit_code == 4
    assert [line.message for line in screen.of(Errored)] == ["The key is not accepted."]


def test_a_second_connection_takes_over_and_the_first_is_closed() -> None:
    soon = time.time() + 2.0
    first = ListWire(SessionCreated({"id": "s1", "expires_at": soon}), OPENING[1], told(CancelResponse))
    broken = ListWire()
    broken.on_open = ServerGone("Nobody there.")
    second = ListWire(ProtocolError("'type' is missing"), *OPENING, told(AppendAudio), *REPLY, *FINISH)
    first.following = [broken, second]
    microphone = MemoryMicrophone([silence(20)] * 3, ends=False)
    waits = Timeouts(backoff_first_s=0.001)
    outcome, screen = hold(first, settings=Settings(timeouts=waits), microphone=microphone)
    assert outcome == Outcome("goodbye")
    assert [type(line) for line in screen.shown[:2]] == [Ready, Renewed]
    assert screen.of(Errored) == []
    assert (first.closed, broken.closed, second.closed) == (1, 1, 1)
    assert isinstance(second.told[0], UpdateSession)
    heard = b"".join(word.audio for word in second.told if isinstance(word, AppendAudio))
    assert heard == silence(60)


def test_a_refused_handshake_is_told_before_the_end() -> None:
    wire = ListWire()
    wire.on_open = KeyRefused("The key is not accepted.")
    outcome, screen = hold(wire)
    assert outcome.reason == "refused"
    assert screen.shown == [Errored("refused", "The key is not accepted.", fatal=True), Ended("refused")]
    assert screen.clocks[0][1] is None


def test_a_bug_ends_in_one_sentence_and_closed_devices() -> None:
    class Broken(MemoryMicrophone):
        async def read(self) -> bytes | None:
            raise KeyError("oops")

    wire = ListWire(*OPENING)
    outcome, screen = hold(wire, microphone=Broken())
    assert outcome.reason == "error"
    assert screen.of(Errored)[0].message == "Internal error, please report it: KeyError: 'oops'"
    assert isinstance(outcome.error and outcome.error.__cause__, KeyError)
    assert wire.closed == 1


def test_a_device_that_goes_away_ends_the_talk_with_its_sentence() -> None:
    class Unplugged(MemoryMicrophone):
        async def read(self) -> bytes | None:
            raise NoDevice("The microphone went away.")

    outcome, screen = hold(ListWire(*OPENING), microphone=Unplugged())
    assert outcome.reason == "no_device"
    assert screen.of(Errored)[0].code == "no_device"


def test_troubles_of_the_parts_become_warnings() -> None:
    wire = ListWire(*OPENING, *FINISH)
    wire.troubles = [Trouble("sound_dropped", "40 ms were dropped.")]
    _, screen = hold(wire)
    assert Warned("sound_dropped", "40 ms were dropped.") in screen.shown


def test_a_call_without_functions_is_answered_with_an_error() -> None:
    item = {"id": "c", "type": "function_call", "call_id": "c1", "name": "open", "arguments": "{}"}
    call = (ResponseCreated({"id": "q"}), OutputItemDone("q", item), ResponseDone({"id": "q", "status": "completed"}))
    wire = ListWire(*OPENING, *call, told(CreateItem), *FINISH)
    hold(wire)
    (answer, *_) = [word for word in wire.told if isinstance(word, CreateItem)]
    assert answer.item["output"] == '{"error": "there is no function open"}'


def test_typed_lines_are_turns() -> None:
    async def lines() -> AsyncIterator[str]:
        yield "two by two"

    wire = ListWire(*OPENING, told(CreateItem), *FINISH)
    hold(wire, typed=lines())
    (item, *_) = [word for word in wire.told if isinstance(word, CreateItem)]
    assert item.item["content"] == [{"type": "input_text", "text": "two by two"}]


def test_where_nobody_speaks_the_end_of_the_typed_lines_ends_the_talk() -> None:
    async def lines() -> AsyncIterator[str]:
        return
        yield

    outcome, _ = hold(ListWire(*OPENING), typed=lines(), typed_only=True)
    assert outcome == Outcome("script_done")


def test_a_server_that_says_nothing_is_given_up_at_the_deadline() -> None:
    outcome, screen = hold(ListWire(), settings=Settings(timeouts=Timeouts(created_s=0.05)))
    assert outcome.reason == "lost"
    assert "session.created" in screen.of(Errored)[0].message


class ListEar:
    """Hears nothing, and remembers that it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    def hear(self, pcm: bytes) -> list[Judged]:
        del pcm
        return []

    async def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("end", ["goodbye", "lost", "refused", "error"])
def test_the_ear_is_closed_however_the_talk_ends(end: str) -> None:
    class Broken(MemoryMicrophone):
        async def read(self) -> bytes | None:
            raise KeyError("oops")

    wire = ListWire(
        *OPENING, *(FINISH if end == "goodbye" else [ServerGone("bye", code=1011)] if end == "lost" else [])
    )
    wire.on_open = KeyRefused("The key is not accepted.") if end == "refused" else None
    ear = ListEar()
    outcome, _ = hold(wire, ear=ear, microphone=Broken() if end == "error" else None)
    assert outcome.reason == end
    assert ear.closed == 1


def test_the_ear_is_closed_though_the_microphone_cannot_be() -> None:
    class Stuck(MemoryMicrophone):
        async def close(self) -> None:
            raise asyncio.CancelledError

    ear = ListEar()
    with pytest.raises(asyncio.CancelledError):
        hold(ListWire(*OPENING, *FINISH), ear=ear, microphone=Stuck(ends=False))
    assert ear.closed == 1


def test_after_many_talks_no_ear_is_left_behind() -> None:
    class Deaf:
        def encode(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.zeros((len(sound) // 320, WIDTH), np.float32)

    before = set(threading.enumerate())
    for _ in range(20):
        second = Later(lambda: WordsEar(Deaf()))
        wire = ListWire(*OPENING, told(AppendAudio), *FINISH)
        hold(wire, microphone=MemoryMicrophone([silence(20)], ends=False), ear=BargeInDetector(second))
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
    assert [thread.name for thread in set(threading.enumerate()) - before if thread.name == "viva-barge-in"] == []


def test_cancelling_a_talk_closes_its_parts() -> None:
    async def cancelled() -> ListWire:
        wire = ListWire(*OPENING)
        parts = Parts(Session(Settings()), wire, MemoryMicrophone(ends=False), MemorySpeaker(), ListScreen(), ear=ear)
        talk = asyncio.create_task(Talk(parts, 0.0).run())
        await asyncio.sleep(0.05)
        talk.cancel()
        try:
            await talk
        except asyncio.CancelledError:
            return wire
        raise AssertionError("a cancelled talk must not return")

    ear = ListEar()
    assert hurried(cancelled()).closed == 1
    assert ear.closed == 1


def test_leaving_does_not_wait_for_a_function_that_still_runs() -> None:
    class Slow:
        cancelled = False

        async def call(self, name: str, arguments: Any) -> tuple[str, str | None]:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cancelled = True
                raise
            return name, str(arguments)

    slow = Slow()
    item = {"id": "c", "type": "function_call", "call_id": "c1", "name": "open", "arguments": "{}"}
    call = (ResponseCreated({"id": "q"}), OutputItemDone("q", item), ResponseDone({"id": "q", "status": "completed"}))
    outcome, _ = hold(ListWire(*OPENING, *call), settings=Settings(max_s=0.1), functions=slow)
    assert outcome.reason == "max_minutes"
    assert slow.cancelled


def test_a_reader_that_goes_away_ends_the_talk() -> None:
    class Closed(ListScreen):
        def show(self, happening: Happening, t: float, out_ms: int | None) -> None:
            super().show(happening, t, out_ms)
            raise BrokenPipeError

    async def talk() -> Outcome:
        parts = Parts(Session(Settings()), ListWire(*OPENING), MemoryMicrophone(ends=False), MemorySpeaker(), Closed())
        return await asyncio.wait_for(run(parts), 10)

    assert hurried(talk()) == Outcome("interrupt")


def test_a_screen_with_a_bug_ends_the_talk_in_order() -> None:
    class Broken(ListScreen):
        def show(self, happening: Happening, t: float, out_ms: int | None) -> None:
            super().show(happening, t, out_ms)
            if happening != Ended("error"):
                raise ValueError("oops")

    async def talk() -> tuple[Outcome, ListWire]:
        wire = ListWire(*OPENING)
        parts = Parts(Session(Settings()), wire, MemoryMicrophone(ends=False), MemorySpeaker(), Broken())
        return await asyncio.wait_for(run(parts), 10), wire

    outcome, wire = hurried(talk())
    assert outcome.reason == "error"
    assert wire.closed == 1


def test_an_error_behind_the_goodbye_does_not_change_how_the_talk_ended() -> None:
    outcome, _ = hold(ListWire(*OPENING, *FINISH, ServerGone("late", code=1006)))
    assert outcome == Outcome("goodbye")


def test_a_part_that_cannot_be_closed_is_told_and_the_others_are_closed() -> None:
    class Stuck(MemoryMicrophone):
        async def close(self) -> None:
            raise RuntimeError("stuck")

    wire = ListWire(*OPENING, *FINISH)
    outcome, screen = hold(wire, microphone=Stuck(ends=False))
    assert outcome.reason == "goodbye"
    assert wire.closed == 1
    assert screen.of(Errored)[-1].message == "RuntimeError: stuck"
    assert screen.shown[-1] == Ended("goodbye")


def test_each_press_of_the_button_begins_a_turn_or_ends_it() -> None:
    pressed: asyncio.Queue[bool] = asyncio.Queue()

    async def button() -> AsyncIterator[None]:
        while await pressed.get():
            yield None

    microphone = MemoryMicrophone(ends=False)

    def speak(_: list[ClientEvent]) -> bool:
        pressed.put_nowait(True)
        microphone.hear(silence(200))
        return True

    def stop(words: list[ClientEvent]) -> bool:
        if not told(AppendAudio)(words):
            return False
        pressed.put_nowait(True)
        return True

    committed = AudioCommitted("u", None)
    wire = ListWire(*OPENING, speak, stop, told(CommitAudio), committed, told(CreateResponse), *REPLY, *FINISH)
    settings = Settings(push_to_talk=True)
    outcome, screen = hold(wire, settings=settings, microphone=microphone, button=button())
    assert outcome == Outcome("goodbye")
    assert [type(line).TYPE for line in screen.shown[:3]] == ["ready", "speech_started", "speech_stopped"]
    kinds = [type(word) for word in wire.told]
    assert kinds.index(CommitAudio) == kinds.index(AppendAudio) + 1

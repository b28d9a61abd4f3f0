"""A talk: one session joined with a wire, a microphone, a speaker and a screen. The only task group of the program.

Every input goes the same way: the time, the verb, then what the session asks of the world, then what it says to the server.
The world comes first, so that a Hush never waits behind a socket.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from vivavoce.errors import (
    NoDevice,
    ProtocolError,
    Reason,
    Refused,
    ServerGone,
    SignInFailed,
    TooManyRequests,
    VivaError,
)
from vivavoce.ports import Ear, Heard, Hushed, Microphone, Screen, Speaker, Tape, Trouble, Wire
from vivavoce.session.effects import Call, Discard, Duck, Effect, Finish, Hush, Play, Prepare, Reopen, Show, Swap
from vivavoce.session.happenings import Ended, Errored, Happening, Ready, Warned
from vivavoce.session.session import Session

_GATHER_S = 0.04  # two blocks of the microphone at a time: half the wake-ups and socket writes, for 10 ms more delay
_GATHER_JUDGED_S = 0.02  # where it is judged what interrupts, each block counts
_LOOK_S = 0.2
_LEAST_SHARE = (
    0.5  # of a pause before a new connection; the rest is left to chance, so that many clients do not come at once
)


class Functions(Protocol):
    """The functions the model may call (`tools.Toolbox`)."""

    async def call(self, name: str, arguments: Any) -> tuple[str, str | None]:
        """The output, and why it failed or None. Never raises but for cancellation."""


class Performer(Protocol):
    """Something that speaks for a person (`script.Script`)."""

    def saw(self, what: Happening) -> None:
        """A line was shown."""

    def heard(self, item_id: str, ms: int) -> None:
        """The speaker reported."""

    async def perform(self, talk: Talk) -> None:
        """Speak, then leave."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a talk is made of. `functions`, `performer`, `typed`, `tape`, `button` and `ear` may be absent.

    `typed` are lines of a keyboard; `typed_only`: nobody speaks, so the end of `typed` is the end of the talk. Each press of
    the `button` (push to talk) begins a turn or ends it.
    """

    session: Session
    wire: Wire
    microphone: Microphone
    speaker: Speaker
    screen: Screen
    functions: Functions | None = None
    performer: Performer | None = None
    typed: AsyncIterator[str] | None = None
    typed_only: bool = False
    tape: Tape | None = None
    button: AsyncIterator[None] | None = None
    ear: Ear | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the talk ended; `error` is what ended it, if the world did. `untold`: the screen could not show it."""

    reason: Reason
    error: VivaError | None = None
    untold: bool = False


class Talk:
    """One run of the program. `run` once; `leave` from a signal handler."""

    def __init__(self, parts: Parts, started: float) -> None:
        """`started`: the loop's time at which the program began; `t` of every line counts from it."""
        self._parts = parts
        self._session = parts.session
        self._wire = parts.wire
        self._standby: Wire | None = None
        self._open_wires: dict[Wire, asyncio.Task[None] | None] = {}  # all that are to be closed
        self._started = started
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[Reason] = self._loop.create_future()
        self._alarm: asyncio.TimerHandle | None = None
        self._group: asyncio.TaskGroup | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = asyncio.Event()
        self._error: VivaError | None = None
        self._unread = False

    @property
    def quiet(self) -> bool:
        """Nobody speaks, no reply is owed, all that came was heard."""
        return self._session.quiet

    async def run(self) -> Outcome:
        """Talk until it is over. Closes wire, microphone, speaker and ear, then shows `end`. Cancelling it leaves the talk."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._connect(self._wire)
                for job in self._jobs():
                    self._begin(job)
                reason = await self._over
                self._group = None
                for task in self._tasks:
                    task.cancel()
        finally:
            self._group = None
            if self._alarm:
                self._alarm.cancel()
            await self._close()
        self._show(Ended(reason))
        return Outcome(reason, self._error, untold=self._unread and self._error is not None)

    def type(self, text: str) -> None:
        """A typed turn."""
        self._input(self._session.type, text)

    def warn(self, code: str, message: str) -> None:
        """Tell the person; the talk goes on."""
        self._input(self._session.warn, code, message)

    def leave(self, reason: Reason) -> None:
        """End the talk now."""
        self._input(self._session.leave, reason)

    def leave_when_quiet(self, reason: Reason) -> None:
        """End the talk once the last word was heard and is on the screen."""
        self._input(self._session.leave_when_quiet, reason)

    # ---- the jobs

    def _jobs(self) -> list[Coroutine[Any, Any, None]]:
        jobs = [self._listen(), self._follow()]
        if self._parts.performer:
            jobs.append(self._parts.performer.perform(self))
        if self._parts.typed:
            jobs.append(self._read(self._parts.typed))
        if self._parts.button:
            jobs.append(self._press(self._parts.button))
        return jobs

    def _begin(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        if self._group is None:
            job.close()
            return None
        task = self._group.create_task(self._guard(job))
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)
        return task

    async def _guard(self, job: Coroutine[Any, Any, None]) -> None:
        try:
            await job
        except Exception as error:  # noqa: BLE001  # a bug must end in a sentence and whole files, not in a hang
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """An error of the world becomes the end of the talk, told in one sentence; a bug becomes one too, with its name."""
        if self._over.done():
            return
        if isinstance(error, VivaError):
            code, known = _code(error), error
        else:
            code, known = (
                "internal_error",
                VivaError(f"Internal error, please report it: {type(error).__name__}: {error}"),
            )
            known.__cause__ = error
        self._error = known
        try:
            self._input(self._session.gone, code, str(known), known.reason, _raw(known))
        except Exception:  # noqa: BLE001  # the screen itself is what failed: `_flush` has ended the talk all the same
            self._finish(known.reason)

    def _connect(self, wire: Wire, after_s: float = 0.0, least_s: float = 0.0) -> None:
        self._open_wires[wire] = self._begin(self._converse(wire, after_s, least_s))

    def _disconnect(self, wire: Wire) -> None:
        """Nobody listens to it any more; it is closed while the talk goes on."""
        task = self._open_wires[wire]
        if task:
            task.cancel()
        self._begin(self._close_wire(wire))

    async def _close_wire(self, wire: Wire) -> None:
        try:
            await wire.close()
        except Exception as error:  # noqa: BLE001  # told; the talk goes on with the other wire
            self._show(Errored("close_failed", f"{type(error).__name__}: {error}", fatal=False))
        del self._open_wires[wire]

    async def _converse(self, wire: Wire, after_s: float, least_s: float) -> None:
        """One connection, from its opening to its end."""
        session = self._session
        try:
            await asyncio.sleep(random.uniform(max(least_s, after_s * _LEAST_SHARE), after_s))  # noqa: S311  # no secret hangs on it
            await self._open(wire)
            self._input(session.standby_opened if wire is self._standby else session.opened, time.time())
            while True:
                try:
                    event = await wire.receive()
                except ProtocolError as error:
                    self._misread(wire, error)
                else:
                    self._input(session.receive_standby if wire is self._standby else session.receive, event)
                troubles = wire.warnings()
                self._pass_on([] if wire is self._standby else troubles)
        except VivaError as error:
            self._lost(wire, error)

    async def _open(self, wire: Wire) -> None:
        opening = asyncio.ensure_future(wire.open())
        try:
            while not opening.done():
                await asyncio.wait([opening], timeout=_LOOK_S)
                if wire is not self._standby:
                    self._pass_on(wire.warnings())  # a retry is told while it is waited for
            await opening
        finally:
            opening.cancel()
            await asyncio.wait([opening])

    def _misread(self, wire: Wire, error: ProtocolError) -> None:
        if wire is not self._standby:
            self._input(self._session.misread, str(error))

    def _lost(self, wire: Wire, error: VivaError) -> None:
        """A connection ended, or was not to be had: the session knows whether the talk goes on."""
        if wire is self._standby:
            self._input(self._session.standby_gone, _code(error), str(error))
            return
        code, raw, after_s = _code(error), _raw(error), error.after_s
        if self._ready.is_set() and isinstance(error, TooManyRequests | SignInFailed):
            error = ServerGone(str(error))  # it passes: the talk goes on without a connection, for a while
        message = str(error)
        if self._ready.is_set() and isinstance(error, ServerGone):
            message = error.fault  # the talk goes on: there is nothing for a person to do
        self._error = error
        self._input(self._session.gone, code, message, error.reason, raw, after_s)
        if not self._over.done():
            self._error = None

    async def _listen(self) -> None:
        microphone = self._parts.microphone
        await self._ready.wait()
        while (pcm := await microphone.read()) is not None:
            self._input(self._session.hear, pcm)
            for verdict in self._parts.ear.hear(pcm) if self._parts.ear else ():
                self._input(self._session.judged, verdict)
            self._pass_on(microphone.warnings())
            await asyncio.sleep(_GATHER_JUDGED_S if self._parts.ear else _GATHER_S)
        self._pass_on(microphone.warnings())

    async def _follow(self) -> None:
        speaker = self._parts.speaker
        await self._ready.wait()
        while True:
            match await speaker.report():
                case Heard(item_id, ms):
                    if self._parts.performer:
                        self._parts.performer.heard(item_id, ms)
                    self._input(self._session.heard, item_id, ms)
                case Hushed(hushed_id, final_ms):
                    self._input(self._session.hushed, hushed_id, final_ms)
            self._pass_on(speaker.warnings())

    async def _read(self, typed: AsyncIterator[str]) -> None:
        await self._ready.wait()
        async for line in typed:
            self.type(line)
        if self._parts.typed_only:
            self._input(self._session.leave_when_quiet, "script_done")

    async def _press(self, button: AsyncIterator[None]) -> None:
        await self._ready.wait()
        async for _ in button:
            self._input(self._session.release if self._session.pressed else self._session.press)

    async def _call(self, call: Call) -> None:
        functions = self._parts.functions
        if functions is None:
            problem = f"there is no function {call.name}"
            self._input(self._session.answered, call.call_id, json.dumps({"error": problem}), problem)
            return
        output, error = await functions.call(call.name, call.arguments)
        self._input(self._session.answered, call.call_id, output, error)

    # ---- one input

    def _input(self, verb: Callable[..., None] | None, *values: Any) -> None:
        """The time, the verb (None: nothing but the time), the world, the server, the next alarm."""
        now = self._loop.time()
        if self._parts.tape:
            self._parts.tape.took(now, verb.__name__ if verb else "tick", values)
        self._session.tick(now)
        if verb:
            verb(*values)
        self._flush()
        if self._parts.tape:
            self._pass_on(self._parts.tape.warnings())

    def _flush(self) -> None:
        session = self._session
        problem: Exception | None = None
        effects, events, second = session.to_world(), session.to_server(), session.to_standby()
        if self._parts.tape:
            self._parts.tape.gave(effects, events, second)
        standby = self._standby
        for effect in effects:
            try:
                self._carry_out(effect)
            except Exception as error:  # noqa: BLE001  # told below; a Hush or the end must not be lost behind it
                problem = problem or error
        if problem is not None:
            raise problem
        if standby:
            for event in second:  # before our other words: it may have taken over just now, and must know what was said
                standby.send(event)
        for event in events:
            self._wire.send(event)
        deadline = session.next_deadline()
        if self._alarm and self._alarm.when() != deadline:
            self._alarm.cancel()
            self._alarm = None
        if deadline is not None and self._alarm is None:
            self._alarm = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        try:
            self._input(None)
        except Exception as error:  # noqa: BLE001  # as in `_guard`
            self._fail(error)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Play():
                self._parts.speaker.play(effect.item_id, effect.pcm)
            case Hush():
                self._parts.speaker.hush()
            case Duck(share):
                self._parts.speaker.duck(share)
            case Show(what):
                self._show(what)
            case Call():
                self._begin(self._call(effect))
            case Finish(reason):
                self._finish(reason)
            case Reopen() | Prepare() | Swap() | Discard():
                self._change_wires(effect)
            case _:
                assert_never(effect)

    def _change_wires(self, effect: Reopen | Prepare | Swap | Discard) -> None:
        used, standby = self._wire, self._standby
        match effect:
            case Reopen(after_s, least_s):
                self._wire = used.another()
                self._connect(self._wire, after_s, least_s or 0.0)
                self._disconnect(used)
            case Prepare():
                self._standby = used.another()
                self._connect(self._standby)
            case Swap() if standby:
                self._wire, self._standby = standby, None
                self._disconnect(used)
            case _ if standby:  # Discard
                self._standby = None
                self._disconnect(standby)

    def _finish(self, reason: Reason) -> None:
        if not self._over.done():
            self._over.set_result(reason)

    def _show(self, what: Happening) -> None:
        if isinstance(what, Ready):
            self._parts.speaker.start()
            self._ready.set()
        out_ms = self._parts.speaker.out_ms if self._ready.is_set() else None
        if not self._unread:
            try:
                self._parts.screen.show(what, self._loop.time() - self._started, out_ms)
            except BrokenPipeError:  # the reader of a pipe went away, and with it the wish to talk
                self._unread = True
                self._finish("interrupt")
            except OSError as error:
                self._unread = True
                self._error = VivaError(f"What happens cannot be written any more: {error}")
                self._finish("error")
        if self._parts.performer:
            self._parts.performer.saw(what)

    def _pass_on(self, troubles: list[Trouble]) -> None:
        for trouble in troubles:
            self._input(self._session.warn, trouble.code, trouble.message)

    async def _close(self) -> None:
        wires = list(self._open_wires) or [self._wire]
        parts: list[Microphone | Speaker | Ear | Wire] = [self._parts.microphone, self._parts.speaker, *wires]
        if self._parts.ear:
            parts.insert(0, self._parts.ear)  # it waits for nothing, so that nothing comes in between
        for part in parts:
            try:
                await part.close()
            except Exception as error:  # noqa: BLE001  # told; the other parts are closed all the same
                self._show(Errored("close_failed", f"{type(error).__name__}: {error}", fatal=False))
        if self._parts.tape:
            await self._parts.tape.close()
            for trouble in self._parts.tape.warnings():  # the session takes nothing any more
                self._show(Warned(trouble.code, trouble.message))


def _code(error: VivaError) -> str:
    if isinstance(error, ServerGone):
        return "connection_lost" if error.code is not None else "no_connection"
    return "no_device" if isinstance(error, NoDevice) else error.reason


def _raw(error: VivaError) -> dict[str, Any] | None:
    """What the server itself said, where it refused us."""
    if isinstance(error, Refused) and (error.status or error.body):
        return {"status": error.status, "body": error.body}
    return None


async def run(parts: Parts, started: float | None = None) -> Outcome:
    """Hold one talk with these parts, from connecting to goodbye.

    Args:
        parts: what the talk is made of; all of it is closed afterwards.
        started: `loop.time()` from which the lines count their seconds; now, if None.
    """
    return await Talk(parts, asyncio.get_running_loop().time() if started is None else started).run()

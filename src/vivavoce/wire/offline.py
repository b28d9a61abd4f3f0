"""The offline engine without a socket: in a child process, or on threads of this one. Events travel as objects, never as JSON.

    send --> outbox --[sender thread]--> engine session --[its threads]--> loop.call_soon_threadsafe --> receive

The child ignores Ctrl-C and the end of a terminal (its parent says when to stop), and ends when its parent does, also while it
loads models. On SIGTERM it unwinds while it loads, so that a download it started in a process of its own ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from vivavoce.errors import ServerGone, VivaError
from vivavoce.events.client import AppendAudio, ClientEvent
from vivavoce.pcm import bytes_to_ms, ms_to_bytes
from vivavoce.ports import Trouble

if TYPE_CHECKING:
    from vivavoce.engine.pipeline import Stages
    from vivavoce.events.server import ServerEvent

__all__ = ["ISOLATE", "OfflineWire"]

ISOLATE = True  # measured: docs/performance.md
NICENESS = 10  # the sound of the parent comes before the thoughts of the child
MAX_SOUND_MS = 800_000
_MAX_BACKLOG = 100
_STOP_S = 10.0
_UNWIND_S = 3.0  # a model that is just being loaded does not hear SIGTERM
_TERMINATED = 143

log = logging.getLogger(__name__)

Opener = Callable[[], "Stages"]
Tell = Callable[["ServerEvent | VivaError"], None]


class _Engine(Protocol):
    """Where the engine runs."""

    def start(self) -> None:
        """Load the models and begin; blocks. Raises VivaError."""

    def deliver(self, event: ClientEvent) -> None:
        """Hand over a word of the client; may wait."""

    def stop(self) -> None:
        """End; blocks."""


class OfflineWire:
    """One conversation with an engine of its own.

    Args:
        open_stages: loads the models; with `isolate` it is called in the child, so it must be picklable.
        isolate: in a child process; else on threads.
    """

    def __init__(self, open_stages: Opener, *, isolate: bool = ISOLATE) -> None:
        self._open_stages, self._isolate = open_stages, isolate
        self._engine: _Engine = _Child(open_stages, self._told) if isolate else _Threads(open_stages, self._told)
        self._outbox = _Outbox()
        self._sender = threading.Thread(target=self._send_all, name="viva offline sender", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard: asyncio.Queue[ServerEvent | VivaError] = asyncio.Queue()
        self._closed = False

    def another(self) -> OfflineWire:
        """Another conversation, with an engine of its own that is not started yet."""
        return OfflineWire(self._open_stages, isolate=self._isolate)

    async def open(self) -> None:
        """Load the models and begin the conversation.

        Raises:
            MissingExtra: the extra `offline` is not installed.
            ModelMissing: a model is neither here nor to be fetched.
            VivaError: the engine cannot start for another reason.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await asyncio.to_thread(self._engine.start)
        except BaseException:  # whatever it was, it is raised again; the child must not outlive it
            await asyncio.to_thread(self._engine.stop)
            raise
        self._sender.start()

    def send(self, event: ClientEvent) -> None:
        """Queue a word. Never blocks; beyond 800 s of sound that waits, the oldest sound is dropped and counted."""
        self._outbox.put(event)

    async def receive(self) -> ServerEvent:
        """The next word. Raises ServerGone when the engine ended."""
        found = await self._heard.get()
        if isinstance(found, VivaError):
            self._heard.put_nowait(found)  # it stays ended
            raise found
        return found

    def warnings(self) -> list[Trouble]:
        """Sound that was dropped since the last call; may be asked while `open` is under way."""
        dropped_ms = self._outbox.dropped_ms()
        if not dropped_ms:
            return []
        return [
            Trouble("sound_dropped", f"The offline engine is too slow: {dropped_ms} ms of your sound were dropped.")
        ]

    async def close(self) -> None:
        """Let the engine take what is queued, then end it. Twice is allowed."""
        if self._closed:
            return
        self._closed = True
        self._outbox.close()
        await asyncio.to_thread(self._finish)
        self._heard.put_nowait(ServerGone("The conversation is closed.", code=1000))

    def _finish(self) -> None:
        if self._sender.is_alive():
            self._sender.join(_STOP_S)
        self._engine.stop()

    def _send_all(self) -> None:
        while (event := self._outbox.get()) is not None:
            self._engine.deliver(event)

    def _told(self, event: ServerEvent | VivaError) -> None:
        """Called on a thread of the engine."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._heard.put_nowait, event)


class _Outbox:
    """Words in order; of the sound among them at most 800 s."""

    def __init__(self) -> None:
        self._events: deque[ClientEvent] = deque()
        self._changed = threading.Condition()
        self._sound = 0
        self._dropped = 0
        self._closed = False

    def put(self, event: ClientEvent) -> None:
        """Queue a word; the oldest sound makes room for new sound."""
        with self._changed:
            self._events.append(event)
            if isinstance(event, AppendAudio):
                self._sound += len(event.audio)
                while self._sound > ms_to_bytes(MAX_SOUND_MS) and self._drop_oldest(event):
                    pass
            self._changed.notify()

    def _drop_oldest(self, newest: AppendAudio) -> bool:
        oldest = next(event for event in self._events if isinstance(event, AppendAudio))
        if oldest is newest:
            return False
        self._events.remove(oldest)
        self._sound -= len(oldest.audio)
        self._dropped += len(oldest.audio)
        return True

    def get(self) -> ClientEvent | None:
        """The next word; waits for it. None when it is closed and empty."""
        with self._changed:
            while not self._events:
                if self._closed:
                    return None
                self._changed.wait()
            event = self._events.popleft()
            if isinstance(event, AppendAudio):
                self._sound -= len(event.audio)
            return event

    def close(self) -> None:
        """Nothing more will be put."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def dropped_ms(self) -> int:
        """Milliseconds dropped since the last call."""
        with self._changed:
            dropped, self._dropped = self._dropped, 0
        return bytes_to_ms(dropped)


class _Threads:
    """The engine on threads of this process."""

    def __init__(self, open_stages: Opener, tell: Tell) -> None:
        self._open_stages = open_stages
        self._tell = tell
        self._ending = contextlib.ExitStack()
        self._loading = threading.Lock()  # models that are just being loaded are loaded, then freed
        self._session: Any = None

    def start(self) -> None:
        """Load the models here."""
        from vivavoce.engine.pipeline import Session  # noqa: PLC0415  # only who talks offline pays for the engine

        with self._loading:
            stages = _opened(self._open_stages)
            self._ending.callback(stages.close)
            self._session = Session(stages, self._tell)
            self._ending.callback(self._session.close)

    def deliver(self, event: ClientEvent) -> None:
        """Hand over, at the pace the engine takes."""
        while self._session.backlog > _MAX_BACKLOG:
            time.sleep(0.005)
        self._session.feed(event)

    def stop(self) -> None:
        """End the conversation and free the models."""
        with self._loading:
            self._ending.close()


def _opened(open_stages: Opener) -> Stages:
    try:
        return open_stages()
    except VivaError:
        raise
    except Exception as error:
        log.exception("the offline engine cannot start")
        raise VivaError(f"The offline engine cannot start ({type(error).__name__}: {error}).") from error


class _Child:
    """The engine in a child process."""

    def __init__(self, open_stages: Opener, tell: Tell) -> None:
        self._tell = tell
        context = multiprocessing.get_context("spawn")
        self._pipe, self._theirs = context.Pipe()
        self._process = context.Process(
            target=_serve_pipe, args=(open_stages, self._theirs), name="viva offline engine", daemon=True
        )
        self._reader = threading.Thread(target=self._read, name="viva offline reader", daemon=True)
        self._launch = threading.Lock()  # a child that is just being launched is launched, then stopped
        self._start = threading.Lock()  # `stop` closes the pipe when nobody reads from it any more
        self._end = threading.Lock()
        self._launched = self._ready = self._stopping = self._stopped = False

    def start(self) -> None:
        """Start the child and wait until its models are loaded. `stop`, from another thread, ends the waiting."""
        with self._start:
            with self._launch:
                if self._stopping:
                    raise ServerGone("The offline engine was stopped before it started.")
                with _undisturbed():
                    self._process.start()
                self._launched = True
            self._theirs.close()
            try:
                outcome = self._pipe.recv()
            except (EOFError, OSError):
                raise ServerGone(f"The offline engine ended while it started ({self._exit()}).") from None
            if outcome is not None:
                raise _rebuilt(*outcome)
            self._ready = True
            self._reader.start()

    def deliver(self, event: ClientEvent) -> None:
        """Hand over; waits when the pipe is full."""
        with contextlib.suppress(OSError):  # the child is gone: the reader tells it
            self._pipe.send(event)

    def _read(self) -> None:
        try:
            while True:
                self._tell(self._pipe.recv())
        except (EOFError, OSError):
            if not self._stopping:
                self._tell(ServerGone(f"The offline engine ended by itself ({self._exit()}).", code=1006))

    def _exit(self) -> str:
        if self._stopping:
            return "it was stopped"
        self._process.join(_STOP_S)
        return f"exit code {self._process.exitcode}"

    def stop(self) -> None:
        """Tell the child to end; end it when it does not. Twice, and from several threads, is allowed."""
        with self._launch:
            self._stopping = True
        with self._end:
            if self._stopped:
                return
            self._stopped = True
            if self._launched:
                self._end_child()
            with self._start:
                pass  # it has seen the end of the child
            if self._reader.is_alive():
                self._reader.join()
            self._pipe.close()
            self._theirs.close()
            if self._launched:
                self._process.close()

    def _end_child(self) -> None:
        if self._ready:
            with contextlib.suppress(OSError):  # it ended already
                self._pipe.send(None)
            self._process.join(_STOP_S)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(_UNWIND_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """A child that is launched here ignores Ctrl-C and the end of a terminal from its first moment: it inherits what is blocked."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # unblocks what it finds blocked when it is launched itself
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _rebuilt(kind: type[VivaError], message: str, attributes: dict[str, Any]) -> VivaError:
    """An error of the child, here; not by its constructor, which makes the message from other things."""
    error = kind.__new__(kind, message)
    error.__dict__.update(attributes)
    return error


# ---- in the child


def _serve_pipe(open_stages: Opener, pipe: Connection) -> None:
    """The main function of the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _unwind)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    threading.Thread(target=_die_with_parent, name="viva parent watch", daemon=True).start()
    from vivavoce.engine.pipeline import Session  # noqa: PLC0415  # the parent does without

    try:
        stages = _opened(open_stages)
    except VivaError as error:
        pipe.send((type(error), str(error), error.__dict__))
        return
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # no download is under way any more
    pipe.send(None)
    outgoing: queue.SimpleQueue[ServerEvent | None] = queue.SimpleQueue()
    writer = threading.Thread(target=_write, args=(outgoing, pipe), name="viva offline writer", daemon=True)
    writer.start()
    session = Session(stages, outgoing.put)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone: end as if told to
        while (event := pipe.recv()) is not None:
            session.feed(event)
    session.close()
    outgoing.put(None)
    writer.join(_STOP_S)
    stages.close()


def _write(outgoing: queue.SimpleQueue[ServerEvent | None], pipe: Connection) -> None:
    with contextlib.suppress(OSError):  # the parent is gone or has stopped reading
        while (event := outgoing.get()) is not None:
            pipe.send(event)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            time.sleep(_UNWIND_S)
        os._exit(1)


def _unwind(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: the second would interrupt the clearing up
    with contextlib.suppress(OSError):  # what an interrupted import says of itself is nobody's concern
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.exit(_TERMINATED)

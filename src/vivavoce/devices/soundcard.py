"""The sound card as microphone and speaker of a conversation: PortAudio's threads on one side, asyncio on the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread

from vivavoce.devices.bell import Bell
from vivavoce.devices.portaudio import Capture, Playback, Spool
from vivavoce.devices.reports import IDLE_S, Reports
from vivavoce.devices.troubles import Troubles
from vivavoce.pcm import RATE_HZ, bytes_to_ms
from vivavoce.ports import Heard, Hushed, Trouble


class SoundCardMicrophone:
    """A `Microphone` port. Sound is kept from the first `read` on: what was said while connecting is not the talk's."""

    def __init__(self, device: int | str | None = None) -> None:
        """Opens the device: index, exact name, unique part of a name, or None for the system's default.

        Raises:
            NoDevice: there is none, it cannot be opened, or nothing or more than one fits; the sentence lists what there is.
        """
        self._bell = Bell()
        self._capture = Capture(device, self._bell.ring, keep=False)
        self._troubles = Troubles()
        self._told = (0, 0)
        self._closed = False

    async def read(self) -> bytes | None:
        """Everything recorded since the last read, at least one block of 20 ms; None when closed. Cancelling loses nothing.

        Raises:
            NoDevice: the device went away. Found out within about four seconds.
        """
        self._capture.keep()
        while not self._closed:
            sound = self._capture.ring.read()
            if sound:
                return sound
            self._capture.check()
            await self._bell.wait(IDLE_S)
        return None

    def warnings(self) -> list[Trouble]:
        """Sound that was overwritten because nobody read it, or lost before it came here."""
        lost, overflows = self._capture.ring.lost, self._capture.overflows
        self._troubles.note("mic_overrun", bytes_to_ms(lost - self._told[0]))
        self._troubles.note("mic_overflow", overflows - self._told[1])
        self._told = (lost, overflows)
        return self._troubles.drain()

    async def close(self) -> None:
        """Free the device; a `read` under way answers None. Twice is allowed."""
        self._closed = True
        self._bell.ring()
        await asyncio.to_thread(self._capture.close)


class _Hand:
    """The one thread that stops and starts a device: milliseconds, on some systems more, that the loop must not wait.

    Not an executor: the program would wait at its end for a device that died under it.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Callable[[], int], Future[int]] | None] = SimpleQueue()
        Thread(target=self._work, name="viva-hush", daemon=True).start()

    def submit(self, job: Callable[[], int]) -> Future[int]:
        """Run `job` behind those that wait."""
        answer: Future[int] = Future()
        self._jobs.put((job, answer))
        return answer

    def stop(self) -> None:
        """End behind the jobs that wait."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (task := self._jobs.get()) is not None:
            job, answer = task
            try:
                answer.set_result(job())
            except Exception as fault:  # noqa: BLE001  raised again by the report that waits for the answer
                answer.set_exception(fault)


class SoundCardSpeaker:
    """A `Speaker` port whose milliseconds come from the time at which the sound card says a sample leaves it."""

    def __init__(self, device: int | str | None = None) -> None:
        """Opens the device: index, exact name, unique part of a name, or None for the system's default.

        Raises:
            NoDevice: there is none, it cannot be opened, or nothing or more than one fits; the sentence lists what there is.
        """
        self._playback = Playback(device)
        self._reports = Reports()
        self._troubles = Troubles()
        self._begun_s: float | None = None
        self._underflows = 0
        self._hushes: deque[tuple[Spool, Future[int]]] = deque()
        self._hand = _Hand()

    @property
    def out_ms(self) -> int:
        """Milliseconds by the device's clock since `start`; 0 before."""
        return 0 if self._begun_s is None else int((self._playback.now_s - self._begun_s) * 1000)

    def start(self) -> None:
        """Begin: what is queued leaves now."""
        if self._begun_s is None:
            self._begun_s = self._playback.now_s
            self._playback.begin()

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue sound of an item. Never blocks, never refuses; empty or odd pieces are a warning."""
        self._playback.spool.line.put(item_id, pcm, self._troubles)
        self._reports.bell.ring()

    def hush(self) -> None:
        """Be silent now and forget what is queued; `Hushed` follows when the device has confirmed it, some ms later."""
        old = self._playback.switch()
        final = self._hand.submit(lambda: self._playback.cut(old))
        self._hushes.append((old, final))
        final.add_done_callback(lambda _: self._reports.bell.ring())

    async def report(self) -> Heard | Hushed:
        """The next report. Cancelling loses nothing.

        Raises:
            NoDevice: the device went away. Found out within about four seconds.
        """
        return await self._reports.next(self._settle)

    def warnings(self) -> list[Trouble]:
        """Underruns, odd or empty sound, more than ten minutes queued."""
        underflows = self._playback.underflows
        self._troubles.note("speaker_underrun", underflows - self._underflows)
        self._underflows = underflows
        return self._troubles.drain()

    async def close(self) -> None:
        """Stop at once and free the device. Twice is allowed."""
        self._playback.freeze()  # here, so that nobody asks the device for its time while the thread frees it
        await asyncio.to_thread(self._playback.close)
        self._hand.stop()

    def _settle(self) -> float | None:
        while self._hushes:
            spool, final = self._hushes[0]
            if not final.done():
                return None
            self._hushes.popleft()
            self._reports.add(spool.line.ledger.cut(final.result()))
        self._playback.check()
        spool = self._playback.spool
        position = spool.advance(self._playback.now_s)
        self._reports.add(spool.line.ledger.advance(position))
        due = spool.line.ledger.due(position)
        return None if due is None else due / RATE_HZ

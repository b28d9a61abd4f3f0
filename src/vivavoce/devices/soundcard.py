"""The sound card as microphone and speaker of a conversation: PortAudio's threads on one side, asyncio on the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from vivavoce.devices.bell import Bell
from vivavoce.devices.capture import Capture
from vivavoce.devices.card import Card
from vivavoce.devices.playback import Playback
from vivavoce.devices.processing import Processor, Tap
from vivavoce.devices.reports import IDLE_S, Reports
from vivavoce.devices.spool import Spool
from vivavoce.errors import BadSettings
from vivavoce.pcm import BLOCK_BYTES, BLOCK_MS, RATE_HZ
from vivavoce.ports import Heard, Hushed, Trouble

_GLANCE_S = 0.005
"""Between two looks at what the audio thread has done: it rings no bell, as waking a loop is a write to a socket."""
_FULL_PERCENT = 100


class SoundCardMicrophone:
    """A `Microphone` port. Sound is kept from the first `read` on: what was said while connecting is not the talk's.

    A device that goes away is waited for, and another one taken where there is one; `warnings` tell it once.
    """

    def __init__(self, device: int | str | None = None, *, card: Card | None = None) -> None:
        """Opens the device: index, exact name, unique part of a name, or None for the system's default.

        Args:
            device: which one.
            card: where to look for it; this machine's when not given.

        Raises:
            NoDevice: there is none, it cannot be opened, or nothing or more than one fits; the sentence lists what there is.
        """
        self._bell = Bell()
        self._capture = Capture(device, keep=False, card=card)
        self._troubles = self._capture.troubles
        self._news: Callable[[], str | None] | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """What people call the device it records from, or did last."""
        return self._capture.link.called

    @property
    def overflows(self) -> int:
        """Times the sound system lost sound before we got it."""
        return self._capture.overflows

    @property
    def muted(self) -> bool:
        """Whether silence is sent instead of sound; the stream goes on either way."""
        return self._capture.muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._capture.muted = muted

    def process(
        self, processor: Processor, speaker: SoundCardSpeaker, news: Callable[[], str | None] | None = None
    ) -> None:
        """From now on sound goes through `processor`, beside what `speaker` really plays. Both on the same card, once a talk.

        `news`: what it has to say to the person, asked with the warnings.
        """
        self._news = news
        self._capture.process(processor, speaker.tap())

    async def read(self) -> bytes | None:
        """Everything recorded since the last read, at least one block of 20 ms; None when closed. Cancelling loses nothing.

        When there is something to warn of while no device is there, one block of silence comes, so that somebody asks.

        Raises:
            NoDevice: the device went away and none came for half a minute.
        """
        self._capture.keep()
        while not self._closed:
            sound = self._capture.ring.read()
            if sound:
                return sound
            self._capture.check()
            if self._troubles.pressing:  # at the pace of sound: whoever reads on without asking is not to stop the loop
                await self._bell.wait(BLOCK_MS / 1000)
                return self._capture.ring.read() or bytes(BLOCK_BYTES)
            await self._bell.wait(_GLANCE_S)
        return None

    def warnings(self) -> list[Trouble]:
        """Sound that was overwritten because nobody read it, or lost before it came here; a device that went or came."""
        self._capture.warn()
        news = self._news() if self._news else None
        return [*self._troubles.drain(), *([Trouble("echo", news)] if news else [])]

    async def close(self) -> None:
        """Free the device; a `read` under way answers None. Twice is allowed."""
        self._closed = True
        self._bell.ring()
        await asyncio.to_thread(self._capture.close)


class SoundCardSpeaker:
    """A `Speaker` port whose milliseconds come from the time at which the sound card says a sample leaves it.

    A device that goes away is waited for, and another one taken where there is one: what was queued and not heard is
    played there. `warnings` tell it once.
    """

    def __init__(self, device: int | str | None = None, *, card: Card | None = None) -> None:
        """Opens the device: index, exact name, unique part of a name, or None for the system's default.

        Args:
            device: which one.
            card: where to look for it; this machine's when not given.

        Raises:
            NoDevice: there is none, it cannot be opened, or nothing or more than one fits; the sentence lists what there is.
        """
        self._playback = Playback(device, card=card)
        self._reports = Reports()
        self._troubles = self._playback.troubles
        self._begun_s: float | None = None
        self._volume = _FULL_PERCENT
        self._ducked = 1.0
        self._hushes: deque[Spool] = deque()

    @property
    def name(self) -> str:
        """What people call the device it plays on, or did last."""
        return self._playback.link.called

    @property
    def out_ms(self) -> int:
        """Milliseconds by the device's clock since `start`; 0 before."""
        return 0 if self._begun_s is None else int((self._playback.now_s - self._begun_s) * 1000)

    @property
    def volume(self) -> int:
        """Percent of the amplitude, 0 to 100. A new one is reached within 10 ms of sound, without a click.

        Raises:
            BadSettings: set to something else.
        """
        return self._volume

    @volume.setter
    def volume(self, percent: int) -> None:
        if not 0 <= percent <= _FULL_PERCENT:
            raise BadSettings(f"A volume of {percent} is not to be had: give a number from 0 to 100.")
        self._volume = percent
        self._playback.gain = percent / _FULL_PERCENT * self._ducked

    @property
    def underruns(self) -> int:
        """Times the device ran dry."""
        return self._playback.underflows

    def duck(self, share: float) -> None:
        """Play at this share of the volume, 0 to 1, until told otherwise; reached as a new volume is.

        At 0 nothing plays and nothing is lost: what is queued waits.
        """
        self._ducked = share
        self._playback.held = not share
        self._playback.gain = self._volume / _FULL_PERCENT * share

    def tap(self) -> Tap:
        """What is played from now on, for one reader."""
        self._playback.tap = Tap()
        return self._playback.tap

    def start(self) -> None:
        """Begin: what is queued leaves now."""
        if self._begun_s is None:
            self._begun_s = self._playback.now_s
            self._playback.begin()

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue sound of an item. Never blocks, never refuses; empty or odd pieces are a warning."""
        self._playback.play(item_id, pcm)
        self._reports.bell.ring()

    def hush(self) -> None:
        """Be silent now and forget what is queued; `Hushed` follows when the last sample has left, some ms later."""
        self._hushes.append(self._playback.hush())
        self._reports.bell.ring()

    async def report(self) -> Heard | Hushed:
        """The next report. Cancelling loses nothing.

        Raises:
            NoDevice: the device went away and none came for half a minute.
        """
        return await self._reports.next(self._settle)

    def warnings(self) -> list[Trouble]:
        """Underruns, odd or empty sound, more than ten minutes queued, a device that went or came."""
        self._playback.warn()
        return self._troubles.drain()

    async def close(self) -> None:
        """Stop at once and free the device. Twice is allowed."""
        self._playback.freeze()  # here, so that nobody asks the device for its time while the thread frees it
        await asyncio.to_thread(self._playback.close)

    def _settle(self) -> float | None:
        while self._hushes:
            old = self._hushes[0]
            if old.final is None:
                self._playback.check()
                return _GLANCE_S
            missing_s = old.final_s - self._playback.now_s
            if missing_s > 0 and not self._playback.link.frozen:
                return missing_s
            self._hushes.popleft()
            self._reports.add(old.line.ledger.cut(old.final))
        self._playback.check()
        position = self._playback.position()
        ledger = self._playback.spool.line.ledger
        self._reports.add(ledger.advance(position))
        due = ledger.due(position)
        return IDLE_S if due is None else due / RATE_HZ

"""An open speaker: sound on its way out, and how much of it has really left.

What runs on the audio thread is `_fill` and all it calls: it copies bytes, writes plain numbers, and neither allocates
anything that grows, nor waits for a lock, nor does I/O.

Two ways to be silent. Where the device holds little, the sound fades within 5 ms and what was handed over before leaves:
no click, and what was heard is known to the sample. Where it holds much, its stream is aborted and started again.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from vivavoce.devices.card import Card, card_of_this_machine
from vivavoce.devices.cushion import Cushion
from vivavoce.devices.host import DeviceFault
from vivavoce.devices.link import Link
from vivavoce.devices.loudness import FADE_SAMPLES, scale
from vivavoce.devices.processing import Tap
from vivavoce.devices.shapes import ToDevice, is_ours
from vivavoce.devices.spool import Spool
from vivavoce.devices.troubles import Troubles
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES

_BLOCK_MS = 10
_LATENCY_S = 0.03
"""Measured on a virtual card: with 20 ms, twice the underruns on a busy machine; with 40 ms, a hush of 70 ms."""
_HUSH_S = 0.056
"""The longest that a fade may take from the call to silence; the issue allows 60 ms."""
_FADE_S = FADE_SAMPLES / RATE_HZ
_BLIND_S = 0.04
"""How far the clock is believed beyond the last call: what a dead device still held was not heard."""
_SURE_CALLS = 2
_NOTHING = bytes(RATE_HZ // 5 * SAMPLE_BYTES)


class Playback:
    """A speaker that plays a spool, silence when that is empty.

    Attributes:
        spool: what plays now.
        underflows: times the device ran dry.
        holes: those of them that came in the middle of sound; what runs dry in silence nobody hears.
        cushion: what a reply waits for before it is begun.
        gain: 0 to 1; a new one is reached within 10 ms of sound.
        held: once it is silent (`gain` 0), nothing of the spool is played: it waits.
        gap_s: 0; what was not played while the device was away comes later.
        tap: gets every block that goes to the device, when somebody wants it.
        troubles: what the person is told.
    """

    def __init__(self, device: int | str | None = None, *, card: Card | None = None) -> None:
        """Opens and starts the device, with silence.

        Raises:
            NoDevice: there is none, or it cannot be opened.
        """
        self._card = card or card_of_this_machine()
        self.spool = Spool()
        self.cushion = Cushion()
        self.troubles = Troubles()
        self.underflows = 0
        self.holes = 0
        self.gain = 1.0
        self.held = False
        self.gap_s = 0.0
        self.tap: Tap | None = None
        self._reached = 1.0
        self._told = 0
        self._sounds = False  # whether the last block ended with sound: the audio thread's
        self._begun = False
        self._leaving: deque[Spool] = deque()
        self._switches = 0  # written by those who hush, `_cuts` by the one who cuts: the audio thread compares
        self._cuts = 0
        self._called_s = 0.0
        self._filled = 0  # calls that only fill the device: what they took may never leave
        self._shape: ToDevice | None = None
        self._abrupt = False
        self._latency_s = _LATENCY_S
        self.link = Link(self._card.host, "output", device, self._fill)
        self._card.join(self, lambda: self.link.started(_BLOCK_MS, _LATENCY_S, self._prepare))

    @property
    def now_s(self) -> float:
        """The device's clock, the one in which it says when a sample leaves; it stands still after `freeze`."""
        return self.link.now_s

    @property
    def busy(self) -> bool:
        """Whether sound of ours is still to be heard."""
        return self.position() < self.spool.line.queued or bool(self._leaving)

    def begin(self) -> None:
        """Until now only silence left; from now on what is queued."""
        self._begun = True

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue sound of an item. Never blocks."""
        if pcm:
            self.cushion.arrived(item_id, self.now_s)
        self.spool.line.put(item_id, pcm, self.troubles)

    def position(self) -> int:
        """Samples of the spool that have left. A device that was just opened is believed once it calls beyond what it holds."""
        if self.link.calls < self._filled:
            return self.spool.left
        return self.spool.advance(min(self.now_s, self._called_s + _BLIND_S))

    def hush(self) -> Spool:
        """Begin a new spool; the answer is the old one, whose `final` is known some ms later."""
        old, self.spool = self.spool, Spool()
        self.cushion.forget()
        if not self._begun or self.link.frozen or not self.link.is_open:
            old.end(old.left, self.now_s)
        elif self._abrupt:
            self._switches += 1  # nothing of either spool is handed over until the device is silent
            self._card.hand.submit(lambda: self._cut(old))
        else:
            self._leaving.append(old)
        return old

    def warn(self) -> None:
        """Note in `troubles` how often sound was torn since the last time."""
        holes = self.holes
        self.troubles.note("speaker_underrun", holes - self._told)
        self._told = holes

    def check(self) -> None:
        """Raises `NoDevice` when the device is gone and did not come back; a closed one is not."""
        self._card.check(self.link)

    def freeze(self) -> None:
        """Stop the clock: after `close` the device cannot be asked any more."""
        self.link.freeze()

    def close(self) -> None:
        """Stop at once and free the device. Blocks for some milliseconds; twice is allowed."""
        self.link.freeze()
        self._card.leave(self)
        self.link.close()
        self._end_leaving(self.now_s)

    # ---- for the card: the stream is shut, or not started yet, and the audio thread is not about

    def account(self) -> None:
        """The device is gone: what it had not played comes again."""
        at_s = min(self._called_s + _BLOCK_MS / 1000, self.link.shut_s)
        self._end_leaving(at_s)
        self.spool.lost(-math.inf if self.link.calls < self._filled else at_s)
        if self.tap is not None:
            self.tap.cut(at_s)

    def reopen(self) -> None:
        """Play on, on the device that is meant now. Raises `DeviceFault`."""
        self.link.restarted(_BLOCK_MS, _LATENCY_S, self._prepare)

    def _prepare(self) -> None:
        form = self.link.form
        self._shape = None if is_ours(form) else ToDevice(form)
        self._latency_s = self.link.latency_s
        self._abrupt = self._latency_s + _BLOCK_MS / 1000 + _FADE_S > _HUSH_S
        self._reached = self.gain
        self._filled = self.link.calls + round(self._latency_s * 1000 / _BLOCK_MS) + _SURE_CALLS

    def _end_leaving(self, at_s: float) -> None:
        while self._leaving:
            old = self._leaving.popleft()
            old.end(old.advance(at_s), at_s)

    def _cut(self, old: Spool) -> None:
        """Silence what the device still holds of `old`. Blocks for some ms."""
        with self.link.control:
            silent_s = self.now_s
            if self.link.is_open and not self.link.lost and old.advance(silent_s) < old.line.handed:
                try:
                    self.link.abort()
                    silent_s = self.now_s
                    if self.tap is not None:
                        self.tap.cut(silent_s)
                    self.link.start()
                except DeviceFault:
                    self.link.fail()
            old.end(old.advance(silent_s), silent_s)
            self._cuts += 1

    # ---- on the audio thread

    def _fill(self, data: Any, _frames: int, when: Any, status: Any) -> None:
        self.link.calls += 1
        if status.output_underflow:
            self.underflows += 1
            self.holes += self._sounds
        dac_s = when.outputBufferDacTime
        if dac_s <= when.currentTime:  # some drivers do not say when: the latency of the stream is the next best
            dac_s = when.currentTime + self._latency_s
        self._called_s = when.currentTime + self.link.shift_s
        out = memoryview(data)
        if self._shape is None:
            self._mix(out, dac_s + self.link.shift_s)
        else:
            self._shape.fill(out, dac_s + self.link.shift_s, self._mix)

    def _mix(self, out: memoryview, dac_s: float) -> None:
        used = 0
        while self._leaving:
            used += self._fade(self._leaving[0], out[used:], dac_s + used / (RATE_HZ * SAMPLE_BYTES))
            self._leaving.popleft()
        waits = self.held and not self._reached
        if self._begun and not waits and self._switches == self._cuts:
            used += self._hand(out[used:], dac_s + used / (RATE_HZ * SAMPLE_BYTES))
        self._sounds = used == len(out)
        out[used:] = _NOTHING[: len(out) - used]
        if self._reached != 1.0 or self.gain != 1.0:
            gain = self.gain
            scale(out, self._reached, gain)
            self._reached = gain
        if self.tap is not None:
            self.tap.put(dac_s, out)

    def _hand(self, out: memoryview, dac_s: float) -> int:
        spool = self.spool
        if self.cushion.holds(spool.line.queued - spool.line.handed, self._called_s):
            return 0
        given = spool.hand(out, dac_s) * SAMPLE_BYTES
        if given < len(out):
            self.cushion.ran_dry(self._called_s)
        return given

    def _fade(self, old: Spool, out: memoryview, dac_s: float) -> int:
        if self.cushion.waits or not old.line.handed or not self._reached:  # it is silent already
            old.end(old.line.handed, old.gone_s)
            return 0
        sound = out[: FADE_SAMPLES * SAMPLE_BYTES]
        given = old.hand(sound, dac_s) * SAMPLE_BYTES
        if given:
            scale(sound[:given], 1.0, 0.0)
        old.end(old.line.handed, old.gone_s)
        return given

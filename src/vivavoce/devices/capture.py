"""An open microphone that writes into a ring. `_take` and all it calls runs on the audio thread: see `playback`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vivavoce.devices.card import Card, card_of_this_machine
from vivavoce.devices.link import Link
from vivavoce.devices.processing import Processing, Processor, Tap
from vivavoce.devices.ring import Ring
from vivavoce.devices.shapes import FromDevice, is_ours
from vivavoce.devices.troubles import Troubles
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES, bytes_to_ms

_BLOCK_MS = 20
_LATENCY_S = 0.03
_NOTHING = memoryview(bytes(RATE_HZ // 5 * SAMPLE_BYTES))


class Capture:
    """A microphone.

    Attributes:
        ring: what was recorded.
        overflows: times the sound system itself lost sound.
        muted: silence is kept instead of sound.
        gap_s: seconds that were not recorded because the device was away.
        troubles: what the person is told.
    """

    def __init__(
        self, device: int | str | None, heard: Callable[[], None] | None = None, *, keep: bool, card: Card | None = None
    ) -> None:
        """Opens and starts the device.

        Args:
            device: see `listing.find`.
            heard: called on the audio thread after each block; must neither block nor raise.
            keep: whether sound is kept from now on, or only after `keep` is called.
            card: where the device is looked for; this machine's when not given.

        Raises:
            NoDevice: there is none, or it cannot be opened.
        """
        self._card = card or card_of_this_machine()
        self.ring = Ring()
        self.troubles = Troubles()
        self.overflows = 0
        self.muted = False
        self.gap_s = 0.0
        self._told = (0, 0, 0)
        self._heard = heard
        self._keep = keep
        self._shape: FromDevice | None = None
        self._processing: Processing | None = None
        self._until_s: float | None = None
        self._fresh = False
        self.link = Link(self._card.host, "input", device, self._take)
        self._card.join(self, lambda: self.link.started(_BLOCK_MS, _LATENCY_S, self._prepare))

    @property
    def busy(self) -> bool:
        """Never: a microphone may be opened again at any time."""
        return False

    def keep(self) -> None:
        """From now on sound is kept."""
        self._keep = True

    def process(self, processor: Processor, tap: Tap) -> None:
        """From now on sound goes through `processor`, on a thread of its own, beside what `tap` says was played."""
        self._processing = Processing(processor, tap, self._write, threads=self._card.threads)

    def warn(self) -> None:
        """Note in `troubles` what was lost since the last time."""
        lost, overflows, late = self.ring.lost, self.overflows, self._processing.lost if self._processing else 0
        self.troubles.note("mic_overrun", bytes_to_ms(lost - self._told[0]))
        self.troubles.note("mic_overflow", overflows - self._told[1])
        self.troubles.note("mic_processor_late", bytes_to_ms(late - self._told[2]))
        self._told = (lost, overflows, late)
        if self._processing is not None and self._processing.take_failure():
            self.troubles.note("mic_processor")

    def check(self) -> None:
        """Raises `NoDevice` when the device is gone and did not come back."""
        self._card.check(self.link)

    def close(self) -> None:
        """Free the device. Blocks for some milliseconds; twice is allowed."""
        self.link.freeze()
        self._card.leave(self)
        self.link.close()
        if self._processing is not None:
            self._processing.stop()

    # ---- for the card

    def account(self) -> None:
        """The device is gone: the next block of another tells how much was missed."""
        self._fresh = True

    def reopen(self) -> None:
        """Record on, from the device that is meant now. Raises `DeviceFault`."""
        self.link.restarted(_BLOCK_MS, _LATENCY_S, self._prepare)

    def _prepare(self) -> None:
        form = self.link.form
        self._shape = None if is_ours(form) else FromDevice(form)

    # ---- on the audio thread

    def _take(self, data: Any, frames: int, when: Any, status: Any) -> None:
        self.link.calls += 1
        if status.input_overflow:
            self.overflows += 1
        began_s = when.inputBufferAdcTime
        length_s = frames / self.link.form.rate_hz
        if not when.currentTime - 1 < began_s <= when.currentTime:  # some drivers do not say when
            began_s = when.currentTime - length_s
        began_s += self.link.shift_s
        if self._fresh:
            self._fresh = False
            self.gap_s += max(0.0, began_s - (self._until_s or began_s))
        self._until_s = began_s + length_s
        if not self._keep:
            return
        sound = memoryview(data) if self._shape is None else self._shape.take(memoryview(data))
        if self._processing is None:
            self._write(sound)
        else:
            self._processing.put(began_s, sound)

    def _write(self, sound: memoryview) -> None:
        """Keep it; with a processor, this runs on the thread of that."""
        self.ring.write(_NOTHING[: len(sound)] if self.muted or self.link.deaf else sound)
        if self._heard is not None:
            self._heard()

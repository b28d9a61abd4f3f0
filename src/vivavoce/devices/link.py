"""One direction of one device, which may go and come back: opening it, its clock, and whether it still lives."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from threading import Lock
from typing import Any

from vivavoce.devices.host import FOLLOWS_DEFAULT, NOUN, Device, DeviceFault, Format, Host, Kind, Stream
from vivavoce.devices.listing import find
from vivavoce.devices.shapes import formats
from vivavoce.errors import NoDevice

_GIVE_UP_S = 2.0
_SILENT_LOOKS = 5
_GOOD_LOOKS = 3


class Link:
    """A stream that can be shut and opened again under the same owner.

    Attributes:
        calls: blocks so far; the audio thread counts.
        resting: a stop of our own making is under way, or was the last thing done.
        shift_s: what is added to the stream's times, so that the clock goes on evenly over a change of devices.
        control: held by whoever opens, stops, starts or closes the stream; never by the audio thread.
        pinned: the name of the device that was asked for; None when it is the system's default.
        deaf: what comes is the assistant itself, and nothing of it is kept.
        device: the one that is, or was last, open; `form` how.
    """

    def __init__(self, host: Host, kind: Kind, wish: int | str | None, call: Callable[..., None]) -> None:
        self.host = host
        self.kind: Kind = kind
        self.wish = wish
        self.calls = 0
        self.resting = False
        self.deaf = False
        self.shift_s = 0.0
        self.control = Lock()
        self.pinned: str | None = None
        self.device: Device | None = None
        self.form = Format(0, 0, 0, 0.0)
        self._call = call
        self._stream: Stream | None = None
        self._asking = Lock()  # held for microseconds: nobody asks a stream for its time while it is freed
        self._ended_s: float | None = None
        """When calls ended, on the host's clock: the audio thread says so, and may wait for no lock to ask the stream's."""
        self._seen = -1
        self._misses = 0
        self._good_looks = 0
        self._clock: tuple[float, float] | None = None
        """Our time and the host's when the stream was shut."""
        self._frozen_s: float | None = None

    # ---- open and shut

    def open(self, block_ms: int, latency_s: float) -> None:
        """The first time: the device that is wished for, in the first way it agrees to. Not started yet.

        Raises:
            NoDevice: there is none, or it cannot be opened.
        """
        device = find(self.host, self.kind, self.wish)
        served = self.host.moves_streams and device.name in FOLLOWS_DEFAULT
        self.pinned = None if self.wish is None or served else device.name
        try:
            self._open(device, block_ms, latency_s)
        except DeviceFault as fault:
            raise self._unopened(fault) from None

    def restarted(self, block_ms: int, latency_s: float, prepare: Callable[[], None]) -> None:
        """Again: the pinned device, or else the default one, as the list has them now. Raises `DeviceFault`."""
        if self._frozen_s is not None:
            return
        fault = DeviceFault(f"there is no {NOUN[self.kind]}")
        for device in self.wanted():
            try:
                self._open(device, block_ms, latency_s)
                prepare()
                self.start()
            except DeviceFault as refused:
                fault = refused
            else:
                return
        raise fault

    def wanted(self) -> list[Device]:
        """What may be opened now, the best first."""
        usable = [d for d in self.host.devices() if d.channels(self.kind)]
        default = self.host.default(self.kind)
        pinned = [d for d in usable if d.name == self.pinned]
        return pinned + [d for d in usable if d.index == default and d not in pinned]

    def start(self) -> None:
        """Calls begin. Raises `DeviceFault`, and the stream is shut then."""
        stream = self._stream
        if stream is None:
            return
        try:
            if self._clock is not None:
                self.shift_s = self.now_s - stream.time
                self._clock = None
            stream.start()
        except DeviceFault:
            self.shut()  # a stream that was opened and does not start holds the device
            raise
        self.resting = False

    def abort(self) -> None:
        """Calls end, what the device holds is dropped; `start` begins again. Raises `DeviceFault`."""
        self.resting = True
        if self._stream is not None:
            self._stream.abort()

    def shut(self) -> None:
        """Free the device; the clock goes on. Blocks for some milliseconds; twice is allowed."""
        self.resting = True
        now_s = self.now_s
        with self._asking:
            stream, self._stream = self._stream, None
        if stream is not None:
            self._clock = (now_s, self.host.now())
            stream.close()

    def close(self) -> None:
        """For good: the clock stands still. Blocks for some milliseconds; twice is allowed."""
        self.freeze()
        if not self.control.acquire(timeout=_GIVE_UP_S):
            return  # the device died just while it was stopped or started: only the end of the program frees it
        try:
            self.shut()
        finally:
            self.control.release()

    def _open(self, device: Device, block_ms: int, latency_s: float) -> None:
        first: DeviceFault | None = None
        for form in formats(device, self.kind, block_ms=block_ms, latency_s=latency_s):
            try:
                stream = self.host.open(self.kind, device.index, form, self._call, self._finished)
            except DeviceFault as fault:
                first = first or fault
                if not fault.refused_format:
                    break
            else:
                self.device, self.form = device, form
                self._ended_s, self._seen, self._misses, self._good_looks = None, self.calls, 0, 0
                self._stream = stream
                return
        raise first or DeviceFault("it has no channels")

    def _unopened(self, fault: DeviceFault) -> NoDevice:
        which = "the default one" if self.wish is None else repr(self.wish)
        return NoDevice(
            f"The {NOUN[self.kind]} ({which}) cannot be opened: {fault}. "
            "Look whether a sound server is running and no other program holds the device."
        )

    def started(self, block_ms: int, latency_s: float, prepare: Callable[[], None]) -> None:
        """`open`, `prepare`, `start`. Raises `NoDevice`."""
        with self.control:
            self.open(block_ms, latency_s)
            prepare()
            try:
                self.start()
            except DeviceFault as fault:
                raise self._unopened(fault) from None

    # ---- its clock

    @property
    def name(self) -> str:
        """Of the device that is open, or was last."""
        return "" if self.device is None else self.device.name

    @property
    def called(self) -> str:
        """What people call it: a sound server lists its devices under one name, such as `default`, and knows which one plays."""
        if not self.host.moves_streams:
            return self.name
        named = self.pinned is not None and not self.astray
        elsewhere = self.host.taken_to(self.kind) if named else self.host.default_now(self.kind)
        return elsewhere or self.name

    @property
    def astray(self) -> bool:
        """Whether another device than the one that was asked for is open, or was last."""
        return self.pinned is not None and self.device is not None and self.device.name != self.pinned

    @property
    def is_open(self) -> bool:
        """Whether there is a stream."""
        return self._stream is not None

    @property
    def frozen(self) -> bool:
        """Whether it was closed for good."""
        return self._frozen_s is not None

    @property
    def latency_s(self) -> float:
        """Seconds between a call and its first sample at the membrane, about."""
        stream = self._stream
        return self.form.latency_s if stream is None else stream.latency

    @property
    def now_s(self) -> float:
        """The clock in which the device says when a sample leaves or came; goes on while there is none, stands after `freeze`."""
        if self._frozen_s is not None:
            return self._frozen_s
        if self._clock is not None:
            ours_s, host_s = self._clock
            return ours_s + self.host.now() - host_s
        with self._asking, contextlib.suppress(DeviceFault):  # a dying device does not know the time
            if self._stream is not None:
                return self._stream.time + self.shift_s
        return self.host.now()

    def freeze(self) -> None:
        """Stop the clock."""
        if self._frozen_s is None:
            self._frozen_s = self.now_s

    # ---- whether it lives

    def look(self) -> None:
        """Look whether calls still come. Looks, not seconds: a program that was itself halted must not find its device dead."""
        if self.calls != self._seen or self.resting or self._stream is None:
            self._good_looks += self.calls != self._seen
            self._seen, self._misses = self.calls, 0
        else:
            self._misses += 1

    @property
    def steady(self) -> bool:
        """Whether calls go on coming: the first ones only fill what a device holds, also one that stands still."""
        return self._stream is not None and self._good_looks >= _GOOD_LOOKS

    @property
    def lost(self) -> bool:
        """Whether the stream ended, stood still over the last looks, or is not there."""
        if self.frozen:
            return False
        return self._stream is None or self._ended_s is not None or self._misses >= _SILENT_LOOKS

    @property
    def shut_s(self) -> float:
        """When the stream that was shut had ended, or was shut."""
        ours_s, host_s = self._clock or (self.now_s, self.host.now())
        return ours_s if self._ended_s is None else min(ours_s, ours_s - (host_s - self._ended_s))

    def fail(self) -> None:
        """The device could not be started again."""
        self._ended_s = self._ended_s or self.host.now()

    def _finished(self, *_: Any) -> None:
        if not self.resting and self._ended_s is None:
            self._ended_s = self.host.now()

"""A sound system without sound: devices of which each sample is known, whose time is moved by hand.

    speaker = SimulatedDevice("speaker", outputs=2, latency_ms=120)
    system = SimulatedPortAudio([speaker, SimulatedDevice("mic", inputs=1)])
    card = Card(system, threads=False)              # no thread: the test looks
    out = SoundCardSpeaker(card=card)
    out.start()
    out.play("item", numbered(1000))
    system.advance(500)
    speaker.heard                                   # what has left the membrane by now, to the sample

It behaves as PortAudio was seen to behave: the list of devices is that of the last `renew`; a stream calls ahead by the
latency of its device; `abort` drops what is ahead; a device that is pulled ends its streams, a stuck one just stops calling.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import RLock
from types import SimpleNamespace

from vivavoce.devices.host import FOLLOWS_DEFAULT, Call, Device, DeviceFault, Format, Kind
from vivavoce.devices.memory import HandClock

_SAMPLE_BYTES = 2
_SLACK_S = 1e-9


@dataclass(eq=False)
class SimulatedDevice:
    """A device. Its fields may be changed at any time; those of a format count from the next opening on.

    Attributes:
        latency_ms: from a call to the membrane, or from the membrane to a call; a speaker has at least a period and a block.
        period_ms: how often it makes calls, as many as are due by then, as hardware does that moves sound in periods of its
            own; None: a call for each block.
        rates_hz: what it opens at; None: anything.
        channel_counts: with how many channels it opens; None: anything up to `inputs` or `outputs`.
        rate_hz: what it says is its own rate.
        drift_ppm: how much faster its crystal is than the clock.
        says_times: whether its calls know when a sample leaves or came.
        heard: the first channel of all that has left it while a stream was open, at the rate of that stream: 16-bit,
            with the silence of underruns.
    """

    name: str
    inputs: int = 0
    outputs: int = 0
    latency_ms: float = 30.0
    period_ms: float | None = None
    rates_hz: tuple[int, ...] | None = None
    channel_counts: tuple[int, ...] | None = None
    rate_hz: int = 48_000
    drift_ppm: float = 0.0
    says_times: bool = True
    heard: bytearray = field(default_factory=bytearray)
    _says: bytearray = field(default_factory=bytearray)

    def hear(self, pcm: bytes) -> None:
        """This comes into the microphone next, at the rate and with the channels of its stream; silence otherwise."""
        self._says += pcm

    def next_sound(self, count: int) -> bytearray:
        """The next `count` bytes that come into it."""
        block = self._says[:count]
        del self._says[:count]
        return block + bytes(count - len(block))

    def check(self, kind: Kind, rate_hz: int, channels: int) -> None:
        """Raises `DeviceFault` when it does not open so."""
        if channels > (self.inputs if kind == "input" else self.outputs):
            raise DeviceFault("Invalid number of channels", refused_format=True)
        if self.channel_counts is not None and channels not in self.channel_counts:
            raise DeviceFault("Invalid number of channels", refused_format=True)
        if self.rates_hz is not None and rate_hz not in self.rates_hz:
            raise DeviceFault("Invalid sample rate", refused_format=True)


class SimulatedPortAudio:
    """A `Host` of simulated devices.

    Attributes:
        clock: moved by `advance` only.
        renewals: times the list was made anew.
        moves_streams: whether open streams follow the default device and leave one that is pulled, as under a sound server.
        opens_by_name: whether a device that returns can be opened from the old list.
        tells_default: whether the default of this moment can be asked for.
        only_monitor: the microphone is what the speaker plays, as where a sound server has no other.
        stream_ahead_s: how far the clock of streams is ahead of `now`.
    """

    def __init__(
        self,
        devices: Iterable[SimulatedDevice] = (),
        *,
        moves_streams: bool = False,
        opens_by_name: bool = False,
        tells_default: bool = True,
        stream_ahead_s: float = 0.0,
    ) -> None:
        """The first device of each direction is its default."""
        self.clock = HandClock()
        self.renewals = 0
        self.moves_streams = moves_streams
        self.opens_by_name = opens_by_name
        self.tells_default = tells_default
        self.stream_ahead_s = stream_ahead_s
        self.only_monitor = False
        self.running = True
        self._plugged = list(devices)
        self._streams: list[_SimulatedStream] = []
        self._defaults: dict[Kind, SimulatedDevice | None] = {"input": None, "output": None}
        self._lock = RLock()
        self._listed: list[SimulatedDevice] = []
        self._listed_defaults: dict[Kind, int | None] = {}
        self._list()

    # ---- what a test does

    def advance(self, ms: float) -> None:
        """Let `ms` milliseconds pass: every call that is due is made, in order."""
        end_s = self.clock.now_s + ms / 1000
        with self._lock:
            while due := [s for s in self._streams if s.next_s is not None and s.next_s <= end_s + _SLACK_S]:
                stream = min(due, key=lambda s: s.next_s or 0.0)
                self.clock.now_s = max(self.clock.now_s, stream.next_s or 0.0)
                stream.step()
            self.clock.now_s = end_s
            for stream in self._streams:
                stream.flow()

    def plug(self, device: SimulatedDevice) -> None:
        """It is there, again or for the first time."""
        self._plugged.append(device)

    def pull(self, device: SimulatedDevice) -> None:
        """It is gone: its streams end, or move to the default device where the system does that."""
        with self._lock:
            self._plugged.remove(device)
            for kind, default in self._defaults.items():
                if default is device:
                    self._defaults[kind] = None
            for stream in self._on(device):
                other = self._default(stream.kind)
                if self.moves_streams and other is not None:
                    stream.device, stream.taken = other, True
                else:
                    stream.die()

    def stick(self, device: SimulatedDevice) -> None:
        """Its streams stop calling, and say nothing of it."""
        with self._lock:
            for stream in self._on(device):
                stream.next_s = None

    def stall(self, device: SimulatedDevice, ms: float) -> None:
        """Its streams call late by `ms`: a speaker plays what it has and then runs dry, a microphone loses sound."""
        with self._lock:
            for stream in self._on(device):
                stream.stall(ms / 1000)

    def make_default(self, device: SimulatedDevice) -> None:
        """It is the default of its directions from now on, though the list does not know."""
        with self._lock:
            for kind in _directions(device):
                before = self._default(kind)
                self._defaults[kind] = device
                for stream in self._on(before) if self.moves_streams and before is not None else ():
                    if stream.kind == kind:
                        stream.device = device

    def stop(self) -> None:
        """The sound server ends, and every stream with it."""
        with self._lock:
            self.running = False
            for stream in list(self._streams):
                stream.die()

    def restart(self) -> None:
        """The sound server runs again."""
        self.running = True

    # ---- the port

    def now(self) -> float:
        """Seconds that were advanced."""
        return self.clock.now_s

    def devices(self) -> list[Device]:
        """Those that were plugged at the last `renew`."""
        return [
            Device(index, d.name, "Simulated", d.inputs, d.outputs, d.rate_hz, preferred=True)
            for index, d in enumerate(self._listed)
        ]

    def default(self, kind: Kind) -> int | None:
        """The default as it was at the last `renew`."""
        return self._listed_defaults[kind]

    def default_now(self, kind: Kind) -> str | None:
        """Its name at this moment; None when this system does not tell, or there is none."""
        device = self._default(kind)
        return device.name if device is not None and self.tells_default else None

    def taken_to(self, kind: Kind) -> str | None:
        """The device that a stream was moved to when its own was pulled."""
        with self._lock:
            streams = [s for s in self._streams if s.kind == kind and not s.closed]
            return next((s.device.name for s in streams if s.taken), None)

    def offers(self, kind: Kind, name: str) -> bool:
        """Whether it is plugged, where devices open by name; elsewhere it cannot tell."""
        return not self.opens_by_name or any(d.name == name and kind in _directions(d) for d in self._plugged)

    def lacks(self, kind: Kind, index: int) -> bool:
        """Whether only a monitor is left, of a microphone that follows the default."""
        return kind == "input" and self.only_monitor and self._listed[index].name in FOLLOWS_DEFAULT

    def hears_itself(self) -> bool:
        """Whether it was set so."""
        return self.only_monitor

    def opens(self, kind: Kind, index: int, rate_hz: int, channels: int) -> bool:
        """Whether it would open."""
        try:
            self._checked(kind, index, rate_hz, channels)
        except DeviceFault:
            return False
        return True

    def open(self, kind: Kind, index: int, form: Format, call: Call, finished: Callable[[], None]) -> _SimulatedStream:
        """Open, not yet started. Raises `DeviceFault`."""
        with self._lock:
            device = self._checked(kind, index, form.rate_hz, form.channels)
            stream = _SimulatedStream(kind, device, form, call, finished, self.clock, self._lock, self.stream_ahead_s)
            self._streams = [s for s in self._streams if not s.closed] + [stream]
            return stream

    def renew(self) -> None:
        """Make the list anew; what was open is dead."""
        with self._lock:
            self.renewals += 1
            for stream in self._streams:
                stream.die()
            self._list()

    def _list(self) -> None:
        self._listed = list(self._plugged) if self.running else []
        for kind in ("input", "output"):
            device = self._default(kind)
            self._listed_defaults[kind] = self._listed.index(device) if device in self._listed else None

    def _default(self, kind: Kind) -> SimulatedDevice | None:
        chosen = self._defaults[kind]
        if chosen is not None:
            return chosen
        return next((d for d in self._plugged if kind in _directions(d)), None)

    def _checked(self, kind: Kind, index: int, rate_hz: int, channels: int) -> SimulatedDevice:
        if index >= len(self._listed):
            raise DeviceFault("Invalid device")
        device = self._listed[index]
        same = [d for d in self._plugged if d is device or (self.opens_by_name and d.name == device.name)]
        if not same or not self.running:
            raise DeviceFault("Device unavailable")
        same[0].check(kind, rate_hz, channels)
        return same[0]

    def _on(self, device: SimulatedDevice) -> list[_SimulatedStream]:
        return [s for s in self._streams if s.device is device and not s.closed]


def _directions(device: SimulatedDevice) -> list[Kind]:
    both: list[tuple[Kind, int]] = [("input", device.inputs), ("output", device.outputs)]
    return [kind for kind, channels in both if channels]


@dataclass(eq=False)
class _SimulatedStream:
    """One open stream.

    Attributes:
        next_s: when the next call is due; None while none is.
    """

    kind: Kind
    device: SimulatedDevice
    form: Format
    call: Call
    finished: Callable[[], None]
    clock: HandClock
    lock: RLock
    ahead_s: float
    next_s: float | None = None
    closed: bool = False
    taken: bool = False

    def __post_init__(self) -> None:
        self._rate = self.form.rate_hz * (1 + self.device.drift_ppm * 1e-6)
        self._block_s = self.form.frames / self._rate
        latency_s, self._period_s = self.device.latency_ms / 1000, 0.0
        if self.device.period_ms is not None:
            self._period_s = self.device.period_ms / 1000 * self.form.rate_hz / self._rate
            if self.kind == "output":
                latency_s = max(latency_s, self._period_s + self._block_s)
        self._ahead = max(1, int(latency_s / self._block_s + _SLACK_S))
        self._extra_s = max(0.0, latency_s - self._ahead * self._block_s)
        self._dead = False
        self._began_s = 0.0
        self._count = 0
        self._due_s = 0.0
        self._blocks: deque[tuple[float, bytes]] = deque()
        self._until_s: float | None = None
        self._late = False

    @property
    def latency(self) -> float:
        """Seconds."""
        return self._ahead * self._block_s + self._extra_s

    @property
    def time(self) -> float:
        """Seconds."""
        return self.clock.now_s + self.ahead_s

    def start(self) -> None:
        """Begin; a speaker asks for what it holds at once. Raises `DeviceFault` when the device is gone."""
        with self.lock:
            if self._dead:
                raise DeviceFault("Device unavailable")
            self._began_s, self._count = self.clock.now_s, 0
            if self.kind == "output":
                self._fill_up(dry=False)
            else:
                self._due_s = self._began_s + self._block_s + self._extra_s
                self.next_s = self._call_s(self._due_s)

    def abort(self) -> None:
        """Stop; what has not left never will. Raises `DeviceFault` when the device is gone."""
        with self.lock:
            if self._dead:
                raise DeviceFault("Device unavailable")
            self._halt()
            self.finished()

    def close(self) -> None:
        """Stop and free."""
        with self.lock:
            self.closed = True
            if not self._dead:
                self._halt()
                self._dead = True
                self.finished()

    def die(self) -> None:
        """The device is gone."""
        with self.lock:
            if not self._dead:
                self._halt()
                self._dead = True
                self.finished()

    def stall(self, seconds: float) -> None:
        """The next call comes that much later."""
        if self.next_s is not None:
            self.next_s += seconds
            self._due_s += seconds
            self._late = True

    def step(self) -> None:
        """Make the call that is due."""
        if self.kind == "input":
            self._record()
            return
        self.flow()
        if self._late and not self._blocks:
            self._fill_up(dry=True)
        else:
            self._ask(self._began_s + self._extra_s + self._count * self._block_s, dry=False)
            self._plan()
        self._late = False

    def flow(self) -> None:
        """Let leave what is due by now."""
        now_s = self.clock.now_s
        frame = _SAMPLE_BYTES * self.form.channels
        while self._blocks and self._blocks[0][0] <= now_s + _SLACK_S:
            dac_s, pcm = self._blocks.popleft()
            if self._until_s is not None:
                self._silence(dac_s - self._until_s)
            count = min(int((now_s - dac_s) * self._rate + 1e-6), len(pcm) // frame)
            self.device.heard += memoryview(pcm[: count * frame]).cast("h")[:: self.form.channels].tobytes()
            self._until_s = dac_s + count / self._rate
            if count * frame < len(pcm):
                self._blocks.appendleft((self._until_s, pcm[count * frame :]))
                return

    def _silence(self, seconds: float) -> None:
        self.device.heard += bytes(max(0, round(seconds * self._rate)) * _SAMPLE_BYTES)

    def _halt(self) -> None:
        self.flow()
        self._blocks.clear()
        self.next_s = None
        self._until_s = self.clock.now_s if self._until_s is not None else None

    def _fill_up(self, *, dry: bool) -> None:
        self._began_s, self._count = self.clock.now_s, 0
        for _ in range(self._ahead):
            self._ask(self._began_s + self._extra_s + self._count * self._block_s, dry=dry)
            dry = False
        self._plan()

    def _plan(self) -> None:
        """The next call is due when one of the blocks ahead has gone."""
        self.next_s = self._call_s(self._began_s + (self._count - self._ahead + 1) * self._block_s)

    def _call_s(self, due_s: float) -> float:
        """When a call that is due is made: at the end of a period."""
        if not self._period_s:
            return due_s
        return self._began_s + math.ceil((due_s - self._began_s) / self._period_s - _SLACK_S) * self._period_s

    def _ask(self, dac_s: float, *, dry: bool) -> None:
        block = bytearray(self.form.frames * self.form.channels * _SAMPLE_BYTES)
        said_s = dac_s + self.ahead_s if self.device.says_times else 0.0
        when = SimpleNamespace(currentTime=self.time, outputBufferDacTime=said_s, inputBufferAdcTime=0.0)
        self._count += 1
        self.call(block, self.form.frames, when, SimpleNamespace(output_underflow=dry, input_overflow=False))
        self._blocks.append((dac_s, bytes(block)))

    def _record(self) -> None:
        size = self.form.frames * self.form.channels * _SAMPLE_BYTES
        came_s = self._due_s - self._extra_s - self._block_s + self.ahead_s
        when = SimpleNamespace(
            currentTime=self.time,
            outputBufferDacTime=0.0,
            inputBufferAdcTime=came_s if self.device.says_times else 0.0,
        )
        status = SimpleNamespace(output_underflow=False, input_overflow=self._late)
        self._late = False
        self.call(bytes(self.device.next_sound(size)), self.form.frames, when, status)
        self._due_s += self._block_s
        self.next_s = self._call_s(self._due_s)

"""The seam to the sound system: what the rest of the program needs of PortAudio, and nothing more.

`portaudio.PortAudio` is the real one; `vivavoce.testing.portaudio` a simulated one whose time is moved by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Kind = Literal["input", "output"]
NOUN: dict[Kind, str] = {"input": "microphone", "output": "speaker"}

FOLLOWS_DEFAULT = frozenset({"default", "pulse", "pipewire"})
"""Names of ALSA behind which a sound server plays on whatever is its default."""

Call = Callable[[Any, int, Any, Any], None]
"""What a stream calls on the audio thread for each block: `(data, frames, when, status)`.

`data` is a writable (output) or readable buffer of 16-bit samples, channels interleaved. `when` has `currentTime`,
`outputBufferDacTime` and `inputBufferAdcTime`, seconds of the clock that `Stream.time` reads. `status` has
`output_underflow` and `input_overflow`.
"""


class DeviceFault(Exception):
    """The sound system said no.

    Attributes:
        refused_format: it may be the rate or the number of channels that it does not like.
    """

    def __init__(self, reason: str, *, refused_format: bool = False) -> None:
        super().__init__(reason)
        self.refused_format = refused_format


@dataclass(frozen=True, slots=True)
class Device:
    """One line of the list that PortAudio made when it began.

    Attributes:
        host_api: the sound system it belongs to, such as ALSA, Core Audio or Windows WASAPI.
        rate_hz: what it runs at when nobody asks for anything else.
        preferred: it is meant where others fit a name as well: it belongs to the sound system that PortAudio takes its defaults
            from, and where a sound server runs, to that.
    """

    index: int
    name: str
    host_api: str
    inputs: int
    outputs: int
    rate_hz: int
    preferred: bool

    def channels(self, kind: Kind) -> int:
        """How many channels it has in this direction; 0: none."""
        return self.inputs if kind == "input" else self.outputs


@dataclass(frozen=True, slots=True)
class Node:
    """A sink or a source of a sound server.

    Attributes:
        name: what the server calls it.
        called: what people call it.
        channels: of its own, as is `rate_hz`.
        monitor: it is a source that gives what a sink plays.
    """

    name: str
    called: str
    channels: int = 1
    rate_hz: int = 48_000
    monitor: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """How a stream is opened: 16-bit samples, `frames` of them per channel in each call, about `latency_s` ahead."""

    rate_hz: int
    channels: int
    frames: int
    latency_s: float


class Stream(Protocol):
    """One opened direction of one device."""

    @property
    def latency(self) -> float:
        """Seconds between a call and its first sample at the membrane, about."""

    @property
    def time(self) -> float:
        """Seconds, on the clock of `when`. Raises `DeviceFault` when the device cannot say."""

    def start(self) -> None:
        """Calls begin; also after `abort`. Raises `DeviceFault`."""

    def abort(self) -> None:
        """Calls end, what the device holds is dropped. Raises `DeviceFault`."""

    def close(self) -> None:
        """Free the device, whatever its state. Never raises."""


class Host(Protocol):
    """The sound system of this machine. Every method may block for some milliseconds.

    Attributes:
        moves_streams: a stream on the default device follows when another becomes the default (a sound server does that).
        opens_by_name: a device that was gone and returned can be opened from the old list (ALSA does that).
    """

    moves_streams: bool
    opens_by_name: bool

    def now(self) -> float:
        """Seconds; never goes back, and goes on while no device is open."""

    def devices(self) -> list[Device]:
        """Everything there was at the beginning or at the last `renew`."""

    def default(self, kind: Kind) -> int | None:
        """Index of the default device in that list."""

    def default_now(self, kind: Kind) -> str | None:
        """A name of what is the default at this moment, whatever the list says; None where that cannot be told."""

    def taken_to(self, kind: Kind) -> str | None:
        """Where a sound server took our stream when its device vanished, as people call it; None: nowhere, or nobody can tell."""

    def offers(self, kind: Kind, name: str) -> bool:
        """Whether a new list is worth making for a device of that name that is not in this one."""

    def lacks(self, kind: Kind, index: int) -> bool:
        """Whether the device leads to a sound server that has nothing of this kind; False where nobody can tell.

        It may open all the same: as a microphone the server gives the monitor of a speaker.
        """

    def hears_itself(self) -> bool:
        """Whether a sound server has put what we play in the place of a microphone that is gone; False where nobody can tell."""

    def opens(self, kind: Kind, index: int, rate_hz: int, channels: int) -> bool:
        """Whether the device opens with this rate and number of channels."""

    def open(self, kind: Kind, index: int, form: Format, call: Call, finished: Callable[[], None]) -> Stream:
        """Open, not yet started. `finished` is called when calls have ended, by whomever. Raises `DeviceFault`."""

    def renew(self) -> None:
        """Make the list anew. Every open stream dies of it: close them before. Raises `DeviceFault`."""

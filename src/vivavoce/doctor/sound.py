"""The sound card: is there one, does it open, at which rates. The seam is small, so that a test can be a room of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from vivavoce.devices.host import NOUN, Kind
from vivavoce.doctor.findings import Finding, mend, of_error
from vivavoce.doctor.world import Chart, World
from vivavoce.errors import NoDevice
from vivavoce.pcm import RATE_HZ, silence

__all__ = ["Device", "Sound", "devices", "microphone", "portaudio", "speaker"]

_TRY_MS = 200
_INSTEAD = (
    "Or talk without it: viva talk --mic none takes typed lines, and make talk lets recorded voices speak for you."
)
_INSTEAD_OF_SPEAKER = (
    "Or talk without it: viva talk --speaker answer.wav writes what you would hear into a file; make talk does it too."
)


@dataclass(frozen=True, slots=True)
class Device:
    """A microphone or a speaker, as the sound system describes it.

    Attributes:
        name, api: what the sound system calls it, and itself.
        rate_hz: the rate it prefers.
        rates_hz: of the usual rates those it takes, with 16-bit samples and one channel.
    """

    name: str
    api: str
    channels: int
    rate_hz: int
    rates_hz: Sequence[int]


class Sound(Protocol):
    """A sound card, to be tried out. Every method blocks."""

    def library(self) -> str:
        """The version of the sound library. Raises `NoDevice` where it is not installed."""

    def device(self, kind: Kind) -> Device | None:
        """The microphone or the speaker a talk would use; None when there is none at all. Raises `NoDevice`: none that fits."""

    def record(self, ms: int) -> bytes:
        """`ms` of the microphone, 24 kHz 16-bit mono. Raises `NoDevice`."""

    def play(self, pcm: bytes) -> None:
        """Play it to its end. Raises `NoDevice`."""

    def play_and_record(self, pcm: bytes, ms: int) -> bytes:
        """`ms` of the microphone from the moment `pcm` was handed to the speaker. Raises `NoDevice`."""


def portaudio(world: World, _chart: Chart) -> Finding:
    """The library between the program and the sound card."""
    try:
        version = world.card.library()
    except NoDevice as error:
        return of_error("portaudio", error)
    return Finding("portaudio", "ok", f"Sound library: {version}.", facts={"version": version})


def devices(world: World, _chart: Chart) -> Finding:
    """Which microphone and which speaker a talk would use, with their real rates."""
    wanted: list[Kind] = [kind for kind, wish in _wishes(world) if wish]
    try:
        found = {kind: world.card.device(kind) for kind in wanted}
    except NoDevice as error:
        return of_error("devices", error)
    facts = {str(kind): asdict(device) if device else None for kind, device in found.items()}
    if found == {"input": None, "output": None}:
        wrong = "There is no microphone and no speaker: no sound card, no sound server, or one that has neither."
        do = "Connect a headset, or start the sound server. Or talk without: make talk lets recorded voices speak for you."
        return mend("devices", wrong, do, **facts)
    said = [f"{NOUN[kind].capitalize()}: {_described(device)}." for kind, device in found.items() if device]
    return Finding("devices", "ok", " ".join(said) or "No device.", facts=facts)


def _wishes(world: World) -> tuple[tuple[Kind, bool], tuple[Kind, bool]]:
    return ("input", world.microphone), ("output", world.speaker)


def _described(device: Device) -> str:
    own = RATE_HZ in device.rates_hz
    suits = "takes our 24000 Hz" if own else "is converted to our 24000 Hz"
    return f"{device.name} ({device.api}, {device.rate_hz} Hz; {suits})"


def microphone(world: World, _chart: Chart) -> Finding:
    """The microphone opens and gives sound."""
    wrong = "There is no microphone."
    do = "Connect one, or allow it in the system's sound settings"
    try:
        if world.card.device("input") is not None:
            world.card.record(_TRY_MS)
            return Finding("microphone", "ok", "The microphone opens and gives sound.")
    except NoDevice as error:
        wrong, do = _opening_fails(error)
    return mend("microphone", wrong, f"{do.rstrip('.')}. {_INSTEAD}")


def speaker(world: World, _chart: Chart) -> Finding:
    """The speaker opens and takes sound."""
    wrong = "There is no speaker."
    do = "Connect one, or choose one in the system's sound settings"
    try:
        if world.card.device("output") is not None:
            world.card.play(silence(_TRY_MS))
            return Finding("speaker", "ok", "The speaker opens and plays.")
    except NoDevice as error:
        wrong, do = _opening_fails(error)
    return mend("speaker", wrong, f"{do.rstrip('.')}. {_INSTEAD_OF_SPEAKER}")


def _opening_fails(error: NoDevice) -> tuple[str, str]:
    """The text of the device room in two: it says what cannot be opened and why, then what to do."""
    wrong, _, do = str(error).partition(". ")
    return f"{wrong.rstrip('.')}.", do or "Choose another device"

"""The real sound card behind the doctor's seam: the package's own streams, so that what is tried is what a talk uses."""

from __future__ import annotations

import threading
import time
from importlib.metadata import version
from typing import Protocol

from vivavoce.devices.host import Host, Kind
from vivavoce.devices.listing import RATES_HZ, NoneThere, find
from vivavoce.devices.portaudio import library, portaudio
from vivavoce.devices.stream import MicrophoneStream, SpeakerStream
from vivavoce.doctor.sound import Device
from vivavoce.errors import NoDevice
from vivavoce.pcm import BLOCK_BYTES, BLOCK_MS, bytes_to_ms, ms_to_bytes

__all__ = ["SoundCard", "Source", "listen"]

_SETTLE_MS = 300
_FRESH_S = 0.003  # a read that waited shorter than this found sound that was there already
_MOST_OLD_BLOCKS = 200
_LATE_S = 5.0
_STEP_S = 0.02


class SoundCard:
    """Microphone and speaker through PortAudio.

    Args:
        microphone, speaker: index, exact name, unique part of a name, or None for the system's default.
    """

    def __init__(self, microphone: int | str | None = None, speaker: int | str | None = None) -> None:
        self._wishes: dict[Kind, int | str | None] = {"input": microphone, "output": speaker}

    def library(self) -> str:
        """PortAudio's own version, and that of sounddevice. Raises `NoDevice`."""
        portaudio()  # before anything else loads PortAudio: it makes its list of devices then
        return f"{library().get_portaudio_version()[1]}".partition(",")[0] + f", sounddevice {version('sounddevice')}"

    def device(self, kind: Kind) -> Device | None:
        """The device a talk would use, and the rates it opens with; None: there is none. Raises `NoDevice`: none that fits."""
        host: Host = portaudio()
        try:
            found = find(host, kind, self._wishes[kind])
        except NoneThere:
            return None
        counts = (1, 2)[: found.channels(kind)]
        return Device(
            name=found.name,
            api=found.host_api,
            channels=found.channels(kind),
            rate_hz=found.rate_hz,
            rates_hz=[r for r in RATES_HZ if any(host.opens(kind, found.index, r, n) for n in counts)],
        )

    def record(self, ms: int) -> bytes:
        """The microphone, after its first moments: some begin with a click."""
        with MicrophoneStream(self._wishes["input"]) as microphone:
            return listen(microphone, _SETTLE_MS + ms)[ms_to_bytes(_SETTLE_MS) :]

    def play(self, pcm: bytes) -> None:
        """Play to the end; a device that takes sound and never plays it is told."""
        with SpeakerStream(self._wishes["output"]) as speaker:
            speaker.play(pcm)
            give_up = time.monotonic() + bytes_to_ms(len(pcm)) / 1000 + _LATE_S
            while speaker.waiting_ms:
                if time.monotonic() > give_up:
                    wrong = "The speaker opens and does not play"
                    raise NoDevice(f"{wrong}. Choose another one, or restart the sound system.")
                time.sleep(_STEP_S)

    def play_and_record(self, pcm: bytes, ms: int) -> bytes:
        """The clock is the microphone's: sound is handed over when its newest sample was just read."""
        with SpeakerStream(self._wishes["output"]) as speaker, MicrophoneStream(self._wishes["input"]) as microphone:
            speaker.play(bytes(ms_to_bytes(_SETTLE_MS)))
            listen(microphone, 2 * _SETTLE_MS)
            _catch_up(microphone)
            speaker.play(pcm)
            return listen(microphone, ms)


class Source(Protocol):
    """What `MicrophoneStream` is for us."""

    def read(self, size: int, /) -> bytes:
        """`size` bytes; fewer only when it was closed meanwhile. Raises ValueError when it is closed."""

    def close(self) -> None:
        """End a `read`."""


def listen(microphone: Source, ms: int, *, patience_s: float = _LATE_S) -> bytes:
    """`ms` of it. Raises `NoDevice` when it gives no sound for `patience_s` too long: a talk would wait for it to return."""
    watch = threading.Timer(ms / 1000 + patience_s, microphone.close)
    watch.start()
    wanted, sound = ms_to_bytes(ms), b""
    try:
        while len(sound) < wanted and (block := microphone.read(min(BLOCK_BYTES, wanted - len(sound)))):
            sound += block
    except ValueError:
        pass  # the watch closed it between two reads; what is missing is told below
    finally:
        watch.cancel()
        watch.join()
    if len(sound) < wanted:
        wrong = f"The microphone opens and gives no sound ({bytes_to_ms(len(sound))} of {ms} ms)"
        raise NoDevice(f"{wrong}. Choose another one, or restart the sound system.")
    return sound


def _catch_up(microphone: Source) -> None:
    """Read until there is nothing that waited."""
    for _ in range(_MOST_OLD_BLOCKS):
        began = time.monotonic()
        listen(microphone, BLOCK_MS)
        if time.monotonic() - began > _FRESH_S:
            return

"""A room for the doctor: a microphone and a speaker in it, as numbers. Whatever may be wrong with them is a parameter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.devices.host import Kind
from vivavoce.doctor.sound import Device
from vivavoce.errors import NoDevice
from vivavoce.pcm import SAMPLES_PER_MS, ms_to_bytes

HEADSET = Device("Headset", "ALSA", 1, 48_000, (24_000, 48_000))
LOUDSPEAKER = Device("Loudspeaker", "ALSA", 2, 48_000, (48_000,))


@dataclass
class Room:
    """A `Sound` of the doctor.

    Attributes:
        input, output: the devices; None: there is none.
        library_error, input_error, output_error: what the sound system says instead of working.
        speech: loudest sample of the voice of the person, 1.0 the loudest a recording can hold; beyond it is cut off.
        noise: root mean square of the noise of the room.
        echo: how much of the speaker comes back to the microphone, as a factor; 0: headphones.
        delay_ms: how late it comes back.
    """

    input: Device | None = HEADSET
    output: Device | None = LOUDSPEAKER
    library_error: str = ""
    input_error: str = ""
    output_error: str = ""
    speech: float = 0.3
    noise: float = 0.003
    echo: float = 0.0
    delay_ms: int = 80
    played: int = 0

    def library(self) -> str:
        if self.library_error:
            raise NoDevice(self.library_error)
        return "PortAudio V19"

    def device(self, kind: Kind) -> Device | None:
        return self.input if kind == "input" else self.output

    def record(self, ms: int) -> bytes:
        return self._heard(ms, np.zeros(ms * SAMPLES_PER_MS), self.speech)

    def play(self, pcm: bytes) -> None:
        if self.output_error:
            raise NoDevice(self.output_error)
        self.played += len(pcm)

    def play_and_record(self, pcm: bytes, ms: int) -> bytes:
        self.play(pcm)
        back = np.zeros(ms * SAMPLES_PER_MS)
        sound = np.frombuffer(pcm, "<i2") / 32768 * self.echo
        at = self.delay_ms * SAMPLES_PER_MS
        here = back[at : at + sound.size]
        here += sound[: here.size]
        return self._heard(ms, back, 0.0)

    def _heard(self, ms: int, back: np.ndarray[tuple[int], np.dtype[np.float64]], speech: float) -> bytes:
        if self.input_error:
            raise NoDevice(self.input_error)
        time = np.arange(ms * SAMPLES_PER_MS)
        voice = speech * np.sin(time / 25) * (np.sin(time / 3000) > 0)  # syllables of 150 Hz
        noise = np.random.default_rng(5).normal(0, self.noise, time.size) if self.noise else np.zeros(time.size)
        pcm = (np.clip(back + voice + noise, -1, 1) * 32767).astype("<i2").tobytes()
        assert len(pcm) == ms_to_bytes(ms)
        return pcm

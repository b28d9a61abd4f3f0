"""Devices that will not have 24 kHz mono: opened as they like it, and converted on the way.

samplerate's `sinc_fastest` holds back 0.8 to 2.5 ms; nothing else that was measured was as quick and free of aliases. A speaker
is 3 ms later: it has to have that much in hand, or each call would begin a step of 10 ms more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from vivavoce.devices.host import Device, Format, Kind
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES

_FULL_SCALE = 32_768
_USUAL = (48_000, 44_100, 16_000)
_STEP_SAMPLES = RATE_HZ // 100
_IN_HAND_S = 0.003


def formats(device: Device, kind: Kind, *, block_ms: int, latency_s: float) -> list[Format]:
    """Ways to open a device, the best first: ours, then its own rate, then what most devices can."""
    most = device.channels(kind)
    counts = [n for n in (1, 2) if n <= most] + ([most] if most > 2 else [])  # noqa: PLR2004  after mono and stereo
    rates = list(dict.fromkeys((RATE_HZ, device.rate_hz, *_USUAL)))
    return [Format(rate, n, rate * block_ms // 1000, latency_s) for rate in rates for n in counts]


def is_ours(form: Format) -> bool:
    """Whether nothing needs converting."""
    return form.rate_hz == RATE_HZ and form.channels == 1


class _Resampler(Protocol):
    def process(self, sound: Any, ratio: float, end_of_input: bool = False) -> Any: ...


def _resampler(form: Format) -> _Resampler | None:
    if form.rate_hz == RATE_HZ:
        return None
    import samplerate  # noqa: PLC0415  only for devices that need it

    made: _Resampler = samplerate.Resampler("sinc_fastest", channels=1)
    return made


class ToDevice:
    """24 kHz mono in steps of 10 ms -> the frames that a device asks for."""

    def __init__(self, form: Format) -> None:
        import numpy as np  # noqa: PLC0415  30 MB that a device of our own format does not need

        self._np = np
        self._form = form
        self._ratio = form.rate_hz / RATE_HZ
        self._resampler = _resampler(form)
        self._block = bytearray(_STEP_SAMPLES * SAMPLE_BYTES)
        self._ready = np.zeros(round(_IN_HAND_S * form.rate_hz) if self._resampler else 0, np.float32)
        self._held = 0.0
        """Frames that the resampler still owes."""

    def fill(self, out: memoryview, dac_s: float, pull: Callable[[memoryview, float], None]) -> None:
        """Fill the frames of one call, of which the first leaves at `dac_s`.

        `pull(block, dac_s)` fills 10 ms of ours and learns when the first of them leaves. Runs on the audio thread.
        """
        np, form = self._np, self._form
        frames = len(out) // (SAMPLE_BYTES * form.channels)
        while len(self._ready) < frames:
            behind = len(self._ready) + self._held
            pull(memoryview(self._block), dac_s + behind / form.rate_hz)
            mono = np.frombuffer(self._block, "<i2").astype(np.float32)
            made = mono if self._resampler is None else self._resampler.process(mono, self._ratio)
            self._held += len(mono) * self._ratio - len(made)
            self._ready = np.concatenate((self._ready, made))
        mono, self._ready = self._ready[:frames], self._ready[frames:]
        whole = np.clip(np.rint(mono), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")
        out[:] = memoryview(np.repeat(whole, form.channels).tobytes())


class FromDevice:
    """The frames of a device -> 24 kHz mono: the mean of its channels."""

    def __init__(self, form: Format) -> None:
        import numpy as np  # noqa: PLC0415  as above

        self._np = np
        self._channels = form.channels
        self._ratio = RATE_HZ / form.rate_hz
        self._resampler = _resampler(form)

    def take(self, data: memoryview) -> memoryview:
        """One call's frames as 24 kHz mono, a ms or two late. Runs on the audio thread."""
        np = self._np
        mono = np.frombuffer(data, "<i2").reshape(-1, self._channels).mean(axis=1, dtype=np.float32)
        made = mono if self._resampler is None else self._resampler.process(mono, self._ratio)
        whole = np.clip(np.rint(made), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")
        return memoryview(whole.tobytes())

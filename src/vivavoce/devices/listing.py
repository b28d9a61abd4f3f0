"""Which device is meant, and what the devices of a machine can do."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.devices.host import NOUN, Device, Host, Kind
from vivavoce.errors import NoDevice

RATES_HZ = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)
_MANY = 2


class NoneThere(NoDevice):
    """There is nothing of this kind at all."""


def find(host: Host, kind: Kind, wish: int | str | None) -> Device:
    """A device by index, by exact name, or by a part that only one name has; None is the system's default.

    Raises:
        NoneThere: there is none.
        NoDevice: nothing or more than one thing fits; the sentence lists what there is.
    """
    usable = {d.index: d for d in host.devices() if d.channels(kind)}
    if not usable:
        raise NoneThere(f"There is no {NOUN[kind]}: no sound card, or no sound server is running.")
    found = _default(host, kind, usable) if wish is None else _wished(kind, usable, wish)
    if host.lacks(kind, found.index):
        raise NoneThere(f"There is no {NOUN[kind]}: the sound server has none. Connect one.")
    return found


def _wished(kind: Kind, usable: dict[int, Device], wish: int | str) -> Device:
    fitting = _fitting(list(usable.values()), wish)
    if len(fitting) > 1:  # Windows shows one card once per sound system, Linux also as the server has it
        fitting = [d for d in fitting if d.preferred] or fitting
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise NoDevice(
            f"More than one {NOUN[kind]} fits {wish!r}: {_named(fitting)}. Give the whole name or the number."
        )
    raise NoDevice(f"No {NOUN[kind]} fits {wish!r}. There are: {_named(list(usable.values()))}.")


def _default(host: Host, kind: Kind, usable: dict[int, Device]) -> Device:
    index = host.default(kind)
    if index is None or index not in usable:
        raise NoDevice(f"No {NOUN[kind]} is the default one. Name one of these: {_named(list(usable.values()))}.")
    return usable[index]


def _fitting(usable: list[Device], wish: int | str) -> list[Device]:
    name = str(wish).casefold()
    exact = [d for d in usable if d.name.casefold() == name]
    if exact:
        return exact
    if name.isdecimal():
        return [d for d in usable if d.index == int(name)]
    return [d for d in usable if name in d.name.casefold()]


def _named(devices: list[Device]) -> str:
    return ", ".join(f"{d.index} {d.name!r}" for d in devices)


@dataclass(frozen=True, slots=True)
class Entry:
    """What `viva devices` shows of one device.

    Attributes:
        input_rates_hz: the rates of `RATES_HZ` at which it was really opened as a microphone, mono or stereo.
        output_rates_hz: the same as a speaker.
        default_input: it is the microphone when none is named; `default_output` the speaker.
    """

    device: Device
    input_rates_hz: tuple[int, ...]
    output_rates_hz: tuple[int, ...]
    default_input: bool
    default_output: bool


def entries(host: Host) -> list[Entry]:
    """Every device of the machine. Each is opened for a moment at each rate: some milliseconds apiece."""
    default_input, default_output = host.default("input"), host.default("output")
    return [
        Entry(
            d,
            _rates(host, "input", d),
            _rates(host, "output", d),
            d.index == default_input and not host.lacks("input", d.index),
            d.index == default_output and not host.lacks("output", d.index),
        )
        for d in host.devices()
    ]


def _rates(host: Host, kind: Kind, device: Device) -> tuple[int, ...]:
    counts = range(1, min(device.channels(kind), _MANY) + 1)
    return tuple(r for r in RATES_HZ if any(host.opens(kind, device.index, r, n) for n in counts))

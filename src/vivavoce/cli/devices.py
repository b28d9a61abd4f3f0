"""`viva devices`: what there is to hear and to be heard with, and at which rates it really opens."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import get_args

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vivavoce.devices.host import FOLLOWS_DEFAULT, NOUN, Kind
from vivavoce.devices.listing import Entry, entries
from vivavoce.devices.portaudio import portaudio
from vivavoce.errors import NoDevice

_WIDE = 200
_STDERR = 2


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
def devices(as_json: bool) -> None:
    """List the sound devices: number, name, sound system, channels, and the rates at which each really opens.

    `viva talk --mic` and `--speaker` take a number, a whole name, or a part of a name that only one device has.
    """
    with _quietly():
        found = entries(portaudio())
    if as_json:
        click.echo(json.dumps([_as_json(entry) for entry in found], ensure_ascii=False))
    elif found:
        _print(found, {kind: portaudio().default_now(kind) for kind in get_args(Kind)})
    if not found:
        raise NoDevice("There is no sound device: no sound card, or no sound server is running.")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what ALSA and PortAudio write on stderr about each device that does not open: the table says that."""
    before = os.dup(_STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(before, _STDERR)
        os.close(before)


def _as_json(entry: Entry) -> dict[str, object]:
    device = entry.device
    return {
        "index": device.index,
        "name": device.name,
        "host_api": device.host_api,
        "inputs": device.inputs,
        "outputs": device.outputs,
        "rate_hz": device.rate_hz,
        "input_rates_hz": list(entry.input_rates_hz),
        "output_rates_hz": list(entry.output_rates_hz),
        "default_input": entry.default_input,
        "default_output": entry.default_output,
    }


def _print(found: list[Entry], now: Mapping[Kind, str | None]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("", "name", "system", "microphone", "speaker", "default"):
        table.add_column(title, justify="right" if not title else "left", overflow="fold")
    for entry in found:
        device = entry.device
        is_default: dict[Kind, bool] = {"input": entry.default_input, "output": entry.default_output}
        default = [
            f"{NOUN[kind]}: {now[kind]}" if now[kind] and device.name in FOLLOWS_DEFAULT else NOUN[kind]
            for kind, is_it in is_default.items()
            if is_it
        ]
        table.add_row(
            str(device.index),
            _shown(device.name),
            device.host_api,
            _ability(device.inputs, entry.input_rates_hz),
            _ability(device.outputs, entry.output_rates_hz),
            _shown(", ".join(default)),
        )
    console = Console()
    if not console.is_terminal:
        console.width = _WIDE  # in a pipe one device stays one line
    console.print(table, highlight=False)


def _shown(name: str) -> Text:
    """As it is: no markup is in it, and what is in it does nothing to a terminal."""
    return Text("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name))


def _ability(channels: int, rates_hz: tuple[int, ...]) -> str:
    if not channels:
        return "-"
    rates = " ".join(f"{rate / 1000:g}" for rate in rates_hz)
    return f"{channels} ch, {rates} kHz" if rates else f"{channels} ch, does not open"

"""A sound card for the benches: the one that PULSE_SERVER names, else the virtual one of the tests while the block runs."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import VirtualAudio


@contextlib.contextmanager
def sound_card() -> Iterator[None]:
    """Inside, PortAudio and the programs of PulseAudio find a card; sounddevice must not have been imported before."""
    if "PULSE_SERVER" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        audio = VirtualAudio(Path(folder) / "card")
        os.environ.update(audio.env)
        try:
            yield
        finally:
            audio.stop()


def load_average() -> str:
    """How busy the machine was."""
    return f"load average {os.getloadavg()[0]:.1f} (1 min), {os.getloadavg()[1]:.1f} (5 min) on {os.cpu_count()} cores"

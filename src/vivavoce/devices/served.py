"""Gives the speakers and microphones of a sound server names of their own in PortAudio's list.

PortAudio sees ALSA's devices, and of a whole sound server only `default` and `pulse`: no headset by its name, and nothing of
Bluetooth at all. ALSA takes its devices from its configuration; here one for each sink and source is added to the one in memory,
before PortAudio makes its list. Nothing is written anywhere.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any, get_args

from vivavoce.devices.host import Kind
from vivavoce.devices.pulse import Server
from vivavoce.devices.rescue import Node

_P = ctypes.c_void_p
_PLAIN = re.compile(r"[\w.:+-]+", re.ASCII)
"""Needs no care in a configuration; servers make no other names by themselves."""
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "snd_config_update": (ctypes.c_int, ()),
    "snd_config_load": (ctypes.c_int, (_P, _P)),
    "snd_input_buffer_open": (ctypes.c_int, (ctypes.POINTER(_P), ctypes.c_char_p, ctypes.c_ssize_t)),
    "snd_input_close": (ctypes.c_int, (_P,)),
}


@dataclass(frozen=True, slots=True)
class Served:
    """What a name in PortAudio's list stands for."""

    kind: Kind
    node: Node


def named(server: Server) -> dict[str, Served]:
    """Add what the server has just now; what it is, by the name that PortAudio will find.

    Empty where there is no sound server, or no ALSA that would take them.
    """
    found = [Served(kind, node) for kind in get_args(Kind) for node in server.devices(kind) or ()]
    names = {f"viva_{n}": one for n, one in enumerate(found) if _PLAIN.fullmatch(one.node.name)}
    lines = [f'pcm.{name} {{ type pulse device "{one.node.name}" }}\n' for name, one in names.items()]
    return names if lines and _added("".join(lines).encode()) else {}


def _added(definitions: bytes) -> bool:
    source = _P()
    try:
        alsa = ctypes.CDLL("libasound.so.2")
        for name, (answer, arguments) in _SIGNATURES.items():
            function = getattr(alsa, name)
            function.restype, function.argtypes = answer, arguments
        if alsa.snd_config_update() < 0:
            return False
        tree = _P.in_dll(alsa, "snd_config")
    except (OSError, AttributeError, ValueError):  # no ALSA, or not the one we know
        return False
    if alsa.snd_input_buffer_open(ctypes.byref(source), definitions, len(definitions)) < 0:
        return False
    try:
        return bool(alsa.snd_config_load(tree, source) >= 0)
    finally:
        alsa.snd_input_close(source)

"""Gives the speakers and microphones of a sound server names of their own in PortAudio's list.

PortAudio sees ALSA's devices, and of a whole sound server only `default` and `pulse`: no headset by its name, and nothing of
Bluetooth at all. ALSA takes its devices from its configuration; here one for each sink and source is added to the one in memory,
before PortAudio makes its list. Nothing is written anywhere.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from vivavoce.devices.host import Kind, Node
from vivavoce.devices.pulse import Server

_P = ctypes.c_void_p
_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')
"""Can stand between quotation marks in a configuration."""
_OWN = re.compile(r"viva_\d+")
_SERVERS = frozenset({"pulse", "pipewire"})
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "snd_config_update": (ctypes.c_int, ()),
    "snd_config_load": (ctypes.c_int, (_P, _P)),
    "snd_input_buffer_open": (ctypes.c_int, (ctypes.POINTER(_P), ctypes.c_char_p, ctypes.c_ssize_t)),
    "snd_input_close": (ctypes.c_int, (_P,)),
    "snd_config_search_definition": (ctypes.c_int, (_P, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(_P))),
    "snd_config_search": (ctypes.c_int, (_P, ctypes.c_char_p, ctypes.POINTER(_P))),
    "snd_config_get_string": (ctypes.c_int, (_P, ctypes.POINTER(ctypes.c_char_p))),
    "snd_config_delete": (ctypes.c_int, (_P,)),
}


@dataclass(frozen=True, slots=True)
class Served:
    """What a name in PortAudio's list stands for.

    Attributes:
        title: what it is called here; no two of a kind are called the same.
    """

    kind: Kind
    node: Node
    title: str


def titles(nodes: Sequence[Node]) -> list[str]:
    """What people call them; where that is the same, as with two headsets of one make, with the server's name behind it."""
    often = Counter(node.called for node in nodes)
    return [node.called if often[node.called] == 1 else f"{node.called} ({node.name})" for node in nodes]


def named(server: Server) -> dict[str, Served]:
    """Add what the server has just now; what it is, by the name that PortAudio will find.

    Empty where there is no sound server, or no ALSA that would take them.
    """
    found = list[Served]()
    for kind in get_args(Kind):
        nodes = server.devices(kind) or []
        found += [Served(kind, node, title) for node, title in zip(nodes, titles(nodes), strict=True)]
    names = {f"viva_{n}": one for n, one in enumerate(found) if _PLAIN.fullmatch(one.node.name)}
    return names if names and define(names) else {}


def defined(name: str) -> bool:
    """Whether ALSA still has it: it reads its configuration anew when a file of that has changed."""
    try:
        alsa = _alsa()
        found = _definition(alsa, name) if alsa.snd_config_update() >= 0 else None
    except (OSError, AttributeError, ValueError):
        return False
    if found is not None:
        alsa.snd_config_delete(found)
    return found is not None


def left_over(name: str) -> bool:
    """Whether it is a name that `named` gave once and PortAudio still has."""
    return _OWN.fullmatch(name) is not None


def follows_default(name: str) -> bool:
    """Whether this device of ALSA leads to a sound server, and there to whatever is its default."""
    kind, word = _P(), ctypes.c_char_p()
    try:
        alsa = _alsa()
        found = _definition(alsa, name)
    except (OSError, AttributeError, ValueError):  # no ALSA, or not the one we know
        return False
    if found is None:
        return False
    try:
        if alsa.snd_config_search(found, b"type", ctypes.byref(kind)) < 0:
            return False
        return alsa.snd_config_get_string(kind, ctypes.byref(word)) >= 0 and (word.value or b"").decode() in _SERVERS
    finally:
        alsa.snd_config_delete(found)


def define(names: Mapping[str, Served]) -> bool:
    """Add them to the configuration that ALSA has in memory; whether that went well."""
    lines = [f'pcm.{name} {{ type pulse device "{one.node.name}" }}\n' for name, one in names.items()]
    text, source = "".join(lines).encode(), _P()
    try:
        alsa = _alsa()
        if alsa.snd_config_update() < 0:
            return False
        tree = _P.in_dll(alsa, "snd_config")
    except (OSError, AttributeError, ValueError):
        return False
    if alsa.snd_input_buffer_open(ctypes.byref(source), text, len(text)) < 0:
        return False
    try:
        return bool(alsa.snd_config_load(tree, source) >= 0)
    finally:
        alsa.snd_input_close(source)


def _definition(alsa: Any, name: str) -> ctypes.c_void_p | None:
    """Of a device, expanded, to be deleted; None where there is none. Raises `ValueError`."""
    found = _P()
    tree = _P.in_dll(alsa, "snd_config")
    missing = alsa.snd_config_search_definition(tree, b"pcm", name.encode(), ctypes.byref(found)) < 0
    return None if missing else found


def _alsa() -> Any:
    """Raises `OSError`, `AttributeError` where there is none, or not the one we know."""
    alsa = ctypes.CDLL("libasound.so.2")
    for name, (answer, arguments) in _SIGNATURES.items():
        function = getattr(alsa, name)
        function.restype, function.argtypes = answer, arguments
    return alsa

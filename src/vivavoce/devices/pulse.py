"""Which devices PulseAudio, or PipeWire in its place, uses by default: on Linux they move our streams, and PortAudio cannot tell.

libpulse by ctypes: it is there wherever ALSA's way to the sound server is. Nothing here plays or records.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import threading
import time
from typing import Any, get_args

from vivavoce.devices.host import Kind

_READY, _FAILED, _TERMINATED = 4, 5, 6
_NO_AUTOSPAWN = 1
_SERVER_EVENTS = 0x80
_GLANCE_US = 200_000
_IDLE_S = 3.0
_AGAIN_S = 0.5
_FIRST_S = 0.2


class _Server(ctypes.Structure):
    _fields_ = (
        ("user", ctypes.c_char_p),
        ("host", ctypes.c_char_p),
        ("version", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("format", ctypes.c_int),
        ("rate", ctypes.c_uint32),
        ("channels", ctypes.c_uint8),
        ("sink", ctypes.c_char_p),
        ("source", ctypes.c_char_p),
    )


class _Node(ctypes.Structure):
    """The beginning of `pa_sink_info` and of `pa_source_info`."""

    _fields_ = (("name", ctypes.c_char_p), ("index", ctypes.c_uint32), ("description", ctypes.c_char_p))


_P = ctypes.c_void_p
_ServerCall = ctypes.CFUNCTYPE(None, _P, ctypes.POINTER(_Server), _P)
_NodeCall = ctypes.CFUNCTYPE(None, _P, ctypes.POINTER(_Node), ctypes.c_int, _P)
_EventCall = ctypes.CFUNCTYPE(None, _P, ctypes.c_int, ctypes.c_uint32, _P)

_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "pa_mainloop_new": (_P, ()),
    "pa_mainloop_free": (None, (_P,)),
    "pa_mainloop_get_api": (_P, (_P,)),
    "pa_mainloop_prepare": (ctypes.c_int, (_P, ctypes.c_int)),
    "pa_mainloop_poll": (ctypes.c_int, (_P,)),
    "pa_mainloop_dispatch": (ctypes.c_int, (_P,)),
    "pa_context_new": (_P, (_P, ctypes.c_char_p)),
    "pa_context_connect": (ctypes.c_int, (_P, ctypes.c_char_p, ctypes.c_int, _P)),
    "pa_context_get_state": (ctypes.c_int, (_P,)),
    "pa_context_disconnect": (None, (_P,)),
    "pa_context_unref": (None, (_P,)),
    "pa_context_set_subscribe_callback": (None, (_P, _EventCall, _P)),
    "pa_context_subscribe": (_P, (_P, ctypes.c_int, _P, _P)),
    "pa_context_get_server_info": (_P, (_P, _ServerCall, _P)),
    "pa_context_get_sink_info_by_name": (_P, (_P, ctypes.c_char_p, _NodeCall, _P)),
    "pa_context_get_source_info_by_name": (_P, (_P, ctypes.c_char_p, _NodeCall, _P)),
    "pa_operation_unref": (None, (_P,)),
}


def _library() -> Any:
    """libpulse; None where there is none."""
    try:
        library = ctypes.CDLL(ctypes.util.find_library("pulse") or "libpulse.so.0")
        for name, (answer, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = answer, arguments
    except (OSError, AttributeError):
        return None
    return library


class Defaults:
    """Follows the default devices of the sound server, on a thread, for as long as somebody asks."""

    def __init__(self) -> None:
        """Loads libpulse; where there is none, `name` answers None for ever."""
        self._lib = _library()
        self._names: dict[Kind, str] = {}
        self._asked_s = 0.0
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._first = threading.Event()

    def name(self, kind: Kind) -> str | None:
        """What people call the default device; None when it is not known. Waits for the first answer, 0.2 s at most."""
        self._asked_s = time.monotonic()
        if self._lib is not None:
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._first.clear()
                    self._thread = threading.Thread(target=self._follow, name="viva-pulse", daemon=True)
                    self._thread.start()
                    self._first.wait(_FIRST_S)
        return self._names.get(kind)

    def _wanted(self) -> bool:
        return time.monotonic() - self._asked_s < _IDLE_S

    def _follow(self) -> None:
        while self._wanted():
            _Connection(self._lib, self._names, self._first).run(self._wanted)
            self._names.clear()  # another server's default is its first one, not a change
            self._first.set()
            time.sleep(_AGAIN_S)  # there is no server, or it ended


class _Connection:
    """One connection to the server, from its beginning to its end."""

    def __init__(self, lib: Any, names: dict[Kind, str], known: threading.Event) -> None:
        self._lib = lib
        self._names = names
        self._known = known
        self._on_event = _EventCall(lambda *_: self._ask())  # kept: the library holds nothing but their addresses
        self._on_server = _ServerCall(lambda _, info, __: self._server(info))
        self._on_sink = _NodeCall(lambda _, info, __, ___: self._node("output", info))
        self._on_source = _NodeCall(lambda _, info, __, ___: self._node("input", info))
        self._loop = lib.pa_mainloop_new()
        self._context = lib.pa_context_new(lib.pa_mainloop_get_api(self._loop), b"viva")

    def run(self, wanted: Any) -> None:
        """Until the server ends or nobody wants to know any more."""
        lib, ready = self._lib, False
        if lib.pa_context_connect(self._context, None, _NO_AUTOSPAWN, None) >= 0:
            while wanted() and lib.pa_mainloop_prepare(self._loop, _GLANCE_US) >= 0:
                if lib.pa_mainloop_poll(self._loop) < 0 or lib.pa_mainloop_dispatch(self._loop) < 0:
                    break
                state = lib.pa_context_get_state(self._context)
                if state in {_FAILED, _TERMINATED}:
                    break
                if state == _READY and not ready:
                    ready = True
                    self._subscribe()
        lib.pa_context_disconnect(self._context)
        lib.pa_context_unref(self._context)
        lib.pa_mainloop_free(self._loop)

    def _subscribe(self) -> None:
        self._lib.pa_context_set_subscribe_callback(self._context, self._on_event, None)
        self._done(self._lib.pa_context_subscribe(self._context, _SERVER_EVENTS, None, None))
        self._ask()

    def _ask(self) -> None:
        self._done(self._lib.pa_context_get_server_info(self._context, self._on_server, None))

    def _server(self, info: Any) -> None:
        if info:
            lib, context = self._lib, self._context
            if info.contents.sink:
                self._done(lib.pa_context_get_sink_info_by_name(context, info.contents.sink, self._on_sink, None))
            if info.contents.source:
                self._done(lib.pa_context_get_source_info_by_name(context, info.contents.source, self._on_source, None))

    def _node(self, kind: Kind, info: Any) -> None:
        if info:
            name = info.contents.description or info.contents.name
            self._names[kind] = name.decode(errors="replace")
            if len(self._names) == len(get_args(Kind)):
                self._known.set()

    def _done(self, operation: int | None) -> None:
        if operation:
            self._lib.pa_operation_unref(operation)

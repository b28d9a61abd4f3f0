"""Which devices PulseAudio, or PipeWire in its place, uses: on Linux they move our streams, and PortAudio cannot tell.

libpulse by ctypes: it is there wherever ALSA's way to the sound server is. Nothing here plays or records.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_args

from vivavoce.devices.host import Kind, Node
from vivavoce.devices.rescue import Rescues

_READY, _FAILED, _TERMINATED = 4, 5, 6
_NO_AUTOSPAWN = 1
_SINK, _SOURCE, _SINK_INPUT, _SOURCE_OUTPUT, _SERVER_FACILITY = 0, 1, 2, 3, 7
_EVENTS = sum(1 << facility for facility in (_SINK, _SOURCE, _SINK_INPUT, _SOURCE_OUTPUT, _SERVER_FACILITY))
_FACILITY, _TYPE, _NEW, _REMOVE = 0x0F, 0x30, 0x00, 0x20
_NODES: dict[int, Kind] = {_SINK: "output", _SOURCE: "input"}
_STREAMS: dict[int, Kind] = {_SINK_INPUT: "output", _SOURCE_OUTPUT: "input"}
_GLANCE_US = 200_000
_IDLE_S = 3.0
_AGAIN_S = 0.5
_PROCESS = b"application.process.id"
_FIRST_S = 0.2
_LIST_S = 2.0
"""How long the list of devices is waited for; a server that is not there refuses at once, and one that sleeps may be waking up."""
_INVALID = 0xFFFF_FFFF


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

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("index", ctypes.c_uint32),
        ("description", ctypes.c_char_p),
        ("format", ctypes.c_int),
        ("rate", ctypes.c_uint32),
        ("channels", ctypes.c_uint8),
        ("channel_map", ctypes.c_uint32 * 33),
        ("owner_module", ctypes.c_uint32),
        ("volume", ctypes.c_uint32 * 33),
        ("mute", ctypes.c_int),
        ("monitor", ctypes.c_uint32),
    )


class _SinkInput(ctypes.Structure):
    """`pa_sink_input_info` as far as its properties."""

    _fields_ = (
        ("index", ctypes.c_uint32),
        ("name", ctypes.c_char_p),
        ("owner_module", ctypes.c_uint32),
        ("client", ctypes.c_uint32),
        ("node", ctypes.c_uint32),
        ("sample_spec", ctypes.c_uint32 * 3),
        ("channel_map", ctypes.c_uint32 * 33),
        ("volume", ctypes.c_uint32 * 33),
        ("buffer_usec", ctypes.c_uint64),
        ("node_usec", ctypes.c_uint64),
        ("resample_method", ctypes.c_char_p),
        ("driver", ctypes.c_char_p),
        ("mute", ctypes.c_int),
        ("proplist", ctypes.c_void_p),
    )


class _SourceOutput(ctypes.Structure):
    """`pa_source_output_info` as far as its properties."""

    _fields_ = tuple(field for field in _SinkInput._fields_ if field[0] not in {"volume", "mute"})


_P = ctypes.c_void_p
_ServerCall = ctypes.CFUNCTYPE(None, _P, ctypes.POINTER(_Server), _P)
_NodeCall = ctypes.CFUNCTYPE(None, _P, ctypes.POINTER(_Node), ctypes.c_int, _P)
_SinkInputCall = ctypes.CFUNCTYPE(None, _P, ctypes.POINTER(_SinkInput), ctypes.c_int, _P)
_SourceOutputCall = ctypes.CFUNCTYPE(None, _P, ctypes.POINTER(_SourceOutput), ctypes.c_int, _P)
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
    "pa_context_get_sink_info_by_index": (_P, (_P, ctypes.c_uint32, _NodeCall, _P)),
    "pa_context_get_source_info_by_index": (_P, (_P, ctypes.c_uint32, _NodeCall, _P)),
    "pa_context_get_sink_info_list": (_P, (_P, _NodeCall, _P)),
    "pa_context_get_source_info_list": (_P, (_P, _NodeCall, _P)),
    "pa_context_get_sink_input_info": (_P, (_P, ctypes.c_uint32, _SinkInputCall, _P)),
    "pa_context_get_source_output_info": (_P, (_P, ctypes.c_uint32, _SourceOutputCall, _P)),
    "pa_context_get_sink_input_info_list": (_P, (_P, _SinkInputCall, _P)),
    "pa_context_get_source_output_info_list": (_P, (_P, _SourceOutputCall, _P)),
    "pa_proplist_gets": (ctypes.c_char_p, (_P, ctypes.c_char_p)),
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


class Server:
    """Follows the sound server, on a thread, for as long as somebody asks."""

    def __init__(self) -> None:
        """Loads libpulse; where there is none, the answers are None for ever."""
        self._lib = _library()
        self._found = _Found()
        self._asked_s = 0.0
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._again = threading.Event()

    def default(self, kind: Kind) -> str | None:
        """What people call the default device; None when it is not known. Waits for the first answer, 0.2 s at most."""
        self._ask()
        return self._found.defaults.get(kind)

    def taken_to(self, kind: Kind) -> str | None:
        """What people call the device to which it took a stream of ours whose own vanished; None: nowhere, or it is not known."""
        self._ask()
        return self._found.taken.get(kind)

    def devices(self, kind: Kind) -> list[Node] | None:
        """The speakers or microphones it has, without monitors; None: there is no server, or it did not answer in 2 s."""
        self._ask(_LIST_S, anew=not self._found.devices)
        return self._found.devices.get(kind)

    def system(self) -> str:
        """Who it is: PulseAudio or PipeWire; of one that is not there PulseAudio."""
        return self._found.system

    def hears_itself(self) -> bool:
        """Whether it has put the monitor of our own speaker in the place of a microphone."""
        self._ask()
        return self._found.hears_itself

    def _ask(self, wait_s: float = _FIRST_S, *, anew: bool = False) -> None:
        """Go on following; wait for a first answer, and with `anew` for that of another try where there was no server."""
        self._asked_s = time.monotonic()
        if self._lib is not None:
            with self._starting:
                begins = self._thread is None
                if begins or anew:
                    self._found.first.clear()
                    self._again.set()
                if begins:
                    self._thread = threading.Thread(target=self._follow, name="viva-pulse", daemon=True)
                    self._thread.start()
            if begins or anew:
                self._found.first.wait(wait_s)

    def _asked(self) -> bool:
        return time.monotonic() - self._asked_s < _IDLE_S

    def _goes_on(self) -> bool:
        with self._starting:
            if not self._asked():
                self._thread = None
            return self._thread is not None

    def _follow(self) -> None:
        while self._goes_on():
            _Connection(self._lib, self._found).run(self._asked)
            self._found.defaults.clear()  # another server's default is its first one, not a change
            self._found.taken.clear()
            self._found.devices.clear()
            self._found.hears_itself = False
            self._found.first.set()  # there is no server, or it ended, or nobody asked any more
            self._again.wait(_AGAIN_S)
            self._again.clear()


@dataclass(slots=True)
class _Found:
    """What the thread found out.

    Attributes:
        defaults: what people call the default devices.
        taken: where streams were taken whose devices vanished.
        devices: the speakers and microphones it has.
        system: PulseAudio or PipeWire.
        hears_itself: a microphone of ours is the monitor of our speaker.
        first: both defaults are known and all devices, or there is no server.
    """

    defaults: dict[Kind, str] = field(default_factory=dict)
    taken: dict[Kind, str | None] = field(default_factory=dict)
    devices: dict[Kind, list[Node]] = field(default_factory=dict)
    system: str = "PulseAudio"
    hears_itself: bool = False
    first: threading.Event = field(default_factory=threading.Event)


class _Connection:
    """One connection to the server, from its beginning to its end."""

    def __init__(self, lib: Any, found: _Found) -> None:
        self._lib = lib
        self._found = found
        self._rescues = Rescues()
        self._listed: set[Kind] = set()
        self._awaited: set[Kind] | None = None
        """Kinds of which the server has a default device that is still to be looked up; None until it is known."""
        # kept: the library holds nothing but their addresses
        self._on_event = _EventCall(lambda _, what, index, __: self._event(what, index))
        self._on_server = _ServerCall(lambda _, info, __: self._server(info))
        self._on_default: dict[Kind, Any] = {
            kind: _NodeCall(lambda _, info, __, ___, kind=kind: self._default(kind, info)) for kind in get_args(Kind)
        }
        self._on_node: dict[Kind, Any] = {
            kind: _NodeCall(lambda _, info, __, ___, kind=kind: self._node(kind, info)) for kind in get_args(Kind)
        }
        self._on_sink_input = _SinkInputCall(lambda _, info, __, ___: self._stream("output", info))
        self._on_source_output = _SourceOutputCall(lambda _, info, __, ___: self._stream("input", info))
        self._loop = lib.pa_mainloop_new()
        self._context = lib.pa_context_new(lib.pa_mainloop_get_api(self._loop), b"viva")

    def run(self, wanted: Callable[[], bool]) -> None:
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
                self._found_out()
        lib.pa_context_disconnect(self._context)
        lib.pa_context_unref(self._context)
        lib.pa_mainloop_free(self._loop)

    def _found_out(self) -> None:
        found, rescues = self._found, self._rescues
        for kind in get_args(Kind):
            found.taken[kind] = rescues.taken_to(kind, time.monotonic())
            if kind in self._listed:
                found.devices[kind] = rescues.devices(kind)
        found.hears_itself = rescues.hears_itself()
        if self._awaited is not None and not self._awaited and len(self._listed) == len(get_args(Kind)):
            found.first.set()

    def _subscribe(self) -> None:
        lib, context = self._lib, self._context
        lib.pa_context_set_subscribe_callback(context, self._on_event, None)
        self._done(lib.pa_context_subscribe(context, _EVENTS, None, None))
        self._done(lib.pa_context_get_server_info(context, self._on_server, None))
        self._done(lib.pa_context_get_sink_info_list(context, self._on_node["output"], None))
        self._done(lib.pa_context_get_source_info_list(context, self._on_node["input"], None))
        self._done(lib.pa_context_get_sink_input_info_list(context, self._on_sink_input, None))
        self._done(lib.pa_context_get_source_output_info_list(context, self._on_source_output, None))

    def _event(self, what: int, index: int) -> None:
        lib, context = self._lib, self._context
        facility, change = what & _FACILITY, what & _TYPE
        if facility == _SERVER_FACILITY:
            self._done(lib.pa_context_get_server_info(context, self._on_server, None))
        elif change == _REMOVE and facility in _NODES:
            self._rescues.node_gone(_NODES[facility], index)
        elif change == _REMOVE:
            self._rescues.stream_gone(_STREAMS[facility], index)
        elif facility == _SINK and change == _NEW:
            self._done(lib.pa_context_get_sink_info_by_index(context, index, self._on_node["output"], None))
        elif facility == _SOURCE and change == _NEW:
            self._done(lib.pa_context_get_source_info_by_index(context, index, self._on_node["input"], None))
        elif facility == _SINK_INPUT:
            self._done(lib.pa_context_get_sink_input_info(context, index, self._on_sink_input, None))
        elif facility == _SOURCE_OUTPUT:
            self._done(lib.pa_context_get_source_output_info(context, index, self._on_source_output, None))

    def _server(self, info: Any) -> None:
        if info:
            lib, context = self._lib, self._context
            self._found.system = "PipeWire" if b"PipeWire" in (info.contents.name or b"") else "PulseAudio"
            named: dict[Kind, bytes | None] = {"output": info.contents.sink, "input": info.contents.source}
            self._awaited = {kind for kind, name in named.items() if name and kind not in self._found.defaults}
            if info.contents.sink:
                found = self._on_default["output"]
                self._done(lib.pa_context_get_sink_info_by_name(context, info.contents.sink, found, None))
            if info.contents.source:
                found = self._on_default["input"]
                self._done(lib.pa_context_get_source_info_by_name(context, info.contents.source, found, None))

    def _default(self, kind: Kind, info: Any) -> None:
        if info:
            self._found.defaults[kind] = _called(info.contents)
        elif self._awaited:
            self._awaited.discard(kind)  # the answer ends, also where there is no such device

    def _node(self, kind: Kind, info: Any) -> None:
        if info:
            node = info.contents
            name = node.name.decode(errors="replace")
            monitor = kind == "input" and node.monitor != _INVALID
            self._rescues.node(kind, node.index, Node(name, _called(node), node.channels, node.rate, monitor))
        else:
            self._listed.add(kind)

    def _stream(self, kind: Kind, info: Any) -> None:
        if info and self._lib.pa_proplist_gets(info.contents.proplist, _PROCESS) == str(os.getpid()).encode():
            self._rescues.stream(kind, info.contents.index, info.contents.node, time.monotonic())

    def _done(self, operation: int | None) -> None:
        if operation:
            self._lib.pa_operation_unref(operation)


def _called(node: Any) -> str:
    name: bytes = node.description or node.name
    return name.decode(errors="replace")

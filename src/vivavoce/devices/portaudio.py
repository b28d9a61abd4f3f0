"""PortAudio through sounddevice: the real `Host`.

Two streams, never one for both directions: measured through ALSA and PulseAudio, a duplex stream took 41 % of a core and
ran dry, two of them 3 %.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vivavoce.devices import served
from vivavoce.devices.host import FOLLOWS_DEFAULT, Call, Device, DeviceFault, Format, Kind, Stream
from vivavoce.devices.pulse import Server
from vivavoce.errors import NoDevice

_STDERR = threading.Lock()
_FORMAT_CODES = {-9999, -9998, -9997, -9994}
"""Unanticipated host error, invalid channel count, invalid sample rate, sample format not supported."""


def library() -> Any:
    """The `sounddevice` module, loaded now. Raises `NoDevice` where PortAudio itself is absent (Linux: it is not in the wheel)."""
    try:
        import sounddevice  # noqa: PLC0415  loads PortAudio: only for those who use a sound card
    except OSError:
        raise NoDevice(
            "PortAudio is not installed, so there is no microphone and no speaker: install it with "
            "`apt install libportaudio2` (Debian, Ubuntu) or `dnf install portaudio` (Fedora)."
        ) from None
    return sounddevice


@functools.cache
def _quiet_alsa() -> None:
    """ALSA writes its faults to stderr, over the talk on the screen; what matters of them we tell."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # no ALSA, or not the one we know: it stays as loud as it is
            alsa, libc = ctypes.CDLL("libasound.so.2"), ctypes.CDLL(None)
            # any function of C that does nothing: one of Python would make the audio thread wait for the interpreter
            alsa.snd_lib_error_set_handler(ctypes.cast(libc.getpid, ctypes.c_void_p))


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """PortAudio has no such handler, and writes several lines for each try while a sound server is gone: not in this block."""
    if sys.platform != "linux":
        yield
        return
    with _STDERR:
        try:
            kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        except OSError:  # no stderr at all
            yield
            return
        try:
            os.dup2(nowhere, 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)


class PortAudio:
    """The sound system of this machine. One per process: PortAudio has one list of devices, and `renew` ends every stream."""

    moves_streams = sys.platform == "linux"
    opens_by_name = sys.platform == "linux"

    def __init__(self) -> None:
        """Raises `NoDevice` where PortAudio is not installed."""
        self._server = Server() if sys.platform == "linux" else None
        self._names: dict[str, served.Served] = {}
        """What names in PortAudio's list stand for devices of a sound server."""
        self._system = ""
        _quiet_alsa()
        if "sounddevice" not in sys.modules:  # it has made its list already, for somebody else
            self._name_served()
        self._sd = library()

    def now(self) -> float:
        """The monotonic clock of the system."""
        return time.monotonic()

    def devices(self) -> list[Device]:
        """Everything there was at the beginning or at the last `renew`."""
        apis = [api["name"] for api in self._sd.query_hostapis()]
        preferred = self._sd.default.hostapi if apis else -1
        return [
            self._of_server(d["index"], self._names[d["name"]])
            if d["name"] in self._names
            else Device(
                d["index"],
                d["name"],
                apis[d["hostapi"]],
                d["max_input_channels"],
                d["max_output_channels"],
                round(d["default_samplerate"]),
                d["hostapi"] == preferred and (not self._names or d["name"] in FOLLOWS_DEFAULT),
            )
            for d in self._sd.query_devices()
            if d["name"] in self._names or not served.left_over(d["name"])
        ]

    def _of_server(self, index: int, found: served.Served) -> Device:
        """ALSA does not know what is behind a server's device; the server does."""
        node = found.node
        inputs, outputs = (node.channels, 0) if found.kind == "input" else (0, node.channels)
        return Device(index, found.title, self._system, inputs, outputs, node.rate_hz, preferred=True)

    def _name_served(self) -> None:
        """What a sound server has just now is to be in the list that PortAudio makes next."""
        if self._server is not None:
            self._names, self._system = served.named(self._server), self._server.system()

    def default(self, kind: Kind) -> int | None:
        """Index of the default device: what `sounddevice.default` was set to, else what PortAudio says."""
        try:
            index: int = self._sd.query_devices(kind=kind)["index"]
        except (self._sd.PortAudioError, ValueError):  # nothing there, or its default names nothing that is
            return None
        return index

    def default_now(self, kind: Kind) -> str | None:
        """What the sound server says on Linux; elsewhere None: PortAudio cannot tell without ending every stream."""
        return None if self._server is None else self._server.default(kind)

    def taken_to(self, kind: Kind) -> str | None:
        """What the sound server says on Linux; elsewhere None."""
        return None if self._server is None else self._server.taken_to(kind)

    def offers(self, kind: Kind, name: str) -> bool:
        """On Linux whether the sound server has it; elsewhere True: nobody can tell without one."""
        return self._server is None or name in served.titles(self._server.devices(kind) or ())

    def lacks(self, kind: Kind, index: int) -> bool:
        """What the sound server says on Linux; elsewhere False."""
        if self._server is None or self._server.devices(kind) != []:
            return False
        name: str = self._sd.query_devices(index)["name"]
        return name in FOLLOWS_DEFAULT and served.follows_default(name)

    def hears_itself(self) -> bool:
        """What the sound server says on Linux; elsewhere False."""
        return self._server is not None and self._server.hears_itself()

    def opens(self, kind: Kind, index: int, rate_hz: int, channels: int) -> bool:
        """Whether the device opens with this rate and number of channels, tried out."""
        try:
            with _quiet_stderr(), _faults(self._sd):
                self._check(kind, index, rate_hz, channels)
        except DeviceFault:
            return False
        return True

    def open(self, kind: Kind, index: int, form: Format, call: Call, finished: Callable[[], None]) -> Stream:
        """Open, not yet started. Raises `DeviceFault`.

        It is tried out before: in PortAudio 19.6 an open that fails while another stream runs can end the program, as it has
        one variable for the errors of all threads. A trial that fails does no harm.
        """
        make = self._sd.RawInputStream if kind == "input" else self._sd.RawOutputStream
        with _quiet_stderr(), _faults(self._sd):
            self._check(kind, index, form.rate_hz, form.channels)
            return _Opened(
                self._sd,
                make(
                    samplerate=form.rate_hz,
                    blocksize=form.frames,
                    device=index,
                    channels=form.channels,
                    dtype="int16",
                    latency=form.latency_s,
                    callback=call,
                    finished_callback=finished,
                ),
            )

    def _check(self, kind: Kind, index: int, rate_hz: int, channels: int) -> None:
        """Raises `DeviceFault`, and sounddevice's own."""
        self._look_whether_served(index)
        check = self._sd.check_input_settings if kind == "input" else self._sd.check_output_settings
        check(index, channels=channels, dtype="int16", samplerate=rate_hz)

    def _look_whether_served(self, index: int) -> None:
        """Raises `DeviceFault` where the sound server has it no more: PipeWire would open its default instead."""
        if self._server is None or not self._names or index >= len(self._sd.query_devices()):
            return
        name = self._sd.query_devices(index)["name"]
        found = self._names.get(name)
        if found is None:
            return
        if all(node.name != found.node.name for node in self._server.devices(found.kind) or ()):
            raise DeviceFault("the sound server has it no more")
        if not served.defined(name):  # ALSA has read its configuration anew
            served.define(self._names)

    def renew(self) -> None:
        """Terminate PortAudio and begin again: it looks for devices only then. Raises `DeviceFault`."""
        _look_for_configuration()
        with _quiet_stderr(), _faults(self._sd):
            # its makers' own answer (python-sounddevice #125): there is no public name for it
            if self._sd._initialized:  # noqa: SLF001  not so when the last renewal failed half-way
                self._sd._terminate()  # noqa: SLF001
            self._name_served()  # which may take a while
            _look_for_configuration()
            self._sd._initialize()  # noqa: SLF001


class _Opened:
    """A stream of sounddevice, with our fault."""

    def __init__(self, sd: Any, stream: Any) -> None:
        self._sd = sd
        self._stream = stream

    @property
    def latency(self) -> float:
        return float(self._stream.latency)

    @property
    def time(self) -> float:
        with _faults(self._sd):
            return float(self._stream.time)

    def start(self) -> None:
        with _faults(self._sd):
            self._stream.start()

    def abort(self) -> None:
        with _faults(self._sd):
            self._stream.abort(ignore_errors=False)

    def close(self) -> None:
        self._stream.close(ignore_errors=True)


@contextlib.contextmanager
def _faults(sd: Any) -> Iterator[None]:
    try:
        yield
    except sd.PortAudioError as fault:
        reason = str(fault.args[0] if fault.args else fault).rstrip(".")
        code = fault.args[1] if len(fault.args) > 1 else None
        raise DeviceFault(reason, refused_format=code in _FORMAT_CODES) from None
    except ValueError as fault:  # an index that is not in the list any more
        raise DeviceFault(str(fault).rstrip(".")) from None


def _look_for_configuration() -> None:
    """PortAudio 19.6 aborts the whole program when it begins while ALSA's configuration cannot be read. Raises `DeviceFault`."""
    paths = os.environ.get("ALSA_CONFIG_PATH", "")
    if not all(Path(path).is_file() for path in paths.split(":") if path):
        raise DeviceFault("ALSA has no configuration just now")


@functools.cache
def portaudio() -> PortAudio:
    """The one of this process. Raises `NoDevice` where PortAudio is not installed."""
    return PortAudio()

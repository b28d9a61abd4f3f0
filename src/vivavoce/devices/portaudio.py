"""PortAudio: finding a device, the two streams, and the clock of the sound that has really left.

Two streams, never one for both directions: measured through ALSA and PulseAudio, a duplex stream took 41 % of a core and
ran dry, two of them 3 %. Everything that runs on the audio thread is in the `_fill` and `_take` below: it copies bytes,
writes plain numbers, and neither allocates anything that grows, nor waits for a lock, nor does I/O.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from vivavoce.devices.line import Line
from vivavoce.devices.ring import Ring
from vivavoce.errors import NoDevice
from vivavoce.pcm import BLOCK_BYTES, BLOCK_SAMPLES, RATE_HZ

Kind = Literal["input", "output"]
_NOUN: dict[Kind, str] = {"input": "microphone", "output": "speaker"}
_CHECK_S = 0.9
_MISSES = 3
_GIVE_UP_S = 2.0
_LOG = 256
_NOTHING = bytes(BLOCK_BYTES)


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


def find(kind: Kind, device: int | str | None) -> int | None:
    """The index of a device: by index, by exact name, or by a part that only one name has; None is the system's default.

    Raises:
        NoDevice: nothing or more than one thing fits; the sentence lists what there is.
    """
    sd = library()
    usable = {d["index"]: d for d in sd.query_devices() if d[f"max_{kind}_channels"] > 0}
    if not usable:
        raise NoDevice(f"There is no {_NOUN[kind]}: no sound card, or no sound server is running.")
    if device is None:
        return None
    listed = ", ".join(f"{index} {d['name']!r}" for index, d in usable.items())
    fitting = _fitting(usable, device)
    if len(fitting) > 1:  # Windows shows one card once per sound system: the default one is meant
        preferred = sd.default.hostapi
        fitting = [i for i in fitting if usable[i]["hostapi"] == preferred] or fitting
    if len(fitting) == 1:
        return fitting[0]
    what = "More than one" if fitting else "No"
    raise NoDevice(f"{what} {_NOUN[kind]} fits {device!r}. There are: {listed}.")


def _fitting(usable: dict[int, Any], device: int | str) -> list[int]:
    name = str(device).casefold()
    exact = [i for i, d in usable.items() if d["name"].casefold() == name]
    if exact:
        return exact
    if name.isdecimal():
        return [i for i in usable if i == int(name)]
    return [i for i, d in usable.items() if name in d["name"].casefold()]


@contextlib.contextmanager
def _as_no_device(kind: Kind, device: int | str | None) -> Iterator[None]:
    sd = library()
    try:
        yield
    except sd.PortAudioError as fault:
        which = "the default one" if device is None else repr(device)
        reason = str(fault.args[0] if fault.args else fault).rstrip(".")
        raise NoDevice(
            f"The {_NOUN[kind]} ({which}) cannot be opened: {reason}. "
            "Look whether a sound server is running and no other program holds the device."
        ) from None


class _Life:
    """Whether the audio thread still calls: a sound server that dies does so without an error."""

    def __init__(self, kind: Kind) -> None:
        self.calls = 0
        self.resting = False
        """A stop of our own making is under way, or was the last thing done."""
        self._kind = kind
        self._ended = False
        self._seen = 0
        self._misses = 0
        self._looked = time.monotonic()

    def finished(self) -> None:
        """Called by PortAudio when a stream ended, by whomever."""
        self._ended = self._ended or not self.resting

    def lost(self) -> None:
        """The device could not be started again."""
        self._ended = True

    def check(self) -> None:
        """Raises `NoDevice` when the stream ended, or stood still over three looks a second apart.

        Looks, not seconds: a program that was itself halted for a while must not find its device dead.
        """
        now = time.monotonic()
        if self.calls != self._seen:
            self._seen, self._misses, self._looked = self.calls, 0, now
        elif now - self._looked >= _CHECK_S:
            self._misses, self._looked = self._misses + 1, now
        if self._ended or self._misses >= _MISSES:
            self._gone()

    def require(self) -> None:
        """Raises `NoDevice` when the stream ended; PortAudio would wait for ever for a dead one to start."""
        if self._ended:
            self._gone()

    def _gone(self) -> NoReturn:
        noun = _NOUN[self._kind]
        raise NoDevice(f"The {noun} is gone: it was unplugged or its sound server ended. Connect it and start again.")


class Capture:
    """An open microphone that writes into a ring.

    Attributes:
        ring: what was recorded.
        overflows: times the sound system itself lost sound.
    """

    def __init__(self, device: int | str | None, heard: Callable[[], None], *, keep: bool) -> None:
        """Opens and starts the device.

        Args:
            device: see `find`.
            heard: called on the audio thread after each block; must neither block nor raise.
            keep: whether sound is kept from now on, or only after `keep` is called.

        Raises:
            NoDevice: there is none, or it cannot be opened.
        """
        self.ring = Ring()
        self.overflows = 0
        self._heard = heard
        self._keep = keep
        self._life = _Life("input")
        self._closing = threading.Lock()
        index = find("input", device)
        with _as_no_device("input", device):
            self._stream = library().RawInputStream(
                samplerate=RATE_HZ,
                blocksize=BLOCK_SAMPLES,
                device=index,
                channels=1,
                dtype="int16",
                latency="low",
                callback=self._take,
                finished_callback=self._finished,
            )
            _start(self._stream)

    def keep(self) -> None:
        """From now on sound is kept."""
        self._keep = True

    def check(self) -> None:
        """Raises `NoDevice` when the device is gone."""
        self._life.check()

    def close(self) -> None:
        """Free the device. Blocks for some milliseconds; twice is allowed."""
        self._life.resting = True
        with self._closing:
            self._stream.close()

    def _take(self, indata: Any, _frames: int, _time: Any, status: Any) -> None:
        self._life.calls += 1
        if status.input_overflow:
            self.overflows += 1
        if self._keep:
            self.ring.write(memoryview(indata))
            self._heard()

    def _finished(self) -> None:
        self._life.finished()
        self._heard()


@dataclass(slots=True)
class Spool:
    """A line on its way through the device: which of its samples is due at the membrane at what time."""

    line: Line = field(default_factory=Line)
    left: int = 0
    """Samples that have left, as far as was asked; never goes back."""
    _blocks: list[tuple[int, int, float]] = field(default_factory=lambda: [(0, 0, 0.0)] * _LOG)
    _count: int = 0

    def hand(self, out: memoryview, dac_s: float) -> int:
        """Fill a block that leaves at `dac_s`; samples of sound in it. Silence around the sound is not logged."""
        position = self.line.handed
        samples = self.line.fill(out)
        if samples:
            self._blocks[self._count % _LOG] = (position, samples, dac_s)
            self._count += 1
        return samples

    def advance(self, now_s: float) -> int:
        """Samples that have left at `now_s`: within the last block due before, as far as time went on, not beyond its end."""
        for back in range(1, min(self._count, _LOG) + 1):
            position, samples, dac_s = self._blocks[(self._count - back) % _LOG]
            if dac_s <= now_s:
                self.left = max(self.left, position + min(round((now_s - dac_s) * RATE_HZ), samples))
                break
        return self.left


class Playback:
    """An open speaker that plays a spool, silence when that is empty.

    Attributes:
        spool: what plays now.
        underflows: times the device ran dry.
    """

    def __init__(self, device: int | str | None) -> None:
        """Opens and starts the device, with silence.

        Raises:
            NoDevice: there is none, or it cannot be opened.
        """
        self.spool = Spool()
        self.underflows = 0
        self._begun = False
        self._switches = 0  # written by those who switch, `_cuts` by the one who cuts: the audio thread compares
        self._cuts = 0
        self._life = _Life("output")
        self._control = threading.Lock()
        self._frozen_s: float | None = None
        self._name = device
        index = find("output", device)
        with _as_no_device("output", device):
            self._stream = library().RawOutputStream(
                samplerate=RATE_HZ,
                blocksize=BLOCK_SAMPLES,
                device=index,
                channels=1,
                dtype="int16",
                latency="low",
                callback=self._fill,
                finished_callback=self._life.finished,
            )
            _start(self._stream)
        self._latency_s: float = self._stream.latency

    @property
    def now_s(self) -> float:
        """The device's clock, the one in which it says when a sample leaves; it stands still after `freeze`."""
        return self._stream.time if self._frozen_s is None else self._frozen_s

    def begin(self) -> None:
        """Until now only silence left; from now on what is queued."""
        self._begun = True

    def switch(self) -> Spool:
        """Begin a new spool; the answer is the old one, for `cut`. Nothing of either is handed over until that is done.

        Sound of the new spool that the device got before it is silenced would be lost, and counted as heard.
        """
        old, self.spool = self.spool, Spool()
        self._switches += 1
        return old

    def cut(self, old: Spool) -> int:
        """Silence what the device still holds of `old`; how many of its samples have left in the end. Blocks for some ms.

        The stream is aborted and started again: some 50 ms of sound handed over would still be heard otherwise.

        Raises:
            NoDevice: it cannot be started again.
        """
        with self._control:
            left = old.advance(self.now_s)
            if left != old.line.queued and self._frozen_s is None:
                self._life.require()
                left = self._restart(old)
            self._cuts += 1
            return left

    def _restart(self, old: Spool) -> int:
        self._life.resting = True
        silent_s = self._stream.time
        try:
            with _as_no_device("output", self._name):
                self._stream.abort(ignore_errors=False)
                silent_s = self._stream.time
                self._stream.start()
        except NoDevice:
            self._frozen_s = silent_s
            self._life.lost()
            self._stream.close()
            raise
        self._life.resting = False
        return old.advance(silent_s)

    def check(self) -> None:
        """Raises `NoDevice` when the device is gone; a closed one is not."""
        if self._frozen_s is None:
            self._life.check()
        else:
            self._life.require()

    def freeze(self) -> None:
        """Stop the clock: after `close` the device cannot be asked any more."""
        if self._frozen_s is None:
            self._frozen_s = self._stream.time

    def close(self) -> None:
        """Stop at once and free the device. Blocks for some milliseconds; twice is allowed."""
        self.freeze()
        if not self._control.acquire(timeout=_GIVE_UP_S):
            return  # the device died just while `cut` started it again: only the end of the program frees it
        try:
            self._life.resting = True
            self._stream.close()
        finally:
            self._control.release()

    def _fill(self, outdata: Any, _frames: int, when: Any, status: Any) -> None:
        self._life.calls += 1
        if status.output_underflow:
            self.underflows += 1
        out = memoryview(outdata)
        filled = 0
        if self._begun and self._switches == self._cuts:
            dac_s = when.outputBufferDacTime
            if dac_s <= when.currentTime:  # some drivers do not say when: the latency of the stream is the next best
                dac_s = when.currentTime + self._latency_s
            filled = 2 * self.spool.hand(out, dac_s)
        if filled < len(out):
            out[filled:] = _NOTHING[filled:]


def _start(stream: Any) -> None:
    try:
        stream.start()
    except BaseException:
        stream.close()  # a stream that was opened and does not start holds the device
        raise

"""Echo control: what the assistant says is taken out of what the microphone hears.

Three things in a row, 10 ms at a time: a filter that learns the way from the speaker to the microphone and leaves a person's
words whole; WebRTC's canceller and noise suppression (the package livekit); a gate for what even these let through.

WebRTC's canceller takes what no linear filter can, and some of a person's words with it. So it has the say while the filter has
still to learn, or the echo has moved, or nothing stands out of what the filter leaves; once a person does, and for a second
after, only the noise suppression works on that. The gate judges what the filter left and acts on what WebRTC made of it some
15 ms later, so it opens before the word; in that second it shuts softly. An echo that leaps, with no time that tells it, is
found within 100 ms and followed (`leap`), under a person's words as soon as they let it be heard.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np

from vivavoce.devices.echopath import BLOCK, HISTORY, EchoPath
from vivavoce.devices.gate import ResidualGate
from vivavoce.devices.ladder import ENOUGH_S, Choice, Measured, Wish, choose
from vivavoce.devices.lag import Lag
from vivavoce.devices.leap import HEARD, LATEST, Leap, convolved
from vivavoce.devices.reference import FULL_SCALE, Reference, Sound, Steady
from vivavoce.errors import MissingExtra
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES

_BLOCK_BYTES = BLOCK * SAMPLE_BYTES
_CLOSED, _BETWEEN_PHRASES = 0.003, 0.1
_RAMP = np.arange(1, BLOCK + 1) / BLOCK
_LATER = 192  # samples by which the canceller is later than noise suppression alone, measured: 15 ms, 7 ms
_TURN = 0.2  # from one to the other in 50 ms
_TAIL_BLOCKS = 30
_SURE = 4  # measurements that say the same: one may have heard a person, or an echo that had just moved
_MISSES = 4
_AGREE = BLOCK // 5
_SOON, _LATE = BLOCK // 4, 12 * BLOCK  # the filter finds an echo that begins between these by itself
_EARLY = 3 * BLOCK  # of the reference before its echo, after it was lined up
_KEEP_BLOCKS = 25  # at most so much of a leap is in what is kept of the filter
_LEAP_BLOCKS, _LEAP_EVERY = (
    30,
    4,
)  # each look costs as much as all else; later on an echo is not taken for a person so soon
_LOOK_EVERY, _LOOK = 8, RATE_HZ // 2
_SURELY = 40.0  # an echo is at 55 and more, a person's words at 30 and less, but for edges of silence, which lie at 0
_SLIGHT = 0.02  # of a response, may be cut off
_TINY = 1e-12


def installed() -> bool:
    """Whether the extra `echo` is there."""
    return importlib.util.find_spec("livekit") is not None


class WebRtc:
    """livekit's AudioProcessingModule: cancellation, noise suppression, high pass.

    No gain control: it lifts the rest of an echo along with the voice (measured: 28 dB of cancellation instead of 43).
    """

    def __init__(self, *, echo_cancellation: bool = True) -> None:
        """Raises `MissingExtra`."""
        try:
            from livekit import rtc  # noqa: PLC0415  an extra, 0.4 s to load
        except ImportError as absent:
            raise MissingExtra("Echo cancellation", "echo") from absent
        self._rtc: Any = rtc
        self._module: Any = rtc.AudioProcessingModule(
            echo_cancellation=echo_cancellation, noise_suppression=True, high_pass_filter=True, auto_gain_control=False
        )

    def cancel(self, far: Sound, mic: Sound) -> Sound:
        """`mic` without echo of `far` and without noise, some 7 or 15 ms late; 240 samples each."""
        self._module.process_reverse_stream(self._frame(far))
        frame = self._frame(mic)
        self._module.process_stream(frame)
        return _to_sound(bytes(frame.data.cast("B")))

    def _frame(self, sound: Sound) -> Any:
        return self._rtc.AudioFrame(bytearray(_to_bytes(sound)), RATE_HZ, 1, BLOCK)


class _Both:
    """The canceller, and beside it the noise suppression alone; both always run, so that each is ready."""

    def __init__(self) -> None:
        self._strong, self._mild = WebRtc(), WebRtc(echo_cancellation=False)
        self._share = 0.0
        self._late: Sound = np.zeros(_LATER)

    def cancel(self, far: Sound, mic: Sound, *, mildly: bool) -> Sound:
        strong = self._strong.cancel(far, mic)
        line = np.concatenate((self._late, self._mild.cancel(far, mic)))
        mild, self._late = line[:BLOCK], line[BLOCK:]
        before, self._share = self._share, min(max(self._share + (_TURN if mildly else -_TURN), 0.0), 1.0)
        return strong + (mild - strong) * (before + (self._share - before) * _RAMP)


class EchoControl:
    """A `Processor` that keeps the assistant's voice out of the microphone's sound. One thread at a time may call it.

    Attributes:
        choice: the rung in use and the line about it.
        muted_blocks: blocks of 10 ms that were silenced.
    """

    def __init__(self, wish: Wish = "auto") -> None:
        """Raises `MissingExtra` when cancellation is wished for and not installed."""
        here = installed()
        self._wish = wish
        self._webrtc = _Both() if wish == "cancel" or (wish == "auto" and here) else None
        self.choice: Choice = choose(wish, installed=here)
        self.muted_blocks = 0
        self._reference = Reference()
        self._path = EchoPath()
        self._gate = ResidualGate()
        self._lag = Lag()
        self._leap = Leap()
        self._kept: Sound | None = None
        self._settled_blocks = 0
        self._seen: int | None = None
        self._misses = 0
        self._meter = Meter()
        self._clock = Steady()
        self._moved_s = 0.0
        self._restarts = 0
        self._rest = b""
        self._gain = 1.0
        self._tail = 0
        self._news: str | None = None
        self._doubts = 0

    @property
    def measured(self) -> Measured | None:
        """The echo as measured lately; None before anything was."""
        return self._meter.measured

    @property
    def drift_ppm(self) -> float:
        """How much faster than the microphone the speaker runs, as found so far."""
        return self._reference.rate * 1e6

    def news(self) -> str | None:
        """A line for the person when another rung was taken since the last call."""
        news, self._news = self._news, None
        return news

    def played(self, pcm: bytes, at_s: float) -> None:
        """The first sample of `pcm` (24 kHz 16-bit mono, any length) leaves the speaker at `at_s`; see `Processor`."""
        if self.choice.rung != "off":
            self._reference.played(pcm, at_s)

    def captured(self, pcm: bytes, at_s: float) -> bytes:
        """What the microphone took from `at_s` on, any length; the answer holds all whole blocks of 10 ms there are by now."""
        if self.choice.rung == "off":
            return pcm
        self._moved_s += self._clock.jump(at_s, len(pcm) // SAMPLE_BYTES)
        begin_s = (self._clock.next_s or at_s) - (len(self._rest) + len(pcm)) / (SAMPLE_BYTES * RATE_HZ)
        sound = self._rest + pcm
        whole = len(sound) // _BLOCK_BYTES
        self._rest = sound[whole * _BLOCK_BYTES :]
        return b"".join(
            self._block(sound[n * _BLOCK_BYTES : (n + 1) * _BLOCK_BYTES], begin_s + n * BLOCK / RATE_HZ)
            for n in range(whole)
        )

    def _block(self, pcm: bytes, at_s: float) -> bytes:
        mic = _to_sound(pcm)
        far = self._reference.take(BLOCK, at_s, self._moved_s)
        self._moved_s = 0.0
        slip = self._reference.take_slip()
        if slip and self._kept is not None:
            self._resume(_earlier(self._kept, slip), before=BLOCK)
        if self._reference.take_step():
            self._gate.doubt()
        rest = self._path.cancel(far, mic)
        self._reference.rate += self._path.take_drift()
        passes = self._gate.hear(far, self._path.echo, rest, trusted=self._path.trusted)
        leapt = self._leapt(mic)
        passes = passes and not leapt
        gate = self._gate
        if gate.faint and not self._path.trusted and self._echoes_after_all():
            gate.echoes()
            passes = False
        mildly = (self._path.trusted or gate.faint) and (gate.evidence_db > 0 or gate.spoken or not gate.playing)
        out = rest if self._webrtc is None else self._webrtc.cancel(far, rest, mildly=mildly)
        self._lag.add(far, mic)
        if self._path.restarts != self._restarts:
            self._restarts = self._path.restarts
            self._line_up()
        if gate.playing and not passes and gate.evidence_db < 0 and not gate.spoken:
            self._meter.add(far, mic, out)
            self._climb()
        return _to_bytes(self._faded(out, passes=passes))

    def _echoes_after_all(self) -> bool:
        """There was no echo to hear, and what stands out now is one: the headphones were pulled out."""
        gate = self._gate
        looks = gate.playing and gate.open and gate.opened_blocks % _LOOK_EVERY == _LOOK_EVERY - 1
        lag = self._lag.find(_LOOK, _SURELY) if looks else None
        return lag is not None and lag >= _SOON

    def _leapt(self, mic: Sound) -> bool:
        """Whether what stands out may be an echo that leapt; where that is plain, follow it."""
        self._leap.add(mic)
        gate = self._gate
        if not gate.playing or gate.evidence_db < 0:
            self._leap.forget()
            self._settled_blocks += gate.playing and self._path.trusted
            if self._settled_blocks > _KEEP_BLOCKS:
                self._kept, self._settled_blocks = self._path.response(), 0
        elif self._kept is not None and (gate.opened_blocks < _LEAP_BLOCKS or gate.opened_blocks % _LEAP_EVERY == 0):
            back = LATEST + HEARD
            far, ahead = self._reference.around(back + len(self._kept), LATEST)
            expected = convolved(far, self._kept)[len(self._kept) :]
            lag = self._leap.look(expected, ahead)
            if lag is not None:
                self._follow(lag, self._kept)
                return True
            return self._leap.suspected and gate.opened_blocks < _LEAP_BLOCKS
        return False

    def _follow(self, lag: int, response: Sound) -> None:
        """The echo is `lag` samples later than `response` has it. What can be moved in the filter needs no other reference."""
        early = response[: max(-lag, 0)]
        if lag > 0 or early @ early > _SLIGHT * (response @ response):
            self._reference.shift(lag)
        else:
            response = _earlier(response, -lag)
        self._resume(response)
        self._gate.shut()

    def _resume(self, response: Sound, before: int = 0) -> None:
        far, _ = self._reference.around(HISTORY + before, 0)
        self._path.resume(response, far[:HISTORY])
        self._lag.clear()
        self._leap.forget()
        self._kept = response

    def _line_up(self) -> None:
        """Nothing of the reference is in the microphone where it was looked for: look elsewhere.

        One look may be wrong: two must agree. Where several find nothing, the stated times are the best there is.
        """
        lag, before, self._seen = self._lag.find(), self._seen, None
        if lag is None:
            self._misses += 1
            if self._misses == _MISSES:
                self._misses = 0
                self._reference.seek()
                self._lag.clear()
        elif _SOON <= lag <= _LATE:
            self._misses = 0
        elif before is None or abs(lag - before) > _AGREE:
            self._seen = lag
        else:
            self._misses = 0
            self._reference.shift(lag - _EARLY)
            self._lag.clear()

    def _climb(self) -> None:
        if not self._meter.fresh:
            return
        choice = choose(self._wish, installed=self._webrtc is not None, measured=self._meter.measured)
        self._doubts = self._doubts + 1 if choice.rung != self.choice.rung else 0
        if self._doubts == _SURE:
            self.choice, self._news, self._doubts = choice, choice.sentence, 0

    def _faded(self, out: Sound, *, passes: bool) -> Sound:
        if self.choice.rung == "half":
            self._tail = _TAIL_BLOCKS if self._gate.playing else max(self._tail - 1, 0)
            passes = not self._tail
        goal = 1.0 if passes else _BETWEEN_PHRASES if self._gate.spoken else _CLOSED
        self.muted_blocks += not passes
        before, self._gain = self._gain, goal
        return out * (before + (goal - before) * _RAMP)


class Meter:
    """Measures an echo from blocks in which only the assistant is to be heard.

    Attributes:
        measured: over the last `ENOUGH_S` of them; None before there were so many.
        fresh: whether the last block completed a measurement.
    """

    def __init__(self) -> None:
        self.measured: Measured | None = None
        self.fresh = False
        self._sums: Sound = np.zeros(3)
        self._blocks = 0

    def add(self, far: Sound, mic: Sound, out: Sound) -> None:
        """One block: what was played, what the microphone heard, what was made of it."""
        self._sums = self._sums + np.array((far @ far, mic @ mic, out @ out))
        self._blocks += 1
        seconds = self._blocks * BLOCK / RATE_HZ
        self.fresh = seconds >= ENOUGH_S
        if self.fresh:
            far_db, mic_db, out_db = 10 * np.log10(self._sums / (self._blocks * BLOCK) + _TINY)
            self.measured = Measured(seconds, float(mic_db - far_db), float(mic_db), float(mic_db - out_db))
            self._sums, self._blocks = np.zeros(3), 0


def _earlier(response: Sound, samples: int) -> Sound:
    return np.concatenate((response[samples:], np.zeros(min(samples, len(response)))))


def _to_bytes(sound: Sound) -> bytes:
    return bytes(np.clip(np.rint(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2").tobytes())


def _to_sound(pcm: bytes) -> Sound:
    return np.frombuffer(pcm, "<i2") / FULL_SCALE

"""What all streams of a machine share: one watch over them, one hand that stops and starts them, one list of devices.

PortAudio looks for devices only when it begins, and to begin again it must end, and with it every stream. So whoever wants
a device back has to know all streams there are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Event, RLock, Thread
from typing import NoReturn, Protocol

from vivavoce.devices.host import NOUN, Device, DeviceFault, Host, Kind
from vivavoce.devices.link import Link
from vivavoce.devices.portaudio import portaudio
from vivavoce.devices.troubles import Troubles
from vivavoce.errors import NoDevice
from vivavoce.pcm import RATE_HZ

LOOK_S = 0.1
PATIENCE_S = 30.0
_AGAIN_S = 0.4
_BY_NAME_S = 0.45
"""How long the old list is tried where that may help: a server that restarts is found in it, and a new list is a risk (`renew`)."""
_TELL_S = 2.0
_RENEW_S = 5.0
_PINNED_S = 0.5
_BUSY_S = 2.0
_SAME_S = 3.0
_DEAF = (
    "The microphone is gone: the sound server has only what the speaker plays to offer, and that is not sent. "
    "Connect a microphone, or choose another device."
)
_SURE_LOOKS = 3
"""A sound server that starts has several defaults one after the other."""


class Member(Protocol):
    """A stream of this card (`Capture`, `Playback`)."""

    link: Link
    troubles: Troubles
    gap_s: float

    @property
    def busy(self) -> bool:
        """Whether it should not be interrupted without need."""

    def account(self) -> None:
        """The stream was shut: write down what was lost."""

    def reopen(self) -> None:
        """Open and start. Raises `DeviceFault`."""


class Hand:
    """The one thread that stops and starts devices: milliseconds, on some systems more, that nobody else must wait.

    Not an executor: the program would wait at its end for a device that died under it.
    """

    def __init__(self, *, threads: bool) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = threads
        self._begun = False

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` behind those that wait; without threads, now."""
        if not self._threads:
            job()
            return
        if not self._begun:
            self._begun = True
            Thread(target=self._work, name="viva-hush", daemon=True).start()
        self._jobs.put(job)

    def _work(self) -> None:
        while True:
            self._jobs.get()()


@dataclass(slots=True)
class _Incident:
    """Devices that are gone, from the first look that found it until calls come again."""

    since_s: float
    next_s: float
    kinds: set[Kind] = field(default_factory=set)
    gaps_s: float = 0.0
    tries: int = 0
    told: bool = False


class Card:
    """The sound system of one machine, real or simulated.

    Attributes:
        host: the seam to it.
        hand: does what blocks.
        threads: whether there is a watch and a hand; without, the owner calls `look` every 100 ms.
    """

    def __init__(self, host: Host, *, threads: bool = True, patience_s: float = PATIENCE_S) -> None:
        """`patience_s`: how long a device may be away before the talk has to end."""
        self.host = host
        self.threads = threads
        self.hand = Hand(threads=threads)
        self._patience_s = patience_s
        self._members: list[Member] = []
        self._lock = RLock()
        self._stop = Event()
        self._incident: _Incident | None = None
        self._given_up = False
        self._defaults: dict[Kind, str | None] = {}
        self._changing: dict[Kind, tuple[str, int]] = {}
        self._taken: dict[Kind, str] = {}
        self._named: dict[Kind, tuple[str, float]] = {}
        self._renewed_s = float("-inf")
        self._pinned_s = float("-inf")

    def join(self, member: Member, opened: Callable[[], None]) -> None:
        """Open it by `opened`, and watch it from now on. Not while the list is made anew: the stream would die of it unknown."""
        with self._lock:
            opened()
            if not self._members:
                self._begin()
            self._members.append(member)
            self._defaults[member.link.kind] = self.host.default_now(member.link.kind)

    def leave(self, member: Member) -> None:
        """It is closed. Twice is allowed."""
        if not self._lock.acquire(timeout=_BUSY_S):
            return  # a device hangs while the watch opens it: the program is not to wait for that
        try:
            if member in self._members:
                self._members.remove(member)
            if not self._members:
                self._stop.set()
                self._incident = None
        finally:
            self._lock.release()

    def check(self, link: Link) -> None:
        """Raises `NoDevice` when the device went away and patience is at its end."""
        if self._given_up and link.lost:
            _gone(link.kind)

    def look(self) -> None:
        """Look after all streams: what is gone is opened again. Blocks while it does that."""
        with self._lock:
            now_s = self.host.now()
            for member in self._members:
                member.link.look()
            lost = [m for m in self._members if m.link.lost]
            if lost or self._incident:
                self._mend(lost, now_s)
            else:
                self._mind_monitors()
                self._follow_default()
                self._follow_pinned()
                self._return_to_pinned(now_s)

    @property
    def _deaf(self) -> bool:
        return any(m.link.deaf for m in self._members)

    # ---- the watch

    def _begin(self) -> None:
        self._given_up = False
        self._stop = Event()
        if self.threads:
            Thread(target=self._watch, args=(self._stop,), name="viva-watch", daemon=True).start()

    def _watch(self, stop: Event) -> None:
        while not stop.wait(LOOK_S):
            self.look()

    # ---- what is gone comes back

    def _mend(self, lost: list[Member], now_s: float) -> None:
        incident = self._incident
        if incident is None:
            incident = self._incident = self._noticed(now_s)
        incident.kinds |= {member.link.kind for member in lost}
        if lost and now_s >= incident.next_s:
            self._try(lost, incident)
            incident.tries += 1
            away_s = self.host.now() - incident.since_s
            incident.next_s = self.host.now() + (
                _AGAIN_S if away_s > _BY_NAME_S or not self.host.opens_by_name else 0.0
            )
        elif not lost and all(m.link.steady for m in self._members):
            self._tell_back(incident)
            self._incident, self._given_up = None, False
            self._defaults = {kind: self.host.default_now(kind) for kind in self._defaults}
            return
        away_s = now_s - incident.since_s
        if lost and away_s >= _TELL_S and not incident.told:
            incident.told = True
            self._tell(
                "device_gone",
                f"{_nouns(incident.kinds)} gone; the talk waits. Connect what is missing, or choose another device.",
            )
        if lost and away_s >= self._patience_s:
            self._given_up = True

    def _noticed(self, now_s: float) -> _Incident:
        return _Incident(now_s, now_s, gaps_s=self._gaps_s())

    def _try(self, lost: list[Member], incident: _Incident) -> None:
        """First the lost ones alone, from the list there is. If that is no use, a new list, for which all must stop."""
        by_name = self.host.opens_by_name and self.host.now() - incident.since_s < _BY_NAME_S
        if by_name or incident.tries == 0:
            opened = [self._opened(m) for m in lost]
            if by_name or all(opened):
                return
        well = [m for m in self._members if m not in lost]
        now_s = self.host.now()
        if any(m.busy for m in well) or (incident.tries > 1 and well and now_s - self._renewed_s < _RENEW_S):
            for member in lost:  # what plays is not interrupted for the sake of what is away
                self._opened(member)
            return
        self._renew()

    def _renew(self) -> None:
        for member in self._members:
            self._shut(member)
        self._renewed_s = self.host.now()
        try:
            self.host.renew()
        except DeviceFault:  # no sound system at all just now: tried again at the next look
            return
        for member in self._members:
            self._opened(member)

    def _opened(self, member: Member) -> bool:
        """Shut, and open on whatever is meant now; whether that went well."""
        if not member.link.control.acquire(timeout=_BUSY_S):
            return False  # the device died in the middle of a stop or start, and PortAudio waits for it
        try:
            self._shut_held(member)
            member.reopen()
        except DeviceFault:
            return False
        finally:
            member.link.control.release()
        return True

    def _shut(self, member: Member) -> None:
        if member.link.control.acquire(timeout=_BUSY_S):
            try:
                self._shut_held(member)
            finally:
                member.link.control.release()

    def _shut_held(self, member: Member) -> None:
        if member.link.is_open:
            member.link.shut()
            member.account()

    # ---- the default moves, the pinned one returns

    def _mind_monitors(self) -> None:
        """Where no microphone is left, a sound server gives us what we play: the assistant would answer itself."""
        deaf = self.host.hears_itself()
        for link in (m.link for m in self._members if m.link.kind == "input" and m.link.deaf != deaf):
            link.deaf = deaf
            if deaf:
                self._tell("device_gone", _DEAF)
                self._defaults["input"] = ""  # whatever comes next is told as another one

    def _follow_default(self) -> None:
        """Where it can be told, notice another default device; where nobody moves our streams, move them."""
        names: dict[Kind, str] = {}
        for kind, before in self._defaults.items():
            now = self.host.default_now(kind)
            if now is None or now == before or (kind == "input" and self._deaf):
                self._changing.pop(kind, None)
                continue
            name, looks = self._changing.get(kind, (now, 0))
            self._changing[kind] = (now, looks + 1 if name == now else 1)
            if before is None or looks + 1 >= (_SURE_LOOKS if self.host.moves_streams else 1):
                self._defaults[kind] = now
                if before is not None and any(m.link.kind == kind and m.link.pinned is None for m in self._members):
                    names[kind] = now
        if names and self.host.moves_streams:
            self._tell_moved("device_changed", names)
        elif names:
            self._incident = self._noticed(self.host.now())
            self._incident.kinds, self._incident.tries = set(names), 1
            self._renew()

    def _follow_pinned(self) -> None:
        """A sound server moves the stream of a named device that vanishes: the person is told."""
        before, self._taken = self._taken, {}
        for link in (m.link for m in self._members if m.link.pinned and not m.link.astray):
            taken = self.host.taken_to(link.kind) if self.host.moves_streams else None
            if taken is not None:
                self._taken[link.kind] = taken
                if before.get(link.kind) != taken and not link.deaf:
                    self._tell_moved("device_changed", {link.kind: taken})
            elif link.kind in before:  # it took the stream home by itself, as where that is its default, too
                self._tell_moved("device_changed", {link.kind: link.name})

    def _return_to_pinned(self, now_s: float) -> None:
        astray = [m for m in self._members if m.link.astray or m.link.kind in self._taken]
        if not astray or now_s - self._pinned_s < _PINNED_S:
            return
        self._pinned_s = now_s
        listed = [m for m in astray if self._listed(m.link)] if self.host.opens_by_name else []
        back = [m for m in listed if self._is_back(m.link)]
        if back:
            self._incident = self._noticed(now_s)
            self._incident.kinds = {m.link.kind for m in back}
            self._incident.tries = 1
            for member in back:
                self._opened(member)
        elif now_s - self._renewed_s >= _RENEW_S and not any(m.busy for m in self._members):
            unlisted = [m for m in astray if m not in listed]
            if any(m.link.pinned and self.host.offers(m.link.kind, m.link.pinned) for m in unlisted):
                self._look_again(astray)

    def _look_again(self, astray: list[Member]) -> None:
        self._renew()
        back = {m.link.kind for m in astray if m.link.device and m.link.device.name == m.link.pinned}
        if back:
            self._incident = self._noticed(self.host.now())
            self._incident.kinds, self._incident.tries = back, 1

    def _listed(self, link: Link) -> Device | None:
        """The device it was opened for, in the list there is."""
        return next((d for d in self.host.devices() if d.name == link.pinned and d.channels(link.kind)), None)

    def _is_back(self, link: Link) -> bool:
        device = self._listed(link)
        if device is None:
            return False
        ways = ((RATE_HZ, 1), (device.rate_hz, min(2, device.channels(link.kind))))
        return any(self.host.opens(link.kind, device.index, rate, n) for rate, n in ways)

    # ---- the person is told

    def _gaps_s(self) -> float:
        return sum(m.gap_s for m in self._members)

    def _tell_back(self, incident: _Incident) -> None:
        now: dict[Kind, str] = {
            m.link.kind: m.link.called if m.link.astray else m.link.device.name
            for m in self._members
            if m.link.kind in incident.kinds and m.link.device is not None
        }
        gap_ms = round((self._gaps_s() - incident.gaps_s) * 1000)
        missed = f" {gap_ms} ms of the microphone were not heard." if gap_ms else ""
        self._tell_moved("device_back", now, missed)

    def _tell_moved(self, code: str, names: dict[Kind, str], missed: str = "") -> None:
        """Where the sound is. Not twice in a row: a stream may be moved first and then die of it."""
        now_s = self.host.now()
        said = {kind: name for kind, (name, at_s) in self._named.items() if now_s - at_s < _SAME_S}
        if missed or any(said.get(kind) != name for kind, name in names.items()):
            self._tell(code, _moved(names) + missed)
        self._named |= {kind: (name, now_s) for kind, name in names.items()}

    def _tell(self, code: str, message: str) -> None:
        """Once: by the microphone when there is one, as it speaks up 25 times a second, a speaker only when it plays."""
        if self._members:
            member = min(self._members, key=lambda m: m.link.kind != "input")
            member.troubles.say(code, message)


def _nouns(kinds: set[Kind]) -> str:
    names = [NOUN[kind] for kind in ("output", "input") if kind in kinds]
    return f"The {' and the '.join(names)} {'are' if len(names) > 1 else 'is'}"


def _moved(names: dict[Kind, str]) -> str:
    parts = [f"the {NOUN[kind]} is now {name!r}" for kind, name in sorted(names.items(), reverse=True)]
    return f"The sound devices changed: {', '.join(parts)}."


def _gone(kind: Kind) -> NoReturn:
    raise NoDevice(f"The {NOUN[kind]} is gone: it was unplugged or its sound server ended. Connect it and start again.")


@functools.cache
def card_of_this_machine() -> Card:
    """The real one. Raises `NoDevice` where PortAudio is not installed."""
    return Card(portaudio())

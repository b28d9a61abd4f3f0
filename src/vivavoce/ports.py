"""The holes in the wall: what `live` needs of the world. A leaf inherits nothing; `typing_tests/` assigns each to its port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vivavoce.events.client import ClientEvent
    from vivavoce.events.server import ServerEvent
    from vivavoce.session.bargein import Judged
    from vivavoce.session.effects import Effect
    from vivavoce.session.happenings import Happening


@dataclass(frozen=True, slots=True)
class Heard:
    """The speaker reports: of `item_id`, `ms` milliseconds have left it so far (rounded down, from samples)."""

    item_id: str
    ms: int


@dataclass(frozen=True, slots=True)
class Hushed:
    """The speaker reports: it is silent after a `hush`; `item_id` was the one playing, `ms` of it were heard in the end.

    Attributes:
        item_id: None when nothing was queued at all. Items queued before it were heard whole, items behind it not at all.
        ms: final position in that item, rounded down; 0 when its first sample never left the device.
    """

    item_id: str | None
    ms: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A device says what a person should know: samples lost, a device gone, an odd length."""

    code: str
    message: str


class Microphone(Protocol):
    """Where the person's sound comes from."""

    async def read(self) -> bytes | None:
        """The next sound, 24 kHz 16-bit mono, at least one whole sample; None when it ended. Cancelling loses nothing.

        Sound comes at the pace of a real microphone. A slow reader gets what waited, in one piece.
        """

    def warnings(self) -> list[Trouble]:
        """What went wrong since the last call, such as sound overwritten because nobody read it."""

    async def close(self) -> None:
        """Free the device; a `read` under way answers None. Twice is allowed."""


class Ear(Protocol):
    """Judges what the microphone hears while the assistant speaks, on this machine (`Settings.confirm_barge_in`)."""

    def hear(self, pcm: bytes) -> list[Judged]:
        """The next sound of the microphone, 24 kHz 16-bit mono, without gaps; what was judged by its end, in order.

        After each `Judged.SOUND` comes one `SPEECH` or `NOTHING`, within 1.4 s of sound, and at most 0.55 s after what began
        there has ended, or after its `SOUND` where that came later.
        """

    async def close(self) -> None:
        """The talk has ended: free what was loaded, as soon as it is not in use. Waits for nothing. Twice is allowed."""


class Speaker(Protocol):
    """Where the assistant's sound goes, and the clock of the conversation."""

    @property
    def out_ms(self) -> int:
        """Milliseconds of sound, silence included, that have left the speaker since `start`; 0 before."""

    def start(self) -> None:
        """Begin: the first sample, silence or not, leaves now."""

    def play(self, item_id: str, pcm: bytes) -> None:
        """Queue sound of an item behind what is queued. Never blocks, never refuses; half samples are dropped, with a warning."""

    def hush(self) -> None:
        """Be silent now and forget what is queued. The answer is one `Hushed` among the reports, also when nothing played."""

    def duck(self, share: float) -> None:
        """Play at this share of the loudness from now on, 0 to 1, without a click; 0 holds: nothing plays, nothing is lost."""

    async def report(self) -> Heard | Hushed:
        """The next report. While an item plays, one `Heard` at least every 100 ms, and one at its last queued sample."""

    def warnings(self) -> list[Trouble]:
        """What went wrong since the last call, such as underruns."""

    async def close(self) -> None:
        """Stop and free the device; a file is whole afterwards. Twice is allowed."""


class Wire(Protocol):
    """One connection to one server, and so one conversation. It carries events, not text."""

    def another(self) -> Wire:
        """A wire to the same server that is not open yet: for a new, empty conversation. Credentials are asked for anew."""

    async def open(self) -> None:
        """Connect. Raises `Refused` or one of its kind, `ServerGone`, `BadSettings`, `MissingExtra`, `ModelMissing`."""

    def send(self, event: ClientEvent) -> None:
        """Queue a word. Never blocks; when the server does not take them, the oldest sound is dropped and counted, words never."""

    async def receive(self) -> ServerEvent:
        """The next word. Raises `ProtocolError` for one it cannot understand (go on), `ServerGone` when the connection ended."""

    def warnings(self) -> list[Trouble]:
        """What went wrong since the last call, such as sound dropped because the server did not take it."""

    async def close(self) -> None:
        """Send what is queued, then close with 1000. Twice is allowed."""


class Screen(Protocol):
    """Where a person or a program reads what happens."""

    def show(self, happening: Happening, t: float, out_ms: int | None) -> None:
        """Show one happening: `t` seconds since the start of the program; `out_ms` of the speaker's clock, None before `ready`."""


class Tape(Protocol):
    """Where a talk is kept: every input of the session, and what the session made of it. Called from the loop, in order."""

    def took(self, now: float, verb: str, values: tuple[Any, ...]) -> None:
        """The session takes an input: `tick(now)`, then its method `verb` with `values` ("tick": nothing more). Never blocks."""

    def gave(self, effects: Sequence[Effect], events: Sequence[ClientEvent], standby: Sequence[ClientEvent]) -> None:
        """What it asks of the world, of the server and of the standby server for that input; all may be empty. Never blocks."""

    def warnings(self) -> list[Trouble]:
        """What went wrong since the last call, such as a full disk: the tape ends there, the talk does not."""

    async def close(self) -> None:
        """Write what is left and free the files. Never raises, but tells in `warnings`. Twice is allowed."""

"""What the session asks of the world. `live` carries these out, in order, before anything is written to the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vivavoce.errors import Reason
from vivavoce.session.happenings import Happening


@dataclass(frozen=True, slots=True)
class Play:
    """Queue this sound of the item: 24 kHz 16-bit mono."""

    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Hush:
    """Be silent now, forget what is queued, and answer with what was finally heard (`Session.hushed`)."""


@dataclass(frozen=True, slots=True)
class Duck:
    """Play at this share of the loudness from now on, 0 to 1; 0 holds: nothing is played, and nothing of it is lost."""

    share: float


@dataclass(frozen=True, slots=True)
class Show:
    """Tell the person."""

    what: Happening


@dataclass(frozen=True, slots=True)
class Call:
    """Run a function and answer with its output (`Session.answered`)."""

    call_id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Finish:
    """The talk is over: close everything."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Reopen:
    """Give the connection up and make a new one, `after_s` seconds from now, less a random share of it.

    `least_s`: not before that; None: nobody asked for a pause.
    """

    after_s: float
    least_s: float | None = None


@dataclass(frozen=True, slots=True)
class Prepare:
    """Make a second connection beside the one in use: the standby."""


@dataclass(frozen=True, slots=True)
class Swap:
    """The standby is the connection in use from here on; close the other one."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Close the standby."""


Effect = Play | Hush | Duck | Show | Call | Finish | Reopen | Prepare | Swap | Discard

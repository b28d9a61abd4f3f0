"""The person of a long talk: a turn every ten seconds. Without numpy: bench/memory.py weighs the process it is in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.session.happenings import AssistantSaid, Happening, Ready, Reconnecting, Renewed

EVERY_S = 10.0
TURN_MS = 600
REPLY_MS = 2_000


@dataclass
class Caller:
    """Screen and performer of the talk; `sound` answers what is said in which turn, from 1."""

    microphone: QueuedMicrophone
    turns: int
    sound: Callable[[int], bytes]
    heard_whole: int = 0
    renewed: int = 0
    lost: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def saw(self, what: Happening) -> None:
        """A line was shown."""
        match what:
            case Ready():
                self.ready.set()
            case AssistantSaid():
                self.heard_whole += not what.interrupted and what.heard_ms == REPLY_MS
            case Renewed():
                self.renewed += 1
            case Reconnecting():
                self.lost += 1
            case _:
                pass

    def heard(self, item_id: str, ms: int) -> None:
        """The speaker reported."""

    def show(self, happening: Happening, t: float, out_ms: int | None) -> None:
        """A screen nobody reads."""

    async def perform(self, talk: Any) -> None:
        """Speak all turns, then leave."""
        await self.ready.wait()
        now = asyncio.get_running_loop().time
        began = now()
        for number in range(1, self.turns + 1):
            self.microphone.say(self.sound(number))
            await asyncio.sleep(max(began + number * EVERY_S - now(), 0.0))
        talk.leave_when_quiet("script_done")

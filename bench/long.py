"""Two hours of talk with a new session every two minutes, beside the same talk in one session.

    python -m bench.long [--minutes 120] [--life 240] [--json]

A person says "turn 1", "turn 2" ... every ten seconds to a server on loopback that behaves (`vivavoce.testing`), through a whole
talk, in a loop whose time leaps (`hurried`). In one run sessions live for `--life` seconds,
and are renewed when they are half as old; in the other they live for longer than the talk.

    history       the words of both sides that the last connection of either run holds: the same, in the same order
    unanswered    turns whose reply was not heard whole
    gap_ms        the longest silence inside a reply, read off the samples that left the speaker (they are numbered)

What the client remembers of it: `bench/memory.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from bench.caller import EVERY_S, REPLY_MS, TURN_MS, Caller

from vivavoce.choose import Choice
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.devices.wav import WavSpeaker
from vivavoce.engine.stages import Prompt
from vivavoce.live import Parts, run
from vivavoce.pcm import samples_to_ms
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings, Timeouts
from vivavoce.testing import RealtimeServer, Reply, hurried, spoken
from vivavoce.testing import Talk as Behaving
from vivavoce.wire.factory import wire_for


class CountingSpeaker(WavSpeaker):
    """Writes no file, and measures the silence inside replies."""

    def __init__(self, clock: Any) -> None:
        super().__init__(None, clock=clock)
        self._last = 0
        self._silent = 0
        self.longest_gap = 0  # samples
        self.heard = 0  # samples that were not silent

    def _write(self, block: bytearray) -> None:
        sound = np.frombuffer(bytes(block), "<i2")
        if not sound.any():
            self._silent += len(sound)
            return
        places = np.flatnonzero(sound)
        self.heard += len(places)
        first, last = int(places[0]), int(places[-1])
        inside = int(np.max(np.diff(places), initial=1)) - 1
        if int(sound[first]) != 1:  # sample 1 begins a reply: what was silent before it is no gap
            inside = max(inside, self._silent + first)
        self.longest_gap = max(self.longest_gap, inside)
        self._silent = len(sound) - 1 - last


@dataclass
class Found:
    """What came of one talk."""

    history: list[tuple[str, str]]
    unanswered: int
    gap_ms: float
    renewed: int
    lost: int
    reason: str


async def tidy(server: RealtimeServer) -> None:
    """Throw the server's notes away."""
    while True:
        await asyncio.sleep(30.0)
        for connection in server.connections:
            connection.said.clear()
            connection.received.clear()
            del connection.pieces[:-1]
            if connection.closed:
                connection.talker = None


def answer(prompt: Prompt) -> Reply:
    """Two seconds that repeat what was said."""
    said = next((str(word["content"]) for word in reversed(prompt.messages) if word["role"] == "user"), "nothing")
    return Reply(f"You said {said} And that was all.", ms=REPLY_MS)


async def hold(minutes: float, life_s: float) -> Found:
    """One talk."""
    clock = asyncio.get_running_loop().time
    microphone, speaker = QueuedMicrophone(clock=clock), CountingSpeaker(clock)
    caller = Caller(microphone, int(minutes * 60 / EVERY_S), lambda number: spoken(f"turn {number}.", TURN_MS))
    async with RealtimeServer(Behaving(answer=answer, pace=3.0, lasts_s=life_s), keep_sound=False) as server:
        wire = wire_for(Choice(kind="custom", address=server.url, url=server.url, model="scripted"))
        session = Session(Settings(transcription_model="w", timeouts=Timeouts.of("custom")))
        tidying = asyncio.create_task(tidy(server))
        outcome = await run(Parts(session, wire, microphone, speaker, caller, performer=caller))
        tidying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await tidying
        last = max((c for c in server.connections if c.pieces), key=lambda c: c.pieces[-1].t)
        history = [(item["role"], words(item)) for item in last.items if item["type"] == "message"]
    return Found(
        history,
        caller.turns - caller.heard_whole,
        samples_to_ms(speaker.longest_gap),
        caller.renewed,
        caller.lost,
        outcome.reason,
    )


def words(item: dict[str, Any]) -> str:
    """The words of an item of the server."""
    return " ".join(str(part.get("text") or part.get("transcript") or "") for part in item["content"])


def main() -> None:
    """Run both, compare, print; exit 1 when something is not as promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--life", type=float, default=240.0, help="seconds until a session expires")
    parser.add_argument("--json", action="store_true")
    wishes = parser.parse_args()
    began = time.monotonic()
    renewed = hurried(hold(wishes.minutes, wishes.life))
    single = hurried(hold(wishes.minutes, wishes.minutes * 60 + 3600))
    figures = {
        "minutes": wishes.minutes,
        "turns": int(wishes.minutes * 60 / EVERY_S),
        "renewed": renewed.renewed,
        "lost": renewed.lost + single.lost,
        "history_lines": len(renewed.history),
        "history_equal": renewed.history == single.history,
        "unanswered": renewed.unanswered,
        "gap_ms": renewed.gap_ms,
        "seconds": round(time.monotonic() - began, 1),
    }
    if wishes.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:22} {figure}")
    good = figures["history_equal"] and not renewed.unanswered and renewed.gap_ms <= 50
    sys.exit(not (good and renewed.reason == single.reason == "script_done"))


if __name__ == "__main__":
    main()

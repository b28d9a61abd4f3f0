"""Two hours of talk: does the client grow? Its resident memory alone, the server in another process.

    python -m bench.memory [--minutes 120] [--life 240] [--json]

The talk of `bench/long.py`: a turn every ten seconds, a new session every half of `--life`. Client and server share one
time that leaps: whoever has nothing to do gives the turn to the other, and where neither has, time leaps to the next timer of
either. The client is as small as it can be (no numpy, no sound card), so that growth is a large share of it.

    growth          resident memory (VmRSS) at the end over that after five minutes; nothing is collected or trimmed for it
    history_kb      of that: what was said, kept to be told to the next connection (up to `Settings.history_characters`)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import selectors
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from bench.caller import EVERY_S, TURN_MS, Caller

from vivavoce.choose import Choice
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.devices.wav import WavSpeaker
from vivavoce.live import Parts, run
from vivavoce.pcm import ms_to_bytes
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings, Timeouts
from vivavoce.wire.factory import wire_for

WARM_S = 300.0
LOOK_S = 1_200.0
NEVER = float("inf")


class Sharing(selectors.DefaultSelector):
    """Does what is to be done here, then gives the turn to the other process; when neither can do anything, time leaps."""

    def __init__(self, other: Connection, *, has_turn: bool) -> None:
        super().__init__()
        self.now_s = 0.0
        self._other = other
        self._has_turn = has_turn
        self._idle = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now."""
        mine = NEVER if timeout is None else self.now_s + max(timeout, 0.0)
        theirs, they_are_idle = 0.0, False
        while True:
            if not self._has_turn:
                now_s, theirs, they_are_idle = self._other.recv()
                self.now_s, self._has_turn, self._idle = now_s, True, True
            ready = super().select(0) or super().select(0)
            if not ready and self._idle and they_are_idle:
                self.now_s = max(self.now_s, min(mine, theirs))
            if ready or self.now_s >= mine:
                self._idle = False
                return list(ready)
            self._other.send((self.now_s, mine, self._idle))
            self._has_turn = False


class SharingLoop(asyncio.SelectorEventLoop):
    """A loop with that time."""

    def __init__(self, other: Connection, *, has_turn: bool) -> None:
        self._sharing = Sharing(other, has_turn=has_turn)
        super().__init__(self._sharing)

    def time(self) -> float:
        """Seconds, as both processes count them."""
        return self._sharing.now_s


# ---- the server


def serve(other: Connection, news: Connection, life_s: float, turns: int, sounds: str) -> None:
    """The other process: writes down the sound of all turns, then is a server until it is killed."""
    from bench import long  # noqa: PLC0415  # nothing of the server, and no numpy, in the client

    from vivavoce.testing import RealtimeServer, Talk, spoken  # noqa: PLC0415

    with Path(sounds).open("wb") as file:
        file.writelines(spoken(f"turn {number}.", TURN_MS) for number in range(1, turns + 1))

    async def hold() -> None:
        talk = Talk(answer=long.answer, pace=3.0, lasts_s=life_s)
        async with RealtimeServer(talk, keep_sound=False) as server:
            news.send(server.url)
            await long.tidy(server)

    with asyncio.Runner(loop_factory=lambda: SharingLoop(other, has_turn=True)) as runner:
        runner.run(hold())


# ---- the client


def resident_kb() -> int:
    """Resident memory of this process, as it is."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def look(found: dict[int, int]) -> None:
    """The memory after five minutes, and every twenty."""
    now = asyncio.get_running_loop().time
    at = WARM_S
    while True:
        await asyncio.sleep(at - now())
        found[round(at / 60)] = resident_kb()
        at = at + LOOK_S if at > WARM_S else LOOK_S


async def talk(url: str, minutes: float, sounds: IO[bytes]) -> tuple[Caller, Session, dict[int, int], str]:
    """The whole talk."""
    clock = asyncio.get_running_loop().time
    microphone = QueuedMicrophone(clock=clock)
    caller = Caller(microphone, int(minutes * 60 / EVERY_S), lambda _: sounds.read(ms_to_bytes(TURN_MS)))
    session = Session(Settings(transcription_model="w", timeouts=Timeouts.of("custom")))
    wire = wire_for(Choice(kind="custom", address=url, url=url, model="scripted"))
    memory: dict[int, int] = {}
    looking = asyncio.create_task(look(memory))
    parts = Parts(session, wire, microphone, WavSpeaker(None, clock=clock), caller, performer=caller)
    outcome = await run(parts)
    memory[round(minutes)] = resident_kb()
    looking.cancel()
    return caller, session, memory, outcome.reason


def weight(value: Any, seen: set[int]) -> int:
    """Bytes of a value and all that only it holds."""
    if id(value) in seen:
        return 0
    seen.add(id(value))
    parts: list[Any] = []
    if isinstance(value, dict):
        parts = [*value, *value.values()]
    elif isinstance(value, list | tuple):
        parts = list(value)
    elif hasattr(value, "__slots__"):
        parts = [getattr(value, name) for name in value.__slots__]
    return sys.getsizeof(value) + sum(weight(part, seen) for part in parts)


def main() -> None:
    """Run, print; exit 1 where the client grew by more than a tenth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--life", type=float, default=240.0, help="seconds until a session expires")
    parser.add_argument("--json", action="store_true")
    wishes = parser.parse_args()
    began = time.monotonic()
    turns = int(wishes.minutes * 60 / EVERY_S)
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    news, newsman = spawn.Pipe(duplex=False)
    with tempfile.NamedTemporaryFile(suffix=".pcm") as sounds:
        server = spawn.Process(target=serve, args=(there, newsman, wishes.life, turns, sounds.name), daemon=True)
        server.start()
        url = news.recv()
        with asyncio.Runner(loop_factory=lambda: SharingLoop(here, has_turn=False)) as runner:
            caller, session, memory, reason = runner.run(talk(url, wishes.minutes, sounds.file))
        server.kill()
        server.join()
    lines = session._state.continuity.history._lines  # noqa: SLF001  # its weight is what is asked for
    growth = memory[round(wishes.minutes)] / memory[round(WARM_S / 60)]
    figures: dict[str, Any] = {
        "minutes": wishes.minutes,
        "turns": turns,
        "renewed": caller.renewed,
        "lost": caller.lost,
        "unanswered": turns - caller.heard_whole,
        "numpy_loaded": "numpy" in sys.modules,
        **{f"kb_at_{minute}_min": kb for minute, kb in sorted(memory.items())},
        "history_lines": len(lines),
        "history_kb": weight([*lines], set()) // 1024,
        "growth": round(growth, 3),
        "seconds": round(time.monotonic() - began, 1),
    }
    if wishes.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(f"{name:22} {figure}")
    sys.exit(not (growth <= 1.1 and not figures["unanswered"] and not caller.lost and reason == "script_done"))


if __name__ == "__main__":
    main()

"""What it costs to start, and how much memory a talk without the engine holds. Linux only: memory is read from /proc.

    python -m bench.start [--count 7] [--no-card]     (from the top of the project; the card needs pulseaudio, pulseaudio-utils)

Start: each command runs `--count` times, the commands in turn; wall time from spawn to exit, and the peak of resident memory that
the system tells of the child (`wait4`). This process stays small while it measures: a child's peak is never told as less
than its parent's. The bare interpreter is the floor under all of them.

Memory of a talk: `viva talk` with a numbered reply of 6 s from a server on loopback (tests/talk/server.py, in this process);
VmRSS of the talk's process ten times a second between the first words of the reply that were heard and the last, and VmHWM. VmRSS
counts pages of shared libraries whole; RssAnon is the part that belongs to the process alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

VIVA = "from vivavoce.cli.main import main; main()"
STARTS = {
    "bare interpreter (`pass`)": ["-c", "pass"],
    "`import websockets.asyncio.client, numpy`": ["-c", "import websockets.asyncio.client, numpy"],
    "`import vivavoce`": ["-c", "import vivavoce"],
    "`viva --help`": ["-c", VIVA, "--help"],
}
QUESTION = Path(__file__).parents[1] / "tests" / "recordings" / "questions" / "09.wav"
REPLY_MS = 6000
MEMORY = ("VmRSS", "RssAnon", "VmHWM")


def one_start(args: list[str]) -> tuple[float, float]:
    """Milliseconds, and megabytes at the peak."""
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    began = time.perf_counter()
    pid = os.posix_spawn(sys.executable, [sys.executable, *args], os.environ, file_actions=silent)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{args} ended with {os.waitstatus_to_exitcode(status)}")
    return (time.perf_counter() - began) * 1000, usage.ru_maxrss / 1024


def starts(count: int) -> None:
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    for _ in range(count):
        for name, args in STARTS.items():
            seen[name].append(one_start(args))
    print(f"| {count} times each | wall ms, median | least | most | peak MB, median |\n|---|---|---|---|---|")
    for name, runs in seen.items():
        wall, peak = [ms for ms, _ in runs], statistics.median(mb for _, mb in runs)
        print(f"| {name} | {statistics.median(wall):.0f} | {min(wall):.0f} | {max(wall):.0f} | {peak:.0f} |")


def memory_of(pid: int) -> dict[str, float]:
    """Megabytes, by the names of /proc."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) / 1024 for name in MEMORY}


async def sample(pid: int, samples: list[dict[str, float]]) -> None:
    import asyncio  # noqa: PLC0415  this process stays small until the starts are measured

    while True:
        samples.append(memory_of(pid))
        await asyncio.sleep(0.1)


async def one_talk(args: list[str], play: str | None) -> list[dict[str, float]]:
    """Memory while the reply plays; `play` is a sound file for the virtual microphone."""
    import asyncio  # noqa: PLC0415  as above
    import json  # noqa: PLC0415  as above

    from tests.talk.server import Answer, NumberedServer, running  # noqa: PLC0415  as above

    answer = Answer(
        "These words last as long as the sound.", REPLY_MS, calls=(("user_wants_to_finish_conversation", ""),)
    )
    samples: list[dict[str, float]] = []
    async with asyncio.timeout(90), running(NumberedServer([answer], silence_ms=500)) as server:
        command = [sys.executable, "-c", VIVA, "talk", "--server", server.url, "--json", "--max-minutes", "1", *args]
        none, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
        talk = await asyncio.create_subprocess_exec(*command, stdin=none, stdout=pipe, stderr=none)
        assert talk.stdout is not None
        sampler: asyncio.Task[None] | None = None
        async for line in talk.stdout:
            kind: Any = json.loads(line)["type"]
            if kind == "ready" and play:
                await asyncio.create_subprocess_exec("paplay", "--device=mic_feed", play)
            if kind == "assistant_delta" and sampler is None:
                sampler = asyncio.create_task(sample(talk.pid, samples))
            if kind == "assistant" and sampler:
                sampler.cancel()
        if await talk.wait() or not samples:
            sys.exit(f"viva talk {' '.join(args)} ended with {talk.returncode}, {len(samples)} samples")
    return samples


def talks(ways: dict[str, tuple[list[str], str | None]]) -> None:
    import asyncio  # noqa: PLC0415  as above

    print("\n| `viva talk`, MB while a reply plays | VmRSS median | VmRSS most | RssAnon median | VmHWM | samples |")
    print("|---|---|---|---|---|---|")
    for name, (args, play) in ways.items():
        samples = asyncio.run(one_talk(args, play))
        rss, anon = [s["VmRSS"] for s in samples], statistics.median(s["RssAnon"] for s in samples)
        peak = samples[-1]["VmHWM"]
        print(
            f"| {name} | {statistics.median(rss):.1f} | {max(rss):.1f} | {anon:.1f} | {peak:.1f} | {len(samples)} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=7)
    parser.add_argument("--no-card", action="store_true", help="leave out the talk through a sound card")
    args = parser.parse_args()
    starts(args.count)

    talks(
        {
            "`--say --speaker none`": (["--say", "Hello.", "--speaker", "none"], None),
            "`--mic FILE --speaker none`": (["--mic", str(QUESTION), "--speaker", "none"], None),
        }
    )
    if not args.no_card:
        from bench.card import sound_card  # noqa: PLC0415  as above

        with sound_card():
            talks({"`--mic default --speaker default`": (["--mic", "default", "--speaker", "default"], str(QUESTION))})


if __name__ == "__main__":
    main()

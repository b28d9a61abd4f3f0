"""CPU of our client beside a bare `websockets` loop that moves the same frames, in the same run.

    python bench/client.py [--sessions 8] [--seconds 20] [--rounds 3]

A server on loopback takes 20 ms of microphone sound 50 times a second from each session and, half of the time, sends a reply:
100 ms of sound and a few words, ten times a second. The bare loop packs each frame as base64 JSON, sends it, unpacks what comes;
nothing else. Ours is a whole talk: session, transcript, what was heard, a microphone and a speaker by the clock. Server, bare
loop and talks are three processes that run at the same time; a client's CPU is user + system time of its process once all its
sessions are ready. The figure that counts is the ratio. Both move the same sound, printed beside it; ours puts two blocks of 20 ms
into one append (half the socket writes for 10 ms more delay), as `viva talk` does, the bare loop sends each block by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from vivavoce.choose import Choice
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.devices.wav import WavSpeaker
from vivavoce.live import Parts, run
from vivavoce.session.session import Session
from vivavoce.session.settings import Settings
from vivavoce.wire.factory import wire_for

FRAME = bytes(range(1, 241)) * 4  # 20 ms: 480 samples that are not silence
DELTA = base64.b64encode(FRAME * 5).decode()
TURN_S = 4.0


async def speak(socket: ServerConnection, until: float) -> None:
    """Replies of 4 s, at the pace at which they are heard, with 4 s between them."""
    with contextlib.suppress(ConnectionClosed):
        await speak_on(socket, until)


async def speak_on(socket: ServerConnection, until: float) -> None:
    loop = asyncio.get_running_loop()
    number = 0
    while loop.time() < until:
        number += 1
        at = {"response_id": f"resp_{number}", "item_id": f"item_{number}", "output_index": 0, "content_index": 0}
        response = {"id": f"resp_{number}", "metadata": None, "status": "in_progress"}
        item = {"id": f"item_{number}", "type": "message", "role": "assistant", "status": "completed", "content": []}
        await say(socket, "response.created", response=response)
        await say(socket, "response.output_item.added", response_id=f"resp_{number}", output_index=0, item=item)
        began = loop.time()
        for piece in range(int(TURN_S * 10)):
            await say(socket, "response.output_audio_transcript.delta", **at, delta=" some words")
            await say(socket, "response.output_audio.delta", **at, delta=DELTA)
            await asyncio.sleep(max(began + (piece + 1) / 10 - loop.time(), 0))
        await say(socket, "response.output_item.done", response_id=f"resp_{number}", output_index=0, item=item)
        await say(socket, "response.done", response=response | {"status": "completed", "output": [item], "usage": None})
        await asyncio.sleep(TURN_S)


async def say(socket: ServerConnection, name: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": name, "event_id": "event_1", **fields}))


async def server(seconds: float) -> None:
    """Answers every session; prints its port, and at the end the milliseconds of sound it took per path."""
    taken: dict[str, float] = {}
    session = {"id": "sess_1", "type": "realtime", "model": "bench"}

    async def handle(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):  # the clients leave when their time is over
            await converse(socket)

    async def converse(socket: ServerConnection) -> None:
        path = socket.request.path if socket.request else ""
        await say(socket, "session.created", session=session)
        replies: asyncio.Task[None] | None = None
        async for text in socket:
            if '"session.update"' in str(text[:80]):
                await say(socket, "session.updated", session=session)
                replies = asyncio.create_task(speak(socket, asyncio.get_running_loop().time() + seconds))
            else:
                taken[path] = taken.get(path, 0) + (len(text) - 50) * 3 // 4 / 48
        if replies:
            replies.cancel()

    async with serve(handle, "127.0.0.1", 0, compression=None, max_queue=64) as listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    print(json.dumps(taken), flush=True)


async def measured(work: asyncio.Future[Any], seconds: float) -> None:
    """Print the CPU of this process between a second after the start and the end."""
    await asyncio.sleep(1.5)
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    print((time.process_time() - cpu) / (time.monotonic() - wall), flush=True)
    work.cancel()


async def bare_session(url: str) -> None:
    """The frames, and nothing else."""
    async with connect(url, compression=None, max_size=None) as socket:
        await socket.recv()
        await socket.send('{"type":"session.update","session":{"type":"realtime"}}')
        await socket.recv()

        async def listen() -> None:
            loop = asyncio.get_running_loop()
            due = loop.time()
            while True:
                due += 0.02
                await asyncio.sleep(due - loop.time())
                sound = base64.b64encode(FRAME).decode()
                await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))

        sending = asyncio.create_task(listen())
        heard = 0
        try:
            async for text in socket:
                event = json.loads(text)
                if event["type"] == "response.output_audio.delta":
                    heard += len(base64.b64decode(event["delta"]))
        finally:
            sending.cancel()


async def our_session(url: str) -> None:
    """A whole talk."""

    class Nobody:
        def show(self, happening: object, t: float, out_ms: int | None) -> None:
            """Nobody reads."""

    microphone = QueuedMicrophone()
    microphone.say(FRAME * 50 * 600)
    wire = wire_for(Choice("custom", url=url, model="bench"))
    await run(Parts(Session(Settings()), wire, microphone, WavSpeaker(None), Nobody()))


async def client(kind: str, port: int, sessions: int, seconds: float) -> None:
    one = bare_session if kind == "bare" else our_session
    work = asyncio.gather(*(one(f"ws://127.0.0.1:{port}/{kind}") for _ in range(sessions)), return_exceptions=True)
    await measured(work, seconds)
    await asyncio.gather(work, return_exceptions=True)


def start(*args: object) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, *map(str, args)]
    return subprocess.Popen(  # noqa: S603  # this file itself
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def line(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline().strip() if process.stdout else ""


def one_round(sessions: int, seconds: float) -> tuple[float, float, dict[str, float]]:
    """CPU seconds per second and session: bare, ours; and the sound each side moved."""
    serving = start("--role", "server", "--seconds", seconds + 3)
    port = line(serving)
    common = ("--port", port, "--sessions", sessions, "--seconds", seconds)
    clients = [start("--role", kind, *common) for kind in ("bare", "ours")]
    bare, ours = (float(line(one)) / sessions for one in clients)
    for one in clients:
        one.communicate(timeout=30)
    out, _ = serving.communicate("stop\n", timeout=30)
    return bare, ours, json.loads(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", choices=["all", "server", "bare", "ours"], default="all")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if args.role == "server":
        asyncio.run(server(args.seconds))
    elif args.role != "all":
        asyncio.run(client(args.role, args.port, args.sessions, args.seconds))
    else:
        ratios = []
        for _ in range(args.rounds):
            bare, ours, moved = one_round(args.sessions, args.seconds)
            ratios.append(ours / bare)
            sound = ", ".join(f"{path[1:]} {ms / 1000 / args.sessions:.1f} s" for path, ms in sorted(moved.items()))
            print(
                f"bare {bare * 1000:.2f} ms/s, ours {ours * 1000:.2f} ms/s, ratio {ours / bare:.2f} (sound sent: {sound})"
            )
        print(f"median ratio {statistics.median(ratios):.2f} over {args.rounds} rounds of {args.sessions} sessions")


if __name__ == "__main__":
    main()

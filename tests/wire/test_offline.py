"""The engine without a socket, with stages that need no models."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vivavoce.engine.models import wheels
from vivavoce.engine.models.progress import Stderr
from vivavoce.engine.models.registry import Member, ModelFile
from vivavoce.engine.pipeline import Stages
from vivavoce.errors import MissingExtra, ModelMissing, ServerGone, VivaError
from vivavoce.events import client, server
from vivavoce.pcm import silence
from vivavoce.testing.stages import broken_stages, no_extra_stages, no_model_stages, tone, tone_stages, vanishing_stages
from vivavoce.wire import offline
from vivavoce.wire.offline import OfflineWire

PATIENCE_S = 100.0
both = pytest.mark.parametrize("isolate", [False, True], ids=["threads", "child"])


def run(talk: Callable[[OfflineWire], Awaitable[None]], isolate: bool) -> None:
    async def whole() -> None:
        wire = OfflineWire(tone_stages, isolate=isolate)
        await wire.open()
        try:
            await asyncio.wait_for(talk(wire), PATIENCE_S)
        finally:
            await wire.close()
            await wire.close()

    before = set(threading.enumerate())
    asyncio.run(whole())
    assert {t for t in threading.enumerate() if t.name.startswith("viva")} <= before
    assert multiprocessing.active_children() == []


async def until(wire: OfflineWire, kind: type[Any]) -> Any:
    while True:
        event = await wire.receive()
        if isinstance(event, kind):
            return event


@both
def test_a_spoken_turn_is_answered(isolate: bool) -> None:
    async def talk(wire: OfflineWire) -> None:
        assert isinstance(await wire.receive(), server.SessionCreated)
        for piece in (silence(100), tone(400, 600), silence(700)):
            wire.send(client.AppendAudio(piece))
        assert (await until(wire, server.AudioDelta)).audio
        done = await until(wire, server.ResponseDone)
        assert done.response["output"][0]["content"][0]["transcript"].startswith("I heard What is the weather")
        assert wire.warnings() == []

    run(talk, isolate)


@both
def test_receive_after_close_says_that_it_is_closed(isolate: bool) -> None:
    async def talk(wire: OfflineWire) -> None:
        await wire.close()
        with pytest.raises(ServerGone, match="closed"):
            await until(wire, server.ResponseDone)

    run(talk, isolate)


@both
@pytest.mark.parametrize(
    ("opener", "kind", "sentence"),
    [
        (no_model_stages, ModelMissing, "no weights"),
        (no_extra_stages, MissingExtra, r"pip install 'vivavoce\[offline\]'"),
        (broken_stages, VivaError, "RuntimeError: the stages broke"),
    ],
)
def test_an_engine_that_cannot_start_says_why(
    isolate: bool, opener: Callable[[], Stages], kind: type[VivaError], sentence: str
) -> None:
    async def whole() -> None:
        wire = OfflineWire(opener, isolate=isolate)
        with pytest.raises(kind, match=sentence) as caught:
            await wire.open()
        assert type(caught.value) is kind
        if isinstance(caught.value, MissingExtra):
            assert caught.value.extra == "offline"
        await wire.close()

    asyncio.run(whole())
    assert multiprocessing.active_children() == []


def test_a_child_that_vanishes_while_it_starts_is_told() -> None:
    async def whole() -> None:
        wire = OfflineWire(vanishing_stages, isolate=True)
        with pytest.raises(ServerGone, match="exit code 9"):
            await wire.open()
        await wire.close()

    asyncio.run(whole())


def test_a_child_that_dies_in_the_talk_is_told_and_sending_goes_on_without_harm() -> None:
    async def talk(wire: OfflineWire) -> None:
        [child] = multiprocessing.active_children()
        assert child.pid
        os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ServerGone, match="exit code -9"):
            await until(wire, server.ResponseDone)
        wire.send(client.AppendAudio(silence(20)))

    run(talk, isolate=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_the_child_ignores_ctrl_c_and_a_closed_terminal(number: int) -> None:
    async def talk(wire: OfflineWire) -> None:
        [child] = multiprocessing.active_children()
        assert child.pid
        os.kill(child.pid, number)
        wire.send(client.UpdateSession({"type": "realtime", "instructions": "still there?"}))
        assert (await until(wire, server.SessionUpdated)).session["instructions"] == "still there?"

    run(talk, isolate=True)


PARENT = """
import asyncio, multiprocessing, os, signal
from vivavoce.testing.stages import tone_stages
from vivavoce.wire.offline import OfflineWire

async def main():
    wire = OfflineWire(tone_stages, isolate=True)
    await wire.open()
    print(multiprocessing.active_children()[0].pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows blocks no signals")
def test_a_child_is_deaf_to_ctrl_c_and_a_closed_terminal_from_its_first_moment() -> None:
    code = "import signal; print(*map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with offline._undisturbed():
        blocked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout  # noqa: S603  ours
    assert set(map(int, blocked.split())) >= {signal.SIGINT, signal.SIGHUP}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.run(  # noqa: S603  # this interpreter, our own script
        [sys.executable, str(script)], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    child = int(parent.stdout)
    deadline = time.monotonic() + PATIENCE_S
    while _alive(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_sound_that_the_engine_does_not_take_is_dropped_oldest_first_and_counted() -> None:
    wire = OfflineWire(tone_stages, isolate=False)  # never opened: nobody takes anything
    wire.send(client.CreateResponse())
    for _ in range(801):
        wire.send(client.AppendAudio(silence(1000)))
    [trouble] = wire.warnings()
    assert "1000 ms" in trouble.message
    assert wire.warnings() == []
    asyncio.run(wire.close())


def test_one_piece_longer_than_the_limit_is_kept() -> None:
    wire = OfflineWire(tone_stages, isolate=False)
    wire.send(client.AppendAudio(silence(801_000)))
    assert wire.warnings() == []
    asyncio.run(wire.close())


@both
@pytest.mark.parametrize("after_s", [0, 0.01, 0.05, 0.2])
def test_cancelling_open_ends_the_engine(isolate: bool, after_s: float) -> None:
    async def whole() -> None:
        wire = OfflineWire(tone_stages, isolate=isolate)
        opening = asyncio.create_task(wire.open())
        await asyncio.sleep(after_s)
        if opening.done():  # threads with no models to load are quicker than we
            await wire.close()
            return
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await wire.close()

    before = set(threading.enumerate())  # another test's sound card may still be followed
    asyncio.run(whole())
    assert multiprocessing.active_children() == []
    assert {t for t in threading.enumerate() if t.name.startswith("viva")} <= before


def fetching_stages() -> Stages:
    """An opener that asks pip for a package, from the index that the environment names."""
    file = ModelFile("a", 1, "", (Member("toy", "1.0", "a"),))
    with tempfile.TemporaryDirectory() as folder, Stderr().file("toy", 1) as gauge:
        wheels.fetch(file, Path(folder), Path(folder, "a"), gauge)
    return tone_stages()


@pytest.fixture
def mute_index(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A package index that takes connections and never answers; pip is the only one who comes."""
    with socket.create_server(("127.0.0.1", 0)) as index:
        index.settimeout(PATIENCE_S)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.getsockname()[1]}/simple")
        monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "600")
        monkeypatch.setenv("PIP_RETRIES", "0")
        yield index


def ends(peer: socket.socket) -> None:
    """Whoever connected is gone; raises TimeoutError when not."""
    peer.settimeout(PATIENCE_S / 2)
    with peer:
        while peer.recv(65_536):
            pass


def test_cancelling_open_ends_the_download_too(mute_index: socket.socket) -> None:
    async def whole() -> socket.socket:
        wire = OfflineWire(fetching_stages, isolate=True)
        opening = asyncio.create_task(wire.open())
        pip, _ = await asyncio.to_thread(mute_index.accept)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await wire.close()
        return pip

    ends(asyncio.run(whole()))
    assert multiprocessing.active_children() == []


FETCHING_PARENT = """
import asyncio
from tests.wire.test_offline import fetching_stages
from vivavoce.wire.offline import OfflineWire

if __name__ == "__main__":
    asyncio.run(OfflineWire(fetching_stages, isolate=True).open())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there a process that is ended cannot clear up")
def test_the_download_of_the_child_dies_with_its_parent(tmp_path: Path, mute_index: socket.socket) -> None:
    script = tmp_path / "parent.py"
    script.write_text(FETCHING_PARENT)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, str(script)], env=env) as parent:  # noqa: S603  # as above
        pip, _ = mute_index.accept()
        parent.kill()
    ends(pip)

"""Whole talks on tape: as a person starts them, ended in every way, and without a secret in any part."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest
from tests.talk.command import Seen, viva
from tests.talk.server import Answer, NumberedServer, running

RECORDINGS = Path(__file__).parents[1] / "recordings"
QUESTION = str(RECORDINGS / "questions" / "09.wav")
SECOND = str(RECORDINGS / "questions" / "10.wav")
MAIN = "from vivavoce.cli.main import main; main()"
SECRET = "kf83-Hq/0zT+secret"


def talk(server: NumberedServer, *args: str, env: dict[str, str] | None = None) -> Seen:
    async def hold() -> Seen:
        async with running(server):
            return await viva("--server", server.url, *args, env=env)

    return asyncio.run(hold())


def replay(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", MAIN, "replay", str(folder), "--fast", *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def shown(folder: Path) -> dict[str, Any]:
    """What `viva tape show --json` says."""
    seen = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", MAIN, "tape", "show", "--json", str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(seen.stdout)
    return found


def said(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines, but for their clocks: `out_ms` of a replay is worked out, and `t` is a millisecond or two earlier."""
    return [{key: value for key, value in line.items() if key not in {"t", "out_ms"}} for line in lines]


def test_a_talk_with_an_interruption_and_a_function_is_the_same_again(tmp_path: Path) -> None:
    tools = tmp_path / "shop.py"
    tools.write_text("def open_door(width: int) -> str:\n    'Open the door.'\n    return f'open {width}'\n")
    answers = [
        Answer("A long story that goes on and on and on.", 9000),
        Answer("Let me see.", 300, calls=(("open_door", '{"width": 3}'),)),
        Answer("It is open.", 300),
    ]
    server = NumberedServer(answers, heard_as=["Open the door."])
    folder = tmp_path / "tape"
    turns = ("--say", "Tell me a story.", "--mic", f"{SECOND}@0.5")
    seen = talk(server, *turns, "--speaker", "none", "--tools", str(tools), "--json", "--tape", str(folder))
    assert seen.code == 0, seen.err
    assert seen.of("interrupted")
    assert seen.of("call")
    again = replay(folder, "--json")
    assert again.returncode == 0, again.stderr
    lines = [json.loads(line) for line in again.stdout.splitlines()]
    assert said(lines) == said(seen.lines)
    for then, now in zip(seen.lines, lines, strict=True):
        assert now["t"] <= then["t"] + 0.001  # rounded: an input comes before what it shows
        assert then.keys() == now.keys()


def test_a_talk_on_tape_needs_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("precious")
    seen = asyncio.run(viva("--server", "ws://127.0.0.1:9", "--say", "x", "--speaker", "none", "--tape", str(tmp_path)))
    assert seen.code == 2
    assert "not empty" in seen.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_talk_that_cannot_begin_leaves_no_tape(tmp_path: Path) -> None:
    folder = tmp_path / "tape"
    seen = asyncio.run(
        viva("--server", "ws://127.0.0.1:9", "--say", "x", "--speaker", str(tmp_path), "--tape", str(folder))
    )
    assert seen.code == 2
    assert not folder.exists()


def test_a_killed_talk_is_on_tape_as_far_as_it_was_written_while_it_went_on(tmp_path: Path) -> None:
    folder = tmp_path / "tape"

    async def hold() -> None:
        server = NumberedServer([Answer("A long story. " * 5, 30_000)])
        async with running(server):
            command = [sys.executable, "-c", MAIN, "talk", "--server", server.url, "--json", "--mic", QUESTION]
            process = await asyncio.create_subprocess_exec(
                *command, "--speaker", "none", "--tape", str(folder), stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout
            kind = ""
            while kind != "assistant_delta":  # in the middle of the reply
                kind = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))["type"]
            async with asyncio.timeout(30):
                while b"happenings.AssistantDelta" not in (folder / "events.jsonl").read_bytes():  # noqa: ASYNC110  # another process does it
                    await asyncio.sleep(0.05)  # the talk goes on, and so does its tape
            process.send_signal(signal.SIGKILL)
            await process.wait()

    asyncio.run(hold())
    again = replay(folder, "--json")
    assert again.returncode == 0, again.stderr
    assert "was not closed" in again.stderr
    kinds = [json.loads(line)["type"] for line in again.stdout.splitlines()]
    assert kinds[:2] == ["ready", "speech_started"]
    assert "assistant_delta" in kinds
    assert "end" not in kinds
    with wave.open(str(folder / "microphone.wav")) as file:
        assert file.getnframes() > 24_000
    (reply,) = shown(folder)["replies"]
    assert reply["text"].startswith("A long story.")
    assert reply["heard_text"]
    assert (reply["interrupted"], reply["cut_by"]) == (True, "end")
    assert 0 < reply["heard_ms"] < 30_000


@pytest.mark.parametrize("also", [(), ("--brain", "http://127.0.0.1:9/v1")])
def test_no_key_is_on_tape_also_when_the_server_repeats_it(tmp_path: Path, also: tuple[str, ...]) -> None:
    folder = tmp_path / "tape"
    keys: list[str] = []

    async def repeat(socket: Any) -> None:
        keys.append(socket.request.headers["Authorization"])
        error = {"type": "server_error", "code": "odd", "message": f"I do not like {SECRET}.", "param": None}
        await socket.send(json.dumps({"type": "session.created", "session": {"id": "s", "note": f"Bearer {SECRET}"}}))
        async for text in socket:
            word = json.loads(text)
            if word["type"] == "session.update":
                session = word["session"] | {"id": "s"}
                await socket.send(json.dumps({"type": "error", "error": error}))
                await socket.send(json.dumps({"type": "session.updated", "session": session}))
            elif word["type"] == "response.create":
                await socket.close(1011, f"key {SECRET} fell over")

    server = NumberedServer([Answer()], on_connect=repeat)
    seen = talk(
        server,
        *("--say", "hello", "--speaker", "none", "--json", "--max-minutes", "0.1"),
        *("--key-env", "MY_KEY", "--tape", str(folder), *also),
        env={"MY_KEY": SECRET},
    )
    assert keys
    assert all(SECRET in key for key in keys)  # it was really sent
    assert seen.of("error")
    everything = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"I do not like" in everything  # the error is on tape
    for trace in (SECRET, json.dumps(SECRET)[1:-1], "Bearer kf", "Authorization"):
        assert trace.encode() not in everything
    assert replay(folder).returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files, which stands for a full disk")
def test_a_full_disk_is_one_warning_and_the_talk_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "tape"

    async def hold() -> tuple[int | None, list[dict[str, Any]], str]:
        async with running(NumberedServer([Answer("One two three.", 1000)])) as server:
            wish = f"--server {server.url} --say hello --speaker none --json --tape {folder}"
            shell = f"ulimit -f 20; exec {sys.executable} -B -c '{MAIN}' talk {wish}"
            process = await asyncio.create_subprocess_exec(
                "bash", "-c", shell, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            out, err = await asyncio.wait_for(process.communicate(), 60)
            return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()

    code, lines, err = asyncio.run(hold())
    assert code == 0, err
    assert "Traceback" not in err
    assert [line["code"] for line in lines if line["type"] == "warning"] == ["tape_stopped"]
    (reply,) = (line for line in lines if line["type"] == "assistant")
    assert reply["heard_ms"] == 1000
    again = replay(folder)
    assert again.returncode == 0, again.stderr
    assert "was not closed" in again.stderr

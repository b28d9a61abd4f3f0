"""Record the talks of this folder again: `python -m tests.recordings.tapes.remake [NAME ...]`, from the root of the project.

Each is a real `viva talk --tape`; what it was is replaced only when the new one ended as wished and replays without a difference.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.talk.command import Seen, viva
from tests.talk.server import Answer, NumberedServer, running, serve_one
from websockets.asyncio.server import ServerConnection

from vivavoce.tape.packing import pack
from vivavoce.tape.reader import TapeReader
from vivavoce.tape.replay import Replay

HERE = Path(__file__).parent
GOODBYE = str(HERE.parent / "questions" / "10.wav")
WEATHER = str(HERE.parents[2] / "examples" / "weather.py")


async def _numbered(server: NumberedServer, *args: str) -> Seen:
    async with running(server):
        return await viva("--server", server.url, "--speaker", "none", "--json", *args)


async def interruption(tape: str) -> Seen:
    """A voice speaks over a reply, which is cut where it was heard."""
    answers = [Answer("A long story that goes on and on and on.", 4000), Answer("Goodbye then.", 300)]
    server = NumberedServer(answers, heard_as=["Thank you, goodbye."])
    return await _numbered(server, "--say", "Tell me a story.", "--mic", f"{GOODBYE}@0.5", "--tape", tape)


async def function(tape: str) -> Seen:
    """Typed turns; a function is called, and the model says goodbye by calling another."""
    answers = [
        Answer("Let me see.", 300, calls=(("get_weather", '{"city": "Paris"}'),)),
        Answer("It is sunny in Paris.", 400),
        Answer("", 0, calls=(("user_wants_to_finish_conversation", ""),)),
        Answer("Goodbye.", 200),
    ]
    turns = ("--say", "What is the weather in Paris?", "--say", "Thank you, goodbye.")
    return await _numbered(NumberedServer(answers), *turns, "--tools", WEATHER, "--tape", tape)


async def reconnect(tape: str) -> Seen:
    """The connection is lost in the middle of a reply; the conversation goes on, on a new one."""
    server = NumberedServer(
        [Answer("One two three four five six.", 1500), Answer("Seven.", 300), Answer("Eight.", 300)]
    )

    async def lose_the_first(socket: ServerConnection) -> None:
        server.on_connect = None  # the next one is served as ever
        talking = asyncio.create_task(serve_one(server, socket))
        while not server.words("response.create"):  # noqa: ASYNC110  # the task changes it
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.15)  # some of the reply came
        await socket.close(1011, "the model fell over")
        await asyncio.gather(talking, return_exceptions=True)  # it ends with the close

    server.on_connect = lose_the_first
    return await _numbered(server, "--say", "Count.", "--say", "Go on.", "--tape", tape)


async def offline(tape: str) -> Seen:
    """The offline engine hears a voice say goodbye, and answers with its own."""
    short = ("--instructions", "Answer with one word.")  # a small tape
    return await viva(
        *("--server", "offline", "--speaker", "none", "--json", *short, "--mic", GOODBYE, "--tape", tape), limit_s=240
    )


TALKS: tuple[Callable[[str], Awaitable[Seen]], ...] = (interruption, function, reconnect, offline)


async def _record(talk: Callable[[str], Awaitable[Seen]], folder: Path) -> None:
    seen = await talk(str(folder))
    if seen.code:
        raise SystemExit(f"{folder.name} ended with {seen.code}\n{seen.out}\n{seen.err}")


def _check(folder: Path) -> None:
    with TapeReader(folder) as tape:
        again = Replay(tape)
        for _ in again.run():
            pass
    if again.first is not None:
        raise SystemExit(f"{folder.name} is not the same again: {again.first}")


def main(names: list[str]) -> None:
    """Record those talks; all of them without a name."""
    for talk in TALKS:
        name = str(getattr(talk, "__name__", ""))
        if names and name not in names:
            continue
        with tempfile.TemporaryDirectory() as room:
            new = Path(room) / name
            asyncio.run(_record(talk, new))
            pack(new)
            _check(new)
            shutil.rmtree(HERE / name, ignore_errors=True)
            shutil.copytree(new, HERE / name)
        size = sum(path.stat().st_size for path in (HERE / name).iterdir())
        print(f"{name}: {size:,} bytes")  # noqa: T201  # a script that tells what it did


if __name__ == "__main__":
    main(sys.argv[1:])

"""`viva engine`: serve the offline engine to any client of the Realtime API."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import click

from vivavoce.addresses import shown_name
from vivavoce.errors import BadSettings

if TYPE_CHECKING:
    from vivavoce.engine.pipeline import Stages
    from vivavoce.engine.serve import Door

INTERRUPTED, TERMINATED = 130, 143


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; off loopback a token is needed."
)
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65_535), help="0 = any free port.")
@click.option(
    "--max-sessions", default=2, show_default=True, type=click.IntRange(1), help="Conversations at the same time."
)
@click.option(
    "--brain", default="small", show_default=True, metavar="URL|PATH|small|medium", help="The language model."
)
@click.option(
    "--recogniser", default="base", show_default=True, metavar="base|tiny.en|PATH", help="The speech recogniser."
)
@click.option("--token-env", metavar="NAME", help="Clients must send the token in this variable.")
@click.option("--key-env", metavar="NAME", help="Send the key in this variable to --brain URL.")
@click.pass_context
def engine(
    ctx: click.Context,
    *,
    host: str,
    port: int,
    max_sessions: int,
    brain: str,
    recogniser: str,
    token_env: str | None,
    key_env: str | None,
) -> None:
    """Serve the offline engine over the Realtime protocol.

    Prints one line when clients may connect. Ctrl-C ends it (exit code 130), SIGTERM too (143).
    """
    from vivavoce.cli.offline import offer_ollama  # noqa: PLC0415  # `viva --help` loads no models
    from vivavoce.engine.opening import open_stages  # noqa: PLC0415  # `viva --help` loads no models
    from vivavoce.engine.serve import Door  # noqa: PLC0415  # as above

    door = Door(host, port, max_sessions, _token(token_env))
    _check_key(key_env, brain)
    offer_ollama(brain, click.echo)
    stages = open_stages(brain, recogniser, key_env=key_env)
    try:
        stopped_by = asyncio.run(serve_until_told(stages, door))
    finally:
        stages.close()
    ctx.exit(TERMINATED if stopped_by == signal.SIGTERM else INTERRUPTED)


def _token(name: str | None) -> str | None:
    if name is None:
        return None
    token = os.environ.get(name, "").strip()
    if not token:
        raise BadSettings(
            f"--token-env {name}: this variable is not set. Put the token that clients must send into it."
        )
    return token


def _check_key(name: str | None, brain: str) -> None:
    """Said before the models are loaded."""
    if name is None:
        return
    if not brain.startswith(("http://", "https://")):
        raise BadSettings(f"--key-env {shown_name(name)} goes with --brain URL only: leave it out.")
    if not os.environ.get(name, "").strip():
        raise BadSettings(
            f"--key-env {shown_name(name)}: this variable is not set. Put the key for --brain URL into it."
        )


async def serve_until_told(stages: Stages, door: Door) -> int:
    """Serve until Ctrl-C or SIGTERM; answers which. A second one ends the program."""
    from vivavoce.engine.serve import serving  # noqa: PLC0415  # as above

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    seen: list[int] = []

    def arrived(number: int) -> None:
        seen.append(number)
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    before = {
        number: signal.signal(number, lambda n, _frame: loop.call_soon_threadsafe(arrived, n))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        await serving(stages, door, lambda address: click.echo(f"Listening on {address} (Ctrl-C stops)."), stop)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return seen[0]

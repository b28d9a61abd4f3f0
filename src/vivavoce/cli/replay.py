"""`viva replay`: a recorded talk runs through the session again; it shows what the talk showed, or what differs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

DIFFERENT = 1


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    metavar="X",
    help="How many times as fast as it was; 1 if not given.",
)
@click.option("--fast", is_flag=True, help="Do not wait at all.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object per line on stdout, as viva talk --json wrote them."
)
@click.option("--verbose", is_flag=True, help="Show the raw JSON of errors, and what each reply cost.")
@click.option("--plain", is_flag=True, help="Whole lines without colour, also on a terminal.")
@click.pass_context
def replay(
    ctx: click.Context, folder: Path, speed: float | None, *, fast: bool, as_json: bool, verbose: bool, plain: bool
) -> None:
    """Show the talk that viva talk --tape DIR recorded, at its own pace, and check it.

    Everything the session took runs through it again. Exit codes: 0 all came out as recorded, 1 something differs or the tape
    is damaged (one sentence says what), 2 DIR is not a tape.
    """
    if fast and speed is not None:
        raise click.UsageError("--fast and --speed exclude each other.")
    from vivavoce.cli.screens import screen  # noqa: PLC0415  # `viva --help` needs none of it
    from vivavoce.tape.reader import TapeReader  # noqa: PLC0415  # as above
    from vivavoce.tape.replay import Replay  # noqa: PLC0415  # as above

    with TapeReader(folder) as tape:
        lines = screen(
            sys.stdout,
            as_json=as_json,
            plain=plain,
            verbose=verbose,
            invites="press" if tape.settings.push_to_talk else "speak" if tape.listened else "type",
        )
        again = Replay(tape)
        wait = _no_wait if fast else _pace(speed or 1.0)
        for shown in again.run():
            wait(shown.at_s)
            lines.show(shown.what, shown.at_s, shown.out_ms)
        for note in tape.notes:
            click.echo(f"Note: {note}", err=True)
    if again.first is None:
        click.echo(f"Nothing differs: {again.inputs} inputs gave what they gave in the talk.", err=True)
        return
    click.echo(
        f"Error: {again.first} {again.differing} of {again.inputs} inputs give something else than in the talk "
        f"(recorded by {tape.program}).",
        err=True,
    )
    ctx.exit(DIFFERENT)


def _pace(speed: float) -> Callable[[float], None]:
    """Waits until a second of the talk has come, counted from now."""
    begun = time.monotonic()

    def wait(at_s: float) -> None:
        time.sleep(max(0.0, begun + at_s / speed - time.monotonic()))

    return wait


def _no_wait(at_s: float) -> None:
    """As fast as it goes."""

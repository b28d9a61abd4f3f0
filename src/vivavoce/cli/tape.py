"""`viva tape`: what is on the tape of a talk."""

from __future__ import annotations

import json
from pathlib import Path

import click

from vivavoce.errors import MissingExtra

_PICTURE = "picture.svg"


@click.group()
def tape() -> None:
    """What is on the tape of a talk (viva talk --tape DIR)."""


@tape.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.svg|FILE.png",
    help="Where the picture is written; DIR/picture.svg if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON; a picture only with -o.")
def show(folder: Path, output: Path | None, *, as_json: bool) -> None:
    """Draw the talk, and count it: turns, interruptions, calls, how long the answers took.

    The picture shows both voices over time, who said what, where a reply was cut, functions, lost connections.
    """
    from vivavoce.tape.narrator import narrate  # noqa: PLC0415  # `viva --help` needs none of it
    from vivavoce.tape.reader import TapeReader  # noqa: PLC0415  # as above
    from vivavoce.tape.summary import as_data, rows  # noqa: PLC0415  # as above

    with TapeReader(folder) as found:
        story = narrate(found)
        notes = found.notes
    if as_json:
        click.echo(json.dumps(as_data(story), indent=1))
    else:
        told = rows(story)
        width = max(len(name) for name, _ in told)
        for name, value in told:
            click.echo(f"{name:{width}}  {value}")
    for note in notes:
        click.echo(f"Note: {note}", err=True)
    target = output or (None if as_json else folder / _PICTURE)
    if target is None:
        return
    from vivavoce.tape.picture import draw  # noqa: PLC0415  # as above

    try:
        draw(story, target)
    except MissingExtra as missing:
        if output is not None:
            raise
        click.echo(f"No picture. {missing}", err=True)
    else:
        click.echo(f"Picture: {target}", err=True)


@tape.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def pack(folder: Path) -> None:
    """Make a tape smaller: both voices as FLAC instead of WAV, bit by bit the same sound."""
    from vivavoce.tape.packing import pack as packed  # noqa: PLC0415  # as above

    before, after = packed(folder)
    click.echo(f"{folder}: {before:,} bytes of sound are {after:,} now.")

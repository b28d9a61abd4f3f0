"""`viva models`: which models the offline engine has, where they are, and fetching them before they are needed."""

from __future__ import annotations

import importlib.util
import sys

import click
from rich.console import Console
from rich.table import Table

from vivavoce.engine.models import registry
from vivavoce.engine.models.progress import megabytes
from vivavoce.engine.models.weights import Weights, folder

_ENDLESS = 10_000


@click.group()
def models() -> None:
    """The models of the offline engine."""


@models.command("list")
def list_models() -> None:
    """Show every model: licence, size, source, and whether it is here."""
    weights = Weights()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("name", "here", "size", "licence", "source", "what"):
        table.add_column(title, justify="right" if title == "size" else "left", overflow="fold")
    for model in registry.known():
        if model.package:
            module = model.files[0].members[0].path.partition("/")[0]
            here = "yes" if importlib.util.find_spec(module) else "with the extra"
            source = f"package {model.package}"
        else:
            here = "yes" if weights.present(model) else "no"
            source = (
                f"{model.source} @ {model.revision[:8]}"
                if model.source
                else f"package {model.files[0].members[0].package}"
            )
        table.add_row(model.name, here, megabytes(model.size), model.licence, source, model.what)
    console = Console()
    if not sys.stdout.isatty():
        console.width = console.measure(table, options=console.options.update(width=_ENDLESS)).maximum  # a line a model
    console.print(table)


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
def fetch(names: tuple[str, ...]) -> None:
    """Fetch models; without a name, what a talk needs."""
    wanted = [registry.named(name) for name in names] or [model for model in registry.known() if model.default]
    weights = Weights()
    for model in wanted:
        if model.package:
            click.echo(f"{model.name}: comes with the package {model.package}, nothing to fetch")
            continue
        click.echo(f"{model.name}: {weights.ensure(model)}")


@models.command()
def path() -> None:
    """Print the folder the models are in."""
    click.echo(folder())

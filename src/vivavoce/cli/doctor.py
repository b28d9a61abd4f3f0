"""`viva doctor`: look at everything a talk needs, and say what is to be mended."""

from __future__ import annotations

import json as jsons
import os
import shlex
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from vivavoce.doctor.sound import Sound
    from vivavoce.doctor.world import World

_COLOURS = {"ok": "green", "note": "yellow", "mend": "red"}
_INDENT = "      "
_NARROWEST = 40
_OWN = frozenset({"no_sound", "no_network", "json", "plain"})  # the other options are those of `viva talk`


@click.command()
@click.option(
    "--server", default="auto", show_default=True, metavar="auto|openai|azure|offline|URL", help="Who would answer."
)
@click.option("--preview", is_flag=True, help="Speak Azure's deprecated preview protocol.")
@click.option("--model", metavar="M", help="Model; on Azure the deployment.")
@click.option("--transcription-model", metavar="M", help="Who writes down what you say; on Azure a deployment.")
@click.option(
    "--key-env", metavar="NAME", help="Send the key in this variable to --server URL, or offline to --brain URL."
)
@click.option(
    "--brain",
    default="small",
    show_default=True,
    metavar="URL|PATH|small|medium",
    help="Language model of the offline engine.",
)
@click.option(
    "--recogniser",
    default="base",
    show_default=True,
    metavar="base|tiny.en|PATH",
    help="Recogniser of the offline engine.",
)
@click.option("--mic", default="default", show_default=True, metavar="default|none|DEVICE", help="Microphone.")
@click.option("--speaker", default="default", show_default=True, metavar="default|none|DEVICE", help="Speaker.")
@click.option("--no-sound", is_flag=True, help="Do not look at the sound card: quicker, and silent.")
@click.option("--no-network", is_flag=True, help="Do not use the network.")
@click.option("--json", is_flag=True, help="One JSON object on stdout.")
@click.option("--plain", is_flag=True, help="One line each, without colour, also on a terminal.")
@click.pass_context
def doctor(ctx: click.Context, /, *, no_sound: bool, json: bool, plain: bool, **given: object) -> None:
    """Look at everything a talk needs; each fault is named once, with what to do.

    You are asked to speak for two seconds, and two chirps are played; nothing of it is kept or sent. A conversation is opened
    with the server for real and closed at once: no answer is asked for, so it costs nothing. Keys are never printed.

    Exit code 0: all is well, 1: something is to be mended.
    """
    from vivavoce.doctor.report import as_json, line, summary, well  # noqa: PLC0415  # `viva --help` needs none of it
    from vivavoce.doctor.rounds import examine  # noqa: PLC0415  # as above

    world = _world(no_sound=no_sound, aside=json, **given)  # type: ignore[arg-type]  # click made them what the options say
    if json:
        findings = list(examine(world))
        click.echo(jsons.dumps(as_json(findings), ensure_ascii=False, indent=1))
        ctx.exit(0 if well(findings) else 1)
    rich = sys.stdout.isatty() and not plain
    findings = []
    for found in examine(world):
        findings.append(found)
        if found.verdict != "skipped":
            _print(line(found), rich=rich, verdict=found.verdict)
    left_out = [what for what, out in (("the sound", no_sound), ("the network", given["no_network"])) if out]
    for text in summary(findings, _talk(ctx), left_out):
        _print(text, rich=rich and "Talk with: " not in text)  # a command stays whole, to be copied
    ctx.exit(0 if well(findings) else 1)


def _talk(ctx: click.Context) -> str:
    """The talk that was looked at, as one types it; without a key that stood in its address."""
    from vivavoce.wire.refusals import masked, secrets_of  # noqa: PLC0415  # `viva --help` needs none of it

    words = ["viva talk"]
    for option in ctx.command.params:
        name = option.name or ""
        if name in _OWN or ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        words.append(option.opts[0])
        if name != "preview":
            value = str(ctx.params[name])
            words.append(shlex.quote(masked(value, secrets_of(value, {}))))
    return " ".join(words)


def _world(
    *,
    server: str,
    preview: bool,
    model: str | None,
    transcription_model: str | None,
    key_env: str | None,
    brain: str,
    recogniser: str,
    mic: str,
    speaker: str,
    no_sound: bool,
    no_network: bool,
    aside: bool,
) -> World:
    from vivavoce.choose import Flags  # noqa: PLC0415  # `viva --help` needs none of it
    from vivavoce.doctor.world import World  # noqa: PLC0415  # as above

    return World(
        environment=dict(os.environ),
        flags=Flags(
            server=server,
            preview=preview,
            model=model,
            transcription_model=transcription_model,
            key_env=key_env,
            recogniser=recogniser,
            brain=brain,
        ),
        sound=None if no_sound or mic == speaker == "none" else _sound_card(mic, speaker),
        microphone=mic != "none",
        speaker=speaker != "none",
        network=not no_network,
        tell=lambda text: click.echo(f"now: {text}", err=aside),
    )


def _sound_card(mic: str, speaker: str) -> Sound:
    from vivavoce.doctor.card import SoundCard  # noqa: PLC0415  # only for those who want the sound card looked at

    return SoundCard(_device(mic), _device(speaker))


def _device(name: str) -> int | str | None:
    if name in {"default", "none"}:
        return None
    return int(name) if name.isdigit() else name


def _print(text: str, *, rich: bool, verdict: str = "") -> None:
    """One line; on a terminal (`rich`) broken between words, its verdict in colour."""
    if rich:
        width = max(_NARROWEST, shutil.get_terminal_size().columns)
        text = textwrap.fill(text, width, subsequent_indent=_INDENT, break_on_hyphens=False, break_long_words=False)
        if verdict and not os.environ.get("NO_COLOR"):
            first, _, rest = text.partition(":")
            text = f"{click.style(first, fg=_COLOURS[verdict], bold=True)}:{rest}"
    click.echo(text)

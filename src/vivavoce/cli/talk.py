"""`viva talk`: choose the parts, hold the talk, leave with a code that says how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from click.core import ParameterSource

from vivavoce.errors import VivaError

if TYPE_CHECKING:
    from vivavoce.cli.screens import Screen
    from vivavoce.live import Outcome

_EXIT_CODES = {
    "goodbye": 0,
    "script_done": 0,
    "max_minutes": 0,
    "no_reply": 1,
    "error": 1,
    "settings": 2,
    "no_device": 3,
    "refused": 4,
    "lost": 5,
    "interrupt": 130,
}
HUNG_UP, TERMINATED = 129, 143


@dataclass(frozen=True, slots=True)
class Wishes:
    """The command line of `viva talk`.

    Attributes:
        turns: `--mic` and `--say` in the order in which they were given.
        given: the names of all options that were given.
    """

    server: str
    preview: bool
    model: str | None
    voice: str | None
    language: str | None
    instructions: str | None
    transcription_model: str | None
    key_env: str | None
    turns: tuple[tuple[str, str], ...]
    speaker: str
    tools: tuple[Path, ...]
    silence: int | None
    threshold: float | None
    semantic: bool
    push_to_talk: bool
    echo: Literal["auto", "cancel", "gate", "off"]
    noise_reduction: str
    barge_in: Literal["auto", "at-once", "confirmed"]
    max_minutes: float | None
    tape: Path | None
    brain: str
    recogniser: str
    json: bool
    verbose: bool
    plain: bool
    given: frozenset[str]


class _OrderedCommand(click.Command):
    """Remembers in which order `--mic` and `--say` were given: they are one queue."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Record the queue, then parse as ever."""
        turns: list[tuple[str, str]] = []
        rest = iter(args)
        for arg in rest:
            name, equals, value = arg.partition("=")
            if name in {"--mic", "--say"}:
                turns.append((name, value if equals else next(rest, "")))
            elif arg == "--":
                break
        ctx.meta["turns"] = tuple(turns)
        return super().parse_args(ctx, args)


@click.command(cls=_OrderedCommand)
@click.option(
    "--server", default="auto", show_default=True, metavar="auto|openai|azure|offline|URL", help="Who answers."
)
@click.option("--preview", is_flag=True, help="Speak Azure's deprecated preview protocol.")
@click.option("--model", metavar="M", help="Model; on Azure the deployment.")
@click.option("--voice", metavar="V", help="Voice of the assistant.")
@click.option(
    "--language",
    metavar="L",
    help="Language you speak, such as en or de; a server detects it if not given, offline it is English.",
)
@click.option("--instructions", metavar="TEXT|@FILE", help="What the assistant is told to be.")
@click.option("--transcription-model", metavar="M", help="Who writes down what you say; on Azure a deployment.")
@click.option(
    "--key-env", metavar="NAME", help="Send the key in this variable to --server URL, or offline to --brain URL."
)
@click.option(
    "--mic",
    multiple=True,
    metavar="default|none|DEVICE|FILE[@S]",
    help="Microphone, or a recording that speaks for "
    "you; several speak in turn, FILE@S begins S seconds after the first sound of the reply before it.",
)
@click.option(
    "--speaker",
    default="default",
    show_default=True,
    metavar="default|none|DEVICE|FILE.wav",
    help="Speaker, or a file that holds what would have been heard.",
)
@click.option("--say", multiple=True, metavar="TEXT", help="A typed turn, in one queue with --mic.")
@click.option(
    "--tools",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE.py",
    help="Offer the functions of this file to the model.",
)
@click.option("--silence", type=click.IntRange(0, 10_000), metavar="MS", help="Silence that ends your turn.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1), metavar="X", help="How sure it must be that you speak, 0 to 1."
)
@click.option(
    "--echo",
    type=click.Choice(["auto", "cancel", "gate", "off"]),
    default="auto",
    show_default=True,
    help="How the assistant is kept from hearing itself.",
)
@click.option(
    "--noise-reduction",
    type=click.Choice(["auto", "near", "far", "off"]),
    default="auto",
    show_default=True,
    help="What the server expects of your microphone: near your mouth, or far from it.",
)
@click.option(
    "--barge-in",
    type=click.Choice(["auto", "at-once", "confirmed"]),
    default="at-once",
    show_default=True,
    help="What stops the assistant: every sound that the server takes for speech; or only what is confirmed to be words, "
    "while a cough or an 'mm-hm' only holds it for a moment; auto confirms on sound cards, their echo cancelled or "
    "--echo off, where the model `base` is here.",
)
@click.option(
    "--push-to-talk",
    is_flag=True,
    help="You say when you speak: press space or Enter, and again when you are done; + and - are the volume.",
)
@click.option("--semantic", is_flag=True, help="Let the server judge from your words when you are done.")
@click.option(
    "--max-minutes", type=click.FloatRange(0, min_open=True), metavar="N", help="End the talk after N minutes."
)
@click.option(
    "--tape",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Keep the whole talk in this new folder, for viva replay and viva tape show.",
)
@click.option(
    "--brain",
    default="small",
    show_default=True,
    metavar="URL|PATH|small|medium",
    help="Language model of the offline engine; your own file of such a name is ./small.",
)
@click.option(
    "--recogniser",
    default="base",
    show_default=True,
    metavar="base|tiny.en|PATH",
    help="Recogniser of the offline engine.",
)
@click.option("--json", is_flag=True, help="One JSON object per line on stdout, logs on stderr.")
@click.option("--verbose", is_flag=True, help="Show the raw JSON of errors, and what each reply cost.")
@click.option("--plain", is_flag=True, help="Whole lines without colour, also on a terminal.")
@click.pass_context
def talk(ctx: click.Context, /, **given: object) -> None:
    """Talk with an AI model: speak, be answered, interrupt, say goodbye.

    Without --server the first that is configured answers: Azure OpenAI (AZURE_OPENAI_ENDPOINT), OpenAI (OPENAI_API_KEY), or
    the offline engine on this machine. On a terminal a typed line is a turn, too, but for
    /mute, /unmute and /volume 50. Ctrl-C ends the talk at once.
    """
    given.pop("mic")
    given.pop("say")
    named = frozenset(name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE)
    wishes = Wishes(turns=ctx.meta["turns"], given=named, **given)  # type: ignore[arg-type]  # click made them what the options say
    from vivavoce.cli.screens import complain, failed, has_keyboard, screen  # noqa: PLC0415  # `viva --help` needs none of it

    started = time.monotonic()
    listening = not wishes.turns or any(option == "--mic" and value != "none" for option, value in wishes.turns)
    lines = screen(
        sys.stdout,
        as_json=wishes.json,
        plain=wishes.plain,
        verbose=wishes.verbose,
        invites="press" if wishes.push_to_talk else "speak" if listening else "type" if has_keyboard() else None,
    )
    try:
        outcome, ended_by = asyncio.run(_hold(wishes, lines, started))
    except VivaError as error:
        failed(error, time.monotonic() - started, as_json=wishes.json)
        ctx.exit(error.exit_code)
    if ended_by == HUNG_UP:
        ctx.exit(HUNG_UP)  # there is no terminal any more to say anything on
    if outcome.error is not None and wishes.verbose and outcome.error.__cause__ is not None:
        import traceback  # noqa: PLC0415  # only for a bug, and only when asked for

        traceback.print_exception(outcome.error.__cause__)
    if outcome.error is not None and outcome.untold:
        complain(str(outcome.error))
    if ended_by:
        ctx.exit(ended_by)
    ctx.exit(outcome.error.exit_code if outcome.error else _EXIT_CODES[outcome.reason])


async def _hold(wishes: Wishes, screen: Screen, started: float) -> tuple[Outcome, int | None]:
    """One talk; and its exit code where a signal other than Ctrl-C ended it."""
    from vivavoce.cli.parts import parts_for  # noqa: PLC0415  # as above
    from vivavoce.live import Talk  # noqa: PLC0415  # as above

    parts = await parts_for(wishes, screen, dict(os.environ), started)
    talk_now = Talk(parts, started)  # the clock of asyncio's loops is time.monotonic
    ended_by = _on_signals(lambda: talk_now.leave("interrupt"))
    return await talk_now.run(), ended_by()


def _on_signals(leave: Callable[[], None]) -> Callable[[], int | None]:
    """Ctrl-C, SIGTERM and a terminal that is closed end the talk in good order; a second Ctrl-C ends the program.

    Supervisors send SIGTERM twice. A talk under `nohup` outlives its terminal.
    """
    import signal  # noqa: PLC0415  # as above

    loop = asyncio.get_running_loop()
    codes: dict[int, int | None] = {signal.SIGINT: None, signal.SIGTERM: TERMINATED}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        codes[signal.SIGHUP] = HUNG_UP
    seen: list[int] = []

    def arrived(number: int) -> None:
        seen.append(number)
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
            if sys.stderr is not None and sys.stderr.isatty():
                click.echo(err=True)  # the terminal has written ^C: what follows begins a line
        leave()

    def pass_on(number: int, _frame: object) -> None:
        with contextlib.suppress(RuntimeError):  # the talk is over and its loop closed
            loop.call_soon_threadsafe(arrived, number)

    for number in codes:
        signal.signal(number, pass_on)
    return lambda: next((code for number in seen if (code := codes[number])), None)

"""`viva`: one verb per file; a verb is imported when it is used."""

from __future__ import annotations

import atexit
import contextlib
import errno
import importlib
import os
import sys
from pathlib import Path

import click

from vivavoce import __version__
from vivavoce.errors import VivaError

INTERRUPTED = 130
_UNWRITABLE = frozenset({errno.ENOSPC, errno.EFBIG})

_VERBS = {
    "talk": ("vivavoce.cli.talk", "Talk with an AI model: speak, be answered, interrupt, say goodbye."),
    "replay": ("vivavoce.cli.replay", "Show a recorded talk again, and check that nothing differs."),
    "tape": ("vivavoce.cli.tape", "What is on the tape of a talk: a picture and a table."),
    "doctor": ("vivavoce.cli.doctor", "Look at everything a talk needs, and say what is to be mended."),
    "devices": ("vivavoce.cli.devices", "List the microphones and speakers, and what they can do."),
    "engine": ("vivavoce.cli.engine", "Serve the offline engine over the Realtime protocol."),
    "models": ("vivavoce.cli.models", "List and fetch the models of the offline engine."),
}


class _Verbs(click.Group):
    """A group whose help is written without importing its commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        if cmd_name not in _VERBS:
            return None
        command: click.Command = getattr(importlib.import_module(_VERBS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in _VERBS.items()])


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="viva")
def viva() -> None:
    """Viva Voce: talk with an AI model, from a terminal.

    Exit codes: 0 ended as wished, 1 no reply or internal error, 2 wrong use or settings, 3 no audio device, 4 refused by the
    server, 5 connection lost, 6 models not to be had, 129 the terminal was closed, 130 Ctrl-C, 143 terminated.
    """


def main() -> None:
    """The command `viva`. Every error of ours is one sentence on stderr and its exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us: nobody reads it
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  until the end
    try:
        code = viva.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except VivaError as error:
        from vivavoce.cli.screens import complain  # noqa: PLC0415  # `viva --help` needs none of it

        complain(str(error))
        code = error.exit_code
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise
        click.echo(f"Error: What is said here cannot be written any more ({error.strerror}).", err=True)
        code = 1
    _close_stdout()
    sys.exit(code if isinstance(code, int) else 0)


def run() -> None:
    """`main` as a process of its own, which ends without taking the interpreter apart.

    Taken apart under threads of C libraries that still call it, it was aborted now and then (livekit 1.2 on a busy machine).
    """
    ended: list[int] = []
    atexit.register(_leave, ended)  # before what a command loads, so that it comes last
    try:
        main()
    except SystemExit as end:
        ended.append(end.code if isinstance(end.code, int) else 0)
        raise


def _leave(ended: list[int]) -> None:
    """All is put away: go."""
    if ended:
        with contextlib.suppress(OSError):  # nobody reads it any more
            sys.stderr.flush()
        os._exit(ended[0])


def _close_stdout() -> None:
    """Flush; where the reader of the pipe went away, let the interpreter's own last flush go nowhere."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

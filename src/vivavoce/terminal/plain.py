"""Plain lines for people, screen readers and log files: whole lines only, no cursor tricks. A terminal's are broken between words.

The assistant's words are written sentence by sentence as they are heard; a finished item leaves an empty line.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Literal, TextIO

from vivavoce.session import happenings as told
from vivavoce.session.happenings import CUTS, Happening

Invites = Literal["speak", "press", "type"]
_SENTENCE_END = re.compile(r"[.!?…][\"')\]]*\s+|[。！？]|\n")  # noqa: RUF001  # the marks of Chinese and Japanese
_LEAST_COLUMNS = 40  # in less, the terminal breaks lines as it likes
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LEAST_SHOWN_MS = 50  # less would be 0.0 s
_COLOURS = {"you": "36", "assistant": "32", "note": "2", "warning": "33", "error": "31"}


class PlainLines:
    """The Screen of `viva talk`."""

    def __init__(
        self,
        out: TextIO,
        *,
        colour: bool = False,
        verbose: bool = False,
        invites: Invites | None = "speak",
        columns: Callable[[], int] | None = None,
    ) -> None:
        """Where the lines go.

        Args:
            out: whole lines are written and flushed.
            colour: with ANSI colours.
            verbose: with raw JSON of errors, harmless errors, usage.
            invites: what the person is asked to do when the talk begins; None where they can do nothing.
            columns: how wide the terminal is now: longer lines are broken between words. None: no line is broken.
        """
        self._out = out
        self._colour = colour
        self._verbose = verbose
        self._invitation = _INVITATIONS[invites] if invites else None
        self._columns = columns
        self._held = ""
        self._speaker_named = False

    def show(self, happening: Happening, t: float, out_ms: int | None) -> None:  # noqa: ARG002  # a person needs no sample clock
        """Write what a person wants to know of it, as whole lines."""
        match happening:
            case told.AssistantDelta():
                self._say(happening.text)
            case told.AssistantSaid():
                self._finish_item(happening)
            case told.UserSaid():
                self._line("you", happening.text or "(not understood)", "You: ")
            case told.SpeechBegan():
                self._line("note", f"[{t:.1f} s] you are speaking")
            case told.SpeechEnded():
                self._line("note", f"[{t:.1f} s] you stopped speaking")
            case told.Errored():
                self._error(happening)
            case _:
                self._note(happening)

    def announce(self, line: str) -> None:
        """A line of the program itself: which server and why."""
        self._line("note", line)

    def _note(self, happening: Happening) -> None:
        match happening:
            case told.Ready():
                self._line("note", f"Connected to {happening.server}, model {happening.model}.")
                if self._invitation:
                    self._line("note", f"{self._invitation}; to finish, just say goodbye.")
            case told.Called():
                self._line(
                    "note", f"[call] {happening.name}({_spoken(happening.arguments)}) -> {_spoken(happening.output)}"
                )
            case told.Warned():
                self._line("warning", f"Note: {happening.message}")
            case told.Used() if self._verbose:
                self._write("note", f"[usage] {json.dumps(happening.raw)}")  # JSON stays in one piece, to be copied
            case told.Ended():
                self._line("note", _FAREWELLS.get(happening.reason, "The talk is over."))
            case told.Reconnecting() | told.Reconnected() | told.Renewed():
                self._connection(happening)
            case told.Ducked() if self._verbose:
                self._line("note", "A sound over the reply: quieter until it is clear whether you speak.")
            case told.Restored() if self._verbose:
                self._line("note", "It was no speech; the reply goes on.")
            case _:
                pass  # the details of a cut are in the interruption line

    def _connection(self, happening: told.Reconnecting | told.Reconnected | told.Renewed) -> None:
        match happening:
            case told.Reconnecting():
                why = f" ({happening.message})" if self._verbose else ""
                self._line("warning", f"Note: The connection is lost; connecting again, what you say is kept.{why}")
            case told.Reconnected():
                self._line("note", "Connected again; the conversation goes on.")
            case told.Renewed() if self._verbose:
                self._line("note", f"A new session took over: {happening.session_id}.")

    def _say(self, text: str) -> None:
        self._held += text
        while found := _SENTENCE_END.search(self._held):
            self._sentence(self._held[: found.end()])
            self._held = self._held[found.end() :]

    def _sentence(self, text: str) -> None:
        if text.strip():
            before = "Assistant: "
            self._line("assistant", text.strip(), " " * len(before) if self._speaker_named else before)
            self._speaker_named = True

    def _finish_item(self, said: told.AssistantSaid) -> None:
        if said.interrupted and self._held.strip():
            self._held += " ..."
        self._sentence(self._held)
        if said.interrupted:
            self._sentence(f"({CUTS[said.cut_by or 'person']}, {_heard(said.heard_ms)} heard)")
        self._held, self._speaker_named = "", False
        self._line("assistant", "")

    def _error(self, error: told.Errored) -> None:
        if error.expected and not self._verbose:
            return
        self._line("error", f"Error: {error.message}")
        if self._verbose and error.raw is not None:
            self._write("note", json.dumps(error.raw))

    def _line(self, kind: str, text: str, before: str = "") -> None:
        """`text` behind `before`, on a terminal broken between words, with room for `before` in all lines."""
        text = _CONTROL.sub(" ", text)  # whatever a model or a server says, a line is a line and moves no cursor
        self._write(kind, broken(text, self._columns() if self._columns else 0, before))

    def _write(self, kind: str, text: str) -> None:
        if self._colour and text:
            text = f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m"
        print(text, file=self._out, flush=True)


def broken(text: str, columns: int, before: str = "") -> str:
    """`before` and `text` in lines of so many characters, broken between words; in one line, where a word is longer."""
    longest = max(map(len, text.split()), default=0)
    if columns < _LEAST_COLUMNS or len(before) + longest > columns:
        return before + text
    indent = " " * len(before)
    lines = textwrap.wrap(
        text, columns, initial_indent=before, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines)


_INVITATIONS: Mapping[Invites, str] = {
    "speak": "Listening. Speak when you like",
    "press": "Press space or Enter, speak, and press again when you are done",
    "type": "Type a line when you like",
}
_FAREWELLS: Mapping[str, str] = {
    "goodbye": "Goodbye.",
    "script_done": "That was everything.",
    "max_minutes": "The time you set is over.",
    "interrupt": "Stopped.",
}


def _heard(ms: int) -> str:
    return f"{ms / 1000:.1f} s were" if ms >= _LEAST_SHOWN_MS else "none of it was"


def _spoken(value: object) -> str:
    write: Callable[[object], str] = lambda v: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)  # noqa: E731
    return ", ".join(f"{k}={write(v)}" for k, v in value.items()) if isinstance(value, Mapping) else write(value)

"""What a check found: one sentence, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from vivavoce.errors import VivaError

__all__ = ["Finding", "Verdict", "in_two", "mend", "of_error"]

Verdict = Literal["ok", "note", "mend", "skipped"]
"""All well; good to know; something to mend; not looked at, because something before it is to be mended."""

_OPENING, _CLOSING = "(", ")"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: the name of the check, such as `microphone`; stable.
        verdict: how it stands.
        sentence: what is so, or what is wrong.
        fix: what to do; "" where there is nothing to do.
        facts: the numbers and names behind the sentence, fit for JSON; no key among them.
        because: of a skipped check, the name of the check at fault.
    """

    check: str
    verdict: Verdict
    sentence: str
    fix: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    because: str = ""


def mend(check: str, sentence: str, fix: str, **facts: Any) -> Finding:
    """A fault and what to do about it."""
    return Finding(check, "mend", sentence, fix, facts)


def of_error(check: str, error: VivaError, **facts: Any) -> Finding:
    """The finding of an error of ours: its text says what is wrong, then what to do."""
    sentence, fix = in_two(str(error))
    return mend(check, sentence, fix, error=type(error).__name__, **facts)


def in_two(text: str) -> tuple[str, str]:
    """What is wrong and what to do: divided at the first colon or full stop outside of parentheses and quotes.

    A text that is one clause is both.
    """
    place = _division(text)
    if place is None:
        return text, text
    wrong, do = text[:place], text[place + 1 :].strip()
    return f"{wrong}.", f"Run {do}" if do.startswith("pip ") else do[:1].upper() + do[1:]


def _division(text: str) -> int | None:
    depth, quoted = 0, False
    for place, letter in enumerate(text[:-1]):
        if letter == '"':
            quoted = not quoted
        elif not quoted and letter in _OPENING + _CLOSING:
            depth += 1 if letter == _OPENING else -1
        elif not quoted and depth == 0 and letter in ":." and text[place + 1] == " ":
            return place
    return None

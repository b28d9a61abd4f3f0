"""A stream of words -> clauses to be spoken, so that the first one sounds while the rest is still being thought.

The clauses, put together, are the text itself, spaces included. The text comes in pieces that end between words, as a
mind yields `Words`: a piece that ends in a full stop ends a clause without waiting for the next one. A clause ends

* behind `.` `!` `?` `:` and the like at the end of a word ("3.5" and "Dr. Who" stay whole);
* behind `,` or `;` at once, when it is long enough: short for the first clause, longer for the later ones, because a
  voice reads a longer piece better;
* at a space when it grows far too long.
"""

from __future__ import annotations

import re

FIRST_COMMA = 12
LATER_COMMA = 48
LONGEST = 180

_ENDS = re.compile(r"[.!?:…]+[\"')\]]*(?=\s|$)|\n+")
_COMMA = re.compile(r"[,;—](?!\d)")
_ABBREVIATION = re.compile(r"(?:^|\s)(?:Mr|Mrs|Ms|Dr|St|Prof|No|vs|etc|e\.g|i\.e|[A-Z])\.$")
_HAS_WORDS = re.compile(r"\w")


class Clauses:
    """Words in, clauses out."""

    def __init__(self) -> None:
        self._text = ""
        self._is_first = True

    def feed(self, words: str) -> list[str]:
        """The clauses that are complete now."""
        self._text += words
        found: list[str] = []
        while end := self._end():
            found.append(self._text[:end])
            self._text = self._text[end:]
            self._is_first = False
        return found

    def rest(self) -> list[str]:
        """What is left at the end: one clause or none."""
        text, self._text = self._text, ""
        return [text] if text.strip() else []

    def _end(self) -> int:
        """Where the first complete clause ends; 0 when there is none."""
        ends = [match.end() for match in _ENDS.finditer(self._text) if self._is_end(match.end())]
        shortest = FIRST_COMMA if self._is_first else LATER_COMMA
        commas = [match.end() for match in _COMMA.finditer(self._text) if match.end() >= shortest]
        if ends or commas:
            return min(ends + commas)
        return self._text.rfind(" ", 1, LONGEST) if len(self._text) > LONGEST else 0

    def _is_end(self, end: int) -> bool:
        return _HAS_WORDS.search(self._text[:end]) is not None and not _ABBREVIATION.search(self._text[:end])

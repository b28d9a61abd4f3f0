"""Where words go in the picture of a talk: wrapped into their own place, never over others. Inches; no drawing here."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["FONT_PT", "Lane", "Note", "clean", "placed", "row_s", "rows", "width_in"]

FONT_PT = 8.0
_CHAR_IN = 0.56 * FONT_PT / 72  # DejaVu Sans, an average letter
_GAP_IN = 0.08
_LEAST_IN = 1.1
_AWAY_IN = 0.45
_LINES = 3
_SHORT_S, _LONG_S, _MOST_ROWS = 30.0, 60.0, 60
_LEAST_S = 2.0


@dataclass(frozen=True, slots=True)
class Note:
    """Words at a place, already broken into lines."""

    x_in: float
    text: str


def row_s(length_s: float) -> float:
    """Seconds in one row: a short talk is one row; half a minute; a minute for a long talk; more for a very long one."""
    if length_s <= _SHORT_S:
        return max(_LEAST_S, math.ceil(length_s))
    if length_s <= 10 * _SHORT_S:
        return _SHORT_S
    return _LONG_S * max(1, math.ceil(length_s / _LONG_S / _MOST_ROWS))


def rows(length_s: float) -> Iterator[tuple[float, float]]:
    """Begin and end of each row."""
    step_s = row_s(length_s)
    for row in range(max(1, math.ceil(length_s / step_s))):
        yield row * step_s, (row + 1) * step_s


def clean(text: str) -> str:
    """Text on one line that every picture can hold: no control characters, no halves of a character."""
    whole = text.encode("utf-8", "replace").decode()
    return " ".join("".join(" " if unicodedata.category(char) == "Cc" else char for char in whole).split())


def width_in(text: str) -> float:
    """How wide a line of text is, rather too much than too little."""
    return sum(1.8 if unicodedata.east_asian_width(char) in "WF" else 1.0 for char in text) * _CHAR_IN


class Lane:
    """One line on which labels stand beside each other."""

    def __init__(self, end_in: float) -> None:
        self._end_in = end_in
        self._free_in = 0.0

    def place(self, x_in: float, text: str, *, centred: bool = False) -> float | None:
        """The left edge for a label that would like to be at `x_in`; None where there is no room near it."""
        width = width_in(text)
        wish = x_in - width / 2 if centred else x_in
        left = max(self._free_in, min(wish, self._end_in - width))
        if left - wish > _AWAY_IN or left + width > self._end_in:
            return None
        self._free_in = left + width + _GAP_IN
        return left


def placed(words: Sequence[tuple[float, str]], end_in: float) -> list[Note]:
    """Texts of one lane (`clean`), each from its place to the next one's; one at the end of the row may begin before its place."""
    found: list[Note] = []
    free_in = 0.0
    for index, (x_in, text) in enumerate(words):
        limit = words[index + 1][0] - _GAP_IN if index + 1 < len(words) else end_in
        left = max(free_in, min(x_in, limit - min(_LEAST_IN, width_in(text) + _GAP_IN)))
        lines = _wrapped(text, limit - left)
        if lines:
            found.append(Note(left, "\n".join(lines)))
            free_in = left + max(width_in(line) for line in lines) + _GAP_IN
    return found


def _wrapped(text: str, room_in: float) -> list[str]:
    wide = width_in(text) / (_CHAR_IN * len(text)) if text else 1.0
    columns = int(room_in / _CHAR_IN / wide)
    if columns < 3:  # noqa: PLR2004  # not even a letter and its dots
        return []
    return textwrap.wrap(text, columns, max_lines=_LINES, placeholder="…", break_on_hyphens=False)

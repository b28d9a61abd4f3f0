"""From what a model writes to what a voice can say: no markdown, no lists, no emoji; in whole pieces as they come."""

from __future__ import annotations

import re
import unicodedata

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_BULLET = re.compile(r"(?m)^[ \t]*(?:[-*+\u2022]|\d{1,2}[.)])[ \t]+")
_HEADING = re.compile(r"(?m)^[ \t]*(?:#{1,6}|>)[ \t]+")
_MARKS = re.compile(r"\*{1,3}|`{1,3}|~~|(?<!\w)_{1,2}|_{1,2}(?!\w)|<[/|]?[a-z_|]+[|/]?>")
_LABEL = re.compile(r"^\s*(?:assistant|answer|reply|ai)\s*:\s*", re.IGNORECASE)
_JOINERS = {"\u200d", "\ufe0e", "\ufe0f", "\u20e3"}
_BREAK = re.compile(r"[ \t]*\n\s*")
_SPACES = re.compile(r"[ \t]{2,}")
_SPOKEN_SYMBOLS = frozenset("°©®™€£$¥%+=<>^|~")
_UNFINISHED = re.compile(r"[\s*_`#\[\]()<>!|~-]*$")
_FIRST_HELD = 12


def clean(text: str) -> str:
    """A whole text, ready for the voice."""
    text = _LINK.sub(r"\1", text)
    text = _MARKS.sub("", _HEADING.sub("", _BULLET.sub("", text)))
    text = "".join(one for one in text if not _picture(one))
    return _SPACES.sub(" ", _BREAK.sub(_joined, text))


def _picture(one: str) -> bool:
    return one in _JOINERS or (unicodedata.category(one) in {"So", "Sk", "Cs"} and one not in _SPOKEN_SYMBOLS)


def _joined(gap: re.Match[str]) -> str:
    """Lines become sentences: a full stop where a line had no end of its own."""
    before = gap.string[: gap.start()].rstrip()
    return " " if not before or before[-1] in ".,;:!?" else ". "


class Stream:
    """The same for a text that comes in pieces: `add` answers what may be spoken, `end` the rest.

    Pieces are cut between words, so that a mark which spans two pieces is seen whole.
    """

    def __init__(self) -> None:
        self._held = ""
        self._begun = False
        self._last = ""

    def add(self, piece: str) -> str:
        """What of the text so far may be spoken now, "" while it must wait."""
        self._held += piece
        if not self._begun and len(self._held) < _FIRST_HELD and not self._held.rstrip().endswith((".", "!", "?")):
            return ""  # a label such as "Answer:" is seen whole
        cut = self._cut()
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._say(ready)

    def end(self) -> str:
        """What was held back."""
        rest, self._held = self._held, ""
        return self._say(rest).rstrip()

    def _cut(self) -> int:
        """Up to the last space whose word before it is complete; a line break is kept with what follows it."""
        text = self._held
        if text.rfind("[") > text.rfind(")"):
            text = text[: text.rfind("[")]  # perhaps a link
        last = max(text.rfind(" "), 0)
        return len(_UNFINISHED.sub("", text[:last]))

    def _say(self, text: str) -> str:
        if not self._begun:
            text = _LABEL.sub("", text).lstrip()
        spoken = clean(self._last + text)[len(self._last) :] if self._last else clean(text)
        if not self._begun:
            spoken = spoken.lstrip()
        if spoken.strip():
            self._begun = True
            self._last = "." if spoken.rstrip()[-1] in ".,;:!?" else "x"
        return spoken

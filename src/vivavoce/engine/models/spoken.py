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
_UNFINISHED = re.compile(r"[\s*_`#\[(<!|~-]*$")
_LIST_MARK = re.compile(r"(?:^|\n)[ \t]*(?:[-*+\u2022]|\d{1,2}[.)])?$")
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
    """The same for a text that comes in pieces: `add` answers what may be spoken now, `end` the rest.

    Pieces are cut between words, where no mark is half seen.
    """

    def __init__(self) -> None:
        self._text = ""
        self._said = 0

    def add(self, piece: str) -> str:
        """What of the text so far may be spoken now, "" while it must wait."""
        self._text += piece
        if not self._said and len(self._text) < _FIRST_HELD and not self._text.rstrip().endswith((".", "!", "?")):
            return ""  # a label such as "Answer:" is seen whole
        return self._more(self._text[: self._cut()])

    def end(self) -> str:
        """What was held back."""
        return self._more(self._text)

    def _cut(self) -> int:
        """Behind the last word that is complete and not the mark of a list."""
        text = self._text
        if text.rfind("[") > text.rfind(")"):
            text = text[: text.rfind("[")]  # perhaps a link
        text = text[: max(text.rfind(" "), text.rfind("\n"), 0)]
        return len(_UNFINISHED.sub("", _LIST_MARK.sub("", text)))

    def _more(self, text: str) -> str:
        """What has become sayable since the last time."""
        whole = clean(_LABEL.sub("", text)).strip()
        more, self._said = whole[self._said :], max(self._said, len(whole))
        return more

"""What is heard of a person while the assistant speaks."""

from __future__ import annotations

from enum import Enum, auto


class Judged(Enum):
    """What a sound over a reply was found to be."""

    SOUND = auto()  # a sound began that may be a person who wants to speak
    SPEECH = auto()  # it is: words
    NOTHING = auto()  # it was not: a cough, a laugh, a click, "mm-hm", a noise

"""Who is speaking: a table.

The server finishes sending long before the person has finished hearing, so SPEAKING ends when the speaker is drained, not
at `response.done`. A pair that is not in the table leaves the floor as it is.

    QUIET ----speech_started---> LISTENING --speech_stopped--> THINKING --sound--> SPEAKING --settled--> QUIET
      `------asked-----------------------------------------------^          speech_started leads to LISTENING from everywhere
"""

from __future__ import annotations

from enum import Enum, auto


class Floor(Enum):
    """Whose turn it is."""

    QUIET = auto()
    LISTENING = auto()
    THINKING = auto()
    SPEAKING = auto()


class Signal(Enum):
    """What moves the floor."""

    SPEECH_STARTED = auto()
    SPEECH_STOPPED = auto()
    ASKED = auto()
    SOUND = auto()
    SETTLED = auto()


_TABLE: dict[tuple[Floor, Signal], Floor] = {
    (Floor.QUIET, Signal.SPEECH_STARTED): Floor.LISTENING,
    (Floor.THINKING, Signal.SPEECH_STARTED): Floor.LISTENING,
    (Floor.SPEAKING, Signal.SPEECH_STARTED): Floor.LISTENING,
    (Floor.LISTENING, Signal.SPEECH_STOPPED): Floor.THINKING,
    (Floor.QUIET, Signal.ASKED): Floor.THINKING,
    (Floor.QUIET, Signal.SOUND): Floor.SPEAKING,
    (Floor.THINKING, Signal.SOUND): Floor.SPEAKING,
    (Floor.THINKING, Signal.SETTLED): Floor.QUIET,
    (Floor.SPEAKING, Signal.SETTLED): Floor.QUIET,
}


def move(floor: Floor, signal: Signal) -> Floor:
    """Whose turn it is after `signal`."""
    return _TABLE.get((floor, signal), floor)

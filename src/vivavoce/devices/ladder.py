"""Which way the microphone is kept free of the assistant's own voice, and how that is told to the person.

    cancel   the echo is taken out; the person may speak at any time
    gate     what a simple filter leaves of the echo is held back until something stands out of it
    half     the microphone is silent while the assistant speaks
    off      nothing is done, because the person wished so

`auto` climbs down as far as what is installed and what is measured demand; any other wish is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Wish = Literal["auto", "cancel", "gate", "off"]
Rung = Literal["cancel", "gate", "half", "off"]
Field = Literal["near_field", "far_field"]

WISHES: tuple[Wish, ...] = ("auto", "cancel", "gate", "off")
ENOUGH_S = 2.0
_LEAST_GAIN_DB = 6.0
_FAINT_DB = -50.0
_NO_ECHO_DB = -35.0
_WORN = re.compile(
    r"head-?\s?(set|phone)|ear-?\s?(phone|bud|pod)|\bbuds\b|airpods|hands-?free|lavalier|plantronics|poly\s|jabra (evolve|elite)",
    re.IGNORECASE,
)

_SENTENCES: dict[Rung, str] = {
    "cancel": "Echo cancellation is on: interrupt the assistant by speaking.",
    "gate": "Echo cancellation is not installed (pip install 'vivavoce[echo]'): "
    "to interrupt the assistant, speak louder than its echo.",
    "half": "The echo cannot be cancelled here: the microphone is silent while the assistant speaks. "
    "With headphones, or with --push-to-talk, you can interrupt it.",
    "off": "Echo cancellation is off: without headphones the assistant may hear itself.",
}
_GATE_WISHED = "Only an echo gate is on: to interrupt the assistant, speak louder than its echo."


@dataclass(frozen=True, slots=True)
class Measured:
    """The echo while only the assistant was to be heard.

    Attributes:
        seconds: of sound that this rests on.
        echo_db: the microphone against what is played.
        mic_db: the microphone, full scale 0.
        cancelled_db: how much of that was taken away before any gate.
    """

    seconds: float
    echo_db: float
    mic_db: float
    cancelled_db: float


@dataclass(frozen=True, slots=True)
class Choice:
    """A rung of the ladder and one line about it."""

    rung: Rung
    sentence: str


def choose(wish: Wish, *, installed: bool, measured: Measured | None = None) -> Choice:
    """The rung for a wish, for what is installed, and for the echo as measured so far."""
    if wish == "off":
        return Choice("off", _SENTENCES["off"])
    if wish == "gate":
        return Choice("gate", _GATE_WISHED)
    if wish == "cancel":
        return Choice("cancel", _SENTENCES["cancel"])
    if measured is not None and _hopeless(measured):
        return Choice("half", _SENTENCES["half"])
    rung: Rung = "cancel" if installed else "gate"
    return Choice(rung, _SENTENCES[rung])


def _hopeless(measured: Measured) -> bool:
    heard = measured.mic_db > _FAINT_DB and measured.echo_db > _NO_ECHO_DB
    return heard and measured.seconds >= ENOUGH_S and measured.cancelled_db < _LEAST_GAIN_DB


def noise_field(microphone: str, speaker: str) -> Field:
    """`noise_reduction` that fits: near for a microphone at the mouth, far for one on a table; by what people call the two."""
    return "near_field" if _WORN.search(microphone) or _WORN.search(speaker) else "far_field"

"""Who judges what stops a reply: the detector of barge-ins, with a second ear where the recogniser's model is on this machine."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from vivavoce.errors import BadSettings

if TYPE_CHECKING:
    from vivavoce.devices.barge_words import Later, WordsEar
    from vivavoce.ports import Ear

MODEL = "base"
"""The only model whose encoder was learned from (bench/bargein_train_words.py)."""


def ear_for(
    wish: Literal["auto", "at-once", "confirmed"],
    *,
    obeys: bool,
    closed: str,
    clear: bool,
    far: bool,
    tell: Callable[[str], None],
) -> Ear | None:
    """The detector; None where the server decides what interrupts.

    Args:
        wish: `--barge-in`. With `auto` there is a detector only where it has its second ear, a clear sound and such a server.
        obeys: the server is known to leave cutting and answering to us; another may answer a first turn twice.
        closed: what interrupts where the microphone is not open all the time; "" where it is.
        clear: microphone and speaker are sound cards, and the echo is cancelled; behind a mere gate the detector misses too much.
        far: the server is another program: the second ear loads while we connect, which is waiting. Else it loads with the first
            sound: beside the offline engine's own models it made the talk begin 0.4 to 1 s later, on two busy cores.
        tell: a line for the person.

    Raises:
        BadSettings: `confirmed`, and the microphone is not open all the time.
    """
    if wish == "at-once":
        return None
    if closed and wish == "confirmed":
        raise BadSettings(
            "--barge-in confirmed needs a microphone that is always open, or a recording: leave --push-to-talk, --mic none, "
            "and --say without --mic FILE out."
        )
    lacking = _lacking()
    if wish == "auto" and (why := _left_to_others(closed, obeys=obeys, clear=clear, lacking=lacking)):
        tell(f"Barge-in: {why}.")
        return None
    second = second_ear()
    if lacking:
        tell(f"Without its second ear the detector of barge-ins errs more often: {lacking}.")
    elif far and second:
        second.wake()
    unless = "" if obeys else ", unless this server answers by itself"
    tell(f"Barge-in: decided on this machine: a sound over a reply pauses it, words stop it{unless}.")
    from vivavoce.devices.bargein import BargeInDetector  # noqa: PLC0415  numpy, which a typed talk does not need

    return BargeInDetector(second)


def _left_to_others(closed: str, *, obeys: bool, clear: bool, lacking: str | None) -> str | None:
    """What interrupts, with `auto`, where it is not decided here."""
    if closed:
        return closed
    if not obeys:
        return "the server decides: whether this one would leave it to us is not known"
    if not clear:
        return "the server decides: auto needs microphone and loudspeaker of this machine, their echo cancelled or --echo off"
    return f"the server decides: to have words told from coughs on this machine, {lacking}" if lacking else None


def second_ear() -> Later | None:
    """Words told from other sounds by the recogniser's encoder; None where that is not installed, or its model not here."""
    if _lacking():
        return None
    from vivavoce.devices.barge_words import Later  # noqa: PLC0415  numpy

    return Later(_loaded)


def _lacking() -> str | None:
    """What to do to have the second ear; None where all is here."""
    from vivavoce.engine.models import registry  # noqa: PLC0415  only where somebody is listened to
    from vivavoce.engine.models.weights import Weights  # noqa: PLC0415  as above

    fetch = f"viva models fetch {MODEL}"
    if not (importlib.util.find_spec("ctranslate2") and importlib.util.find_spec("tokenizers")):
        return f"pip install 'vivavoce[offline]', then {fetch}"
    return None if Weights().present(registry.named(MODEL)) else fetch


def _loaded() -> WordsEar:
    """Nothing is fetched here. Raises `ModelMissing` where a file is damaged."""
    from vivavoce.devices.barge_words import WordsEar  # noqa: PLC0415  numpy
    from vivavoce.engine.models import registry  # noqa: PLC0415  on the ear's own thread
    from vivavoce.engine.models.weights import Weights  # noqa: PLC0415  on the ear's own thread
    from vivavoce.engine.models.whisper import Whisper  # noqa: PLC0415  comes with the extra

    return WordsEar(Whisper(Weights().here(registry.named(MODEL))))

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
_FETCH = f"pip install 'vivavoce[offline]', then viva models fetch {MODEL}"


def ear_for(
    wish: Literal["auto", "at-once", "confirmed"],
    *,
    obeys: bool,
    listens: bool,
    clear: bool,
    far: bool,
    tell: Callable[[str], None],
) -> Ear | None:
    """The detector; None where the server decides what interrupts.

    Args:
        wish: `--barge-in`. With `auto` there is a detector only where it has its second ear, a clear sound and such a server.
        obeys: the server is known to leave cutting and answering to us; another may answer a first turn twice.
        listens: the microphone is open all the time.
        clear: microphone and speaker are sound cards, and the echo is cancelled; behind a mere gate the detector misses too much.
        far: the server is another program: the second ear loads while we connect, which is waiting. Else it loads with the first
            sound: beside the offline engine's own models it made the talk begin 0.4 to 1 s later, on two busy cores.
        tell: a line for the person.

    Raises:
        BadSettings: `confirmed`, and the microphone is not open all the time.
    """
    if wish == "at-once":
        return None
    if wish == "auto" and (why := _left_to_the_server(obeys=obeys, listens=listens, clear=clear)):
        tell(f"Barge-in: the server decides: {why}.")
        return None
    if not listens:
        raise BadSettings(
            "--barge-in confirmed needs a microphone that is always open: leave --push-to-talk and --mic none out."
        )
    second = second_ear()
    if second is None:
        if wish == "auto":
            tell(f"Barge-in: the server decides: for words told from coughs here, {_FETCH}.")
            return None
        tell(f"Without its second ear the detector of barge-ins errs more often: {_FETCH}.")
    elif far:
        second.wake()
    tell("Barge-in: a sound over a reply pauses it, words stop it.")
    from vivavoce.devices.bargein import BargeInDetector  # noqa: PLC0415  numpy, which a typed talk does not need

    return BargeInDetector(second)


def _left_to_the_server(*, obeys: bool, listens: bool, clear: bool) -> str | None:
    """Why `auto` does not judge here, whatever model there is."""
    if not listens:
        return "the microphone is not always open"
    if not obeys:
        return "whether this one leaves that to us is not known"
    return (
        None if clear else "only where sound cards are used and their echo is cancelled can words be told from coughs"
    )


def second_ear() -> Later | None:
    """Words told from other sounds by the recogniser's encoder; None where that is not installed, or its model not here."""
    from vivavoce.engine.models import registry  # noqa: PLC0415  only where somebody is listened to
    from vivavoce.engine.models.weights import Weights  # noqa: PLC0415  as above

    installed = importlib.util.find_spec("ctranslate2") and importlib.util.find_spec("tokenizers")
    if not installed or not Weights().present(registry.named(MODEL)):
        return None
    from vivavoce.devices.barge_words import Later  # noqa: PLC0415  numpy

    return Later(_loaded)


def _loaded() -> WordsEar:
    """Nothing is fetched here. Raises `ModelMissing` where a file is damaged."""
    from vivavoce.devices.barge_words import WordsEar  # noqa: PLC0415  numpy
    from vivavoce.engine.models import registry  # noqa: PLC0415  on the ear's own thread
    from vivavoce.engine.models.weights import Weights  # noqa: PLC0415  on the ear's own thread
    from vivavoce.engine.models.whisper import Whisper  # noqa: PLC0415  comes with the extra

    return WordsEar(Whisper(Weights().here(registry.named(MODEL))))

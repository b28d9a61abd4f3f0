"""Options of `viva talk` that are given and change nothing: said in one line each, not swallowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivavoce.cli.talk import Wishes

_BRAIN, _RECOGNISER = "small", "base"  # what `viva talk` has where nothing is given


def without_effect(wishes: Wishes, *, offline: bool, cards: bool) -> Iterator[str]:
    """A sentence for each such option.

    Args:
        wishes: the command line.
        offline: the offline engine answers.
        cards: microphone and speaker are sound cards.
    """
    for option, given, why in (*_of_the_server(wishes, offline=offline), *_of_the_turns(wishes)):
        if given:
            yield f"{option} changes nothing here: {why}."
    if wishes.echo != "auto" and (wishes.push_to_talk or not cards):
        why = "with --push-to-talk it is not heard" if cards else "there is no sound card that could bring it back"
        yield f"--echo {wishes.echo} changes nothing here: the assistant's voice is what it keeps out, and {why}."


def _of_the_server(wishes: Wishes, *, offline: bool) -> Iterator[tuple[str, bool, str]]:
    if offline:
        yield "--voice", wishes.voice is not None, "the offline engine has one voice"
        yield "--model", wishes.model is not None, "the offline engine's language model is chosen with --brain"
        yield "--noise-reduction", wishes.noise_reduction in {"near", "far"}, "the offline engine has none"
    else:
        why = "it is for the offline engine, and a server answers"
        yield "--brain", wishes.brain != _BRAIN, why
        yield "--recogniser", wishes.recogniser != _RECOGNISER, why


def _of_the_turns(wishes: Wishes) -> Iterator[tuple[str, bool, str]]:
    if not (wishes.push_to_talk or wishes.semantic):
        return
    why = "your key ends a turn" if wishes.push_to_talk else "with --semantic your words end a turn"
    yield "--silence", wishes.silence is not None, why
    yield "--threshold", wishes.threshold is not None, why
    yield "--semantic", wishes.semantic and wishes.push_to_talk, why

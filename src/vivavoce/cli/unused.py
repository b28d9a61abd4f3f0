"""Options of `viva talk` that are given and change nothing: said in one line each, not swallowed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

_TURNS = ("silence", "threshold", "semantic")


def without_effect(given: Collection[str], *, offline: bool, heard: bool, cards: bool) -> Iterator[str]:
    """A sentence for each such option.

    Args:
        given: the names of the options on the command line, as `Wishes` has them.
        offline: the offline engine answers.
        heard: there is a microphone, or a recording that speaks.
        cards: microphone and speaker are sound cards.
    """
    reasons = {**_of_the_server(given, offline=offline), **_of_the_turns(given, heard=heard)}
    if "push_to_talk" in given:
        reasons["echo"] = "your key silences the assistant while you speak"
    elif not cards:
        reasons["echo"] = "echo comes of a microphone and a loudspeaker of this machine, and there are not both"
    if "json" in given:
        reasons["plain"] = "--json writes objects, not lines"
    for name, why in reasons.items():
        if name in given:
            yield f"--{name.replace('_', '-')} changes nothing here: {why}."


def _of_the_server(given: Collection[str], *, offline: bool) -> dict[str, str]:
    if not offline:
        return dict.fromkeys(("brain", "recogniser"), "it is for the offline engine, and a server answers")
    reasons = {
        "voice": "the offline engine has one voice",
        "model": "the language model of the offline engine is chosen with --brain",
        "transcription_model": "what the offline engine hears with is chosen with --recogniser",
        "noise_reduction": "the offline engine has none",
    }
    if not {"silence", "threshold"} & set(given):  # whose place it takes, with a silence of its own
        reasons["semantic"] = "the offline engine goes by silence"
    return reasons


def _of_the_turns(given: Collection[str], *, heard: bool) -> dict[str, str]:
    if not heard:
        return dict.fromkeys((*_TURNS, "noise_reduction"), "nobody is heard")
    if "push_to_talk" in given:
        return dict.fromkeys(_TURNS, "your key begins and ends a turn")
    return dict.fromkeys(("silence", "threshold"), "--semantic takes its place") if "semantic" in given else {}

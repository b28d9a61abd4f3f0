"""All stages of the offline engine, loaded: what `viva engine` and `viva talk --server offline` run."""

from __future__ import annotations

from pathlib import Path

from vivavoce.engine.goodbye import wants_to_finish
from vivavoce.engine.models import choose
from vivavoce.engine.models.weights import Weights
from vivavoce.engine.pipeline import Stages
from vivavoce.engine.stages import Think


def open_stages(brain: str = "small", recogniser: str = "base", *, key_env: str | None = None) -> Stages:
    """Load everything; what is not here is fetched first, with a word on stderr.

    Picklable as `functools.partial(open_stages, ...)`, so that a child process can call it.

    Raises:
        BadSettings: `brain` or `recogniser` is none.
        MissingExtra: the extra `offline` is not installed.
        ModelMissing: a model is neither here nor to be fetched.
        ServerGone, Refused: `brain` is the URL of an endpoint that does not answer, or says no.
    """
    weights = Weights()
    hear = choose.open_recogniser(recogniser, weights=weights)
    speak = choose.open_voice()
    choose.open_notice(weights=weights)  # fetched and tried now, not when somebody connects
    mind = choose.open_brain(brain, key_env=key_env, weights=weights)
    return Stages(
        name=_name(brain),
        notice=lambda: choose.open_notice(weights=weights),
        hear=hear,
        think=mind,
        speak=speak,
        wants_to_finish=wants_to_finish,
        close=lambda: _close(mind),
    )


def _name(brain: str) -> str:
    """What `session.model` says: no path of this machine, no address of another."""
    if brain.startswith(("http://", "https://")):
        return brain.partition("#")[2] or "endpoint"
    return Path(brain).stem


def _close(mind: Think) -> None:
    close = getattr(mind, "close", None)  # a chat endpoint has connections to close, a model in this process has none
    if close is not None:
        close()

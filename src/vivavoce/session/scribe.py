"""Who writes down what the person says, and what follows when that fails (row 23 of the failure modes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.events.client import UpdateSession
from vivavoce.session.happenings import Warned

_NOT_ITS_FAULT = "audio_unintelligible"  # a cough says nothing about the model that could not write it down


class Scribe:
    """The transcription model, under suspicion where it was only a guess."""

    def __init__(self, model: str | None, *, tentative: bool) -> None:
        """`tentative`: switched off at its first failure; otherwise the first failure is a warning."""
        self._model = model
        self._tentative = tentative
        self._failed = False

    def failed(self, error: Mapping[str, Any]) -> tuple[Warned, UpdateSession | None] | None:
        """What to say, and the word that switches it off, if it is; None when there is nothing to say (any more)."""
        if self._failed or error.get("code") == _NOT_ITS_FAULT:
            return None
        self._failed = True
        if not self._tentative:
            reason = str(error.get("message") or "no reason given")
            said = f"Your words could not be written down by {self._model!r}: {reason}"
            return Warned("transcription_failed", said), None
        said = (
            f"{self._model!r} cannot write down your words here, so they are not shown; name a transcription deployment in "
            "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT or with --transcription-model."
        )
        off = {"type": "realtime", "audio": {"input": {"transcription": None}}}
        return Warned("transcription_off", said), UpdateSession(off)

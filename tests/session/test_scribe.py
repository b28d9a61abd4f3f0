"""Who writes down what the person says, and what follows when that fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vivavoce.events.client import UpdateSession
from vivavoce.session.happenings import Warned
from vivavoce.session.scribe import Scribe

REFERENCE = Path(__file__).parents[1] / "events" / "reference"
ON_AZURE = "azure-server.conversation.item.input_audio_transcription.failed.json"
COUGH = "ga-server.conversation.item.input_audio_transcription.failed.json"


def failure(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((REFERENCE / name).read_text(encoding="utf-8"))["error"]
    return found


def test_a_model_that_was_asked_for_is_warned_about_once() -> None:
    scribe = Scribe("gpt-transcribe", tentative=False)
    assert scribe.failed(failure(ON_AZURE)) == (
        Warned(
            "transcription_failed",
            "Your words could not be written down by 'gpt-transcribe': "
            "Input transcription failed for item 'item_ByXHpbQBjFiM5QQglqcjq'.",
        ),
        None,
    )
    assert scribe.failed(failure(ON_AZURE)) is None


@pytest.mark.parametrize("error", [{}, {"message": None}, {"message": ""}])
def test_a_failure_without_a_reason_says_so(error: dict[str, Any]) -> None:
    found = Scribe("w", tentative=False).failed(error)
    assert found is not None
    assert found[0].message == "Your words could not be written down by 'w': no reason given"


def test_a_model_that_was_only_a_guess_is_switched_off_at_its_first_failure_with_one_sentence() -> None:
    scribe = Scribe("whisper-1", tentative=True)
    found = scribe.failed(failure(ON_AZURE))
    assert found is not None
    warning, off = found
    assert off == UpdateSession({"type": "realtime", "audio": {"input": {"transcription": None}}})
    assert warning == Warned(
        "transcription_off",
        "'whisper-1' cannot write down your words here, so they are not shown; name a transcription deployment in "
        "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT or with --transcription-model.",
    )
    assert scribe.failed(failure(ON_AZURE)) is None


@pytest.mark.parametrize("tentative", [True, False])
def test_a_cough_says_nothing_about_the_model(tentative: bool) -> None:
    scribe = Scribe("w", tentative=tentative)
    assert scribe.failed(failure(COUGH)) is None
    assert scribe.failed(failure(ON_AZURE)) is not None

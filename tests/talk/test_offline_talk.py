"""Whole talks with the offline engine: recorded voices speak, real models answer, an ASR reads what was written for ears."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import samplerate
from tests.talk.command import Seen, viva, wav

pytestmark = [pytest.mark.models, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "tests" / "recordings"
WEATHER = str(RECORDINGS / "whats_the_weather.wav")
GOODBYE = str(RECORDINGS / "questions" / "10.wav")
TOOLS = str(ROOT / "examples" / "weather.py")


def talk(*args: str) -> Seen:
    return asyncio.run(viva("--server", "offline", "--json", *args, limit_s=360))


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def word_error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Levenshtein distance over words, divided by the words that were said."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (word != other))
    return row[-1] / max(len(said), 1)


def recognised(path: Path) -> list[str]:
    """What an ASR hears in the file that holds what a person would have heard."""
    from vivavoce.engine.models.choose import open_recogniser  # noqa: PLC0415  # the fast tests collect this file, too

    samples = np.array(wav(path), dtype=np.float32) / 32768
    at_16k = samplerate.resample(samples, 16_000 / 24_000, "sinc_best")
    pcm = (np.clip(at_16k, -1, 1) * 32767).astype("<i2").tobytes()
    return words(open_recogniser("base").hear(pcm, "en").text)


def test_a_weather_question_is_answered_by_a_function_and_a_goodbye_ends_the_talk(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    seen = talk("--tools", TOOLS, "--mic", WEATHER, "--mic", GOODBYE, "--speaker", str(out))
    assert seen.code == 0, seen.err
    assert seen.lines[-1]["reason"] == "goodbye"
    weather, finish = seen.of("call")
    assert weather["name"] == "get_weather"
    assert "san francisco" in weather["arguments"]["city"].lower()
    assert weather["error"] is None
    assert finish["name"] == "user_wants_to_finish_conversation"
    assert "weather" in seen.of("user")[0]["text"].lower()
    said = [line["text"] for line in seen.of("assistant")]
    assert len(said) >= 2
    assert all(line["interrupted"] is False for line in seen.of("assistant"))
    assert word_error_rate(words(" ".join(said)), recognised(out)) < 0.25


def test_an_answer_can_be_interrupted_and_the_next_question_is_answered(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    story, question = str(RECORDINGS / "tardigrades.wav"), str(RECORDINGS / "questions" / "09.wav")
    seen = talk("--mic", story, "--mic", f"{question}@1.0", "--mic", GOODBYE, "--speaker", str(out))
    assert seen.code == 0, seen.err
    interrupted = seen.of("interrupted")
    assert interrupted
    assert interrupted[0]["heard_ms"] >= 900
    assert seen.of("truncate")[0]["audio_end_ms"] == interrupted[0]["heard_ms"]
    cut = next(line for line in seen.of("assistant") if line["interrupted"])
    assert len(cut["heard_text"]) < len(cut["text"])
    assert "canberra" in " ".join(line["text"] for line in seen.of("assistant")).lower()
    samples = np.array(wav(out))
    silent_from = int((interrupted[0]["out_ms"] + 60) * 24)
    assert not samples[silent_from : silent_from + 12_000].any()


def test_typed_turns_are_answered_without_a_microphone() -> None:
    seen = talk("--say", "What is two plus two?", "--speaker", "none")
    assert seen.code == 0, seen.err
    assert seen.of("user")[0]["text"] == "What is two plus two?"
    assert re.search(r"\b(4|four)\b", seen.of("assistant")[0]["text"].lower())
    assert seen.lines[-1]["reason"] == "script_done"

"""Stages of the offline engine without models: the same four methods, small, quick and predictable.

The person "speaks" in tones: each frequency stands for one sentence. The mind repeats what it was told, or calls a function
whose name was said. The voice is a beep whose length tells how many characters it read.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping

import numpy as np

from vivavoce.engine.pipeline import Stages
from vivavoce.engine.stages import HEAR_RATE_HZ, Asked, Counted, Cut, Prompt, Recognised, Words
from vivavoce.errors import MissingExtra, ModelMissing
from vivavoce.pcm import RATE_HZ, ms_to_bytes

SENTENCES: Mapping[int, str] = {
    300: "Tell me a story.",
    400: "What is the weather in Paris?",
    500: "Goodbye.",
    600: "",
    700: "BREAK",
}
MS_PER_CHARACTER = 10
_LOUD = 1000.0
_NEAR_HZ = 30


def tone(hz: int, ms: int) -> bytes:
    """`ms` milliseconds of a sine at 24 kHz: the sentence `SENTENCES[hz]`, spoken."""
    t = np.arange(RATE_HZ * ms // 1000) / RATE_HZ
    return (np.sin(2 * np.pi * hz * t) * 12_000).astype("<i2").tobytes()


class LoudnessNotice:
    """Speech is what is loud."""

    def notice(self, chunk: bytes) -> float:
        """1 for a loud chunk, 0 for a quiet one."""
        sound = np.frombuffer(chunk, "<i2").astype(np.float64)
        return float(np.sqrt(np.mean(sound**2)) > _LOUD)

    def reset(self) -> None:
        """There is nothing to forget."""


class ToneHear:
    """The sentence whose tone is heard. The tone of "BREAK" breaks the recogniser."""

    def hear(self, pcm: bytes, language: str | None) -> Recognised:
        """The sentence, or no words."""
        sound = np.frombuffer(pcm, "<i2").astype(np.float64)
        loudest = int(np.argmax(np.abs(np.fft.rfft(sound)))) * HEAR_RATE_HZ / max(len(sound), 1)
        said = next((text for hz, text in SENTENCES.items() if abs(hz - loudest) < _NEAR_HZ), "")
        if said == "BREAK":
            raise RuntimeError("the recogniser broke, as asked")
        return Recognised(said, language or "en")


class EchoThink:
    """Repeats the last message; calls a function when a word of its name was said; tells a story without end.

    Attributes:
        prompts: what it was asked, in order.
        warmed: what it was warmed with, in order.
        go_on: while this is not set, a story halts after its first sentence.
    """

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []
        self.warmed: list[Prompt] = []
        self.go_on = threading.Event()

    def think(self, prompt: Prompt, cut: Cut) -> Iterator[Words | Asked | Counted]:
        """The answer, word by word."""
        self.prompts.append(prompt)
        last = prompt.messages[-1] if prompt.messages else {"role": "user", "content": "nothing"}
        wanted = _wanted(prompt, last)
        if wanted:
            yield Asked(wanted, json.dumps({"said": last["content"]}))
        elif "fail" in last["content"]:
            raise RuntimeError("the mind broke, as asked")
        elif "story" in last["content"]:
            yield from self._story(cut)
        else:
            for word in f"I heard {last['content']} That is all.".split():
                yield Words(f"{word} ")
        yield Counted(10, 4, 5)

    def _story(self, cut: Cut) -> Iterator[Words]:
        yield Words("Once upon a time. ")
        while not cut.is_set():
            if self.go_on.wait(0.01):
                yield Words("And then it went on. ")

    def warm(self, prompt: Prompt, cut: Cut) -> None:
        """Remember that it was asked for."""
        del cut
        self.warmed.append(prompt)


def _wanted(prompt: Prompt, last: Mapping[str, str]) -> str | None:
    if prompt.tool_choice == "none" or last["role"] != "user":
        return None
    names = [str(tool["name"]) for tool in prompt.tools]
    return next((name for name in names if any(word in last["content"].lower() for word in name.split("_"))), None)


class BeepSpeak:
    """10 ms of sound for each character; the samples count up, so that a reader can tell where a cut was."""

    def speak(self, text: str, cut: Cut) -> Iterator[bytes]:
        """The sound of `text` in pieces of at most 500 ms."""
        samples = len(text) * MS_PER_CHARACTER * RATE_HZ // 1000
        sound = (np.arange(samples) % 30_000).astype("<i2").tobytes()
        step = ms_to_bytes(500)
        for at in range(0, len(sound), step):
            if cut.is_set():
                return
            yield sound[at : at + step]


def says_goodbye(text: str) -> bool:
    """The goodbye rule of these stages."""
    return "goodbye" in text.lower()


def tone_stages() -> Stages:
    """All of them together, ready for an engine."""
    return Stages("tones", LoudnessNotice, ToneHear(), EchoThink(), BeepSpeak(), says_goodbye)


def no_model_stages() -> Stages:
    """An opener that finds no weights."""
    raise ModelMissing("There are no weights here; run `viva models fetch`.")


def no_extra_stages() -> Stages:
    """An opener that finds no engine."""
    raise MissingExtra("The offline engine", "offline")


def broken_stages() -> Stages:
    """An opener that breaks."""
    raise RuntimeError("the stages broke, as asked")


def vanishing_stages() -> Stages:
    """An opener that takes its process with it."""
    os._exit(9)

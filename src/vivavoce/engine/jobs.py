"""What the engine's protocol asks of the pipeline. Results come back by `job`, a number that is never used twice."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.engine.stages import Prompt


@dataclass(frozen=True, slots=True)
class Listen:
    """Tell the probability of speech in this sound (24 kHz), one `noticed` for every 32 ms of it."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Relisten:
    """The line of sound was broken: forget half chunks and what voice activity detection remembers."""


@dataclass(frozen=True, slots=True)
class Recognise:
    """Tell the words in this sound (24 kHz): one `heard` or one `failed`."""

    job: int
    pcm: bytes
    language: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Think, and when `aloud` speak clause by clause: `said`, `sounded`, `asked`, then one `counted` or `failed`."""

    job: int
    prompt: Prompt
    aloud: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """Nobody wants the results of this job any more."""

    job: int


@dataclass(frozen=True, slots=True)
class Warm:
    """Read this prompt while there is time; given up when an `Answer` or another `Warm` comes."""

    prompt: Prompt


Job = Listen | Relisten | Recognise | Answer | Stop | Warm

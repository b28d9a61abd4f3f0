"""The language model: decides whether a function is wanted, else talks, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from vivavoce.engine.models import decide, qwen, spoken
from vivavoce.engine.models.llamacpp import DECIDE_SLOT, TALK_SLOT, Completions, text_of
from vivavoce.engine.settings import GOODBYE
from vivavoce.engine.stages import Asked, Counted, Cut, Prompt, Words
from vivavoce.engine.toolcalls import calls_in, looks_like_call

_LONG_TOKENS = 120  # half a minute of speech: from here on the answer ends with its sentence
_LONGEST_TOKENS = 200


class Llama:
    """Think with a GGUF model in this process.

    The function that ends the conversation is never offered to the model: small ones call it for ordinary requests, and
    the rule in `vivavoce.engine.goodbye` decides about it. When `tool_choice` names it, it is asked for all the same.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._model = Completions(path, threads)

    def warm(self, prompt: Prompt, cut: Cut) -> None:
        """Read instructions and functions, so that the next `think` begins sooner."""
        self._model.read(qwen.talker_prefix(prompt.instructions), TALK_SLOT, cut)
        tools = _offered(prompt)
        if tools and not cut.is_set():
            self._model.read(qwen.decider_prefix(tools), DECIDE_SLOT, cut)

    def think(self, prompt: Prompt, cut: Cut) -> Iterator[Words | Asked | Counted]:
        """The answer as it is made; ends with `Counted`, unless cut."""
        call = self._call(prompt, cut)
        if cut.is_set():
            return
        if call is not None:
            yield call
            yield Counted(
                0, 0, len(call.arguments) // 4
            )  # the decision is made of several short answers; this is about it
            return
        yield from self._talk(prompt, cut)

    def _call(self, prompt: Prompt, cut: Cut) -> Asked | None:
        tools = _offered(prompt)
        if prompt.tool_choice == GOODBYE:
            return Asked(GOODBYE, "{}")
        forced = prompt.tool_choice not in {"auto", "none"}
        if not tools or prompt.tool_choice == "none" or not prompt.messages:
            return None
        if forced:
            return decide.written(self._model, tools, qwen.decider(tools, prompt.messages), cut)
        return decide.wanted(self._model, tools, prompt.messages, cut)

    def _talk(self, prompt: Prompt, cut: Cut) -> Iterator[Words | Asked | Counted]:
        limit = min(prompt.max_tokens or _LONGEST_TOKENS, _LONGEST_TOKENS)
        text = qwen.talker(prompt.instructions, prompt.messages, datetime.now().astimezone())
        answer = _Answer()
        options = {
            "n_predict": limit,
            "stop": ["<|im_end|>", "<|im_start|>"],
            "repeat_penalty": 1.1,
            "repeat_last_n": 128,
        }
        for piece in self._model.stream(text, TALK_SLOT, cut, **options):
            if words := answer.add(piece):
                yield Words(words)
            if answer.long_enough:
                break
        if cut.is_set():
            return
        yield from answer.rest(prompt)


class _Answer:
    """One answer as it grows: words for the voice, or a function call that must not be spoken."""

    def __init__(self) -> None:
        self._speech = spoken.Stream()
        self._text = ""
        self._is_call: bool | None = None
        self._pieces = 0
        self._last: dict[str, Any] = {}

    def add(self, piece: Mapping[str, Any]) -> str:
        """The words that may be spoken now."""
        self._last.update(piece)
        text = text_of(piece)
        self._pieces += bool(text)
        self._text += text
        if self._is_call is None:
            self._is_call = looks_like_call(self._text)
            text = self._text
        return self._speech.add(text) if self._is_call is False else ""

    @property
    def long_enough(self) -> bool:
        """Whether it is time to end and a sentence just did."""
        return self._pieces >= _LONG_TOKENS and self._text.rstrip().endswith((".", "!", "?"))

    def rest(self, prompt: Prompt) -> Iterator[Words | Asked | Counted]:
        """What is left to say, and the count."""
        if self._is_call:
            calls = calls_in(self._text, _offered(prompt)) if prompt.tool_choice != "none" else []
            yield from calls
            if not calls:
                yield Words("Sorry, I did not get that.")
        elif words := self._speech.end():
            yield Words(words)
        yield _counted(self._last, self._pieces)


def _offered(prompt: Prompt) -> Sequence[Mapping[str, Any]]:
    """The functions the model may choose from."""
    named = prompt.tool_choice not in {"auto", "none", "required"}
    tools = [tool for tool in prompt.tools if tool["name"] != GOODBYE]
    return [tool for tool in tools if tool["name"] == prompt.tool_choice] if named else tools


def _counted(last: Mapping[str, Any], pieces: int) -> Counted:
    usage = last.get("usage") or {}
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    choices = last.get("choices") or [{}]
    done = choices[0].get("finish_reason") != "length"
    return Counted(usage.get("prompt_tokens", 0), cached, usage.get("completion_tokens", pieces), complete=done)

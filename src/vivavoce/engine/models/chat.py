"""A language model behind an OpenAI-compatible chat endpoint: Ollama, llama-server, vLLM, or a service."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from vivavoce.engine.goodbye import FINISH
from vivavoce.engine.models import qwen, spoken
from vivavoce.engine.stages import Asked, Counted, Cut, Prompt, Words
from vivavoce.engine.toolcalls import calls_in, looks_like_call
from vivavoce.errors import BadSettings, KeyRefused, MissingExtra, QuotaExceeded, Refused, ServerGone

try:
    import httpx
except ImportError as absent:
    raise MissingExtra("A chat endpoint as --brain", "offline") from absent

OLLAMA = "http://127.0.0.1:11434"
_OLLAMA_WAIT_S = 0.5
_CONNECT_S = 5.0
_READ_S = 120.0  # a cold model may read for a long time before its first word
_FAULTS: dict[int, type[Refused]] = {401: KeyRefused, 403: KeyRefused, 429: QuotaExceeded}
_FIRST_FAULT = 400
_BODY_CHARS = 2000


class Chat:
    """Think with the model behind `url`, such as `http://127.0.0.1:11434/v1`.

    Args:
        url: with or without `/chat/completions` at its end.
        model: its name there; None asks the endpoint and takes the first it names.
        key_env: the environment variable that holds the key; None sends no key.

    Raises `BadSettings`; `think` raises `KeyRefused`, `QuotaExceeded`, `Refused`, `ServerGone`.
    """

    def __init__(self, url: str, model: str | None = None, key_env: str | None = None) -> None:
        self._base = url.rstrip("/").removesuffix("/chat/completions").rstrip("/")
        headers = {}
        if key_env:
            key = os.environ.get(key_env)
            if not key:
                raise BadSettings(f"The environment variable {key_env}, named for the key of {self._base}, is not set.")
            headers["Authorization"] = f"Bearer {key}"
        try:
            self._http = httpx.Client(headers=headers, timeout=httpx.Timeout(_READ_S, connect=_CONNECT_S))
            self._model = model or self._first_model()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as fault:
            raise BadSettings(f"{url} is not an address of a chat endpoint: {fault}.") from fault

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def warm(self, prompt: Prompt, cut: Cut) -> None:
        """Nothing: what the endpoint remembers is its own affair, and a request that is not needed may cost money."""

    def think(self, prompt: Prompt, cut: Cut) -> Iterator[Words | Asked | Counted]:
        """The answer as it comes; ends with `Counted`, unless cut (the connection is then dropped)."""
        if prompt.tool_choice == FINISH:
            yield Asked(FINISH, "{}")
            yield Counted(0, 0, 0)
            return
        reply = _Reply(prompt)
        try:
            with self._http.stream("POST", f"{self._base}/chat/completions", json=self._request(prompt)) as answer:
                if answer.status_code >= _FIRST_FAULT:
                    raise self._refusal(answer.status_code, answer.read().decode(errors="replace"))
                for line in answer.iter_lines():
                    if cut.is_set():
                        return
                    if words := reply.add(line):
                        yield Words(words)
        except httpx.HTTPError as fault:
            raise ServerGone(
                f"The chat endpoint {self._base} does not answer ({type(fault).__name__}); is it running?"
            ) from fault
        yield from reply.rest()

    def _first_model(self) -> str:
        try:
            answer = self._http.get(f"{self._base}/models")
            names = [str(one["id"]) for one in answer.json()["data"]] if answer.status_code < _FIRST_FAULT else []
        except httpx.TransportError as fault:
            if isinstance(fault, httpx.UnsupportedProtocol):
                raise
            raise ServerGone(
                f"The chat endpoint {self._base} does not answer ({type(fault).__name__}); is it running?"
            ) from fault
        except (ValueError, KeyError, TypeError):
            names = []
        if answer.status_code in _FAULTS:
            raise self._refusal(answer.status_code, answer.text)
        if not names:
            raise BadSettings(f"{self._base} names no model; name one behind the address: {self._base}#MODEL")
        return names[0]

    def _refusal(self, status: int, body: str) -> Refused:
        kind = _FAULTS.get(status, Refused)
        hint = "; check its key" if kind is KeyRefused else ""
        return kind(f"The chat endpoint {self._base} answered {status}{hint}.", status=status, body=body[:_BODY_CHARS])

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        instructions = "\n\n".join(part for part in (qwen.RULES, prompt.instructions.strip()) if part)
        messages = [{"role": "system", "content": instructions}, *(_message(one) for one in prompt.messages)]
        request: dict[str, Any] = {"model": self._model, "messages": messages, "stream": True}
        request["stream_options"] = {"include_usage": True}
        if prompt.max_tokens:
            request["max_tokens"] = prompt.max_tokens
        if prompt.tools and prompt.tool_choice != "none":
            request["tools"] = [_tool(one) for one in prompt.tools]
            plain = prompt.tool_choice in {"auto", "required"}
            named = {"type": "function", "function": {"name": prompt.tool_choice}}
            request["tool_choice"] = prompt.tool_choice if plain else named
        return request


class _Reply:
    """One streamed answer: words as they come, calls when it is whole."""

    def __init__(self, prompt: Prompt) -> None:
        self._tools = prompt.tools
        self._speech = spoken.Stream()
        self._text = ""
        self._is_call: bool | None = None
        self._calls: dict[int, dict[str, str]] = {}
        self._usage: Mapping[str, Any] = {}
        self._finish = ""

    def add(self, line: str) -> str:
        """Take one line of the event stream; answers the words that may be spoken now."""
        if not line.startswith("data:") or line[5:].strip() == "[DONE]":
            return ""
        try:
            event = json.loads(line[5:])
        except ValueError:
            return ""  # half an event is not worth ending the talk for
        self._usage = event.get("usage") or self._usage
        choice = (event.get("choices") or [{}])[0]
        self._finish = choice.get("finish_reason") or self._finish
        delta = choice.get("delta") or {}
        for call in delta.get("tool_calls") or ():
            self._grow(call)
        return self._words(str(delta.get("content") or ""))

    def rest(self) -> Iterator[Words | Asked | Counted]:
        """What is left to say, the calls, and the count."""
        names = {tool["name"] for tool in self._tools}
        asked = [Asked(one["name"], one["arguments"] or "{}") for one in self._calls.values() if one["name"] in names]
        if self._is_call and not asked:
            asked = calls_in(self._text, self._tools)
            if not asked:
                yield Words("Sorry, I did not get that.")
        if words := self._speech.end():
            yield Words(words)
        yield from asked
        details = self._usage.get("prompt_tokens_details") or {}
        count = (
            self._usage.get("prompt_tokens", 0),
            details.get("cached_tokens", 0),
            self._usage.get("completion_tokens", 0),
        )
        yield Counted(*count, complete=self._finish != "length")

    def _words(self, text: str) -> str:
        self._text += text
        if self._is_call is None:
            self._is_call = looks_like_call(self._text)
            text = self._text
        return self._speech.add(text) if text and self._is_call is False else ""

    def _grow(self, piece: Mapping[str, Any]) -> None:
        call = self._calls.setdefault(int(piece.get("index") or 0), {"name": "", "arguments": ""})
        function = piece.get("function") or {}
        call["name"] += function.get("name") or ""
        call["arguments"] += function.get("arguments") or ""


def ollama(base: str = OLLAMA) -> list[str] | None:
    """The models of an Ollama on loopback; None when none answers there within half a second."""
    try:
        with httpx.Client(timeout=_OLLAMA_WAIT_S, trust_env=False) as http:
            answer = http.get(f"{base}/api/tags")
            return [str(one["name"]) for one in answer.json()["models"]] if answer.status_code < _FIRST_FAULT else None
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


def _message(one: Mapping[str, Any]) -> dict[str, Any]:
    """A message of ours in the endpoint's words."""
    if one["role"] == "tool":
        return {"role": "tool", "tool_call_id": one.get("call_id", ""), "content": one.get("content") or ""}
    message: dict[str, Any] = {"role": one["role"], "content": one.get("content") or ""}
    if one.get("calls"):
        message["tool_calls"] = [
            {
                "id": call["call_id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for call in one["calls"]
        ]
    return message


def _tool(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {key: one[key] for key in ("name", "description", "parameters") if key in one},
    }

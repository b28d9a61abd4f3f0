"""A language model behind an OpenAI-compatible chat endpoint: Ollama, llama-server, vLLM, or a service."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from vivavoce.addresses import is_loopback, shown, shown_name
from vivavoce.engine.models import qwen, spoken
from vivavoce.engine.settings import GOODBYE
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
_SECRET_MIN = 6
_NO_ADDRESS = "{} is not an address of a chat endpoint: write it as http://HOST:PORT/v1."


class _NoQuery(logging.Filter):
    """`httpx` logs the address of every request: of ours it shows no query."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._host = httpx.URL(base).netloc

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record stays; our addresses in it lose their query."""
        if isinstance(record.args, tuple):
            record.args = tuple(self._plain(one) if isinstance(one, httpx.URL) else one for one in record.args)
        return True

    def _plain(self, url: httpx.URL) -> httpx.URL:
        return url.copy_with(query=None) if url.netloc == self._host else url


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port  # a port that is no number raises here
        if parts.scheme in {"http", "https"} and host:
            return parts
    except ValueError:
        pass  # said below, without the address: it may hold a password
    raise BadSettings(_NO_ADDRESS.format(shown(url)))


def _key(name: str | None, base: str) -> str:
    if not name:
        return ""
    key = os.environ.get(name, "").strip()
    if not key:
        raise BadSettings(
            f"The environment variable {shown_name(name)}, named for the key of {base}, is not set: put the key into it."
        )
    return key


def _check_encrypted(parts: SplitResult, key: str) -> None:
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return
    secret = "a key" if key else "a password" if "@" in parts.netloc else "a query" if parts.query else ""
    if secret:
        raise BadSettings(
            f"{shown(parts.geturl())} is not encrypted, so {secret} is not sent there: write it with https://, or without {secret}."
        )


class Chat:
    """Think with the model behind `url`, such as `http://127.0.0.1:11434/v1`.

    Args:
        url: with or without `/chat/completions` at its end; a query goes along with every request. A user name, a
            password and the query are never shown.
        model: its name there; None asks the endpoint and takes the first it names.
        key_env: the environment variable that holds the key; None sends no key. A key, a password or a query goes over
            plain `http://` to this machine only.

    Raises `BadSettings`; `think` raises `KeyRefused`, `QuotaExceeded`, `Refused`, `ServerGone`.
    """

    def __init__(self, url: str, model: str | None = None, key_env: str | None = None) -> None:
        if "?" in (model or ""):
            raise BadSettings("A query stands behind the model: write the address as http://HOST:PORT/v1?QUERY#MODEL.")
        parts = _split(url)
        host = parts.netloc.rpartition("@")[2]
        self._base = f"{parts.scheme}://{host}{parts.path.rstrip('/').removesuffix('/chat/completions').rstrip('/')}"
        key = _key(key_env, self._base)
        _check_encrypted(parts, key)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        login = (unquote(parts.username or ""), unquote(parts.password or ""))
        query = parse_qsl(parts.query, keep_blank_values=True)
        self._secrets = [one for one in (key, *login, *(value for _, value in query)) if len(one) >= _SECRET_MIN]
        try:
            self._discretion = _NoQuery(self._base)
            self._http = httpx.Client(
                headers=headers,
                params=parts.query,
                auth=login if any(login) and not key else None,
                timeout=httpx.Timeout(_READ_S, connect=_CONNECT_S),
            )
        except httpx.InvalidURL:
            raise BadSettings(_NO_ADDRESS.format(shown(url))) from None
        logging.getLogger("httpx").addFilter(self._discretion)
        try:
            self._model = model or self._first_model()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()
        logging.getLogger("httpx").removeFilter(self._discretion)

    def warm(self, prompt: Prompt, cut: Cut) -> None:
        """Nothing: what the endpoint remembers is its own affair, and a request that is not needed may cost money."""

    def think(self, prompt: Prompt, cut: Cut) -> Iterator[Words | Asked | Counted]:
        """The answer as it comes; ends with `Counted`, unless cut (the connection is then dropped)."""
        if prompt.tool_choice == GOODBYE:
            yield Asked(GOODBYE, "{}")
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

    def reach(self) -> httpx.Response:
        """What it answers when it is asked for its models; it may know nothing of such a question.

        Raises `ServerGone` where nobody answers, and `KeyRefused`, `QuotaExceeded`.
        """
        try:
            answer = self._http.get(f"{self._base}/models")
        except httpx.TransportError as fault:
            raise ServerGone(
                f"The chat endpoint {self._base} does not answer ({type(fault).__name__}); is it running?"
            ) from fault
        if answer.status_code in _FAULTS:
            raise self._refusal(answer.status_code, answer.text)
        return answer

    def _first_model(self) -> str:
        answer = self.reach()
        try:
            names = [str(one["id"]) for one in answer.json()["data"]] if answer.status_code < _FIRST_FAULT else []
        except (ValueError, KeyError, TypeError):
            names = []
        if not names:
            raise BadSettings(f"{self._base} names no model; name one behind the address: {self._base}#MODEL")
        return names[0]

    def _refusal(self, status: int, body: str) -> Refused:
        kind = _FAULTS.get(status, Refused)
        hint = "; check its key" if kind is KeyRefused else ""
        for secret in self._secrets:
            body = body.replace(secret, "**")
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

"""A handshake that was refused -> what to tell the person, and whether to try again (reference section 1). Pure."""

from __future__ import annotations

import email.utils
import functools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import unquote, unquote_plus, urlsplit

from vivavoce.errors import (
    DeploymentNotFound,
    KeyRefused,
    ModelRetired,
    NotARealtimeModel,
    QuotaExceeded,
    Refused,
    ServerGone,
    TooManyRequests,
    VivaError,
)
from vivavoce.session.retries import hinted_s

__all__ = ["Advice", "Verdict", "clean", "masked", "refusal", "retry_after_s", "secrets_of"]

CURRENT_MODEL = "gpt-realtime-2.1"
_BODY_MAX = 2_000
_SENTENCE_MAX = 200
# OpenAI repeats the ends of the key it refuses; a key is shown as its first five characters and never more.
_KEY_LIKE = re.compile(r"\b(sk|ek|rk)-[\w*.…-]+")
_SECRET_MIN = 6
_KEY_NAME = re.compile(r"key|token|secret|passw|sig|auth|cred", re.IGNORECASE)
_OPEN_NAMES = frozenset({"model", "deployment", "api-version", "call_id", "intent"})
_WORD = re.compile(r"[a-z_.]*")
_NO_MONEY = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit_reached",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
    }
)
_NOT_REALTIME = frozenset({"OpperationNotSupported", "OperationNotSupported"})  # the first is really spelled so
_NO_MODEL = frozenset({"DeploymentNotFound", "model_not_found", "invalid_model"})


@dataclass(frozen=True, slots=True)
class Advice:
    """What only the provider knows about being refused.

    Attributes:
        model: the name in the address.
        named_by: how to change it, such as `AZURE_OPENAI_DEPLOYMENT or --model`.
        key: what to check when the key or token is refused: whole clauses, no full stop.
        address: what to check when the host is not to be reached.
    """

    model: str
    named_by: str
    key: str
    address: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The error of a refusal, and whether trying again may help: never, once after a while, or with growing pauses."""

    error: VivaError
    retry: Literal["never", "once", "backoff"] = "never"
    after_s: float | None = None


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` without our secrets, also where it is JSON that spells them with escapes; quick where there is none."""
    escaped = "\\" in text  # base64 has none, so sound is not searched twice
    for secret in secrets:
        if len(secret) < _SECRET_MIN:
            continue
        if secret in text:
            text = text.replace(secret, "**")
        if escaped:
            text = _spellings(secret).sub("**", text)
    return text


@functools.lru_cache(maxsize=64)
def _spellings(secret: str) -> re.Pattern[str]:
    r"""Every way in which a JSON string may spell it: some servers write `+` as `\u002B` and `/` as `\/`."""
    return re.compile("".join(rf"(?:\\?{re.escape(letter)}|(?i:\\u{ord(letter):04x}))" for letter in secret))


def secrets_of(url: str, headers: Mapping[str, str]) -> list[str]:
    """What of an address and of the headers sent to it must not be shown, the longest first.

    Of the query that is every value, as it is written and as it is meant, but for those of names that hold none, and for
    words of small letters, which may be words of the protocol, unless their name says that they are a key.
    """
    parts = urlsplit(url)
    found = {value.rpartition(" ")[2] for value in headers.values()} | {unquote(parts.password or "")}
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if _KEY_NAME.search(name) or not (name in _OPEN_NAMES or _WORD.fullmatch(value)):
            found |= {value, unquote_plus(value)}
    return sorted(found, key=len, reverse=True)


def clean(text: str, secrets: Iterable[str], limit: int = _BODY_MAX) -> str:
    """Foreign text, fit to be shown: no secret of ours, no control characters, capped."""
    text = _KEY_LIKE.sub(r"\1-**", masked(text, secrets))
    return "".join(letter if letter.isprintable() else " " for letter in text)[:limit]


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds the server asks us to wait: `retry-after-ms`, or `Retry-After` as seconds or as a date."""
    try:
        if ms := headers.get("retry-after-ms"):
            return max(0.0, float(ms) / 1000)
        said = headers.get("Retry-After")
        if not said:
            return None
        if said.strip().replace(".", "", 1).isdigit():
            return float(said)
        return max(0.0, (email.utils.parsedate_to_datetime(said) - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, TypeError):
        return None  # a header we cannot read asks for nothing


def refusal(status: int, headers: Mapping[str, str], body: str, advice: Advice, secrets: Iterable[str] = ()) -> Verdict:
    """What a handshake answer other than 101 means.

    Args:
        status: the HTTP status.
        headers: its headers, looked up without regard to case.
        body: its body, whole.
        advice: what the provider adds.
        secrets: keys and tokens that were sent; they are cut from everything shown.
    """
    code, message = _error_of(body)
    shown = clean(body, secrets)
    said = clean(message, secrets, _SENTENCE_MAX)
    said = f' (the server says: "{said}")' if said else ""
    if code in _NOT_REALTIME:
        text = (
            f"The model behind '{advice.model}' does not talk{said}: name a realtime speech model"
            f" such as {CURRENT_MODEL} in {advice.named_by}."
        )
        return Verdict(NotARealtimeModel(text, status=status, body=shown))
    if code in _NO_MODEL:
        text = (
            f"The server knows no '{advice.model}'{said}: check the name in {advice.named_by};"
            " a deployment made in the last five minutes may need a little more time."
        )
        again: Literal["once", "never"] = "once" if code == "DeploymentNotFound" else "never"
        return Verdict(DeploymentNotFound(text, status=status, body=shown), again)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _quota(headers, code, message, said, shown)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        text = f"The server has a fault of its own ({status}){said}: try again in a moment."
        after_s = _pause_s(headers, message)
        return Verdict(ServerGone(text, after_s=after_s), after_s=after_s)
    make, text = _plain(status, said, advice)
    return Verdict(make(text, status=status, body=shown))


def _plain(status: int, said: str, advice: Advice) -> tuple[type[Refused], str]:
    """Error and sentence of a status that needs no more than itself."""
    if status == HTTPStatus.UNAUTHORIZED:
        # The server's own sentence is left out: it repeats parts of the key.
        return KeyRefused, f"The server does not let us in (401): {advice.key}."
    if status == HTTPStatus.FORBIDDEN:
        also = "a firewall rule of the resource, or your country, may also be the reason"
        return KeyRefused, f"The server forbids it (403){said}: {advice.key}; {also}."
    if status == HTTPStatus.GONE:
        use = f"use {CURRENT_MODEL}, named in {advice.named_by}"
        return ModelRetired, f"The model behind '{advice.model}' is retired{said}: {use}."
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        where = "to another address, where our key does not go"
        return Refused, f"The server sends us {where} ({status}): check {advice.address}."
    return Refused, f"The server does not open a Realtime conversation ({status}){said}: check {advice.address}."


def _pause_s(headers: Mapping[str, str], message: str) -> float | None:
    """Seconds the server asks us to wait, in a header or in a sentence."""
    after_s = retry_after_s(headers)
    return hinted_s(message) if after_s is None else after_s


def _quota(headers: Mapping[str, str], code: str, message: str, said: str, shown: str) -> Verdict:
    if code in _NO_MONEY:
        text = (
            f"The account has no money left, or its spending limit is reached{said}: check its billing page and limits."
        )
        return Verdict(QuotaExceeded(text, status=429, body=shown))
    after_s = _pause_s(headers, message)
    wait = f" The server asks to wait {after_s:.0f} s." if after_s else ""
    text = f"Too many requests or conversations for this server{said}: try again later, or raise the quota.{wait}"
    return Verdict(TooManyRequests(text, status=429, body=shown, after_s=after_s), "backoff", after_s)


def _error_of(body: str) -> tuple[str, str]:
    """Code and message of an error body, in the shapes seen: `{"error": {...}}`, the bare object, or a string."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "", ""
    inner = said.get("error", said) if isinstance(said, dict) else said
    if isinstance(inner, str):
        return "", inner
    if not isinstance(inner, dict):
        return "", ""
    return str(inner.get("code") or inner.get("type") or ""), str(inner.get("message") or "")

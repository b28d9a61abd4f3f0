"""A reply that failed, and may succeed when it is asked for again (row 24 of the failure modes).

A failure comes as `response.done` with status `failed`; nothing is heard, and without us the person would wait in silence.
A rate limit is waited for as long as the server hints, at most three times; a fault of the server is tried once more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vivavoce.events.server import ServerError

_RATE_CODES = frozenset({"rate_limit_exceeded", "inference_rate_limit_exceeded"})
_RATE_TRIES = 3
_SERVER_TRIES = 1
_SERVER_PAUSE_S = 0.5
_FIRST_PAUSE_S = 2.0
_LONGEST_S = 120.0
_HINT = re.compile(r"(?:try again in|retry after)\s+((?:[\d.]+\s*(?:ms|milli|h|m|s)[a-z]*\s*)+)", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|h|m|s)", re.IGNORECASE)
_UNITS_S = {"ms": 0.001, "milli": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def hinted_s(message: str) -> float | None:
    """Seconds a message asks us to wait: `Please try again in 1m26.4s.`; None when it names none."""
    found = _HINT.search(message)
    if found is None:
        return None
    return sum(float(count) * _UNITS_S[unit.lower()] for count, unit in _PART.findall(found.group(1)))


class Retries:
    """Whether, when and with which options a failed reply is asked for again.

    Attributes:
        deadline: when to ask; None while nothing waits.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._options: Mapping[str, Any] = {}
        self.deadline: float | None = None

    @property
    def waiting(self) -> bool:
        """A reply will be asked for again."""
        return self.deadline is not None

    def failed(self, error: ServerError, options: Mapping[str, Any], now: float) -> float | None:
        """A reply failed. Seconds until it is asked for again, None when it is not."""
        limited = error.code in _RATE_CODES
        if not limited and "server_error" not in {error.code, str(error.error.get("type"))}:
            return None
        pause_s = _SERVER_PAUSE_S
        if limited:
            hint_s = hinted_s(error.message)
            pause_s = _FIRST_PAUSE_S * 2**self._failures if hint_s is None else hint_s
        if self._failures >= (_RATE_TRIES if limited else _SERVER_TRIES) or pause_s > _LONGEST_S:
            self._failures = 0
            return None
        self._failures += 1
        self._options = options
        self.deadline = now + pause_s
        return pause_s

    def due(self, now: float) -> Mapping[str, Any] | None:
        """The options to ask with now; once."""
        if self.deadline is None or now < self.deadline:
            return None
        self.deadline = None
        return self._options

    def succeeded(self) -> None:
        """A reply came to be."""
        self._failures = 0

    def overtaken(self) -> None:
        """The person has gone on: nobody waits for that reply any more."""
        self._failures = 0
        self.deadline = None

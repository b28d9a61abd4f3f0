"""A connection that ended -> one sentence: what it means, what to do. No close is silent. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from websockets.exceptions import ConnectionClosed

from vivavoce.errors import KeyRefused, Refused, ServerGone, VivaError
from vivavoce.session.trouble import FATAL_CODES
from vivavoce.wire.refusals import clean

__all__ = ["gone"]

_CUT = 1006
_AGAIN = "start again in a moment"
_REPORT = "this is ours to mend, please report it"
# Codes of RFC 6455 section 7.4 and of the IANA registry, as the server uses them: what it means, what a person may do.
_MEANINGS: dict[int, tuple[str, str]] = {
    1000: ("the server ended the conversation", _AGAIN),
    1001: ("the server is going away", _AGAIN),
    1002: ("the server found fault with how we spoke", _REPORT),
    1003: ("the server does not take this kind of data", _REPORT),
    1005: ("the server closed without saying why", _AGAIN),
    _CUT: ("the connection was cut without a word", "check the network, then start again"),
    1007: ("the server found text it could not read", _REPORT),
    1008: ("the server closed for a rule of its own", "check key, role and quota"),
    1009: ("the server found a message too large", _REPORT),
    1011: ("the server met a fault of its own", _AGAIN),
    1012: ("the server restarts", _AGAIN),
    1013: ("the server is overloaded", "wait a minute, then start again"),
    1014: ("a gateway on the way got no good answer", _AGAIN),
    3000: ("the server no longer accepts our key or token", "check it, then start again"),
    3003: ("the server forbids this", "check key and role"),
    3008: ("the server waited too long for us", _AGAIN),
}
_OURS: dict[int, tuple[str, str]] = {
    1000: ("the conversation is closed", ""),
    1002: ("the server broke the WebSocket protocol", "start again, and check what stands between it and us"),
    1007: ("the server sent text that is not UTF-8", _AGAIN),
    1009: ("the server sent a message larger than 16 MiB", "start again"),
    1011: ("the server did not answer our pings", "check the network, then start again"),
}
_NOT_LET_IN = frozenset({3000, 3003})
_BETA_DISABLED = "beta_api_shape_disabled"
_EXPIRY = ("maximum duration", "session_expired", "expired")


def gone(closed: ConnectionClosed, secrets: Iterable[str] = ()) -> VivaError:
    """The error for a connection that ended, with code, reason (without our secrets) and a sentence.

    `ServerGone` where a new connection may help; `Refused`, or one of its kind, where it would not.
    """
    frame = closed.rcvd or closed.sent
    code = frame.code if frame else _CUT
    reason = clean(frame.reason, secrets) if frame else ""
    meanings = _MEANINGS if closed.rcvd or not closed.sent else _OURS
    meaning, advice = (
        _special(code, reason) or meanings.get(code) or ("the server closed with a code of its own", _AGAIN)
    )
    said = f', "{reason}"' if reason else ""
    fault = f"The connection ended ({code}{said}): {meaning}."
    sentence = f"{fault[:-1]}; {advice}." if advice else fault
    if closed.rcvd and code in _NOT_LET_IN:
        return KeyRefused(sentence)
    if any(fatal in reason for fatal in FATAL_CODES):
        return Refused(sentence)
    return ServerGone(sentence, code=code, close_reason=reason, fault=fault)


def _special(code: int, reason: str) -> tuple[str, str] | None:
    if _BETA_DISABLED in reason:
        return "this server no longer speaks the preview protocol", "leave --preview out"
    if code == 1001 and any(word in reason for word in _EXPIRY):  # noqa: PLR2004  the code of an expired session
        return "the session reached its longest duration", "start a new one"
    return None

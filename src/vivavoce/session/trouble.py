"""What an `error`, or a response that failed, means for the conversation: a table (reference section 2.7)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from vivavoce.events.server import ServerError
from vivavoce.session.happenings import Errored, Warned


class Weight(Enum):
    """How heavy an error is."""

    FATAL = auto()  # the talk is over, and a new connection would not help
    EXPECTED = auto()  # the price of a race we know; nothing to tell a person
    ORDINARY = auto()  # say it, go on


FATAL_CODES = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "invalid_api_key",
        "account_deactivated",
        "billing_hard_limit_reached",
        "model_not_found",
        "beta_api_shape_disabled",
    }
)
_EXPECTED_CODES = frozenset(
    {
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
        "item_truncate_invalid_item_id",
        "item_delete_invalid_item_id",
        "item_retrieve_invalid_item_id",
        "invalid_tool_call_id",
    }
)
_EXPECTED_TEXTS = ("is already shorter than", "Only model output audio messages can be truncated")


def weigh(error: ServerError) -> Weight:
    """How heavy this error is. Codes first; two races have no code of their own and are known by their sentence."""
    if error.code in FATAL_CODES or str(error.error.get("type")) in FATAL_CODES:
        return Weight.FATAL
    if error.code in _EXPECTED_CODES or any(text in error.message for text in _EXPECTED_TEXTS):
        return Weight.EXPECTED
    return Weight.ORDINARY


def outcome(response: Mapping[str, Any]) -> Errored | Warned | None:
    """What to say of a response that is done: a failure (fatal or not), an end before its end, or nothing."""
    details = mapping(response.get("status_details"))
    if response.get("status") == "failed":
        error = ServerError(mapping(details.get("error")))
        fatal = weigh(error) is Weight.FATAL
        return Errored(error.code or "response_failed", error.message, fatal=fatal, raw=dict(details))
    if response.get("status") == "incomplete":
        why = details.get("reason") or "the server did not say why"
        return Warned("incomplete", f"The reply ends before its end: {why}.")
    return None


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` where it is a JSON object, an empty one where the server left it out or said something else."""
    return value if isinstance(value, Mapping) else {}

"""What an `error` means for the conversation: a table (reference section 2.7)."""

from __future__ import annotations

from enum import Enum, auto

from vivavoce.events.server import ServerError


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
    if error.code in FATAL_CODES or error.error.get("type") in FATAL_CODES:
        return Weight.FATAL
    if error.code in _EXPECTED_CODES or any(text in error.message for text in _EXPECTED_TEXTS):
        return Weight.EXPECTED
    return Weight.ORDINARY

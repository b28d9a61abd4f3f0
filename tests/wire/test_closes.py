"""What a close means: the fault, and what a person may do about it where the talk does not go on by itself."""

from __future__ import annotations

import re

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from vivavoce.errors import Refused, ServerGone
from vivavoce.wire.closes import gone

ADVICE = re.compile(r"\b(start|check|report|wait a|leave)\b")


@pytest.mark.parametrize("ours", [False, True], ids=["theirs", "ours"])
@pytest.mark.parametrize("code", [*range(1000, 1015), 3000, 3003, 3008, 4000])
def test_the_fault_is_told_apart_from_what_a_person_may_do(code: int, *, ours: bool) -> None:
    frame = Close(code, "")
    error = gone(ConnectionClosedError(None, frame) if ours else ConnectionClosedError(frame, None))
    assert str(error).startswith(f"The connection ended ({code}): ")
    if isinstance(error, Refused):
        assert code in {3000, 3003}
        return
    assert isinstance(error, ServerGone)
    assert not ADVICE.search(error.fault)
    assert error.fault.endswith(".")
    assert str(error).startswith(error.fault[:-1])
    assert ADVICE.search(str(error)) or (ours and code == 1000), "and then what to do"


def test_an_expired_session_is_a_fault_like_others() -> None:
    error = gone(ConnectionClosedError(Close(1001, "Your session hit the maximum duration of 60 minutes."), None))
    assert isinstance(error, ServerGone)
    assert error.fault.endswith("the session reached its longest duration.")
    assert str(error).endswith("the session reached its longest duration; start a new one.")

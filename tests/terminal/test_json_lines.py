"""JSON lines: one object per line, fields as documented."""

from __future__ import annotations

import io
import json

from vivavoce.session.happenings import AssistantSaid, Ended, Errored, Happening, Ready
from vivavoce.terminal.json_lines import JsonLines


def line(happening: Happening, t: float = 1.23456, out_ms: int | None = None) -> dict[str, object]:
    out = io.StringIO()
    JsonLines(out).show(happening, t, out_ms)
    text = out.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    found: dict[str, object] = json.loads(text)
    return found


def test_every_line_has_t_and_type() -> None:
    assert line(Ended("goodbye")) == {"t": 1.235, "type": "end", "reason": "goodbye"}


def test_after_ready_a_line_has_the_clock_of_the_speaker() -> None:
    shown = line(Ready("azure", "gpt", "sess_1"), 0.5, 0)
    assert shown == {"t": 0.5, "type": "ready", "out_ms": 0, "server": "azure", "model": "gpt", "session_id": "sess_1"}


def test_a_reply_says_what_was_heard_of_it() -> None:
    shown = line(AssistantSaid("a", "Grüße an alle", "Grüße", 400, interrupted=True, cut_by="person"), 2, 40)
    assert shown == {
        "t": 2,
        "type": "assistant",
        "out_ms": 40,
        "item_id": "a",
        "text": "Grüße an alle",
        "heard_text": "Grüße",
        "heard_ms": 400,
        "interrupted": True,
        "cut_by": "person",
    }


def test_an_error_carries_its_raw_json_and_no_field_of_ours() -> None:
    shown = line(Errored("c", "m", fatal=False, raw={"code": "c"}, expected=True))
    assert shown == {"t": 1.235, "type": "error", "code": "c", "message": "m", "fatal": False, "raw": {"code": "c"}}

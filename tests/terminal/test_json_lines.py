"""JSON lines: one object per line, fields as documented."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import typing
from pathlib import Path

import pytest

from vivavoce.errors import Reason
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


PAGE = (Path(__file__).parents[2] / "docs" / "json-lines.md").read_text()


@pytest.mark.parametrize("kind", typing.get_args(Happening), ids=lambda kind: kind.TYPE)
def test_each_line_has_the_fields_of_the_document(kind: type[Happening]) -> None:
    row = re.search(rf"^\| `{kind.TYPE}` \| ([^|]*) \|", PAGE, re.MULTILINE)
    assert row is not None
    told = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", row.group(1)))
    fields = [each.name for each in dataclasses.fields(kind)]
    assert told == [name for name in fields if name != "expected"]


def test_every_reason_of_the_end_is_in_the_document() -> None:
    (told,) = re.findall(r"^`reason` is one of (.*?)\.$", PAGE, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`(\w+)`", told)) == set(typing.get_args(Reason))

"""A story in numbers: as data for programs, as rows of a table for people."""

from __future__ import annotations

import dataclasses
from typing import Any

from vivavoce.session.happenings import CUTS, CutBy
from vivavoce.tape.story import Story

__all__ = ["as_data", "rows"]

_ALSO: tuple[CutBy, ...] = ("connection", "end")
_NOT_DATA = frozenset({"person", "assistant"})


def as_data(story: Story) -> dict[str, Any]:
    """All of it but the sound, ready for JSON; documented in docs/tape.md."""
    said = {
        each.name: _plain(getattr(story, each.name)) for each in dataclasses.fields(story) if each.name not in _NOT_DATA
    }
    said["latencies"] = [_plain(latency) | {"ms": latency.ms} for latency in story.latencies]
    said["latency_ms"] = None if story.waits is None else dataclasses.asdict(story.waits)
    return said


def rows(story: Story) -> list[tuple[str, str]]:
    """What is counted, and how much."""
    typed = sum(turn.typed for turn in story.turns)
    cut = [reply for reply in story.replies if reply.truncated_ms is not None]
    found = [
        ("server", f"{story.server}, {story.model}" if story.model else story.server),
        ("begun", story.begun),
        ("length", _seconds(story.length_s)),
        ("ended", story.reason or "the tape ends before the talk"),
        ("your turns", f"{len(story.turns)} ({typed} typed)" if typed else str(len(story.turns))),
        ("you spoke", _seconds(sum(turn.end_s - turn.start_s for turn in story.turns))),
        ("replies", str(len(story.replies))),
        ("the assistant was heard", _seconds(sum(reply.heard_ms for reply in story.replies) / 1000)),
        ("interruptions", str(len(story.marked("interruption")))),
        *((f"replies {CUTS[by]}", str(len(story.cut_by(by)))) for by in _ALSO if story.cut_by(by)),
        ("replies truncated", str(len(cut))),
        ("replies deleted", str(len(story.marked("deletion")))),
        ("functions called", str(len(story.marked("call")))),
        ("connections lost", str(len(story.marked("reconnect")))),
        ("connections renewed", str(len(story.marked("renewal")))),
        ("warnings, errors", f"{len(story.marked('warning'))}, {len(story.marked('error'))}"),
    ]
    if waits := story.waits:
        found += [
            ("wait for an answer, median", f"{waits.median_ms} ms"),
            ("wait for an answer, p90", f"{waits.p90_ms} ms"),
            ("wait for an answer, longest", f"{waits.longest_ms} ms (of {waits.count})"),
        ]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if dataclasses.is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    return value


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:.1f} s" if minutes else f"{rest:.1f} s"

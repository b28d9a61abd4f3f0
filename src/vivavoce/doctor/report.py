"""Findings as people read them, a line each, and as programs do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from vivavoce.doctor.findings import Finding
from vivavoce.doctor.rounds import CHECKS

__all__ = ["as_json", "line", "summary", "well"]

_TITLES = {check.name: check.title for check in CHECKS}


def well(findings: Sequence[Finding]) -> bool:
    """Nothing to mend."""
    return all(found.verdict != "mend" for found in findings)


def line(found: Finding) -> str:
    """One line: the verdict, what is so, what to do. No control characters, whatever a device or a server is called."""
    fix = found.fix if found.fix != found.sentence else ""
    text = f"{found.verdict}: {found.sentence} {fix}".strip()
    return "".join(letter if letter.isprintable() else " " for letter in text)


def summary(findings: Sequence[Finding], talk: str = "viva talk", left_out: Sequence[str] = ()) -> list[str]:
    """The last lines: what was not looked at, and how it stands.

    Args:
        findings: all of them.
        talk: the command of the talk that was looked at.
        left_out: what the person did not want looked at, such as "the sound".
    """
    skipped = [_TITLES[found.check] for found in findings if found.verdict == "skipped"]
    faults = sum(found.verdict == "mend" for found in findings)
    lines = [f"Not looked at until that is mended: {', '.join(skipped)}."] if skipped else []
    if faults == 0:
        was = "was" if len(left_out) == 1 else "were"
        but = (
            f"What was looked at is well; {' and '.join(left_out)} {was} not looked at." if left_out else "All is well."
        )
        return [*lines, f"{but} Talk with: {talk}"]
    things = "One thing is" if faults == 1 else f"{faults} things are"
    return [*lines, f"{things} to mend, see above; then run viva doctor again."]


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """One JSON object (docs/doctor.md)."""
    return {
        "well": well(findings),
        "mend": [found.check for found in findings if found.verdict == "mend"],
        "checks": [asdict(found) for found in findings],
    }

"""What the doctor finds in a world, and the one fault among it."""

from __future__ import annotations

from collections.abc import Sequence

from vivavoce.doctor.findings import Finding
from vivavoce.doctor.rounds import CHECKS, examine
from vivavoce.doctor.world import World


def found_in(world: World, *only: str) -> list[Finding]:
    """Everything the doctor finds; or what it finds if it makes only these checks."""
    return list(examine(world, tuple(check for check in CHECKS if not only or check.name in only)))


def the_fault(findings: Sequence[Finding], check: str) -> Finding:
    """The one thing to mend; it is in this check, it says what to do, and what was skipped was skipped for it."""
    faults = [found for found in findings if found.verdict == "mend"]
    assert [found.check for found in faults] == [check], findings
    assert faults[0].fix
    assert {found.because for found in findings if found.verdict == "skipped"} <= {check}
    return faults[0]


def of(findings: Sequence[Finding], check: str) -> Finding:
    """The finding of one check."""
    return next(found for found in findings if found.check == check)

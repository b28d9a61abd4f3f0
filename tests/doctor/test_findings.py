from __future__ import annotations

import pytest

from vivavoce.doctor.findings import Finding, in_two
from vivavoce.doctor.report import as_json, line, summary, well


@pytest.mark.parametrize(
    ("text", "wrong", "do"),
    [
        ("The key is wrong (401): check it.", "The key is wrong (401).", "Check it."),
        ("No server. Set one: A or B.", "No server.", "Set one: A or B."),
        ('No "a: b" (it says: "no. x"): try c.', 'No "a: b" (it says: "no. x").', "Try c."),
        ("A part is absent: pip install 'x[y]'", "A part is absent.", "Run pip install 'x[y]'"),
        ("It broke", "It broke", "It broke"),
        ("Use 1.5 of wss://a:1", "Use 1.5 of wss://a:1", "Use 1.5 of wss://a:1"),
    ],
)
def test_an_error_is_told_as_what_is_wrong_and_what_to_do(text: str, wrong: str, do: str) -> None:
    assert in_two(text) == (wrong, do)


def test_a_line_is_one_line_whatever_a_device_is_called() -> None:
    said = line(Finding("devices", "ok", "Microphone: Head\r\nset\x1b[2J."))
    assert said == "ok: Microphone: Head  set [2J."


def test_a_sentence_that_is_its_own_fix_is_said_once() -> None:
    assert line(Finding("server", "mend", "Use a.", "Use a.")) == "mend: Use a."


def test_what_was_not_looked_at_is_said_once_at_the_end() -> None:
    findings = [
        Finding("name", "mend", "Nobody knows it.", "Spell it."),
        Finding("connection", "skipped", "", because="name"),
        Finding("clock", "skipped", "", because="name"),
    ]
    assert summary(findings)[0] == "Not looked at until that is mended: the connection, the clock."
    assert summary(findings)[1].startswith("One thing is to mend")
    assert not well(findings)
    assert as_json(findings)["mend"] == ["name"]


def test_notes_are_no_faults() -> None:
    findings = [Finding("level", "note", "Quiet.", "Raise it.")]
    assert well(findings)
    assert summary(findings) == ["All is well. Talk with: viva talk"]


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ((), "All is well."),
        (("the sound",), "What was looked at is well; the sound was not looked at."),
        (("the sound", "the network"), "What was looked at is well; the sound and the network were not looked at."),
    ],
)
def test_only_what_was_looked_at_is_well(left_out: tuple[str, ...], said: str) -> None:
    assert summary([], "viva talk --mic none", left_out) == [f"{said} Talk with: viva talk --mic none"]

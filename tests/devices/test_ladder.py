"""The ladder: which rung, which line, which field."""

from __future__ import annotations

import pytest

from vivavoce.devices.ladder import WISHES, Measured, choose, noise_field

GOOD = Measured(4.0, -15.0, -35.0, 25.0)
HOPELESS = Measured(4.0, -15.0, -35.0, 2.0)


@pytest.mark.parametrize(
    ("wish", "installed", "measured", "rung"),
    [
        ("auto", True, None, "cancel"),
        ("auto", False, None, "gate"),
        ("auto", True, GOOD, "cancel"),
        ("auto", False, GOOD, "gate"),
        ("auto", True, HOPELESS, "half"),
        ("auto", False, HOPELESS, "half"),
        ("cancel", True, HOPELESS, "cancel"),
        ("gate", True, HOPELESS, "gate"),
        ("off", True, HOPELESS, "off"),
    ],
)
def test_the_rung(wish: str, installed: bool, measured: Measured | None, rung: str) -> None:
    assert wish in WISHES
    assert choose(wish, installed=installed, measured=measured).rung == rung


@pytest.mark.parametrize(
    "measured",
    [
        Measured(1.0, -15.0, -35.0, 2.0),  # too short to know
        Measured(4.0, -15.0, -62.0, 2.0),  # so faint that nobody hears it
        Measured(4.0, -45.0, -48.0, 2.0),  # noise, not echo
    ],
)
def test_little_cancelled_is_no_reason_to_give_up_where_there_is_no_echo(measured: Measured) -> None:
    assert choose("auto", installed=True, measured=measured).rung == "cancel"


def test_every_rung_is_told_in_one_line() -> None:
    for wish in WISHES:
        for installed in (True, False):
            for measured in (None, HOPELESS):
                sentence = choose(wish, installed=installed, measured=measured).sentence
                assert "\n" not in sentence
                assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("microphone", "speaker", "field"),
    [
        ("Built-in Microphone", "Built-in Output", "far_field"),
        ("default", "default", "far_field"),
        ("Jabra Evolve2 65", "default", "near_field"),
        ("MacBook Pro Microphone", "Anna's AirPods Pro", "near_field"),
        ("USB Headset: Audio (hw:1,0)", "default", "near_field"),
        ("Head-set Mono", "default", "near_field"),
        ("Jabra Speak 510", "Jabra Speak 510", "far_field"),
    ],
)
def test_a_headset_is_known_by_its_name(microphone: str, speaker: str, field: str) -> None:
    assert noise_field(microphone, speaker) == field

"""Who judges a barge-in: what is asked for, what is there, and what is said where something is missing."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from tests.devices.acoustics import Sound, at_level, placed, recorded, to_bytes

from vivavoce.cli.ears import MODEL, ear_for, second_ear
from vivavoce.devices.barge_sound import FRAME
from vivavoce.devices.bargein import BargeInDetector
from vivavoce.engine.models import registry
from vivavoce.engine.models.weights import Weights
from vivavoce.errors import BadSettings
from vivavoce.pcm import RATE_HZ
from vivavoce.ports import Ear
from vivavoce.session.bargein import Judged

HERE = "Barge-in: decided on this machine: a sound over a reply pauses it, words stop it"
GOOD: dict[str, Any] = {"obeys": True, "closed": "", "clear": True, "far": False}


def asked(wish: Literal["auto", "at-once", "confirmed"], **but: Any) -> tuple[Ear | None, list[str]]:
    """The detector, and what the person is told."""
    told: list[str] = []
    return ear_for(wish, **(GOOD | but), tell=told.append), told


@pytest.fixture
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVA_MODELS", str(tmp_path))


@pytest.mark.parametrize("but", [{}, {"clear": False}, {"closed": "your key interrupts"}])
def test_at_once_leaves_it_to_the_server(but: dict[str, Any]) -> None:
    assert asked("at-once", **but) == (None, [])


@pytest.mark.parametrize(
    ("but", "why"),
    [
        ({"closed": "your key interrupts"}, "your key interrupts."),
        ({"closed": "nobody is heard", "clear": False}, "nobody is heard."),
        ({"obeys": False}, "the server decides: whether this one would leave it to us is not known."),
        ({"clear": False}, "the server decides: auto needs microphone and loudspeaker of this machine, "),
    ],
)
def test_auto_leaves_it_to_others_and_says_why(but: dict[str, Any], why: str) -> None:
    ear, told = asked("auto", **but)
    assert ear is None
    assert len(told) == 1
    assert told[0].startswith(f"Barge-in: {why}")


@pytest.mark.usefixtures("no_models")
def test_auto_leaves_it_to_the_server_where_the_model_is_not_here() -> None:
    ear, told = asked("auto")
    assert ear is None
    assert told == [
        "Barge-in: the server decides: to have words told from coughs on this machine, viva models fetch base."
    ]


@pytest.mark.usefixtures("no_models")
def test_where_the_packages_are_absent_too_both_steps_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    _, told = asked("auto")
    assert told[0].endswith("pip install 'vivavoce[offline]', then viva models fetch base.")


@pytest.mark.usefixtures("no_models")
def test_confirmed_without_the_model_is_granted_and_says_what_is_missing() -> None:
    ear, told = asked("confirmed", clear=False)
    assert isinstance(ear, BargeInDetector)
    assert "viva models fetch base" in told[0]
    assert told[1:] == [f"{HERE}."]


@pytest.mark.usefixtures("no_models")
def test_confirmed_with_a_server_of_which_nothing_is_known_promises_no_more_than_that() -> None:
    assert asked("confirmed", obeys=False)[1][-1] == f"{HERE}, unless this server answers by itself."


def test_confirmed_needs_an_open_microphone() -> None:
    with pytest.raises(BadSettings, match="leave --push-to-talk, --mic none, and --say without --mic FILE out"):
        asked("confirmed", closed="your key interrupts")


@pytest.mark.models
def test_a_damaged_model_is_not_fetched_in_the_middle_of_a_talk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = registry.named(MODEL)
    shutil.copytree(Weights().root / model.folder, tmp_path / model.folder)
    damaged = tmp_path / model.folder / "config.json"
    damaged.write_bytes(damaged.read_bytes()[::-1])
    monkeypatch.setenv("VIVA_MODELS", str(tmp_path))
    ear = second_ear()
    assert ear is not None
    ear.wake()
    while not ear.gone:
        threading.Event().wait(0.001)
    assert "viva models fetch base" in caplog.text


@pytest.mark.models
def test_auto_confirms_on_clear_sound_where_the_model_is_here() -> None:
    ear, told = asked("auto")
    assert isinstance(ear, BargeInDetector)
    assert told == [f"{HERE}."]


@pytest.mark.models
@pytest.mark.parametrize("far", [True, False])
def test_the_second_ear_loads_beside_the_connecting_where_the_server_is_far_away(far: bool) -> None:
    before = set(threading.enumerate())
    ear, _ = asked("confirmed", far=far)
    assert ear is not None
    begun = [thread for thread in threading.enumerate() if thread not in before]
    asyncio.run(ear.close())
    assert [thread.name for thread in begun] == ["viva-barge-in"] * far
    for thread in begun:
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.models
@pytest.mark.parametrize("after_s", [0.0, 0.3, 0.6, 2.0])
def test_a_program_that_closes_its_ear_and_ends_at_any_moment_ends_well(after_s: float) -> None:
    program = f"""
import time
from vivavoce.cli.ears import second_ear
ear = second_ear()
ear.wake()
time.sleep({after_s})
ear.close()
"""
    left = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  ours
    assert (left.returncode, left.stderr) == (0, "")


def _judged(sound: Sound) -> list[Judged]:
    """In real time's order: what the second ear is asked is answered before the next sound comes."""
    second = second_ear()
    assert second is not None
    second.wake()
    detector, pcm, out = BargeInDetector(second), to_bytes(sound), []
    for at in range(0, len(pcm), 2 * FRAME):
        out += detector.hear(pcm[at : at + 2 * FRAME])
        while second.busy:
            threading.Event().wait(0.001)
    assert not second.gone
    second.close()
    return out


def _room(sound: Sound) -> Sound:
    room = placed([(1.0, sound)], 1.5 + len(sound) / RATE_HZ)
    return room + np.random.default_rng(2).normal(0, 10 ** (-65 / 20), len(room))


@pytest.mark.models
@pytest.mark.parametrize("name", ["jfk.wav", "LJ001-0004.wav", "sb_spk1_snt1.wav", "tardigrades.wav"])
def test_words_of_a_real_voice_are_speech(name: str) -> None:
    words = recorded(name)
    loud = int(np.argmax(np.abs(words) > np.abs(words).max() / 20))
    assert _judged(_room(at_level(words[loud : loud + RATE_HZ], -25)))[:2] == [Judged.SOUND, Judged.SPEECH]


@pytest.mark.models
def test_a_bell_and_a_thump_are_nothing() -> None:
    at = np.arange(round(0.4 * RATE_HZ)) / RATE_HZ
    partials = [np.sin(2 * np.pi * hz * at) * np.exp(-at * fall) for hz, fall in ((880, 6), (2217, 9), (4699, 14))]
    bell = np.sum(partials, axis=0)
    thump = np.sin(2 * np.pi * 90 * at) * np.exp(-at * 25)
    for sound in (bell, thump):
        judged = _judged(_room(at_level(sound, -22)))
        assert Judged.SPEECH not in judged
        assert judged.count(Judged.SOUND) == judged.count(Judged.NOTHING)

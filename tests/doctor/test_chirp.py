from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from tests.doctor.room import Room

from vivavoce.doctor.chirp import LISTEN_MS, Echo, Unheard, call, echo

RECORDINGS = Path(__file__).parents[1] / "recordings"


def heard_in(room: Room) -> Echo | Unheard:
    return echo(room.play_and_record(call(), LISTEN_MS))


@pytest.mark.parametrize("delay_ms", [0, 20, 137, 400, 899])
@pytest.mark.parametrize("factor", [2.0, 0.5, 0.02])
def test_delay_and_loss_are_measured(delay_ms: int, factor: float) -> None:
    found = heard_in(Room(echo=factor, delay_ms=delay_ms, noise=0.001))
    assert isinstance(found, Echo)
    assert abs(found.delay_ms - delay_ms) <= 1
    assert found.loss_db == pytest.approx(-20 * np.log10(factor), abs=1.0)


def test_an_echo_below_the_noise_is_found_all_the_same() -> None:
    found = heard_in(Room(echo=0.02, delay_ms=100, noise=0.01))  # chirp 30 dB down, noise 10 dB above it
    assert isinstance(found, Echo)
    assert abs(found.delay_ms - 100) <= 1


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.1])
def test_silence_and_noise_are_no_echo(noise: float) -> None:
    assert heard_in(Room(echo=0.0, noise=noise)) == "nothing"


@pytest.mark.parametrize("name", ["jfk.wav", "LJ001-0002.wav", "tardigrades.wav"])
def test_somebody_who_talks_is_no_echo(name: str) -> None:
    with wave.open(str(RECORDINGS / name)) as file:
        assert (file.getsampwidth(), file.getnchannels()) == (2, 1)
        talk = file.readframes(file.getnframes())  # at whatever rate: a strange voice is a voice
    assert echo(talk[: LISTEN_MS * 48]) == "nothing"


def test_too_late_to_be_told_from_the_next_is_not_heard() -> None:
    assert heard_in(Room(echo=0.5, delay_ms=1100)) == "unclear"


def test_a_recording_cut_short_is_no_echo() -> None:
    assert echo(bytes(1000)) == echo(b"") == "nothing"


def test_two_chirps_that_do_not_agree_are_unclear() -> None:
    sound = Room(echo=0.5, delay_ms=100).play_and_record(call(), LISTEN_MS)
    lost = 50 * 48  # as when the sound system loses 50 ms between the two
    assert echo(sound[: 600 * 48] + sound[600 * 48 + lost :] + bytes(lost)) == "unclear"

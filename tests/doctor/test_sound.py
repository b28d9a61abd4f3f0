"""Rooms with something wrong in them: one finding each, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.doctor.room import Room
from tests.doctor.rounds import found_in, of, the_fault

from vivavoce.choose import Flags
from vivavoce.doctor.findings import Finding
from vivavoce.doctor.world import World

WITHOUT_ECHO_EXTRA = frozenset({"livekit"})


def heard(room: Room, *, absent: frozenset[str] = frozenset(), asked: list[str] | None = None) -> Sequence[Finding]:
    """The findings of a world in which only the sound may be wrong."""
    tell = asked.append if asked is not None else (lambda _line: None)
    flags = Flags(server="ws://127.0.0.1:1/v1/realtime")
    installed = lambda name: name not in absent  # noqa: E731  a word for a line
    return found_in(World({}, flags, sound=room, network=False, installed=installed, tell=tell))


def test_a_good_room_is_well_and_the_person_is_told_what_happens() -> None:
    asked: list[str] = []
    findings = heard(Room(echo=0.1, delay_ms=120), asked=asked)
    assert {found.verdict for found in findings} == {"ok"}
    assert of(findings, "round_trip").facts["delay_ms"] == 120
    assert of(findings, "echo").facts["loss_db"] == pytest.approx(20, abs=1)
    assert "speak now" in asked[0]
    assert "chirps" in asked[1]


def test_the_real_rates_are_named() -> None:
    found = of(heard(Room()), "devices")
    assert "Headset (ALSA, 48000 Hz; takes our 24000 Hz)" in found.sentence
    assert "Loudspeaker (ALSA, 48000 Hz; is converted to our 24000 Hz)" in found.sentence
    assert list(found.facts["output"]["rates_hz"]) == [48_000]


def test_without_the_sound_library_only_that_is_told() -> None:
    room = Room(library_error="PortAudio is not installed, so there is no sound: install it with `apt install x`.")
    assert "apt install" in the_fault(heard(room), "portaudio").fix


def test_without_any_device_there_is_one_finding_not_two() -> None:
    fault = the_fault(heard(Room(input=None, output=None)), "devices")
    assert "make talk" in fault.fix


def test_without_a_microphone() -> None:
    fault = the_fault(heard(Room(input=None)), "microphone")
    assert fault.sentence == "There is no microphone."
    assert "--mic none" in fault.fix
    assert "make talk" in fault.fix


def test_without_a_speaker() -> None:
    fault = the_fault(heard(Room(output=None)), "speaker")
    assert fault.sentence == "There is no speaker."
    assert "--speaker answer.wav" in fault.fix


@pytest.mark.parametrize(("where", "check"), [("input_error", "microphone"), ("output_error", "speaker")])
def test_a_device_that_does_not_open_is_told_in_the_words_of_the_sound_system(where: str, check: str) -> None:
    room = Room()
    setattr(room, where, "It cannot be opened: Device busy [-9985]. Look whether another program holds it.")
    fault = the_fault(heard(room), check)
    assert fault.sentence == "It cannot be opened: Device busy [-9985]."
    assert fault.fix.startswith("Look whether another program holds it. Or talk without it")


def test_a_microphone_that_gives_nothing_at_all_is_silent() -> None:
    fault = the_fault(heard(Room(speech=0, noise=0)), "level")
    assert "silent" in fault.sentence
    assert "Unmute" in fault.fix


def test_a_microphone_whose_sound_is_cut_off_is_too_loud() -> None:
    fault = the_fault(heard(Room(speech=3.0)), "level")
    assert "too loud" in fault.sentence
    assert fault.fix.startswith("Lower its level")


def test_a_quiet_microphone_and_a_loud_room_are_notes() -> None:
    assert "very quiet" in of(heard(Room(speech=0.0, noise=0.0002)), "level").sentence
    assert "room is loud" in of(heard(Room(speech=0.9, noise=0.05)), "level").sentence
    assert [f.check for f in heard(Room(speech=0.9, noise=0.05)) if f.verdict == "note"] == ["level", "round_trip"]


def test_where_nobody_speaks_the_level_is_not_called_good() -> None:
    found = of(heard(Room(speech=0.0, noise=0.003)), "level")
    assert (found.verdict, "nobody spoke" in found.sentence) == ("note", True)


def test_an_echo_without_cancellation_is_a_fault() -> None:
    fault = the_fault(heard(Room(echo=0.3), absent=WITHOUT_ECHO_EXTRA), "echo")
    assert "it comes back 10 dB weaker" in fault.sentence
    assert "pip install 'vivavoce[echo]'" in fault.fix
    assert "headphones" in fault.fix


def test_an_echo_too_late_for_cancellation_is_a_fault() -> None:
    assert "700 ms late" in the_fault(heard(Room(echo=0.3, delay_ms=700)), "echo").sentence


def test_what_is_late_once_is_measured_again_before_it_is_believed() -> None:
    class Stalling(Room):
        """The machine is busy the first time."""

        def play_and_record(self, pcm: bytes, ms: int) -> bytes:
            heard = super().play_and_record(pcm, ms)
            self.delay_ms = 120
            return heard

    findings = heard(Stalling(echo=0.3, delay_ms=700))
    assert of(findings, "round_trip").facts["delay_ms"] == 120
    assert of(findings, "echo").verdict == "ok"


def test_an_echo_nobody_would_take_for_speech_needs_no_cancellation() -> None:
    found = of(heard(Room(echo=0.005, noise=0.0005), absent=WITHOUT_ECHO_EXTRA), "echo")
    assert found.verdict == "ok"
    assert "hardly" in found.sentence


def test_headphones_are_no_fault() -> None:
    findings = heard(Room(echo=0.0), absent=WITHOUT_ECHO_EXTRA)
    assert of(findings, "round_trip").verdict == "note"
    assert "echo" not in {found.check for found in findings}


def test_a_talk_without_microphone_or_speaker_misses_neither() -> None:
    flags = Flags(server="ws://127.0.0.1:1/v1/realtime")
    room = Room(input=None)
    findings = found_in(World({}, flags, sound=room, microphone=False, network=False))
    assert {found.check for found in findings} == {"python", "server", "extras", "portaudio", "devices", "speaker"}
    assert {found.verdict for found in findings} == {"ok"}

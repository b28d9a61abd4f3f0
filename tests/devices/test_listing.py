from __future__ import annotations

import pytest

from vivavoce.devices.listing import Entry, entries, find
from vivavoce.errors import NoDevice
from vivavoce.testing.portaudio import SimulatedDevice, SimulatedPortAudio

SYSTEM = SimulatedPortAudio(
    [
        SimulatedDevice("Built-in Audio", inputs=2, outputs=2, rates_hz=(48_000,), channel_counts=(2,)),
        SimulatedDevice("USB Headset", inputs=1, outputs=2),
        SimulatedDevice("USB Speaker", outputs=2),
    ]
)


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        (1, "USB Headset"),
        ("2", "USB Speaker"),
        ("usb headset", "USB Headset"),
        ("built", "Built-in Audio"),
        (None, "Built-in Audio"),
    ],
)
def test_a_device_is_found_by_index_whole_name_unique_part_or_as_the_default(wish: int | str | None, name: str) -> None:
    assert find(SYSTEM, "output", wish).name == name


def test_an_exact_name_wins_over_one_that_contains_it() -> None:
    system = SimulatedPortAudio([SimulatedDevice("usb", outputs=1), SimulatedDevice("usb 2", outputs=1)])
    assert find(system, "output", "USB").index == 0


def test_what_a_sound_server_gives_in_place_of_a_microphone_is_none() -> None:
    system = SimulatedPortAudio([SimulatedDevice("default", inputs=1, outputs=1), SimulatedDevice("hw:1", inputs=1)])
    system.only_monitor = True
    for wish in (None, "default"):
        with pytest.raises(NoDevice, match="There is no microphone: the sound server has none"):
            find(system, "input", wish)
    assert find(system, "input", "hw").index == 1
    assert find(system, "output", None).index == 0


def test_a_part_that_several_names_have_lists_those() -> None:
    with pytest.raises(NoDevice) as caught:
        find(SYSTEM, "output", "usb")
    assert str(caught.value) == (
        "More than one speaker fits 'usb': 1 'USB Headset', 2 'USB Speaker'. Give the whole name or the number."
    )


@pytest.mark.parametrize("wish", ["no such card", 7, "7", "Speaker"])
def test_a_name_that_fits_none_lists_all_of_that_direction(wish: int | str) -> None:
    with pytest.raises(NoDevice) as caught:
        find(SYSTEM, "input", wish)
    assert str(caught.value) == f"No microphone fits {wish!r}. There are: 0 'Built-in Audio', 1 'USB Headset'."


def test_without_any_device_or_any_default_there_is_one_sentence() -> None:
    with pytest.raises(NoDevice, match=r"^There is no microphone: no sound card, or no sound server is running.$"):
        find(SimulatedPortAudio([SimulatedDevice("speaker", outputs=1)]), "input", None)


def test_the_rates_listed_are_those_at_which_it_opens() -> None:
    built_in, headset, speaker = entries(SYSTEM)
    assert built_in == Entry(built_in.device, (48_000,), (48_000,), default_input=True, default_output=True)
    assert 24_000 in headset.input_rates_hz
    assert speaker.input_rates_hz == ()

"""Streams that a sound server took elsewhere: which of them go home, and when."""

from __future__ import annotations

from vivavoce.devices.host import Node
from vivavoce.devices.rescue import Rescues

HEADSET, BUILT_IN = (1, Node("usb.headset", "Headset")), (2, Node("pci.analog", "Built-in"))


def playing() -> Rescues:
    """A stream, number 7, on the headset."""
    rescues = Rescues()
    for index, node in (HEADSET, BUILT_IN):
        rescues.node("output", index, node)
    rescues.stream("output", 7, 1, 0.0)
    return rescues


def test_a_stream_whose_device_vanished_is_elsewhere_until_it_is_moved_again_or_ends() -> None:
    rescues = playing()
    assert rescues.taken_to("output", 0.1) is None
    rescues.stream("output", 7, 2, 1.0)  # it is moved first,
    rescues.node_gone("output", 1)  # then the device is gone
    assert rescues.taken_to("output", 1.0) == "Built-in"
    assert rescues.taken_to("output", 99.0) == "Built-in"
    assert rescues.taken_to("input", 99.0) is None
    rescues.node(
        "output", 9, Node("usb.headset", "Headset")
    )  # it is back under another index, and the stream is not on it
    assert rescues.taken_to("output", 100.0) == "Built-in"
    assert rescues.taken_to("output", 200.0) == "Built-in"
    rescues.node_gone("output", 9)
    assert rescues.taken_to("output", 200.1) == "Built-in"
    rescues.node("output", 10, Node("usb.headset", "Headset"))
    rescues.stream("output", 7, 10, 300.0)
    assert rescues.taken_to("output", 300.0) is None
    assert rescues.taken_to("output", 400.0) is None


def test_what_a_person_moves_belongs_where_it_was_moved_to() -> None:
    rescues = playing()
    rescues.stream("output", 7, 2, 1.0)
    assert rescues.taken_to("output", 1.5) is None
    assert rescues.taken_to("output", 2.5) is None
    rescues.node_gone("output", 1)
    assert rescues.taken_to("output", 3.0) is None
    rescues.node("output", 9, Node("usb.headset", "Headset"))
    rescues.stream("output", 7, 9, 4.0)
    assert rescues.taken_to("output", 5.5) is None  # now its device is the headset, and that vanishes
    rescues.stream("output", 7, 2, 6.0)
    rescues.node_gone("output", 9)
    assert rescues.taken_to("output", 6.0) == "Built-in"


def test_a_stream_that_ended_or_whose_device_is_not_known_is_nowhere() -> None:
    rescues = playing()
    rescues.stream("output", 8, 3, 0.0)
    rescues.node("output", 3, Node("hdmi", "Television"))
    rescues.stream("output", 7, 3, 1.0)
    rescues.node_gone("output", 1)
    rescues.node_gone("output", 3)  # and the next is gone before anybody says where the stream is now
    assert rescues.taken_to("output", 1.0) is None
    rescues.stream("output", 7, 2, 1.1)
    assert rescues.taken_to("output", 1.2) == "Built-in"
    rescues.stream_gone("output", 7)
    assert rescues.taken_to("output", 1.3) is None


def test_a_microphone_that_is_the_monitor_of_our_own_speaker_hears_itself() -> None:
    rescues = playing()
    monitors = Node("pci.analog.monitor", "Monitor of Built-in"), Node("usb.headset.monitor", "Monitor of Headset")
    for index, node in enumerate(monitors, start=5):
        rescues.node("input", index, node)
    assert not rescues.hears_itself()
    rescues.stream("input", 8, 5, 1.0)
    assert not rescues.hears_itself()  # what another speaker plays may be what somebody wants to send
    rescues.stream("input", 8, 6, 2.0)
    assert rescues.hears_itself()
    rescues.node_gone("output", 1)
    assert not rescues.hears_itself()


def test_monitors_of_speakers_are_no_microphones() -> None:
    rescues = playing()
    for index, node in enumerate(
        (Node("usb.headset.monitor", "Monitor of Headset", monitor=True), Node("usb.mic", "Headset", 2, 16_000))
    ):
        rescues.node("input", index, node)
    assert [node.called for node in rescues.devices("output")] == ["Headset", "Built-in"]
    assert rescues.devices("input") == [Node("usb.mic", "Headset", 2, 16_000)]
    rescues.node_gone("input", 1)
    assert rescues.devices("input") == []

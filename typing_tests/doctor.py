"""The sound card, and the room of the tests, are what the doctor listens to."""

from __future__ import annotations

from tests.doctor.room import Room

from vivavoce.devices.stream import MicrophoneStream
from vivavoce.doctor.card import SoundCard, Source
from vivavoce.doctor.sound import Sound


def sounds(card: SoundCard, room: Room) -> list[Sound]:
    return [card, room]


def source(stream: MicrophoneStream) -> Source:
    return stream

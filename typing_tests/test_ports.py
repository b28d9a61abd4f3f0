# ruff: noqa: INP001  a folder of checks for mypy, not a package
"""Each leaf is assigned to its port: mypy is the test."""

from vivavoce.devices.memory import MemoryMicrophone, MemorySpeaker
from vivavoce.devices.queued import QueuedMicrophone
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
from vivavoce.devices.wav import FileMicrophone, WavSpeaker
from vivavoce.ports import Microphone, Speaker

MICROPHONES: list[type[Microphone]] = [MemoryMicrophone, QueuedMicrophone, FileMicrophone, SoundCardMicrophone]
SPEAKERS: list[type[Speaker]] = [MemorySpeaker, WavSpeaker, SoundCardSpeaker]

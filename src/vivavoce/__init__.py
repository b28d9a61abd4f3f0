"""Viva Voce: talk with an AI model, over the Realtime API of OpenAI and Azure OpenAI, or offline.

The public names are loaded when they are used, so `import vivavoce` costs nothing:

    from vivavoce import Parts, Session, Settings, run      # a talk, joined from its parts
    from vivavoce.choose import choose                      # environment and flags -> a choice of server
    from vivavoce import wire_for                           # that choice -> its wire
    from vivavoce import MicrophoneStream, SpeakerStream    # the sound without the conversation
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivavoce.choose import Choice, Flags
    from vivavoce.devices.memory import MemoryMicrophone, MemorySpeaker
    from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker
    from vivavoce.devices.stream import MicrophoneStream, SpeakerStream
    from vivavoce.devices.wav import FileMicrophone, WavSpeaker
    from vivavoce.live import Outcome, Parts, run
    from vivavoce.session.session import Session
    from vivavoce.session.settings import Settings
    from vivavoce.tools import Toolbox, tool
    from vivavoce.wire.factory import wire_for

__version__ = "0.1.0"

_HOMES = {
    "Choice": "choose",
    "FileMicrophone": "devices.wav",
    "Flags": "choose",
    "MemoryMicrophone": "devices.memory",
    "MemorySpeaker": "devices.memory",
    "MicrophoneStream": "devices.stream",
    "Outcome": "live",
    "Parts": "live",
    "Session": "session.session",
    "Settings": "session.settings",
    "SoundCardMicrophone": "devices.soundcard",
    "SoundCardSpeaker": "devices.soundcard",
    "SpeakerStream": "devices.stream",
    "Toolbox": "tools",
    "WavSpeaker": "devices.wav",
    "run": "live",
    "tool": "tools",
    "wire_for": "wire.factory",
}

__all__ = [
    "Choice",
    "FileMicrophone",
    "Flags",
    "MemoryMicrophone",
    "MemorySpeaker",
    "MicrophoneStream",
    "Outcome",
    "Parts",
    "Session",
    "Settings",
    "SoundCardMicrophone",
    "SoundCardSpeaker",
    "SpeakerStream",
    "Toolbox",
    "WavSpeaker",
    "run",
    "tool",
    "wire_for",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vivavoce' has no attribute {name!r}")
    return getattr(importlib.import_module(f"vivavoce.{_HOMES[name]}"), name)

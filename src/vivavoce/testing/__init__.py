"""Small real doubles for tests of programs that talk: see docs/testing.md.

from vivavoce.testing import Cut, RealtimeServer, Say, Talk      # a Realtime server that misbehaves on command
pytest_plugins = ["vivavoce.testing.fixtures"]                   # the same as a fixture: realtime_server
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivavoce.testing.connection import Connection
    from vivavoce.testing.ear import SpokenEar
    from vivavoce.testing.faults import Fault, Swap, Twice, random_faults
    from vivavoce.testing.hurry import hurried
    from vivavoce.testing.line import Line, ScriptFailed
    from vivavoce.testing.server import RealtimeServer, in_thread
    from vivavoce.testing.sound import Utterance, numbered, runs, spoken, understood, utterances
    from vivavoce.testing.steps import (
        Close,
        Cut,
        Delay,
        Expect,
        Flood,
        Half,
        Refuse,
        Say,
        SayText,
        Speak,
        Stall,
        reply_words,
    )
    from vivavoce.testing.talker import Reply, Talk, Talker, in_order, repeating

_HOMES = {
    "Close": "steps",
    "Connection": "connection",
    "Cut": "steps",
    "Delay": "steps",
    "Expect": "steps",
    "Fault": "faults",
    "Flood": "steps",
    "Half": "steps",
    "Line": "line",
    "RealtimeServer": "server",
    "Refuse": "steps",
    "Reply": "talker",
    "Say": "steps",
    "SayText": "steps",
    "ScriptFailed": "line",
    "Speak": "steps",
    "SpokenEar": "ear",
    "Stall": "steps",
    "Swap": "faults",
    "Talk": "talker",
    "Talker": "talker",
    "Twice": "faults",
    "hurried": "hurry",
    "in_order": "talker",
    "in_thread": "server",
    "numbered": "sound",
    "random_faults": "faults",
    "repeating": "talker",
    "reply_words": "steps",
    "runs": "sound",
    "spoken": "sound",
    "understood": "sound",
    "Utterance": "sound",
    "utterances": "sound",
}

__all__ = [
    "Close",
    "Connection",
    "Cut",
    "Delay",
    "Expect",
    "Fault",
    "Flood",
    "Half",
    "Line",
    "RealtimeServer",
    "Refuse",
    "Reply",
    "Say",
    "SayText",
    "ScriptFailed",
    "Speak",
    "SpokenEar",
    "Stall",
    "Swap",
    "Talk",
    "Talker",
    "Twice",
    "Utterance",
    "hurried",
    "in_order",
    "in_thread",
    "numbered",
    "random_faults",
    "repeating",
    "reply_words",
    "runs",
    "spoken",
    "understood",
    "utterances",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vivavoce.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"vivavoce.testing.{_HOMES[name]}"), name)

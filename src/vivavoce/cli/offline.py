"""The offline engine as a wire, and what a person should know of it before the talk."""

from __future__ import annotations

import functools
from collections.abc import Callable

from vivavoce.addresses import shown
from vivavoce.engine.models import chat
from vivavoce.engine.opening import open_stages
from vivavoce.engine.settings import voice_language_note
from vivavoce.wire.offline import OfflineWire

DEFAULT_BRAIN, DEFAULT_RECOGNISER = "small", "base"


def offline_wire(
    brain: str, recogniser: str, language: str | None, key_env: str | None, announce: Callable[[str], None]
) -> OfflineWire:
    """A wire to an engine of this talk's own; models are loaded, and fetched where needed, when it is opened."""
    announce(
        f"Brain: {shown(brain)}{_origin(brain, DEFAULT_BRAIN, '--brain')};"
        f" recogniser: {recogniser}{_origin(recogniser, DEFAULT_RECOGNISER, '--recogniser')}"
    )
    offer_ollama(brain, announce)
    note = voice_language_note(language)
    if note is not None:
        announce(note)
    return OfflineWire(functools.partial(open_stages, brain, recogniser, key_env=key_env))


def _origin(value: str, default: str, flag: str) -> str:
    return " (the default)" if value == default else f" ({flag})"


def offer_ollama(brain: str, announce: Callable[[str], None]) -> None:
    """A larger model may be on this machine already; say so to somebody who has not chosen one."""
    found = chat.ollama() if brain == DEFAULT_BRAIN else None
    if found:
        announce(f"Ollama answers on this machine: --brain {chat.OLLAMA}/v1#{found[0]} talks with its model.")

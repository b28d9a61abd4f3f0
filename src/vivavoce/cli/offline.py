"""The offline engine as a wire, and what a person should know of it before the talk."""

from __future__ import annotations

import functools
from collections.abc import Callable

from vivavoce.engine.opening import open_stages
from vivavoce.engine.settings import voice_language_note
from vivavoce.wire.offline import OfflineWire


def offline_wire(
    brain: str, recogniser: str, language: str | None, key_env: str | None, announce: Callable[[str], None]
) -> OfflineWire:
    """A wire to an engine of this talk's own; models are loaded, and fetched where needed, when it is opened."""
    announce(f"Brain: {brain} (--brain); recogniser: {recogniser} (--recogniser)")
    note = voice_language_note(language)
    if note is not None:
        announce(note)
    return OfflineWire(functools.partial(open_stages, brain, recogniser, key_env=key_env))

"""An ear that understands `spoken` sound: words are speech, what stands between asterisks ("*cough*") is nothing."""

from __future__ import annotations

import numpy as np

from vivavoce.pcm import SAMPLES_PER_MS
from vivavoce.session.bargein import Judged
from vivavoce.testing.sound import LOUD, understood

__all__ = ["SpokenEar"]

_FRAME = 10 * SAMPLES_PER_MS
_ASIDE = "*"


class SpokenEar:
    """The port `Ear`. A sound is judged when it has lasted so long, or is over; 300 ms of silence end it."""

    def __init__(self, judged_after_ms: int = 200) -> None:
        self._judged_after = judged_after_ms * SAMPLES_PER_MS
        self._rest = b""
        self._sound = bytearray()  # of the sound under way
        self._quiet = 0
        self._doubt = False

    async def close(self) -> None:
        """It holds nothing."""

    def hear(self, pcm: bytes) -> list[Judged]:
        """What was judged by the end of this sound, in order."""
        sound = self._rest + pcm
        whole = len(sound) // (2 * _FRAME) * 2 * _FRAME
        self._rest = sound[whole:]
        found = []
        for at in range(0, whole, 2 * _FRAME):
            found += self._frame(sound[at : at + 2 * _FRAME])
        return found

    def _frame(self, frame: bytes) -> list[Judged]:
        loud = bool(np.abs(np.frombuffer(frame, "<i2").astype(int)).max() > LOUD)
        self._quiet = 0 if loud else self._quiet + 1
        if not self._sound and not loud:
            return []
        found = []
        if not self._sound:
            self._doubt = True
            found.append(Judged.SOUND)
        self._sound += frame
        over = self._quiet * 10 >= 300  # noqa: PLR2004  ms
        if self._doubt and (len(self._sound) >= 2 * self._judged_after or over):
            self._doubt = False
            aside = understood(bytes(self._sound)).startswith(_ASIDE)
            found.append(Judged.NOTHING if aside else Judged.SPEECH)
        if over:
            self._sound.clear()
        return found

"""Push to talk: the person says when a turn begins and when it ends. Verbs in, decisions out."""

from __future__ import annotations

from vivavoce import pcm

MIN_MS = 100  # "Expected at least 100ms of audio" (row 18 of the failure modes)


class Button:
    """Whether it is pressed, and how much was said since.

    Attributes:
        pressed: the person speaks.
        committing: a turn was ended, and the server has not said yet that it has it.
    """

    def __init__(self) -> None:
        self.pressed = False
        self.committing = False
        self._bytes = 0
        self._turns = 0

    def press(self) -> None:
        """A turn begins."""
        self.pressed, self._bytes = True, 0

    def hear(self, count: int) -> None:
        """So many bytes of sound."""
        self._bytes += count

    def release(self) -> bool:
        """The turn ends. False where it is too short to be one."""
        self.pressed = False
        self.committing = self._bytes >= pcm.ms_to_bytes(MIN_MS)
        return self.committing

    def unsent(self) -> str:
        """A name for a turn that no server has: it was ended, and is not on its way any more."""
        self.committing = False
        self._turns += 1
        return f"viva_pressed_{self._turns}"

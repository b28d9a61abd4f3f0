"""What the doctor looks at, as small parameters; and what it has learned so far."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vivavoce.choose import Choice, Flags

if TYPE_CHECKING:
    from vivavoce.doctor.chirp import Echo
    from vivavoce.doctor.sound import Sound
    from vivavoce.doctor.visit import Visit
    from vivavoce.wire.azure import TokenSource

__all__ = ["Chart", "World", "installed"]


def installed(module: str) -> bool:
    """Whether a module can be found; it is not loaded."""
    return importlib.util.find_spec(module) is not None


@dataclass(frozen=True, slots=True)
class World:
    """What is looked at.

    Attributes:
        environment: the environment variables that choose the server. Proxy and certificates are read from the process.
        flags: what the command line says about the server, the models of the offline engine among it.
        models: folder of the models; None = where the engine looks.
        sound: the sound card; None = it is not looked at.
        microphone, speaker: whether there ought to be one.
        network: whether the network is used.
        installed: whether a module is there.
        token_source: where Entra tokens come from; None = `azure.identity`.
        tell: asks the person for something, such as to speak now.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    flags: Flags = field(default_factory=Flags)
    models: Path | None = None
    sound: Sound | None = None
    microphone: bool = True
    speaker: bool = True
    network: bool = True
    installed: Callable[[str], bool] = installed
    token_source: TokenSource | None = None
    tell: Callable[[str], None] = lambda _line: None

    @property
    def card(self) -> Sound:
        """The sound card; only checks of the sound ask for it. Raises LookupError without one."""
        if self.sound is None:
            raise LookupError("rounds.py does not ask for a check of the sound where there is no sound card to look at")
        return self.sound


@dataclass(slots=True)
class Chart:
    """What earlier checks leave for later ones.

    Attributes:
        choice: the server that would be talked with.
        visit: the conversation that was opened with it.
        echo: what the microphone heard of the speaker.
    """

    choice: Choice | None = None
    visit: Visit | None = None
    echo: Echo | None = None

    @property
    def chosen(self) -> Choice:
        """The choice; only checks that need the check `server` ask for it. Raises LookupError before."""
        if self.choice is None:
            raise LookupError("the check 'server' comes before every check that asks for the choice")
        return self.choice

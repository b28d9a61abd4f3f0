"""Where the parts of the protocol put what they want said and done."""

from __future__ import annotations

from typing import Protocol

from vivavoce.engine.jobs import Job
from vivavoce.events.server import ServerEvent


class Outlet(Protocol):
    """The protocol object, as its parts see it."""

    def say(self, event: ServerEvent) -> None:
        """Queue a word for the client."""

    def ask(self, job: Job) -> None:
        """Queue a job for the pipeline."""

    def new_job(self) -> int:
        """A number for a job."""

    def new_id(self, kind: str) -> str:
        """A new identifier."""

    def done(self, samples: int, *, in_conversation: bool) -> None:
        """An answer with so many samples of sound is over."""

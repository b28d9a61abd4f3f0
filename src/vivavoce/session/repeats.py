"""Words that come twice: something on the way says things again (a proxy, a server that resumes)."""

from __future__ import annotations

from vivavoce.events.server import ServerEvent

_KEPT = 128  # among which one that comes twice is noticed


class Repeats:
    """The last words of a connection, by `event_id`."""

    def __init__(self) -> None:
        self._said: dict[str, ServerEvent] = {}
        self._names_repeat = False

    def is_one(self, event: ServerEvent) -> bool:
        """The very same word came before. Words without a name are never taken for the same."""
        if not event.event_id or self._names_repeat:
            return False
        before = self._said.get(event.event_id)
        if before is not None:
            self._names_repeat = before != event  # a server that names different words alike: its names say nothing
            return not self._names_repeat
        self._said[event.event_id] = event
        if len(self._said) > _KEPT:
            del self._said[next(iter(self._said))]
        return False

    def sever(self) -> None:
        """The connection is gone, and its names mean nothing any more."""
        self._said.clear()

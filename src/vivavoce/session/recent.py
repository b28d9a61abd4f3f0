"""Names that came last, so that a talk of many hours remembers no more than a short one."""

from __future__ import annotations

from collections.abc import Iterable


class Recent:
    """A set of names that forgets the oldest where there are too many; a name that comes again is new."""

    def __init__(self, most: int) -> None:
        """`most`: how many are remembered."""
        self._most = most
        self._names: dict[str, None] = {}

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str) -> None:
        """It came just now."""
        self._names.pop(name, None)
        self._names[name] = None
        if len(self._names) > self._most:
            del self._names[next(iter(self._names))]

    def update(self, names: Iterable[str]) -> None:
        """They came just now, in this order."""
        for name in names:
            self.add(name)

    def discard(self, name: str) -> None:
        """Forget it."""
        self._names.pop(name, None)

    def clear(self) -> None:
        """Forget all."""
        self._names.clear()

"""Streams that the sound server took elsewhere because their device vanished: where they are, and when they can go home.

PulseAudio and PipeWire move such a stream without a word to the program, and leave it there when the device returns. Who chose
the device by name wants to know, and wants it back. No I/O: what the server says comes in, what it is to be told goes out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vivavoce.devices.host import Kind

_MEANT_S = 1.0
"""A stream that is elsewhere for so long while its device is there was moved by the person: that is its device now."""


@dataclass(slots=True)
class _Stream:
    home: str
    node: int
    away_s: float | None = None


@dataclass(slots=True)
class _Side:
    """Sinks and what plays on them, or sources and what records from them."""

    nodes: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Name and what people call it, by index."""
    streams: dict[int, _Stream] = field(default_factory=dict)


class Rescues:
    """Follows the sinks and sources of a server, and our own streams on them."""

    def __init__(self) -> None:
        self._sides: dict[Kind, _Side] = {"input": _Side(), "output": _Side()}

    def node(self, kind: Kind, index: int, name: str, called: str) -> None:
        """There is this sink or source."""
        self._sides[kind].nodes[index] = (name, called)

    def node_gone(self, kind: Kind, index: int) -> None:
        """It vanished."""
        self._sides[kind].nodes.pop(index, None)

    def stream(self, kind: Kind, index: int, node: int, now_s: float) -> None:
        """A stream of ours is on this sink or source; where it is seen first it belongs."""
        side = self._sides[kind]
        if node not in side.nodes:
            return  # it is told again when that is known
        known = side.streams.get(index)
        if known is None:
            side.streams[index] = _Stream(side.nodes[node][0], node)
        else:
            known.node = node
            known.away_s = None if side.nodes[node][0] == known.home else known.away_s or now_s

    def stream_gone(self, kind: Kind, index: int) -> None:
        """It ended."""
        self._sides[kind].streams.pop(index, None)

    def taken_to(self, kind: Kind, now_s: float) -> str | None:
        """What people call the device that a stream was taken to when its own vanished; None where none was."""
        side = self._sides[kind]
        present = {name for name, _ in side.nodes.values()}
        for stream in side.streams.values():
            if stream.away_s is None or stream.node not in side.nodes:
                continue
            if stream.home not in present:
                return side.nodes[stream.node][1]
            if now_s - stream.away_s > _MEANT_S:
                stream.home, stream.away_s = side.nodes[stream.node][0], None
        return None

    def homeward(self, kind: Kind, index: int) -> list[int]:
        """The streams that belong to this sink or source, which has just come, and are elsewhere."""
        side = self._sides[kind]
        name = side.nodes[index][0]
        return [
            number
            for number, stream in side.streams.items()
            if stream.home == name and stream.node != index and stream.away_s is not None
        ]

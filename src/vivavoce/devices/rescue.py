"""Streams that the sound server took elsewhere because their device vanished.

PulseAudio and PipeWire move such a stream without a word to the program, and leave it there when the device returns. Who chose
the device by name wants to know. No I/O: what the server says comes in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vivavoce.devices.host import Kind, Node

_DUMMY = "auto_null"
"""A sink that servers make where they have none, so that programs do not fail."""
_MEANT_S = 1.0
"""A stream that is elsewhere for so long while its device is there was moved by the person: that is its device now."""


@dataclass(slots=True)
class _Stream:
    home: str
    node: int
    moved_s: float
    taken: bool = False


@dataclass(slots=True)
class _Side:
    """Sinks and what plays on them, or sources and what records from them."""

    nodes: dict[int, Node] = field(default_factory=dict)
    """By index."""
    streams: dict[int, _Stream] = field(default_factory=dict)


class Rescues:
    """Follows the sinks and sources of a server, and our own streams on them."""

    def __init__(self) -> None:
        self._sides: dict[Kind, _Side] = {"input": _Side(), "output": _Side()}

    def node(self, kind: Kind, index: int, node: Node) -> None:
        """There is this sink or source."""
        self._sides[kind].nodes[index] = node

    def node_gone(self, kind: Kind, index: int) -> None:
        """It vanished."""
        self._sides[kind].nodes.pop(index, None)

    def stream(self, kind: Kind, index: int, node: int, now_s: float) -> None:
        """A stream of ours is on this sink or source; where it is seen first it belongs. Told after the nodes there are."""
        side = self._sides[kind]
        if node not in side.nodes:
            return
        known = side.streams.get(index)
        if known is None:
            side.streams[index] = _Stream(side.nodes[node].name, node, now_s)
        elif node != known.node:
            known.node, known.moved_s, known.taken = node, now_s, False

    def stream_gone(self, kind: Kind, index: int) -> None:
        """It ended."""
        self._sides[kind].streams.pop(index, None)

    def devices(self, kind: Kind) -> list[Node]:
        """What there is to play on, or to record from; monitors of what plays are no microphones."""
        return [node for node in self._sides[kind].nodes.values() if not node.monitor and node.name != _DUMMY]

    def hears_itself(self) -> bool:
        """Whether a microphone of ours is the monitor of a sink on which we play, as where none is left: it hears us alone."""
        here, there = self._sides["input"], self._sides["output"]
        monitors = {f"{there.nodes[s.node].name}.monitor" for s in there.streams.values() if s.node in there.nodes}
        return any(here.nodes[s.node].name in monitors for s in here.streams.values() if s.node in here.nodes)

    def taken_to(self, kind: Kind, now_s: float) -> str | None:
        """What people call the device that a stream was taken to when its own vanished; None where none was."""
        side = self._sides[kind]
        present = {node.name for node in side.nodes.values()}
        for stream in side.streams.values():
            here = side.nodes.get(stream.node)
            if here is None or here.name == stream.home:
                continue
            stream.taken |= stream.home not in present
            if stream.taken:
                return here.called
            if now_s - stream.moved_s > _MEANT_S:
                stream.home = here.name
        return None

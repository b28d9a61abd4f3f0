"""The round of the doctor: every check once, in order; what needs a check that failed is skipped, so each fault is named once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vivavoce.doctor import conversation, machine, network, room, sound
from vivavoce.doctor.findings import Finding
from vivavoce.doctor.world import Chart, World

__all__ = ["CHECKS", "Check", "examine"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check.

    Attributes:
        name: stable; it stands in `Finding.check`.
        title: what is looked at, for people.
        look: what it finds; None where there is nothing to look at. Blocks.
        needs: checks without which it would only repeat their fault.
        wanted: whether the person wants it looked at.
    """

    name: str
    title: str
    look: Callable[[World, Chart], Finding | None]
    needs: tuple[str, ...] = ()
    wanted: Callable[[World], bool] = lambda _world: True


def _models(world: World, chart: Chart) -> Finding | None:
    if chart.chosen.kind != "offline":
        return None
    from vivavoce.doctor.models import models  # noqa: PLC0415  the hub's client comes with the extra `offline`

    return models(world, chart)


def _sound(world: World) -> bool:
    return world.sound is not None


def _microphone(world: World) -> bool:
    return _sound(world) and world.microphone


def _speaker(world: World) -> bool:
    return _sound(world) and world.speaker


def _both(world: World) -> bool:
    return _microphone(world) and _speaker(world)


def _network(world: World) -> bool:
    return world.network


CHECKS = (
    Check("python", "Python", machine.python),
    Check("server", "the choice of a server", machine.server, ("python",)),
    Check("extras", "the parts installed on demand", machine.extras, ("server",)),
    Check("models", "the models of the offline engine", _models, ("extras",)),
    Check("portaudio", "the sound library", sound.portaudio, ("python",), _sound),
    Check("devices", "the sound devices", sound.devices, ("portaudio",), _sound),
    Check("microphone", "the microphone", sound.microphone, ("devices",), _microphone),
    Check("speaker", "the speaker", sound.speaker, ("devices",), _speaker),
    Check("level", "the microphone's level", room.level, ("microphone",), _microphone),
    Check("round_trip", "the way from speaker to microphone", room.round_trip, ("level", "speaker"), _both),
    Check("echo", "echo", room.echo, ("round_trip",), _both),
    Check("proxy", "the proxy", network.proxy, ("server",), _network),
    Check("name", "the server's name", network.name, ("proxy",), _network),
    Check("connection", "the connection", network.connection, ("name",), _network),
    Check("clock", "the clock", network.clock, ("connection",), _network),
    Check("certificate", "the certificate", network.certificate, ("clock",), _network),
    Check("answer", "the server's answer", conversation.answer, ("certificate", "extras"), _network),
    Check("key", "the key", conversation.key, ("answer",), _network),
    Check("deployment", "the deployment", conversation.deployment, ("key",), _network),
    Check("protocol", "the protocol", conversation.protocol, ("deployment",), _network),
    Check("conversation", "a conversation", conversation.conversation, ("protocol",), _network),
)


def examine(world: World, checks: tuple[Check, ...] = CHECKS) -> Iterator[Finding]:
    """Look at everything; findings come as they are found. Blocks between them; not to be run inside an event loop."""
    chart = Chart()
    at_fault: dict[str, str] = {}
    for check in (check for check in checks if check.wanted(world)):
        because = next((at_fault[name] for name in check.needs if name in at_fault), None)
        if because is not None:
            at_fault[check.name] = because
            yield Finding(check.name, "skipped", f"Not looked at: {check.title}.", because=because)
            continue
        found = check.look(world, chart)
        if found is None:
            continue
        if found.verdict == "mend":
            at_fault[check.name] = check.name
        yield found

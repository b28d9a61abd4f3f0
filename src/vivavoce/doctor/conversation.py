"""Key, deployment, protocol, conversation: what one visit to the server says about each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vivavoce.choose import choose, mask
from vivavoce.doctor.findings import Finding, of_error
from vivavoce.doctor.visit import Step, Visit, visit
from vivavoce.doctor.world import Chart, World
from vivavoce.errors import Refused

__all__ = ["answer", "conversation", "deployment", "key", "protocol"]

_COST = "No sound was sent and no answer was asked for, so it cost nothing."


def answer(world: World, chart: Chart) -> Finding | None:
    """The server answers at its address."""
    return _look(world, chart, "answer", lambda: Finding("answer", "ok", "The server answers at its Realtime address."))


def key(world: World, chart: Chart) -> Finding | None:
    """The key or token is accepted."""

    def well() -> Finding:
        choice = chart.chosen
        said = {
            "none": "No key is sent, and none is wanted.",
            "key": f"The key {mask(choice.key)} is accepted.",
            "entra": "Signing in with Entra works, and the token is accepted.",
        }[choice.credential]
        return Finding("key", "ok", said, facts={"credential": choice.credential})

    return _look(world, chart, "key", well)


def deployment(world: World, chart: Chart) -> Finding | None:
    """The model, on Azure the deployment, is there and talks."""

    def well() -> Finding:
        seen = chart.visit
        answers = seen.ready.model if seen and seen.ready else ""
        asked = chart.chosen.model
        what = "deployment" if chart.chosen.kind == "azure" else "model"
        said = f"The {what} {asked or answers or 'that the server chose'} answers"
        said += f" (it calls itself {answers})." if asked and answers not in {"", asked} else "."
        return Finding("deployment", "ok", said, facts={"asked": asked, "answers": answers})

    return _look(world, chart, "deployment", well)


def protocol(world: World, chart: Chart) -> Finding | None:
    """Which protocol answers."""

    def well() -> Finding:
        if not chart.chosen.preview:
            return Finding("protocol", "ok", "The server speaks the Realtime protocol (GA).", facts={"spoken": "ga"})
        said = "The server speaks the preview protocol, which Azure has deprecated."
        return Finding(
            "protocol", "note", said, "Move to a deployment that speaks the GA protocol.", {"spoken": "preview"}
        )

    return _look(world, chart, "protocol", well)


def conversation(world: World, chart: Chart) -> Finding | None:
    """A conversation was opened for real, our settings were agreed on, and it was closed."""

    def well() -> Finding:
        warnings = list(chart.visit.warnings) if chart.visit else []
        said = f"A conversation was opened, agreed on and closed. {_COST}"
        return Finding("conversation", "note" if warnings else "ok", said, " ".join(warnings), {"warnings": warnings})

    return _look(world, chart, "conversation", well)


def _look(world: World, chart: Chart, step: Step, well: Callable[[], Finding]) -> Finding | None:
    """The fault of the visit where it is at this step; that all is well where it was seen; else nothing."""
    seen = _visited(world, chart)
    if seen is None:
        return None
    if seen.error is not None and seen.step == step:
        return of_error(step, seen.error)
    return well() if step in seen.proven else None


def _visited(world: World, chart: Chart) -> Visit | None:
    """The visit, made when the first check asks for it; None where there is no server to go to."""
    if chart.chosen.kind == "offline":
        return None
    if chart.visit is None:
        seen = visit(chart.chosen, world.token_source)
        chart.visit = _in_the_other(world, chart) or seen if seen.maybe_dialect else seen
    return chart.visit


def _in_the_other(world: World, chart: Chart) -> Visit | None:
    """A refusal may come of the wrong one of two protocols: where the other one is spoken, that is the fault."""
    choice = chart.chosen
    if choice.kind == "openai":
        return None
    other = choose(world.environment, replace(world.flags, preview=not choice.preview), offline_installed=True)
    there = visit(other, world.token_source)
    if there.error is not None:
        return None
    if choice.preview:
        return Visit(
            Refused("This server speaks the GA protocol, not the preview: leave --preview out."),
            "protocol",
            there.proven[:3],
        )
    text = (
        "This server speaks only the preview protocol, which Azure has deprecated: use --preview for now, and move to a"
        " deployment that speaks the GA protocol."
    )
    return Visit(Refused(text), "protocol", there.proven[:3])

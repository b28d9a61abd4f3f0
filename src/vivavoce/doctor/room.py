"""The room: how loud the microphone is, how long sound takes round, how much of the speaker comes back."""

from __future__ import annotations

from dataclasses import asdict

from vivavoce.doctor import chirp
from vivavoce.doctor.chirp import Echo, Unheard
from vivavoce.doctor.findings import Finding, mend, of_error
from vivavoce.doctor.level import Level
from vivavoce.doctor.level import level as measured
from vivavoce.doctor.machine import has_extra
from vivavoce.doctor.world import Chart, World
from vivavoce.errors import NoDevice

__all__ = ["echo", "level", "round_trip"]

LISTEN_MS = 2000
_DEAD_STEPS = 3
_CLIPPED = 0.001
_QUIET_DB = -60.0
_NOISY_DB = -35.0
_SPEECH_DB = 8.0  # above the room
_HARMLESS_DB = 40.0  # a reply at -20 dB comes back below -60: no recogniser takes that for speech
_TRIES = 3
_LATEST_MS = 500  # reference: cancellation works with 500 ms and fails with 600
_UNMUTE = (
    "Unmute it and raise its level in the system's sound settings (macOS, Windows: also allow the terminal to use the"
    " microphone, under Privacy)"
)


def level(world: World, _chart: Chart) -> Finding:
    """The level of the microphone while the person speaks."""
    world.tell(f"Please speak now, for {LISTEN_MS // 1000} seconds. Nothing is kept or sent.")
    try:
        found = measured(world.card.record(LISTEN_MS))
    except NoDevice as error:
        return of_error("level", error)
    return _judged(found)


def _judged(found: Level) -> Finding:
    facts = asdict(found)
    if found.steps <= _DEAD_STEPS:
        return mend(
            "level", "The microphone is silent: it gives nothing, not even the noise of a room.", f"{_UNMUTE}.", **facts
        )
    if found.clipped > _CLIPPED:
        cut = f"The microphone is too loud: {found.clipped:.1%} of its sound is cut off at the limit."
        return mend(
            "level",
            cut,
            "Lower its level in the system's sound settings, or its boost, or move away a little.",
            **facts,
        )
    heard = f"loudest {found.loudest_db:.0f} dB, room {found.floor_db:.0f} dB"
    if found.loudest_db < _QUIET_DB:
        said = f"The microphone is very quiet ({heard})."
        return Finding(
            "level", "note", said, "If you spoke just now, raise its level in the system's sound settings.", facts
        )
    if found.loudest_db - found.floor_db < _SPEECH_DB:
        said = f"The microphone hears the room, but nobody spoke ({heard})."
        return Finding("level", "note", said, "To see whether you are loud enough, run it again and speak.", facts)
    if found.floor_db > _NOISY_DB:
        return Finding("level", "note", f"The room is loud ({heard}).", "A headset helps to be understood.", facts)
    return Finding("level", "ok", f"The microphone's level is good ({heard}).", facts=facts)


def round_trip(world: World, chart: Chart) -> Finding:
    """Two chirps out of the speaker and into the microphone."""
    world.tell("Now two short chirps, out of the speaker.")
    try:
        heard = _chirped(world)
    except NoDevice as error:
        return of_error("round_trip", error)
    if isinstance(heard, Echo):
        chart.echo = heard
        said = f"Sound takes {heard.delay_ms} ms from the speaker back through the microphone."
        return Finding("round_trip", "ok", said, facts={"delay_ms": heard.delay_ms})
    facts = {"delay_ms": None}
    if heard == "unclear":
        said = "What the microphone hears of the speaker could not be measured: it is too loud here, or sound was lost."
        return Finding("round_trip", "note", said, "Run it again where it is quiet.", facts)
    said = "The microphone does not hear the speaker: you wear headphones, or the volume is down."
    return Finding("round_trip", "note", said, "If you heard no chirps, turn the volume up.", facts)


def _chirped(world: World) -> Echo | Unheard:
    """What was heard of the chirps; what is odd is measured again before it is believed: a busy machine loses sound."""
    for _ in range(_TRIES):
        heard = chirp.echo(world.card.play_and_record(chirp.call(), chirp.LISTEN_MS))
        if heard == "nothing" or (isinstance(heard, Echo) and heard.delay_ms <= _LATEST_MS):
            break
    return heard


def echo(world: World, chart: Chart) -> Finding | None:
    """Whether the assistant would hear itself."""
    if chart.echo is None:
        return None
    facts = {
        "loss_db": round(chart.echo.loss_db, 1),
        "delay_ms": chart.echo.delay_ms,
        "cancelled": has_extra(world, "echo"),
    }
    how = f"it comes back {_compared(chart.echo.loss_db)}"
    if chart.echo.loss_db >= _HARMLESS_DB:
        return Finding("echo", "ok", f"The microphone hardly hears the speaker ({how}).", facts=facts)
    if not facts["cancelled"]:
        wrong = f"The microphone hears the speaker ({how}), and echo cancellation is not installed: it would interrupt itself."
        return mend("echo", wrong, "Wear headphones, or run pip install 'vivavoce[echo]'", **facts)
    if chart.echo.delay_ms > _LATEST_MS:
        wrong = f"The microphone hears the speaker ({how}) {chart.echo.delay_ms} ms late, too late to be cancelled."
        return mend("echo", wrong, "Wear headphones, or use a speaker that is not wireless.", **facts)
    said = f"The microphone hears the speaker ({how}); echo cancellation is installed and takes care of it."
    return Finding("echo", "ok", said, facts=facts)


def _compared(loss_db: float) -> str:
    if abs(loss_db) < 1:
        return "as loud as it was played"
    return f"{abs(loss_db):.0f} dB {'weaker' if loss_db > 0 else 'stronger'}"

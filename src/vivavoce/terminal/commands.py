"""What is typed and not meant for the assistant: `/mute`, `/unmute`, `/volume 50`, `/help`; with a button, the keys + and -."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

_STEP = 10
_KEYS = {b"+": _STEP, b"=": _STEP, b"-": -_STEP}
COMMANDS = "/mute and /unmute the microphone, /volume 0 to 100, /help"


class Ears(Protocol):
    """A microphone that can be muted."""

    muted: bool


class Mouth(Protocol):
    """A speaker with a volume, in percent."""

    volume: int


async def turns(
    lines: AsyncIterator[str], ears: Ears | None, mouth: Mouth | None, tell: Callable[[str], None]
) -> AsyncIterator[str]:
    """The lines that are turns; those that begin with / are carried out here, and answered by one sentence.

    Args:
        lines: as they were typed.
        ears: the microphone, None when there is none that could be muted.
        mouth: the speaker, None when it has no volume.
        tell: shows a sentence.
    """
    async for line in lines:
        if line.startswith("/"):
            tell(carried_out(line, ears, mouth))
        else:
            yield line


def carried_out(line: str, ears: Ears | None, mouth: Mouth | None) -> str:
    """Do what a line says that begins with /; one sentence about it."""
    match line[1:].lower().split():
        case ["mute" | "unmute" as word]:
            return _mute(ears, muted=word == "mute")
        case ["volume"]:
            return "There is no speaker with a volume." if mouth is None else f"The volume is {mouth.volume}."
        case ["volume", percent]:
            return _volume(mouth, percent)
        case ["help"]:
            return f"Commands: {COMMANDS}. Every other line is said to the assistant."
        case _:
            return f"There is no command {line.strip()}. There are: {COMMANDS}."


def key_turned(key: bytes, mouth: Mouth, tell: Callable[[str], None]) -> None:
    """+ (or =, which is the same key on many keyboards) is louder, - is quieter, by 10 percent; other keys are nothing."""
    if key in _KEYS:
        mouth.volume = min(max(mouth.volume + _KEYS[key], 0), 100)
        tell(f"The volume is {mouth.volume}.")


def _mute(ears: Ears | None, *, muted: bool) -> str:
    if ears is None:
        return "There is no microphone that could be muted."
    ears.muted = muted
    return "The microphone is muted; /unmute opens it." if muted else "The microphone is open."


def _volume(mouth: Mouth | None, percent: str) -> str:
    if mouth is None:
        return "There is no speaker with a volume."
    number = percent.removesuffix("%")
    if not number.isdecimal() or int(number) > 100:  # noqa: PLR2004  percent
        return f"/volume {percent}: give a number from 0 to 100."
    mouth.volume = int(number)
    return f"The volume is {mouth.volume}."

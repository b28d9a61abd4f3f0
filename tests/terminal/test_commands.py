from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from vivavoce.terminal.commands import carried_out, key_turned, turns


@dataclass
class Ears:
    muted: bool = False


@dataclass
class Mouth:
    volume: int = 100


def test_commands_act_and_all_other_lines_are_turns() -> None:
    ears, mouth, told = Ears(), Mouth(), list[str]()

    async def typed() -> AsyncIterator[str]:
        for line in ("Hello", "/mute", "/VOLUME 30%", "5 / 2?", "/unmute", "/shout"):
            yield line

    async def hold() -> list[str]:
        return [line async for line in turns(typed(), ears, mouth, told.append)]

    assert asyncio.run(hold()) == ["Hello", "5 / 2?"]
    assert (ears.muted, mouth.volume) == (False, 30)
    assert told == [
        "The microphone is muted; /unmute opens it.",
        "The volume is 30.",
        "The microphone is open.",
        "There is no command /shout. There are: /mute and /unmute the microphone, /volume 0 to 100, /help.",
    ]


@pytest.mark.parametrize("percent", ["101", "-1", "loud", "5.5", ""])
def test_a_volume_that_is_none_changes_nothing(percent: str) -> None:
    mouth = Mouth(70)
    said = carried_out(f"/volume {percent}", None, mouth)
    assert mouth.volume == 70
    assert said == ("The volume is 70." if not percent else f"/volume {percent}: give a number from 0 to 100.")


@pytest.mark.parametrize("line", ["/mute", "/unmute", "/volume", "/volume 3"])
def test_without_a_device_to_act_on_one_sentence_says_so(line: str) -> None:
    assert carried_out(line, None, None).startswith("There is no ")


@pytest.mark.parametrize("line", ["/", "/mute now", "/volume 3 4", "/help me"])
def test_what_is_almost_a_command_is_none(line: str) -> None:
    assert carried_out(line, Ears(), Mouth()).startswith(f"There is no command {line}.")


def test_plus_and_minus_turn_the_volume_between_0_and_100_and_other_keys_do_nothing() -> None:
    mouth, told = Mouth(95), list[str]()
    for key in b"+x=-":
        key_turned(bytes([key]), mouth, told.append)
    assert told == ["The volume is 100.", "The volume is 100.", "The volume is 90."]
    for _ in range(10):
        key_turned(b"-", mouth, told.append)
    assert mouth.volume == 0


def test_help_names_every_command() -> None:
    said = carried_out("/help", None, None)
    assert all(word in said for word in ("/mute", "/unmute", "/volume", "/help"))

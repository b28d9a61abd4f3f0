"""A talk of any length, also on one connection, remembers what was said, up to a limit, and nothing else of it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from tests.session.conversation import Conversation, called, created, done, spoken, turn, written
from tests.session.test_session_continuity import a_turn, lose

from vivavoce.session.settings import Settings

WRITTEN = Settings(transcription_model="w", history_characters=1_000)
FIRST = 1_000  # the names of all turns are as long


def weight(value: Any, seen: set[int]) -> int:
    """Bytes of a value and all that it holds."""
    if id(value) in seen or isinstance(value, type) or callable(value):
        return 0
    seen.add(id(value))
    parts: list[Any] = [getattr(value, name, None) for name in getattr(value, "__slots__", ())]
    parts += list(vars(value).values()) if hasattr(value, "__dict__") else []
    if isinstance(value, dict):
        parts += [*value, *value.values()]
    elif isinstance(value, list | tuple | set | deque):
        parts += list(value)
    return sys.getsizeof(value) + sum(weight(part, seen) for part in parts)


def an_interrupted_turn(talk: Conversation, number: int) -> None:
    user, response, item = f"u{number}", f"R{number}", f"a{number}"
    talk.says(*turn(user), written(user, "Hello?"), created(response), *spoken(response, item, 1000))
    talk.says(*turn(f"{user}b"), written(f"{user}b", "Stop!"), done(response))
    talk.do(talk.session.hushed, item, 500)
    talk.says(created(f"{response}b"), *spoken(f"{response}b", f"{item}b", 100), done(f"{response}b"))
    talk.heard(f"{item}b", 100)


def a_turn_with_a_function(talk: Conversation, number: int) -> None:
    user, response, call = f"u{number}", f"R{number}", f"c{number}"
    talk.says(*turn(user), written(user, "Hello?"), created(response), called(response, call), done(response))
    talk.answers(call)
    talk.says(created(f"{response}b"), *spoken(f"{response}b", f"a{number}", 100), done(f"{response}b"))
    talk.heard(f"a{number}", 100)


def a_turn_without_words(talk: Conversation, number: int) -> None:
    user, response, item = f"u{number}", f"R{number}", f"a{number}"
    talk.do(talk.session.hear, b"\1\0" * 12_000)
    talk.says(*turn(user), created(response), *spoken(response, item, 100), done(response))
    talk.heard(item, 100)
    talk.wait(20.0)


@pytest.mark.parametrize("say", [a_turn, an_interrupted_turn, a_turn_with_a_function, a_turn_without_words])
def test_thousands_of_turns_weigh_no_more_than_hundreds(say: Callable[[Conversation, int], None]) -> None:
    talk = Conversation(WRITTEN)
    weights = []
    for number in range(FIRST, FIRST + 2_200):
        say(talk, number)
        talk.forget()
        if number in {FIRST + 1_099, FIRST + 2_199}:
            weights.append(weight(talk.session, set()))
    assert talk.ended is None
    assert weights[1] <= weights[0] * 1.02, weights
    lose(talk)
    assert weight(talk.session, set()) < weights[0]

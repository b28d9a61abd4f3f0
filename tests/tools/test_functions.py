"""A Python function becomes a tool: its schema, its call, its failures."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Literal

import pytest

from vivavoce.errors import BadSettings
from vivavoce.tools import Tool, Toolbox, load, tool


def book_table(people: int, when: Literal["today", "tomorrow"] = "today") -> str:
    """Book a table.

    Args:
        people: how many will come,
            children too.
        when: the day.

    Returns:
        A sentence.
    """
    return f"{people} {when}"


async def slow_double(number: float) -> float:
    """Double a number, slowly."""
    await asyncio.sleep(0)
    return number * 2


def call(tools: list[Tool], name: str, timeout_s: float = 5.0, **arguments: object) -> tuple[str, str | None]:
    return asyncio.run(Toolbox(tools, timeout_s).call(name, arguments))


def test_hints_and_docstring_become_the_schema() -> None:
    schema = tool(book_table).schema
    assert schema["type"] == "function"
    assert schema["name"] == "book_table"
    assert schema["description"] == "Book a table."
    parameters = schema["parameters"]
    assert parameters["type"] == "object"
    assert parameters["required"] == ["people"]
    assert parameters["properties"]["people"]["type"] == "integer"
    assert parameters["properties"]["people"]["description"] == "how many will come, children too."
    assert parameters["properties"]["when"]["enum"] == ["today", "tomorrow"]


def test_a_function_without_parameters_has_an_empty_object() -> None:
    def now() -> str:
        """Tell the time."""
        return "noon"

    assert tool(now).schema["parameters"]["properties"] == {}
    assert call([tool(now)], "now") == ("noon", None)


def test_a_string_is_the_output_and_anything_else_becomes_json() -> None:
    assert call([tool(book_table)], "book_table", people=2) == ("2 today", None)
    assert call([tool(slow_double)], "slow_double", number=4) == ("8.0", None)


def test_arguments_are_checked_against_the_hints() -> None:
    output, error = call([tool(book_table)], "book_table", people="many")
    assert error is not None
    assert "people" in error
    assert json.loads(output)["error"] == error


def test_an_exception_becomes_an_output_the_model_can_speak_about() -> None:
    def fail() -> str:
        """Fail."""
        raise LookupError("no such table")

    output, error = call([tool(fail)], "fail")
    assert error == "LookupError: no such table"
    assert json.loads(output) == {"error": "LookupError: no such table"}


def test_even_a_system_exit_is_only_an_output() -> None:
    def leave() -> str:
        """Leave."""
        raise SystemExit(3)

    assert "SystemExit" in str(call([tool(leave)], "leave")[1])


def test_a_function_that_never_returns_is_given_up_and_does_not_keep_the_program() -> None:
    stop = threading.Event()

    def hang() -> str:
        """Hang."""
        stop.wait(30)
        return "late"

    output, error = call([tool(hang)], "hang", timeout_s=0.05)
    stop.set()
    assert error == "hang took longer than 0.05 s and was given up"
    assert json.loads(output)["error"] == error


def test_a_timeout_of_the_function_itself_is_told_as_its_own() -> None:
    async def fetch() -> str:
        """Fetch."""
        raise TimeoutError("the shop does not answer")

    assert call([tool(fetch)], "fetch")[1] == "TimeoutError: the shop does not answer"


def test_async_functions_run_on_the_loop_and_others_off_it() -> None:
    async def on_loop() -> bool:
        """Where?"""
        return threading.current_thread() is threading.main_thread()

    def off_loop() -> bool:
        """Where?"""
        return threading.current_thread() is threading.main_thread()

    assert call([tool(on_loop), tool(off_loop)], "on_loop") == ("true", None)
    assert call([tool(on_loop), tool(off_loop)], "off_loop") == ("false", None)


def test_an_unknown_function_is_an_error_output() -> None:
    assert call([], "nothing")[1] == "there is no function nothing"


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(BadSettings, match="book_table"):
        Toolbox([tool(book_table), tool(book_table)])


def test_the_name_of_the_finish_tool_is_taken() -> None:
    def user_wants_to_finish_conversation() -> str:
        """Mine."""
        return ""

    with pytest.raises(BadSettings, match="ends a talk"):
        tool(user_wants_to_finish_conversation)


def test_public_functions_of_a_file_become_tools_and_imported_names_do_not(tmp_path: Path) -> None:
    path = tmp_path / "shop.py"
    path.write_text(
        "from json import dumps\n"
        "def open_door(width: int) -> str:\n    'Open the door.'\n    return dumps(width)\n"
        "async def close_door() -> str:\n    'Close it.'\n    return 'closed'\n"
        "def _private(a: int) -> int:\n    'No.'\n    return a\n"
        "def undocumented(a: int) -> int:\n    return a\n"
        "def unhinted(a):\n    'What is a?'\n    return a\n"
        "def starred(*names: str) -> str:\n    'Many.'\n    return ''\n"
    )
    tools, skipped = load(path)
    assert [one.name for one in tools] == ["open_door", "close_door"]
    assert [one.is_async for one in tools] == [False, True]
    assert len(skipped) == 3
    assert "no docstring" in skipped[0]
    assert "'a' has no type hint" in skipped[1]
    assert "'names' cannot be given by its name" in skipped[2]


@pytest.mark.parametrize("text", ["def broken(:\n", "raise RuntimeError('boom')\n", "import sys\nsys.exit(4)\n"])
def test_a_file_that_cannot_be_run_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(BadSettings, match=r"bad\.py cannot be run: "):
        load(path)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"^There is no file .*none\.py: check the path after --tools\.$"):
        load(tmp_path / "none.py")
    with pytest.raises(BadSettings, match="is not a Python file"):
        load(tmp_path)


def test_a_hint_without_a_schema_is_told() -> None:
    def odd(lock: threading.Event) -> str:
        """Odd."""
        return repr(lock)

    with pytest.raises(BadSettings, match="odd cannot be described"):
        tool(odd)


def test_the_example_invents_one_weather_per_city() -> None:
    tools, skipped = load(Path(__file__).parents[2] / "examples" / "weather.py")
    assert skipped == []
    first = call(tools, "get_weather", city="Paris")
    assert first == call(tools, "get_weather", city=" paris ") or json.loads(first[0])["city"] == "Paris"
    assert set(json.loads(first[0])) == {"city", "sky", "temperature_celsius"}


def test_an_output_that_json_cannot_hold_is_an_error_output() -> None:
    def odd() -> dict[tuple[int, int], int]:
        """Odd."""
        return {(1, 2): 3}

    assert "TypeError" in str(call([tool(odd)], "odd")[1])


def test_a_function_that_cancels_itself_or_leaves_is_answered() -> None:
    async def cancel() -> str:
        """Cancel."""
        raise asyncio.CancelledError

    async def leave() -> str:
        """Leave."""
        raise SystemExit(2)

    assert call([tool(cancel)], "cancel")[1] == "RuntimeError: cancel was cancelled"
    assert "SystemExit" in str(call([tool(leave)], "leave")[1])


def test_an_alias_counts_once_and_a_wrapped_function_is_told(tmp_path: Path) -> None:
    path = tmp_path / "shop.py"
    path.write_text(
        "from functools import cache\n"
        "def get(width: int) -> int:\n    'Get.'\n    return width\n"
        "fetch = get\n"
        "@cache\ndef cached(width: int) -> int:\n    'Get.'\n    return width\n"
    )
    tools, skipped = load(path)
    assert [one.name for one in tools] == ["get"]
    assert [sentence for sentence in skipped if "cached is wrapped" in sentence]

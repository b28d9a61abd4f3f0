"""Python functions as tools: type hints and a docstring become the JSON schema, a call is validated, run and answered.

An `async` function runs on the loop, any other on a thread of its own. A function that raises, or takes longer than its
time, gives an output that the model can speak about; the talk goes on.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import re
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from vivavoce.errors import BadSettings
from vivavoce.session.settings import FINISH_TOOL

TIMEOUT_S = 30.0
_SECTION = re.compile(r"^(Args|Arguments|Parameters|Returns|Raises|Yields|Examples?|Notes?):\s*$")
_ARGUMENT = re.compile(r"^\s+(\w+)\s*(?:\([^)]*\))?:\s*(.+)$")


@dataclass(frozen=True, slots=True)
class Tool:
    """One function: what the model is told of it, and how it is run.

    Attributes:
        schema: the `{"type": "function", ...}` object of the API.
        run: validates keyword arguments against the hints, then calls; may give an awaitable.
        is_async: `run` gives an awaitable and belongs on the loop.
    """

    name: str
    schema: Mapping[str, Any]
    run: Callable[..., Any]
    is_async: bool


def tool(function: Callable[..., Any]) -> Tool:
    """A tool of a function with type hints and a docstring.

    Raises:
        BadSettings: a parameter has no hint or cannot be given by name, there is no docstring, or a hint has no JSON schema.
    """
    from pydantic import PydanticUserError, TypeAdapter, validate_call  # noqa: PLC0415  # 10 MB that most talks do not need

    name = function.__name__
    if not inspect.isfunction(function):
        raise BadSettings(f"{name} is wrapped in a {type(function).__name__} and no plain function.")
    if name == FINISH_TOOL:
        raise BadSettings(f"{name} is the name of the function that ends a talk; choose another.")
    doc = inspect.getdoc(function)
    if not doc:
        raise BadSettings(f"{name} has no docstring; the model cannot know what it is for.")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.annotation is parameter.empty:
            raise BadSettings(f"{name}: parameter {parameter.name!r} has no type hint.")
        if parameter.kind not in {parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY}:
            raise BadSettings(f"{name}: parameter {parameter.name!r} cannot be given by its name.")
    try:
        checked = validate_call(function)
        parameters = TypeAdapter[Any](function).json_schema()  # type: ignore[arg-type]  # pydantic takes functions, its hints do not say so
    except (PydanticUserError, NameError, TypeError) as error:
        reason = str(error).splitlines()[0].partition(". Set `")[0]  # pydantic goes on with advice for its own users
        raise BadSettings(f"{name} cannot be described to the model: {reason}") from error
    about, arguments = _read_docstring(doc)
    for argument, text in arguments.items():
        if argument in parameters.get("properties", {}):
            parameters["properties"][argument].setdefault("description", text)
    parameters.setdefault("properties", {})
    schema = {"type": "function", "name": name, "description": about, "parameters": parameters}
    return Tool(name, schema, checked, inspect.iscoroutinefunction(function))


def _read_docstring(doc: str) -> tuple[str, dict[str, str]]:
    """What comes before the sections of a Google-style docstring, and the text of each argument."""
    about: list[str] = []
    arguments: dict[str, str] = {}
    section = latest = ""
    for line in doc.splitlines():
        if found := _SECTION.match(line):
            section = found.group(1)
        elif not section:
            about.append(line)
        elif section in {"Args", "Arguments", "Parameters"}:
            if argument := _ARGUMENT.match(line):
                latest = argument.group(1)
                arguments[latest] = argument.group(2).strip()
            elif line.strip() and latest:
                arguments[latest] += f" {line.strip()}"
    return "\n".join(about).strip(), arguments


def load(path: Path) -> tuple[list[Tool], list[str]]:
    """The tools of a file, and a sentence for each public function that is none.

    A function counts when it is defined in the file itself (imported names do not) and its name has no leading underscore.

    Raises:
        BadSettings: the file cannot be read or run.
    """
    module = _run(path)
    tools: list[Tool] = []
    skipped: list[str] = []
    mine = {
        id(value): value for name, value in vars(module).items() if _is_of(module, name, value)
    }  # an alias counts once
    for value in mine.values():
        try:
            tools.append(tool(value))
        except BadSettings as error:
            skipped.append(f"{path.name}: {error} It is not offered to the model.")
    return tools, skipped


def _is_of(module: ModuleType, name: str, value: object) -> bool:
    """Public, callable, no class, and defined in this very file."""
    if name.startswith("_") or inspect.isclass(value) or not callable(value):
        return False
    return getattr(value, "__module__", None) == module.__name__ and hasattr(value, "__name__")


def _run(path: Path) -> ModuleType:
    name = f"viva_tools_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if not path.exists():
        raise BadSettings(f"There is no file {path}: check the path after --tools.")
    if spec is None or spec.loader is None or not path.is_file():
        raise BadSettings(f"{path} is not a Python file; --tools wants a file such as examples/weather.py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # hints written as text are looked up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever a stranger's file raises is one sentence about that file
        raise BadSettings(f"{path} cannot be run: {type(error).__name__}: {error}") from error
    return module


class Toolbox:
    """All tools of a talk, by name."""

    def __init__(self, tools: list[Tool], timeout_s: float = TIMEOUT_S) -> None:
        """Two tools of one name are BadSettings."""
        self._tools = {one.name: one for one in tools}
        self._timeout_s = timeout_s
        if len(self._tools) < len(tools):
            names = sorted({one.name for one in tools if sum(other.name == one.name for other in tools) > 1})
            raise BadSettings(f"Two tools have the name {names[0]}; rename one of them.")

    @property
    def schemas(self) -> list[Mapping[str, Any]]:
        """What the API is told."""
        return [one.schema for one in self._tools.values()]

    async def call(self, name: str, arguments: Mapping[str, Any]) -> tuple[str, str | None]:
        """The output of the function, and why it failed or None. Cancelling abandons the function."""
        found = self._tools.get(name)
        if found is None:
            return _failure(f"there is no function {name}")
        limit = asyncio.timeout(self._timeout_s)
        try:
            async with limit:
                run = _on_the_loop if found.is_async else _on_a_thread
                return _text(await run(found.run, arguments)), None
        except Exception as error:  # noqa: BLE001  # the function is a stranger's: whatever it raises is told to the model
            if limit.expired():
                return _failure(f"{name} took longer than {self._timeout_s:g} s and was given up")
            return _failure(f"{type(error).__name__}: {error}")


def _failure(why: str) -> tuple[str, str]:
    return json.dumps({"error": why}, ensure_ascii=False), why


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


async def _on_the_loop(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Run it in a task of its own, so that a cancellation or a SystemExit of the function is its own, and not ours."""

    async def work() -> tuple[Any, BaseException | None]:
        try:
            return await function(**arguments), None
        except Exception as error:  # noqa: BLE001  # raised again below
            return None, error
        except SystemExit as error:
            return None, RuntimeError(repr(error))

    task = asyncio.ensure_future(work())
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()
    if task.cancelled():
        raise RuntimeError(f"{function.__name__} was cancelled")
    value, problem = task.result()
    if problem is not None:
        raise problem
    return value


async def _on_a_thread(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Run it on a daemon thread: one that never returns must not keep the program from ending."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def settle(value: Any, problem: BaseException | None) -> None:
        if not answer.done():  # the time may be up already
            answer.set_result((value, problem))

    def work() -> None:
        value, problem = None, None
        try:
            value = function(**arguments)
        except BaseException as error:  # noqa: BLE001  # handed to the loop, which tells the model; also of a SystemExit
            problem = error
        try:
            loop.call_soon_threadsafe(settle, value, problem)
        except RuntimeError:
            return  # the talk ended meanwhile; nobody waits for the answer

    threading.Thread(target=work, name=f"tool {function.__name__}", daemon=True).start()
    value, problem = await answer
    if problem is not None:
        raise problem if isinstance(problem, Exception) else RuntimeError(repr(problem))
    return value

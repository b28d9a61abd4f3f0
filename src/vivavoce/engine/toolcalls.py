"""Function calls out of what a small model writes: fenced, tagged, with doubled braces, single quotes, trailing commas.

`looks_like_call` tells from the first characters whether a text must be held back from the voice; `calls_in` reads the calls
out of it. A name counts only when it is the name of a tool that was given; arguments are held against its schema.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from vivavoce.engine.stages import Asked

_STARTS = ("{", "[{", "```", "<tool_call", "<function", "<|tool", "functions.")
_LITERALS = {"true": "True", "false": "False", "null": "None"}
_NUMBER_WORDS = {"integer": int, "number": float}
_MOST = 8


def looks_like_call(text: str) -> bool | None:
    """True when `text` begins like a function call, False when it does not, None while it is too short to tell."""
    start = text.lstrip()
    if any(start.startswith(one) for one in _STARTS):
        return True
    if not start or any(one.startswith(start) for one in _STARTS):
        return None
    return False


def calls_in(text: str, tools: Sequence[Mapping[str, Any]]) -> list[Asked]:
    """The calls of the given `tools` written in `text`, in order, at most eight; the rest of the text is ignored."""
    by_name = {tool["name"]: tool for tool in tools}
    found: list[Asked] = []
    for value in _objects(text):
        call = _call(value, by_name)
        if call is not None and call not in found:
            found.append(call)
    return found[:_MOST]


def _call(value: Mapping[str, Any], by_name: Mapping[str, Mapping[str, Any]]) -> Asked | None:
    inner = value.get("function")
    if isinstance(inner, Mapping):
        value = inner
    name = value.get("name", value.get("function", value.get("tool")))
    if not isinstance(name, str) or name.removeprefix("functions.") not in by_name:
        return None
    name = name.removeprefix("functions.")
    given: Any = next((value[key] for key in ("arguments", "parameters", "args", "input") if key in value), {})
    if isinstance(given, str):
        given = _loose(given)
    arguments = fitted(given if isinstance(given, Mapping) else {}, by_name[name].get("parameters") or {})
    return None if arguments is None else Asked(name, json.dumps(arguments, ensure_ascii=False))


def fitted(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """`arguments` held against a JSON schema: types put right where that is plain, unknown names left out.

    None when a required one is missing, or when one has a type that cannot be put right.
    """
    known: Mapping[str, Any] = schema.get("properties") or {}
    open_ended = not known or bool(schema.get("additionalProperties"))
    kept: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in known:
            if open_ended:
                kept[name] = value
            continue
        fits, put_right = _fit(value, known[name])
        if fits:
            kept[name] = put_right
        elif name in (schema.get("required") or ()):
            return None
    missing = [name for name in schema.get("required") or () if name not in kept]
    return None if missing else kept


def _fit(value: Any, schema: Any) -> tuple[bool, Any]:
    """Whether `value` can stand for the type in `schema`, and as what."""
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if isinstance(kind, str) and kind in _NUMBER_WORDS:
        return _number(value, kind)
    if kind == "boolean":
        return _boolean(value)
    if kind == "string":
        return _string(value, schema.get("enum"))
    shapes: dict[str, type] = {"array": list, "object": dict}
    if isinstance(kind, str) and kind in shapes:
        return isinstance(value, shapes[kind]), value
    return True, value


def _number(value: Any, kind: str) -> tuple[bool, Any]:
    if isinstance(value, bool):
        return False, value
    if isinstance(value, str):
        plain = re.fullmatch(r"\s*(-?\d[\d,]*(?:\.\d+)?)\D*", value)
        if plain is None:
            return False, value
        value = float(plain[1].replace(",", ""))
    if not isinstance(value, (int, float)) or value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        return False, value
    whole = int(value) == value
    if kind == "integer" and not whole:
        return False, value
    return True, int(value) if whole else value


def _boolean(value: Any) -> tuple[bool, Any]:
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if isinstance(value, bool):
        return True, value
    key = str(value).strip().lower()
    return key in words, words.get(key, value)


def _string(value: Any, choices: Any) -> tuple[bool, Any]:
    if isinstance(value, (Mapping, list)) or value is None:
        return False, value
    text = value if isinstance(value, str) else json.dumps(value)
    if isinstance(choices, list) and text not in choices:
        same = [one for one in choices if isinstance(one, str) and one.lower() == text.strip().lower()]
        return bool(same), same[0] if same else text
    return True, text


def _objects(text: str) -> list[Mapping[str, Any]]:
    """Every outermost braced piece of `text` that can be read as an object."""
    found: list[Mapping[str, Any]] = []
    at = text.find("{")
    while at >= 0:
        end = _close(text, at)
        value = _loose(text[at:end])
        if isinstance(value, Mapping):
            found.append(value)
        at = text.find("{", end if isinstance(value, Mapping) else at + 1)
    return found


def _close(text: str, at: int) -> int:
    """The end of the braced piece that begins at `at`; the end of the text when it is never closed."""
    depth = 0
    quoted = escaped = False
    for n in range(at, len(text)):
        one = text[n]
        if quoted:
            if escaped or one == "\\":
                escaped = not escaped
            elif one == '"':
                quoted = False
        elif one == '"':
            quoted = True
        elif one in "{}":
            depth += 1 if one == "{" else -1
            if depth == 0:
                return n + 1
    return len(text)


def _loose(text: str) -> Any:
    """JSON, or what a small model takes for it; None when it cannot be read."""
    text = text.strip()
    if text.startswith("{{") and text.endswith("}}"):
        text = re.sub(r"\}\}", "}", re.sub(r"\{\{", "{", text))
        text += "}" * max(text.count("{") - text.count("}"), 0)
        text = text[: _close(text, 0)]
    unclosed = text + "}" * max(text.count("{") - text.count("}"), 0)
    for one in (text, _no_trailing_commas(text), unclosed):
        try:
            return json.loads(one)
        except ValueError:
            continue
    python = re.sub(r"\b(true|false|null)\b", lambda word: _LITERALS[word[0]], _no_trailing_commas(unclosed))
    try:
        with warnings.catch_warnings(action="ignore"):  # about odd escapes in the model's text, which concern nobody
            return ast.literal_eval(python)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _no_trailing_commas(text: str) -> str:
    return re.sub(r",\s*([}\]])", r"\1", text)

"""The two prompts of the language model, in ChatML: one to talk, one to decide whether a function is wanted.

They are apart because small models mix them up. A talk without calls teaches the 0.5B within two turns never to call
anything, and a list of functions in its prompt makes it answer small talk with JSON. So the talker sees the conversation and no
functions, the decider sees the functions and the last thing said. Each has a prefix that does not change during a
session and stays in the cache of the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

RULES = (
    "You are a friendly voice assistant. Your answers are spoken aloud, so answer in one or two short sentences of plain "
    "words, without lists, markdown, code or emoji."
)
CALL = '<tool_call>\n{"name": "'
_DECIDER = (
    "You are a helpful voice assistant. Answer in one or two short spoken sentences. Greetings, small talk and general "
    "questions are answered directly in plain words, without a function."
)
_TOOLS_BEFORE = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function signatures "
    "within <tools></tools> XML tags:\n<tools>\n"
)
_TOOLS_BEHIND = (
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within <tool_call></tool_call> "
    'XML tags:\n<tool_call>\n{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>\n\n'
)
_SPECIAL = re.compile(r"<\|[a-z_]+\|>")
_ABOUT_NOW = re.compile(
    r"\b(time|date|clock|today|tonight|tomorrow|yesterday|now|day|week|weekday|month|year|hour|morning|evening)\b",
    re.IGNORECASE,
)
_FOLLOWS = re.compile(
    r"^\W*(?:(?:ok|okay|yes|no|great|thanks|thank you)\W+)*(?:and|or|also|again|then|now|what about|how about|what if|"
    r"make (?:it|that)|"
    r"the same|same|try|in|for|at|another|one more|only|instead|(?:[\w']+\W*){1,3}$)|\b(?:instead|as well|the same|too)\W*$",
    re.IGNORECASE,
)  # what continues the request before; anything else is decided by itself, or a call breeds calls
ANSWER = "<|im_start|>assistant\n"


def plain(text: str) -> str:
    """`text` without the words that steer the model: what a person says cannot open or close a turn."""
    return _SPECIAL.sub("", text)


def talker_prefix(instructions: str) -> str:
    """The unchanging beginning of the prompt to talk."""
    own = plain(instructions).strip()
    return _turn("system", f"{RULES}\n\n{own}" if own else RULES)


def talker(instructions: str, messages: Sequence[Mapping[str, Any]], now: datetime) -> str:
    """The whole prompt to talk, up to the words of the answer."""
    said = [talker_prefix(instructions)]
    names: dict[str, str] = {}
    last_user = max((n for n, one in enumerate(messages) if one["role"] == "user"), default=-1)
    for n, message in enumerate(messages):
        text = plain(str(message.get("content") or "")).strip()
        if message["role"] == "tool":
            name = names.get(str(message.get("call_id")), "the function")
            said.append(
                _turn("user", f"Result of {name}: {text or 'done'}\nTell me this in one short spoken sentence.")
            )
            continue
        for call in message.get("calls") or ():
            names[str(call.get("call_id"))] = call["name"].replace("_", " ")
        if n == last_user and _ABOUT_NOW.search(text):
            clock = f"{now:%I:%M %p}".lstrip("0")
            text = f"({now:%A}, {now.day} {now:%B %Y}, {clock}) {text}"
        if text:
            said.append(_turn(message["role"], text))
    return "".join(said) + ANSWER


def decider_prefix(tools: Sequence[Mapping[str, Any]]) -> str:
    """The unchanging beginning of the prompt to decide."""
    signatures = "\n".join(
        json.dumps(
            {"type": "function", "function": {key: one.get(key) for key in ("name", "description", "parameters")}}
        )
        for one in tools
    )
    return _turn("system", plain(_TOOLS_BEFORE + signatures + _TOOLS_BEHIND + _DECIDER))


def decider(tools: Sequence[Mapping[str, Any]], messages: Sequence[Mapping[str, Any]]) -> str:
    """The whole prompt to decide: the last words of the person, and the exchange before when a function was called in it."""
    said = [decider_prefix(tools)]
    at = _last(messages, "user")
    before = _last(messages[:at], "user")
    calls = [call for one in messages[max(before, 0) : at] for call in one.get("calls") or ()]
    if before >= 0 and calls and _FOLLOWS.search(_said(messages[at])):
        said.append(_turn("user", _said(messages[before])))
        body = "\n".join(f'{CALL}{call["name"]}", "arguments": {call["arguments"]}}}\n</tool_call>' for call in calls)
        said.append(_turn("assistant", plain(body)))
    said.append(_turn("user", _said(messages[at]) if at >= 0 else ""))
    return "".join(said) + ANSWER


def last_said(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the person said last, "" when the last message is not theirs."""
    return _said(messages[-1]) if messages and messages[-1]["role"] == "user" else ""


def _said(message: Mapping[str, Any]) -> str:
    return plain(str(message.get("content") or "")).strip()


def _last(messages: Sequence[Mapping[str, Any]], role: str) -> int:
    return max((n for n, one in enumerate(messages) if one["role"] == role), default=-1)


def _turn(role: str, text: str) -> str:
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"

"""`session.update` and `response.create` of the engine: what may stand there, and what is in force.

A refused field refuses the whole update, with the path of that field: `ProtocolError(field="session.audio.foo")`.
What this engine does not have is refused, not ignored: other sound than 24 kHz PCM, a speed other than 1, MCP tools,
transcription sessions. Accepted and without effect: `model` (it is chosen when the engine starts), `voice` (there is
one), `noise_reduction`, `truncation`, `tracing`, `include`, `prompt`, `reasoning`, `parallel_tool_calls`.

`semantic_vad` is taken as `server_vad` with another silence: eagerness low 800 ms, medium and auto 500 ms, high 300 ms.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vivavoce.engine.turns import TurnSettings
from vivavoce.errors import ProtocolError
from vivavoce.pcm import RATE_HZ

GOODBYE = "user_wants_to_finish_conversation"
SPOKEN_LANGUAGE = "en"
EAGERNESS_SILENCE_MS: Mapping[str, int] = {"low": 800, "medium": 500, "auto": 500, "high": 300}
MAX_TRANSCRIPTION_PROMPT = 1024
MAX_PAIRS, MAX_KEY, MAX_VALUE = 16, 64, 512
MAX_TOKENS = 4096

Check = Callable[[Any, str], Any]


def voice_language_note(language: str | None) -> str | None:
    """The sentence for a person who asked for another language than the offline voice speaks; None when there is none to say."""
    if not language or is_spoken(language):
        return None
    return f"The offline voice speaks English only: what you say in '{language}' is understood, the answers are in English."


def language_of(session: Mapping[str, Any]) -> str:
    """The language of the person: English unless said otherwise; it is what the voice speaks, and detection costs and errs."""
    return (session["audio"]["input"]["transcription"] or {}).get("language") or SPOKEN_LANGUAGE


def is_spoken(language: str) -> bool:
    """Whether the offline voice speaks this language."""
    return language.lower().split("-")[0] == SPOKEN_LANGUAGE


def refused(path: str, message: str, code: str = "invalid_value") -> ProtocolError:
    """The error for the field at `path`."""
    return ProtocolError(message, field=path, code=code)


def _kind(name: str, *kinds: type) -> Check:
    def check(value: Any, path: str) -> Any:
        if type(value) not in kinds:
            raise refused(path, f"Invalid type for '{path}': expected {name}.", "invalid_type")
        return value

    return check


text = _kind("a string", str)
flag = _kind("a boolean", bool)
mapping = _kind("an object", dict)
_integer = _kind("an integer", int)
_number = _kind("a number", int, float)
_array = _kind("an array", list)


def anything(value: Any, path: str) -> Any:
    """Taken as it is."""
    del path
    return value


def whole(low: int, high: int) -> Check:
    """An integer from `low` to `high`."""

    def check(value: Any, path: str) -> Any:
        if not low <= _integer(value, path) <= high:
            raise refused(path, f"Invalid value: {value}. '{path}' must be between {low} and {high}.")
        return value

    return check


def between(low: float, high: float) -> Check:
    """A number from `low` to `high`."""

    def check(value: Any, path: str) -> Any:
        if not low <= _number(value, path) <= high:
            raise refused(path, f"Invalid value: {value}. '{path}' must be between {low} and {high}.")
        return value

    return check


def among(*values: Any) -> Check:
    """One of `values`."""

    def check(value: Any, path: str) -> Any:
        if type(value) not in {type(v) for v in values} or value not in values:
            listed = ", ".join(repr(v) for v in values)
            raise refused(path, f"Invalid value: {value!r}. Supported values for '{path}' are: {listed}.")
        return value

    return check


def either(first: Check, kinds: type | tuple[type, ...], second: Check) -> Check:
    """`first` for a value of `kinds`, else `second`."""
    return lambda value, path: first(value, path) if isinstance(value, kinds) else second(value, path)


def or_null(check: Check) -> Check:
    """null, or what `check` takes."""
    return lambda value, path: None if value is None else check(value, path)


def each(check: Check) -> Check:
    """An array of what `check` takes."""
    return lambda value, path: [check(entry, f"{path}[{i}]") for i, entry in enumerate(_array(value, path))]


def short(limit: int) -> Check:
    """A string of at most `limit` characters."""

    def check(value: Any, path: str) -> Any:
        if len(text(value, path)) > limit:
            raise refused(path, f"Invalid value: '{path}' is longer than {limit} characters.")
        return value

    return check


def shape(required: tuple[str, ...] = (), /, **checks: Check) -> Check:
    """An object with these fields and no others."""

    def check(value: Any, path: str) -> Any:
        mapping(value, path)
        for name in required:
            if name not in value:
                raise refused(
                    f"{path}.{name}", f"Missing required parameter: '{path}.{name}'.", "missing_required_parameter"
                )
        for name in value:
            if name not in checks:
                raise refused(f"{path}.{name}", f"Unknown parameter: '{path}.{name}'.", "unknown_parameter")
        return {name: checks[name](entry, f"{path}.{name}") for name, entry in value.items()}

    return check


def _pairs(value: Any, path: str) -> Any:
    if len(mapping(value, path)) > MAX_PAIRS:
        raise refused(path, f"Invalid value: '{path}' has more than {MAX_PAIRS} pairs.")
    for key, entry in value.items():
        short(MAX_KEY)(key, f"{path}.{key}")
        short(MAX_VALUE)(entry, f"{path}.{key}")
    return value


_format = shape(("type",), type=among("audio/pcm"), rate=among(RATE_HZ))
_voice = either(text, str, shape(("id",), id=text))
_function = shape(
    ("type", "name"), type=among("function"), name=short(64), description=text, parameters=mapping, strict=or_null(flag)
)
_tool_choice = either(
    among("auto", "none", "required"), str, shape(("type", "name"), type=among("function"), name=text)
)
_max_tokens = either(among("inf"), str, whole(1, MAX_TOKENS))
_modalities = either(among(["audio"], ["text"]), list, _array)
_flags = {"create_response": flag, "interrupt_response": flag}
_server_vad = shape(
    ("type",),
    type=among("server_vad"),
    threshold=between(0, 1),
    prefix_padding_ms=whole(0, 5000),
    silence_duration_ms=whole(0, 10_000),
    idle_timeout_ms=or_null(whole(5000, 30_000)),
    **_flags,
)
_semantic_vad = shape(("type",), type=among("semantic_vad"), eagerness=among(*EAGERNESS_SILENCE_MS), **_flags)


def _detection(value: Any, path: str) -> Any:
    semantic = mapping(value, path).get("type") == "semantic_vad"
    return (_semantic_vad if semantic else _server_vad)(value, path)


_transcription = shape(
    model=text,
    language=or_null(text),
    languages=or_null(each(text)),
    keywords=or_null(each(text)),
    prompt=or_null(short(MAX_TRANSCRIPTION_PROMPT)),
    delay=anything,
)
_audio = shape(
    input=shape(
        format=_format,
        noise_reduction=or_null(shape(("type",), type=among("near_field", "far_field"), strength=anything)),
        transcription=or_null(_transcription),
        turn_detection=or_null(_detection),
    ),
    output=shape(format=_format, voice=_voice, speed=among(1, 1.0)),
)
_session = shape(
    ("type",),
    type=among("realtime"),
    model=text,
    instructions=text,
    output_modalities=_modalities,
    audio=_audio,
    tools=each(_function),
    tool_choice=_tool_choice,
    max_output_tokens=_max_tokens,
    truncation=anything,
    tracing=anything,
    include=or_null(each(text)),
    prompt=anything,
    reasoning=or_null(mapping),
    parallel_tool_calls=or_null(flag),
)
_response = shape(
    conversation=among("auto", "none"),
    input=or_null(each(mapping)),
    instructions=text,
    output_modalities=_modalities,
    audio=shape(output=shape(format=_format, voice=_voice)),
    tools=each(_function),
    tool_choice=_tool_choice,
    max_output_tokens=_max_tokens,
    metadata=or_null(_pairs),
    prompt=anything,
    reasoning=or_null(mapping),
    parallel_tool_calls=or_null(flag),
)

_DETECTION_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "server_vad": {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    },
    "semantic_vad": {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    },
}


def defaults(session_id: str, model: str) -> dict[str, Any]:
    """What is in force before the first `session.update`."""
    pcm = {"type": "audio/pcm", "rate": RATE_HZ}
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "You are a friendly voice assistant. Answer in one or two short spoken sentences.",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "expires_at": None,
        "audio": {
            "input": {
                "format": dict(pcm),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(_DETECTION_DEFAULTS["server_vad"]),
            },
            "output": {"format": dict(pcm), "voice": "heart", "speed": 1.0},
        },
        "include": None,
    }


def updated(current: Mapping[str, Any], given: Mapping[str, Any], *, has_spoken: bool) -> dict[str, Any]:
    """`current` with `given` laid over it: omitted fields stay, null and "" and [] clear.

    Raises:
        ProtocolError: one field is not right; nothing of `given` counts then.
    """
    checked: dict[str, Any] = _session(dict(given), "session")
    now = copy.deepcopy(dict(current))
    audio = checked.pop("audio", {})
    voice = audio.get("output", {}).get("voice", now["audio"]["output"]["voice"])
    if has_spoken and voice != now["audio"]["output"]["voice"]:
        raise ProtocolError(
            "Cannot update a conversation's voice if assistant audio is present.", code="cannot_update_voice"
        )
    checked.pop("model", None)
    now.update(checked)
    for side, fields in audio.items():
        now["audio"][side].update(fields)
    detection = audio.get("input", {}).get("turn_detection")
    if detection is not None:
        before = current["audio"]["input"]["turn_detection"] or {}
        kept = before if before.get("type") == detection["type"] else _DETECTION_DEFAULTS[detection["type"]]
        now["audio"]["input"]["turn_detection"] = {**kept, **detection}
    return now


def turn_settings(detection: Mapping[str, Any]) -> TurnSettings:
    """The numbers behind a `turn_detection` object in force."""
    if detection["type"] == "semantic_vad":
        return TurnSettings(silence_duration_ms=EAGERNESS_SILENCE_MS[detection["eagerness"]])
    return TurnSettings(detection["threshold"], detection["prefix_padding_ms"], detection["silence_duration_ms"])


@dataclass(frozen=True, slots=True)
class Wish:
    """What one answer is asked to be: the settings of the session with those of `response.create` laid over them."""

    instructions: str
    tools: tuple[Mapping[str, Any], ...]
    tool_choice: str
    modality: str
    max_tokens: int | None
    voice: Any
    metadata: Mapping[str, Any] | None
    in_conversation: bool
    input: tuple[Mapping[str, Any], ...] | None
    has_own_instructions: bool

    @property
    def aloud(self) -> bool:
        """Whether the answer is spoken."""
        return self.modality == "audio"


def wish(session: Mapping[str, Any], given: Mapping[str, Any] | None) -> Wish:
    """The wish that `response.create` states; raises `ProtocolError` naming the field at fault."""
    asked: dict[str, Any] = {} if given is None else _response(dict(given), "response")
    force = {**session, **asked}
    choice, limit, entries = force["tool_choice"], force["max_output_tokens"], asked.get("input")
    voice = asked.get("audio", {}).get("output", {}).get("voice", session["audio"]["output"]["voice"])
    return Wish(
        instructions=force["instructions"],
        tools=tuple(force["tools"]),
        tool_choice=choice if isinstance(choice, str) else choice["name"],
        modality=force["output_modalities"][0],
        max_tokens=None if limit == "inf" else limit,
        voice=voice,
        metadata=asked.get("metadata"),
        in_conversation=asked.get("conversation", "auto") == "auto",
        input=None if entries is None else tuple(entries),
        has_own_instructions="instructions" in asked,
    )

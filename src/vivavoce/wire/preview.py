"""The preview spelling <-> the GA spelling (reference sections 2.2 and 3). Pure functions, JSON objects in and out.

Azure has deprecated the preview protocol; it is spoken only with `--preview`. What it does not know is left out of what we
say, so that the server's own default holds: newer voices, `truncation`, `reasoning`, MCP tools, an idle time-out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.events import codec
from vivavoce.events.client import AppendAudio, ClientEvent
from vivavoce.events.codec import PREVIEW_NAMES
from vivavoce.wire.websocket import Dialect

__all__ = ["PREVIEW", "from_preview", "to_preview"]

Fields = Mapping[str, Any]

_FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}
_GA_FORMATS: Mapping[str, Fields] = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_VOICES = frozenset({"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse"})
_SAME = ("instructions", "tool_choice", "temperature", "speed", "tracing", "conversation", "metadata")
_NAMES = {**PREVIEW_NAMES, "conversation.item.created": "conversation.item.added"}
_TO_PART = {"output_audio": "audio", "output_text": "text"}
_FROM_PART = {preview: ga for ga, preview in _TO_PART.items()}
_INPUT = {
    "input_audio_format": "format",
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
    "turn_detection": "turn_detection",
}
_OUTPUT = {"output_audio_format": "format", "voice": "voice", "speed": "speed"}
_TOP = {"modalities": "output_modalities", "max_response_output_tokens": "max_output_tokens"}
# Fields of the GA objects that their preview forms know.
_KNOWN = {
    "input_audio_transcription": {"model", "language", "prompt"},
    "input_audio_noise_reduction": {"type"},
    "turn_detection": {
        "type",
        "threshold",
        "prefix_padding_ms",
        "silence_duration_ms",
        "create_response",
        "interrupt_response",
        "eagerness",
    },
}
_PARAMS = {
    **{f"session.{flat}": f"session.audio.input.{nested}" for flat, nested in _INPUT.items()},
    **{f"session.{flat}": f"session.audio.output.{nested}" for flat, nested in _OUTPUT.items()},
    **{f"{top}.{flat}": f"{top}.{ga}" for flat, ga in _TOP.items() for top in ("session", "response")},
}


def to_preview(said: Fields) -> dict[str, Any]:
    """A client event in the GA spelling, said in the preview spelling."""
    told = dict(said)
    match said.get("type"):
        case "session.update":
            told["session"] = _flat(said["session"])
        case "response.create" if isinstance(said.get("response"), Mapping):
            told["response"] = _flat(said["response"])
        case "conversation.item.create":
            told["item"] = _item(said["item"], _TO_PART)
    return told


def from_preview(said: Fields) -> dict[str, Any]:
    """A server event in the preview spelling, said in the GA spelling; fields of a wrong type are left as they are."""
    told = dict(said)
    name = said.get("type")
    if isinstance(name, str):
        told["type"] = _NAMES.get(name, name)
    for key, turn in (("session", _nested_session), ("response", _nested_response), ("error", _error)):
        if isinstance(said.get(key), Mapping):
            told[key] = turn(said[key])
    if isinstance(said.get("item"), Mapping):
        told["item"] = _item(said["item"], _FROM_PART)
    if isinstance(said.get("part"), Mapping):
        told["part"] = _part(said["part"], _FROM_PART)
    return told


def _flat(settings: Fields) -> dict[str, Any]:
    """Settings of a session or a response, GA -> preview."""
    flat = {key: settings[key] for key in _SAME if key in settings}
    if "output_modalities" in settings:
        flat["modalities"] = ["text"] if settings["output_modalities"] == ["text"] else ["audio", "text"]
    if "max_output_tokens" in settings:
        flat["max_response_output_tokens"] = settings["max_output_tokens"]
    if "tools" in settings:
        flat["tools"] = [tool for tool in settings["tools"] if tool.get("type") == "function"]
    if "input" in settings:
        flat["input"] = [_item(item, _TO_PART) for item in settings["input"]]
    audio = settings.get("audio") or {}
    for names, side in ((_INPUT, audio.get("input") or {}), (_OUTPUT, audio.get("output") or {})):
        flat.update((preview, _flat_value(preview, side[ga])) for preview, ga in names.items() if ga in side)
    if flat.get("voice", "alloy") not in _VOICES:
        del flat["voice"]
    return flat


def _flat_value(name: str, value: Any) -> Any:
    if name.endswith("_format"):
        return _FORMATS[value["type"]]
    if name in _KNOWN and isinstance(value, Mapping):
        return {key: each for key, each in value.items() if key in _KNOWN[name]}
    return value


def _nested_session(flat: Fields) -> dict[str, Any]:
    """Settings of a session, preview -> GA."""
    transcribes = flat.get("object") == "realtime.transcription_session"
    return {"type": "transcription" if transcribes else "realtime", **_nested(flat)}


def _nested_response(flat: Fields) -> dict[str, Any]:
    told = _nested(flat)
    if isinstance(flat.get("output"), list):
        told["output"] = [_item(item, _FROM_PART) if isinstance(item, Mapping) else item for item in flat["output"]]
    return told


def _nested(flat: Fields) -> dict[str, Any]:
    audio = _object(flat.get("audio"))
    told: dict[str, Any] = {}
    for key, value in flat.items():
        if key in _INPUT:
            audio["input"] = {**_object(audio.get("input")), _INPUT[key]: _nested_value(key, value)}
        elif key in _OUTPUT:
            audio["output"] = {**_object(audio.get("output")), _OUTPUT[key]: _nested_value(key, value)}
        elif key == "modalities":
            told["output_modalities"] = ["text"] if value == ["text"] else ["audio"]
        elif key != "audio":
            told[_TOP.get(key, key)] = value
    return {**told, "audio": audio} if audio else told


def _object(value: Any) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    return dict(value) if isinstance(value, Mapping) else {}


def _nested_value(name: str, value: Any) -> Any:
    if name.endswith("_format") and isinstance(value, str):
        return dict(_GA_FORMATS[value]) if value in _GA_FORMATS else value
    return value


def _item(item: Fields, parts: Mapping[str, str]) -> dict[str, Any]:
    """An item; only what the assistant said is spelled in two ways."""
    content = item.get("content")
    if item.get("role") != "assistant" or not isinstance(content, list):
        return dict(item)
    return {**item, "content": [_part(part, parts) if isinstance(part, Mapping) else part for part in content]}


def _part(part: Fields, parts: Mapping[str, str]) -> dict[str, Any]:
    kind = part.get("type")
    return {**part, "type": parts.get(kind, kind)} if isinstance(kind, str) else dict(part)


def _error(error: Fields) -> dict[str, Any]:
    """An error; its `param` names the field as we know it, so that the session can leave it out next time."""
    param = error.get("param")
    if not isinstance(param, str):
        return dict(error)
    flat = next((flat for flat in _PARAMS if param == flat or param.startswith(f"{flat}.")), None)
    return {**error, "param": _PARAMS[flat] + param[len(flat) :]} if flat else dict(error)


def _encode(event: ClientEvent) -> str:
    if type(event) is AppendAudio:
        return codec.encode(event)  # the same in both spellings, and by far the most frequent
    return codec.text_of(to_preview(codec.to_fields(event)))


def _decode(text: str) -> codec.Event:
    return codec.from_fields(from_preview(codec.load(text)))


PREVIEW = Dialect(_encode, _decode)

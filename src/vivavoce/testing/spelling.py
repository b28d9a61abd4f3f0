"""The server's half of the preview spelling: what `wire.preview` says, understood; what it understands, said.

The field names are those of `wire.preview`, used from the other side. As an endpoint of that age does, it refuses what only
GA knows: a `session.type`, nested `audio`, `output_modalities` (rows 2 and 3 of the failure modes).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.engine.settings import refused
from vivavoce.errors import ProtocolError
from vivavoce.events.codec import PREVIEW_NAMES
from vivavoce.wire.preview import from_preview, to_preview

__all__ = ["heard_in_preview", "said_in_preview"]

Fields = Mapping[str, Any]

_INPUT = ("input_audio_format", "input_audio_transcription", "input_audio_noise_reduction", "turn_detection")
_OUTPUT = ("output_audio_format", "voice", "speed", "modalities", "max_response_output_tokens")
_ONLY_PREVIEW = frozenset({"temperature"})  # known there, and without a meaning here
_BOTH = frozenset({"instructions", "tools", "tool_choice", "tracing", *_OUTPUT, *_ONLY_PREVIEW})
_SESSION = _BOTH | {*_INPUT, "model"}
_RESPONSE = _BOTH | {"conversation", "metadata", "input"}
_NAMES = {ga: preview for preview, ga in PREVIEW_NAMES.items()} | {
    "conversation.item.added": "conversation.item.created"
}
_UNSAID = frozenset({"conversation.item.done", "input_audio_buffer.timeout_triggered"})
_KEPT = {
    "session": ("id", "object", "model", "expires_at"),
    "response": ("id", "object", "status", "status_details", "usage", "conversation_id"),
}


def heard_in_preview(said: Fields) -> dict[str, Any]:
    """A client event in the preview spelling, in the GA spelling.

    Raises:
        ProtocolError: it holds what the preview protocol does not know.
    """
    told = dict(said)
    for name, known in (("session", _SESSION), ("response", _RESPONSE)):
        if isinstance(said.get(name), Mapping):
            told[name] = _settings(said[name], name, known, said.get("event_id"))
    if isinstance(said.get("item"), Mapping):
        told["item"] = from_preview({"item": said["item"]})["item"]
    return told


def _settings(flat: Fields, name: str, known: frozenset[str], event_id: Any) -> dict[str, Any]:
    for key in flat:
        if key not in known:
            raise _with_id(
                refused(f"{name}.{key}", f"Unknown parameter: '{name}.{key}'.", "unknown_parameter"), event_id
            )
    if flat.get("modalities") == ["audio"]:
        said = "Invalid modalities: ['audio']. Supported combinations are: ['text'] and ['audio', 'text']."
        raise _with_id(refused(f"{name}.modalities", said), event_id)
    kept = {key: value for key, value in flat.items() if key not in _ONLY_PREVIEW}
    if kept.get("turn_detection") == {"type": "none"}:
        kept["turn_detection"] = None
    told: dict[str, Any] = from_preview({name: kept})[name]
    if "input" in told:
        told["input"] = [from_preview({"item": item})["item"] for item in told["input"]]
    return told


def _with_id(error: ProtocolError, event_id: Any) -> ProtocolError:
    error.event_id = event_id if isinstance(event_id, str) else None
    return error


def said_in_preview(said: Fields) -> dict[str, Any] | None:
    """A server event in the GA spelling, in the preview spelling; None where preview has no such word."""
    name = said["type"]
    if name in _UNSAID:
        return None
    told = {**said, "type": _NAMES.get(name, name)}
    if name == "response.function_call_arguments.done":
        told.pop("name", None)
    for key in ("session", "response"):
        if isinstance(said.get(key), Mapping):
            told[key] = _flat(said[key], key)
    if isinstance(said.get("item"), Mapping):
        told["item"] = _item(said["item"])
    if isinstance(said.get("error"), Mapping):
        told["error"] = _error(said["error"])
    return told


def _flat(settings: Fields, key: str) -> dict[str, Any]:
    client_word = {"session": "session.update", "response": "response.create"}[key]
    flat: dict[str, Any] = {name: settings[name] for name in _KEPT[key] if name in settings}
    flat |= to_preview({"type": client_word, key: settings})[key]
    if isinstance(settings.get("output"), list):
        flat["output"] = [_item(item) for item in settings["output"]]
    return flat


def _item(item: Fields) -> Any:
    return to_preview({"type": "conversation.item.create", "item": item})["item"]


def _flat_paths() -> dict[str, str]:
    """GA path of a field -> its preview path, for every field that is spelled differently."""
    names = [f"session.{name}" for name in (*_INPUT, *_OUTPUT)] + [f"response.{name}" for name in _OUTPUT[-2:]]
    return {from_preview({"error": {"param": name}})["error"]["param"]: name for name in names}


_PATHS = _flat_paths()


def _error(error: Fields) -> dict[str, Any]:
    """An error; its `param`, and the sentence that repeats it, name the field as the client spelled it."""
    param = error.get("param")
    if not isinstance(param, str):
        return dict(error)
    known = next((ga for ga in _PATHS if param == ga or param.startswith(f"{ga}.")), None)
    if known is None:
        return dict(error)
    flat = _PATHS[known] + param[len(known) :]
    return {**error, "param": flat, "message": str(error.get("message")).replace(param, flat)}

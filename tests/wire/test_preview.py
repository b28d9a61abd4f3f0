from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.wire.servers import REFERENCE

from vivavoce.events import codec
from vivavoce.events.client import AppendAudio, CreateItem, CreateResponse, UpdateSession
from vivavoce.events.server import ItemAdded, ServerError
from vivavoce.wire.preview import PREVIEW, from_preview, to_preview

BETA_SERVER = sorted(REFERENCE.glob("beta-server.*.json")) + sorted(REFERENCE.glob("azure-preview-server.*.json"))
BETA_CLIENT = sorted(REFERENCE.glob("beta-client.*.json"))
PCM = {"type": "audio/pcm", "rate": 24_000}
FLAT = {
    "modalities",
    "voice",
    "input_audio_format",
    "output_audio_format",
    "input_audio_transcription",
    "input_audio_noise_reduction",
    "turn_detection",
    "max_response_output_tokens",
}


def ids(path: Path) -> str:
    return path.stem


def objects(said: Any) -> list[dict[str, Any]]:
    """Every JSON object within, outermost first."""
    if isinstance(said, dict):
        return [said, *(found for value in said.values() for found in objects(value))]
    return [found for value in said for found in objects(value)] if isinstance(said, list) else []


@pytest.mark.parametrize("path", BETA_SERVER, ids=ids)
def test_every_preview_server_word_arrives_as_a_ga_word(path: Path) -> None:
    said = json.loads(path.read_text())
    told = codec.to_fields(PREVIEW.decode(path.read_text()))
    assert told["type"] not in codec.PREVIEW_NAMES
    assert told["type"] != "conversation.item.created"
    for key in ("session", "response"):
        assert not FLAT & set(told.get(key, {}))
    for each in objects(told):
        if each.get("role") == "assistant":
            assert not {"text", "audio"} & {part["type"] for part in each["content"]}
    if "part" in told:
        assert told["part"]["type"] in {"output_text", "output_audio"}
    assert told.get("event_id") == said["event_id"]
    assert from_preview(told) == told


@pytest.mark.parametrize("name", ["session.created", "response.created"])
def test_the_preview_word_is_the_ga_word_field_by_field(name: str) -> None:
    told = from_preview(json.loads((REFERENCE / f"beta-server.{name}.json").read_text()))
    ga = json.loads((REFERENCE / f"ga-server.{name}.json").read_text())
    if name == "session.created":
        # The preview server says nothing about noise reduction and speed.
        del ga["session"]["audio"]["input"]["noise_reduction"]
        del ga["session"]["audio"]["output"]["speed"]
    for word in (told, ga):
        word.pop("timestamp", None)
        word.pop("event_id")
    assert told == ga


@pytest.mark.parametrize("path", BETA_CLIENT, ids=ids)
def test_what_is_already_fit_for_the_preview_stays_as_it_is(path: Path) -> None:
    said = json.loads(path.read_text())
    assert to_preview(said) == said


def test_settings_are_told_flat_and_without_what_the_preview_does_not_know() -> None:
    settings = {
        "type": "realtime",
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": PCM,
                "noise_reduction": {"type": "far_field", "strength": 1},
                "transcription": {"model": "whisper-1", "language": "en", "keywords": ["a"]},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "idle_timeout_ms": 5000,
                    "create_response": True,
                },
            },
            "output": {"format": PCM, "voice": "coral", "speed": 1.1},
        },
        "tools": [{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "m"}],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "truncation": "auto",
        "reasoning": {"effort": "low"},
    }
    told = json.loads(PREVIEW.encode(UpdateSession(settings, event_id="e1")))
    assert told == {
        "type": "session.update",
        "event_id": "e1",
        "session": {
            "instructions": "Be brief.",
            "modalities": ["audio", "text"],
            "input_audio_format": "pcm16",
            "input_audio_noise_reduction": {"type": "far_field"},
            "input_audio_transcription": {"model": "whisper-1", "language": "en"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "create_response": True},
            "output_audio_format": "pcm16",
            "voice": "coral",
            "speed": 1.1,
            "tools": [{"type": "function", "name": "f"}],
            "tool_choice": "auto",
            "max_response_output_tokens": "inf",
        },
    }


def test_off_stays_off_and_a_voice_the_preview_lacks_is_left_to_the_server() -> None:
    session = {"audio": {"input": {"turn_detection": None, "transcription": None}, "output": {"voice": "marin"}}}
    told = to_preview({"type": "session.update", "session": session})
    assert told["session"] == {"turn_detection": None, "input_audio_transcription": None}


def test_a_wish_for_a_reply_is_told_flat_too() -> None:
    assistant = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
    wish = {
        "output_modalities": ["text"],
        "max_output_tokens": 50,
        "conversation": "none",
        "metadata": {"a": "b"},
        "input": [assistant, {"type": "item_reference", "id": "i"}],
        "tool_choice": "none",
    }
    assert json.loads(PREVIEW.encode(CreateResponse(wish)))["response"] == {
        "modalities": ["text"],
        "max_response_output_tokens": 50,
        "conversation": "none",
        "metadata": {"a": "b"},
        "input": [{**assistant, "content": [{"type": "text", "text": "hi"}]}, {"type": "item_reference", "id": "i"}],
        "tool_choice": "none",
    }
    assert json.loads(PREVIEW.encode(CreateResponse())) == {"type": "response.create"}


def test_only_the_assistants_parts_are_spelled_in_two_ways() -> None:
    user = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    assert json.loads(PREVIEW.encode(CreateItem(user)))["item"] == user
    spoken = {"type": "message", "role": "assistant", "content": [{"type": "audio", "transcript": "hi"}]}
    added = PREVIEW.decode(json.dumps({"type": "conversation.item.created", "item": spoken}))
    assert isinstance(added, ItemAdded)
    assert added.item["content"] == [{"type": "output_audio", "transcript": "hi"}]


def test_sound_is_the_same_in_both_spellings() -> None:
    assert PREVIEW.encode(AppendAudio(b"\x01\x02")) == codec.encode(AppendAudio(b"\x01\x02"))


def test_sound_within_an_item_is_the_same_in_both_spellings() -> None:
    turn = CreateItem({"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": b"\1\2"}]})
    assert json.loads(PREVIEW.encode(turn)) == json.loads(codec.encode(turn))
    assert json.loads(PREVIEW.encode(turn))["item"]["content"][0]["audio"] == "AQI="


@pytest.mark.parametrize(
    ("param", "known_as"),
    [
        ("session.input_audio_transcription.model", "session.audio.input.transcription.model"),
        ("session.turn_detection", "session.audio.input.turn_detection"),
        ("session.voice", "session.audio.output.voice"),
        ("session.max_response_output_tokens", "session.max_output_tokens"),
        ("response.modalities", "response.output_modalities"),
        ("session.instructions", "session.instructions"),
        (None, None),
    ],
)
def test_an_error_names_the_field_as_we_know_it(param: str | None, known_as: str | None) -> None:
    error = PREVIEW.decode(json.dumps({"type": "error", "error": {"type": "t", "message": "m", "param": param}}))
    assert isinstance(error, ServerError)
    assert error.error["param"] == known_as


@pytest.mark.parametrize(
    "said",
    [
        {"type": 5, "session": "x", "item": 1, "part": None},
        {"type": "session.created", "session": {"modalities": None, "input_audio_format": 7, "audio": "loud"}},
        {"type": "response.done", "response": {"output": ["x", {"role": "assistant", "content": ["y", {"type": 1}]}]}},
        {"type": "session.created", "session": {"audio": {"input": "loud"}, "turn_detection": None, "modalities": 5}},
        {"type": "session.updated", "session": {"output_audio_format": "new_format", "speed": 1}},
    ],
)
def test_foreign_shapes_never_break_the_translation(said: dict[str, Any]) -> None:
    assert from_preview(said).keys() == said.keys()

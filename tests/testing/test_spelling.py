"""The preview spelling from the server's side is the mirror of `wire.preview`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vivavoce.errors import ProtocolError
from vivavoce.events import codec
from vivavoce.events.client import CreateItem, CreateResponse, UpdateSession
from vivavoce.session.settings import Settings
from vivavoce.testing.spelling import heard_in_preview, said_in_preview
from vivavoce.wire.preview import from_preview, to_preview

REFERENCE = Path(__file__).parents[1] / "events" / "reference"
GA = sorted(path for path in REFERENCE.glob("ga-server.*.json") if "error" not in path.name)
ASSISTANT = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
WISHED = Settings(transcription_model="whisper-1", noise_reduction="near_field", voice="alloy", silence_ms=300)


@pytest.mark.parametrize(
    "word",
    [
        UpdateSession(WISHED.as_session(), event_id="e"),
        CreateItem(ASSISTANT),
        CreateResponse({"tool_choice": "none", "metadata": {"a": "b"}}),
        CreateResponse(),
    ],
)
def test_what_our_wire_says_in_preview_is_understood_as_it_was_meant(word: Any) -> None:
    meant = codec.to_fields(word)
    understood = heard_in_preview(to_preview(meant))
    if "response" in meant:
        assert understood["response"].items() >= meant["response"].items()
    else:
        assert understood == meant


@pytest.mark.parametrize("path", GA, ids=lambda path: str(path.stem))
def test_what_is_said_in_preview_is_understood_by_our_wire_as_it_was_meant(path: Path) -> None:
    meant = json.loads(path.read_text())
    said = said_in_preview(meant)
    if said is None:
        assert meant["type"] in {"conversation.item.done", "input_audio_buffer.timeout_triggered"}
        return
    understood = from_preview(said)
    assert understood["type"] == meant["type"].replace("item.created", "item.added")
    names = {
        "item_id",
        "delta",
        "transcript",
        "text",
        "response_id",
        "call_id",
        "arguments",
        "audio_end_ms",
    } & meant.keys()
    assert {name: understood[name] for name in names} == {name: meant[name] for name in names}
    if "session" in meant:
        assert understood["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        assert "output_modalities" not in said["session"]
    if "item" in meant and "content" in meant["item"]:
        assert (
            understood["item"]["content"] == from_preview(meant)["item"]["content"]
        )  # two examples are older themselves


@pytest.mark.parametrize("key", ["type", "audio", "output_modalities"])
def test_a_ga_body_is_refused_as_a_preview_endpoint_does(key: str) -> None:
    with pytest.raises(ProtocolError, match=f"Unknown parameter: 'session.{key}'") as caught:
        heard_in_preview({"type": "session.update", "event_id": "e", "session": {key: "x"}})
    assert (caught.value.code, caught.value.field, caught.value.event_id) == (
        "unknown_parameter",
        f"session.{key}",
        "e",
    )


def test_sound_without_text_is_refused_as_a_preview_endpoint_does() -> None:
    with pytest.raises(ProtocolError, match=r"Invalid modalities: \['audio'\]"):
        heard_in_preview({"type": "session.update", "session": {"modalities": ["audio"]}})


def test_an_error_names_the_field_as_the_client_spelled_it() -> None:
    path = "session.audio.input.turn_detection.threshold"
    error = {"code": "invalid_value", "message": f"Invalid value: 9. '{path}' must be less.", "param": path}
    said = said_in_preview({"type": "error", "error": error})
    assert said is not None
    assert said["error"]["param"] == "session.turn_detection.threshold"
    assert said["error"]["message"] == "Invalid value: 9. 'session.turn_detection.threshold' must be less."
    assert from_preview(said)["error"]["param"] == path

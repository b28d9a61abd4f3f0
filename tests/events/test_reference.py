"""Every event of the official examples: what is said is said again, and what we act on has a dataclass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vivavoce.events import Unknown, decode, encode
from vivavoce.events.codec import CLIENT_SHAPES, PREVIEW_NAMES, SERVER_SHAPES

REFERENCE = Path(__file__).parent / "reference"
EVENTS = sorted(path.name for path in REFERENCE.glob("*.json") if not path.name.startswith("http-"))
GA = [name for name in EVENTS if not name.startswith(("beta-", "azure-preview-"))]
PREVIEW = [name for name in EVENTS if name.startswith("beta-server")]
MAY_BE_UNKNOWN = ("mcp_list_tools.", "response.mcp_call", "output_audio_buffer.", "transcription_session.")
DTMF = "input_audio_buffer.dtmf_event_received"


def text_of(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def test_the_reference_is_all_there() -> None:
    assert len(GA) >= 90
    assert len(PREVIEW) >= 30


@pytest.mark.parametrize("name", GA)
def test_a_ga_event_says_the_same_after_decode_and_encode(name: str) -> None:
    assert json.loads(encode(decode(text_of(name)))) == json.loads(text_of(name))


@pytest.mark.parametrize("name", GA)
def test_only_mcp_dtmf_webrtc_and_transcription_sessions_stay_unknown(name: str) -> None:
    said = json.loads(text_of(name))["type"]
    unknown = isinstance(decode(text_of(name)), Unknown)
    assert unknown == (said.startswith(MAY_BE_UNKNOWN) or said == DTMF)


@pytest.mark.parametrize("name", GA)
def test_a_decoded_event_keeps_its_name_and_event_id(name: str) -> None:
    said, event = json.loads(text_of(name)), decode(text_of(name))
    assert (event.type if isinstance(event, Unknown) else event.TYPE) == said["type"]
    assert event.event_id == said.get("event_id")


@pytest.mark.parametrize("name", PREVIEW)
def test_preview_events_decode_under_their_ga_names(name: str) -> None:
    said, event = json.loads(text_of(name)), decode(text_of(name))
    again = json.loads(encode(event))
    assert again["type"] == PREVIEW_NAMES.get(said["type"], said["type"])
    assert {k: v for k, v in again.items() if k != "type"} == {k: v for k, v in said.items() if k != "type"}


@pytest.mark.parametrize("old", sorted(PREVIEW_NAMES))
def test_a_preview_spelling_of_sound_and_text_arrives_as_the_ga_word(old: str) -> None:
    said = {"response_id": "r", "item_id": "i", "output_index": 1, "content_index": 2}
    said |= {"delta": "AAA="} if old.endswith("delta") else {"transcript": "t", "text": "t"}
    event = decode(json.dumps({"type": old, **said}))
    assert not isinstance(event, Unknown)
    assert old.replace("response.", "response.output_") == event.TYPE


def test_the_six_preview_spellings_are_known() -> None:
    assert {*PREVIEW_NAMES} == {
        f"response.{kind}.{end}" for kind in ("audio", "audio_transcript", "text") for end in ("delta", "done")
    }


def test_no_name_belongs_to_client_and_server() -> None:
    assert not {*CLIENT_SHAPES} & {*SERVER_SHAPES}

"""`session.update` and the fields of `response.create`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vivavoce.engine.jobs import Answer, Recognise, Warm
from vivavoce.engine.settings import voice_language_note
from vivavoce.events import client, codec, server
from vivavoce.pcm import silence
from vivavoce.testing.engine import Desk

REFERENCE = Path(__file__).parents[1] / "events" / "reference"


def updated(desk: Desk, session: dict[str, Any]) -> Any:
    desk.new()
    desk.send(client.UpdateSession(session, event_id="u"))
    [said] = desk.new()
    return said


def test_an_update_is_sparse_and_answered_with_everything_in_force() -> None:
    desk = Desk()
    first = updated(desk, {"type": "realtime", "instructions": "Be brief.", "max_output_tokens": 50})
    second = updated(desk, {"type": "realtime", "audio": {"output": {"voice": "marin"}}})
    assert second.session == {**first.session, "audio": second.session["audio"]}
    assert second.session["instructions"] == "Be brief."
    assert second.session["audio"]["output"]["voice"] == "marin"
    assert second.session["audio"]["input"] == first.session["audio"]["input"]


def test_empty_values_clear() -> None:
    desk = Desk()
    updated(desk, {"type": "realtime", "instructions": "x", "tools": [{"type": "function", "name": "f"}]})
    said = updated(
        desk,
        {
            "type": "realtime",
            "instructions": "",
            "tools": [],
            "audio": {"input": {"turn_detection": None, "transcription": None, "noise_reduction": None}},
        },
    )
    assert (said.session["instructions"], said.session["tools"]) == ("", [])
    assert said.session["audio"]["input"]["turn_detection"] is None


def test_the_examples_of_the_reference_are_taken() -> None:
    for name in ("ga-client.session.update.json", "ga-client.response.create.json"):
        desk = Desk()
        desk.new()
        desk.protocol.receive(codec.decode((REFERENCE / name).read_text()))
        assert not any(isinstance(e, server.ServerError) for e in desk.protocol.to_client())


def test_the_whole_example_of_section_3_is_taken() -> None:
    said = updated(
        Desk(),
        json.loads("""{"type":"realtime","instructions":"…","output_modalities":["audio"],
        "audio":{"input":{"format":{"type":"audio/pcm","rate":24000},"noise_reduction":{"type":"far_field"},
        "transcription":{"model":"gpt-transcribe","language":"en"},
        "turn_detection":{"type":"server_vad","threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":500,
        "create_response":true,"interrupt_response":true}},
        "output":{"format":{"type":"audio/pcm","rate":24000},"voice":"marin","speed":1.0}},
        "tools":[{"type":"function","name":"user_wants_to_finish_conversation","description":"…",
        "parameters":{"type":"object","properties":{}}}],
        "tool_choice":"auto","max_output_tokens":"inf","truncation":"auto","model":"gpt-realtime"}"""),
    )
    assert isinstance(said, server.SessionUpdated)
    assert said.session["model"] == "test"  # chosen when the engine starts


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"instructions": "x"}, "missing_required_parameter", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "totally_made_up_field": 1}, "unknown_parameter", "session.totally_made_up_field"),
        ({"type": "realtime", "modalities": ["text"]}, "unknown_parameter", "session.modalities"),
        ({"type": "realtime", "audio": {"input": {"x": 1}}}, "unknown_parameter", "session.audio.input.x"),
        ({"type": "realtime", "instructions": 1}, "invalid_type", "session.instructions"),
        ({"type": "realtime", "audio": []}, "invalid_type", "session.audio"),
        ({"type": "realtime", "tools": {}}, "invalid_type", "session.tools"),
        ({"type": "realtime", "tools": [{"type": "mcp", "name": "x"}]}, "invalid_value", "session.tools[0].type"),
        ({"type": "realtime", "tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"type": "realtime", "tools": [{"type": "function", "name": "x" * 65}]}, "invalid_value", "session.tools[0].name"),
        ({"type": "realtime", "tool_choice": "perhaps"}, "invalid_value", "session.tool_choice"),
        ({"type": "realtime", "tool_choice": 1}, "invalid_type", "session.tool_choice"),
        ({"type": "realtime", "output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"type": "realtime", "output_modalities": "audio"}, "invalid_type", "session.output_modalities"),
        ({"type": "realtime", "max_output_tokens": 0}, "invalid_value", "session.max_output_tokens"),
        ({"type": "realtime", "max_output_tokens": True}, "invalid_type", "session.max_output_tokens"),
        ({"type": "realtime", "max_output_tokens": "all"}, "invalid_value", "session.max_output_tokens"),
        ({"type": "realtime", "audio": {"output": {"speed": 1.2}}}, "invalid_value", "session.audio.output.speed"),
        ({"type": "realtime", "audio": {"output": {"voice": {}}}}, "missing_required_parameter", "session.audio.output.voice.id"),
        ({"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}}}}, "invalid_value",
         "session.audio.input.format.type"),
        ({"type": "realtime", "audio": {"input": {"turn_detection": {}}}}, "missing_required_parameter",
         "session.audio.input.turn_detection.type"),
        ({"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 2}}}},
         "invalid_value", "session.audio.input.turn_detection.threshold"),
        ({"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": "x"}}}},
         "invalid_type", "session.audio.input.turn_detection.threshold"),
        ({"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}},
         "unknown_parameter", "session.audio.input.turn_detection.threshold"),
        ({"type": "realtime", "audio": {"input": {"transcription": {"prompt": "x" * 1025}}}}, "invalid_value",
         "session.audio.input.transcription.prompt"),
    ],
)  # fmt: skip
def test_one_wrong_field_refuses_the_whole_update_by_its_name(session: dict[str, Any], code: str, param: str) -> None:
    desk = Desk()
    before = desk.last(server.SessionCreated).session
    said = updated(desk, {"parallel_tool_calls": False, **session})
    assert isinstance(said, server.ServerError)
    assert (said.error["code"], said.error["param"], said.caused_by) == (code, param, "u")
    assert "'" + param + "'" in said.message
    after = updated(desk, {"type": "realtime"})
    assert after.session == before


def test_the_voice_stays_once_it_was_heard() -> None:
    desk = Desk()
    updated(desk, {"type": "realtime", "audio": {"output": {"voice": "marin"}}})
    desk.send(client.CreateResponse())
    desk.thinks("Hi.", silence(100))
    same = updated(desk, {"type": "realtime", "audio": {"output": {"voice": "marin"}}})
    assert isinstance(same, server.SessionUpdated)
    other = updated(desk, {"type": "realtime", "audio": {"output": {"voice": "cedar"}}})
    assert other.code == "cannot_update_voice"
    assert other.message == "Cannot update a conversation's voice if assistant audio is present."


def test_turn_detection_of_the_same_kind_keeps_what_is_not_said() -> None:
    desk = Desk()
    updated(
        desk, {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}}
    )
    said = updated(
        desk,
        {
            "type": "realtime",
            "audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}},
        },
    )
    detection = said.session["audio"]["input"]["turn_detection"]
    assert (detection["threshold"], detection["silence_duration_ms"], detection["prefix_padding_ms"]) == (0.7, 200, 300)


@pytest.mark.parametrize(("eagerness", "silence_ms"), [("low", 800), ("medium", 500), ("auto", 500), ("high", 300)])
def test_semantic_detection_is_server_detection_with_another_silence(eagerness: str, silence_ms: int) -> None:
    desk = Desk()
    desk.update_input(turn_detection={"type": "semantic_vad", "eagerness": eagerness})
    detection = desk.last(server.SessionUpdated).session["audio"]["input"]["turn_detection"]
    assert detection == {
        "type": "semantic_vad",
        "eagerness": eagerness,
        "create_response": True,
        "interrupt_response": True,
    }
    desk.speaks(480, silence_ms=832)
    assert desk.last(server.SpeechStopped).audio_end_ms == 480 + silence_ms


# ---- what follows from the settings


def test_a_changed_prompt_is_warmed_once() -> None:
    desk = Desk()
    desk.update(instructions="Be brief.")
    desk.update(instructions="Be brief.")
    assert desk.count(Warm) == 1
    assert desk.job(Warm).prompt.instructions == "Be brief."


def test_nothing_is_warmed_while_an_answer_is_made() -> None:
    desk = Desk()
    desk.send(client.CreateResponse())
    desk.update(instructions="Be brief.")
    assert desk.count(Warm) == 0


def test_the_person_is_taken_to_speak_english_unless_the_settings_say_otherwise() -> None:
    desk = Desk()
    desk.speaks()
    assert desk.job(Recognise).language == "en"
    desk.hears("")
    desk.update(instructions="Be brief.", audio={"input": {"transcription": {"model": "base", "language": "de"}}})
    desk.speaks()
    assert desk.job(Recognise).language == "de"
    desk.hears("Hallo.")
    assert desk.job(Answer).prompt.instructions == "Be brief. Always answer in English."


@pytest.mark.parametrize("language", [None, "", "en", "en-GB", "EN"])
def test_english_needs_no_sentence(language: str | None) -> None:
    assert voice_language_note(language) is None


def test_another_language_is_told_in_one_sentence() -> None:
    assert voice_language_note("de") == (
        "The offline voice speaks English only: what you say in 'de' is understood, the answers are in English."
    )


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"modalities": ["text"]}, "unknown_parameter", "response.modalities"),
        ({"conversation": "mine"}, "invalid_value", "response.conversation"),
        ({"input": ["x"]}, "invalid_type", "response.input[0]"),
        ({"input": [{"type": "song"}]}, "invalid_value", "response.input[0].type"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "invalid_value", "response.metadata"),
        ({"metadata": {"k" * 65: "x"}}, "invalid_value", "response.metadata." + "k" * 65),
        ({"metadata": {"k": "x" * 513}}, "invalid_value", "response.metadata.k"),
        ({"metadata": {"k": 1}}, "invalid_type", "response.metadata.k"),
    ],
)
def test_a_wrong_field_of_a_response_is_named(response: dict[str, Any], code: str, param: str) -> None:
    desk = Desk()
    desk.send(client.CreateResponse(response, event_id="r"))
    assert (desk.error()["code"], desk.error()["param"], desk.error()["event_id"]) == (code, param, "r")
    assert not any(isinstance(e, server.ResponseCreated) for e in desk.said)


def test_one_answer_can_have_a_tool_and_a_voice_of_its_own() -> None:
    tool = {"type": "function", "name": "f", "description": "", "parameters": {"type": "object"}, "strict": None}
    desk = Desk()
    desk.send(
        client.CreateResponse(
            {
                "tools": [tool],
                "tool_choice": {"type": "function", "name": "f"},
                "audio": {"output": {"voice": {"id": "voice_1"}}},
            }
        )
    )
    assert desk.job(Answer).prompt.tool_choice == "f"
    assert desk.last(server.ResponseCreated).response["audio"]["output"]["voice"] == {"id": "voice_1"}

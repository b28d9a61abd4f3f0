"""What the server is asked to be."""

from __future__ import annotations

from typing import Any

import pytest

from vivavoce.session.settings import FINISH_TOOL, FINISH_TOOL_SCHEMA, INSTRUCTIONS, Settings, Timeouts, without

PCM = {"type": "audio/pcm", "rate": 24_000}


def test_the_plain_settings_are_the_ga_session_and_nothing_more() -> None:
    assert Settings().as_session() == {
        "type": "realtime",
        "instructions": INSTRUCTIONS,
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": PCM,
                "turn_detection": {"type": "server_vad", "create_response": True, "interrupt_response": True},
            },
            "output": {"format": PCM},
        },
        "tools": [FINISH_TOOL_SCHEMA],
        "tool_choice": "auto",
    }


def test_everything_that_can_be_set_is_said() -> None:
    tool = {"type": "function", "name": "weather"}
    session = Settings(
        instructions="Be kind.",
        voice="marin",
        language="de",
        transcription_model="gpt-transcribe",
        threshold=0.0,
        prefix_padding_ms=0,
        silence_ms=700,
        interrupt_response=False,
        noise_reduction="far_field",
        tools=[tool],
    ).as_session()
    assert session["instructions"] == "Be kind."
    assert session["audio"] == {
        "input": {
            "format": PCM,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.0,
                "prefix_padding_ms": 0,
                "silence_duration_ms": 700,
                "create_response": True,
                "interrupt_response": False,
            },
            "noise_reduction": {"type": "far_field"},
            "transcription": {"model": "gpt-transcribe", "language": "de"},
        },
        "output": {"format": PCM, "voice": "marin"},
    }
    assert session["tools"] == [tool, FINISH_TOOL_SCHEMA]


def test_semantic_turn_detection_has_no_threshold() -> None:
    session = Settings(semantic=True, threshold=0.5, silence_ms=200, interrupt_response=False).as_session()
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "create_response": True,
        "interrupt_response": False,
    }


def test_a_language_without_a_transcription_model_is_not_said() -> None:
    assert "transcription" not in Settings(language="de").as_session()["audio"]["input"]
    model_only = Settings(transcription_model="w").as_session()["audio"]["input"]["transcription"]
    assert model_only == {"model": "w"}


def test_the_finish_tool_is_described_as_the_sample_described_it() -> None:
    assert FINISH_TOOL == "user_wants_to_finish_conversation"
    assert FINISH_TOOL_SCHEMA == {
        "type": "function",
        "name": FINISH_TOOL,
        "description": (
            "Invoked when the user says goodbye, expresses being finished, or otherwise seems to want to stop the interaction."
        ),
        "parameters": {"type": "object", "properties": {}},
    }


def test_the_time_outs_are_those_of_the_reference() -> None:
    assert Timeouts() == Timeouts(
        created_s=10.0, updated_s=5.0, response_created_s=15.0, reply_s=30.0, transcript_s=10.0, farewell_s=3.0
    )


def test_the_plain_settings_expect_an_honest_server() -> None:
    plain = Settings()
    assert (plain.server, plain.model, plain.max_s, plain.transcription_tentative) == ("custom", "", None, False)
    assert not plain.semantic
    assert plain.interrupt_response


FULL = Settings(
    voice="marin", language="de", transcription_model="w", threshold=0.5, noise_reduction="near_field"
).as_session()


def at(tree: Any, path: str) -> Any:
    for step in path.split("."):
        tree = tree.get(step, "absent") if isinstance(tree, dict) else "absent"
    return tree


@pytest.mark.parametrize(
    ("param", "path"),
    [
        ("session.audio.input.noise_reduction", "audio.input.noise_reduction"),
        ("session.audio.input.noise_reduction.type", "audio.input.noise_reduction"),
        ("audio.input.noise_reduction", "audio.input.noise_reduction"),
        ("session.audio.input.transcription.language", "audio.input.transcription.language"),
        ("session.audio.input.transcription.model", "audio.input.transcription"),
        ("session.audio.input.transcription", "audio.input.transcription"),
        ("session.audio.input.turn_detection.threshold", "audio.input.turn_detection"),
        ("session.audio.output.voice", "audio.output.voice"),
        ("session.tool_choice", "tool_choice"),
    ],
)
def test_a_field_that_can_be_spared_is_left_out_and_nothing_else(param: str, path: str) -> None:
    found = without(FULL, param)
    assert found is not None
    spared, left_out = found
    assert left_out == path
    assert at(spared, path) == "absent"
    assert at(FULL, path) != "absent", "the settings given are not touched"
    for other in (
        "audio.input.noise_reduction",
        "audio.input.turn_detection",
        "audio.output.voice",
        "tool_choice",
        "tools",
    ):
        if other != path:
            assert at(spared, other) == at(FULL, other)
    assert at(spared, "audio.input.format") == PCM


@pytest.mark.parametrize(
    "param", ["", "session", "session.type", "session.audio", "session.audio.input", "session.tools", "session.instructions",
              "session.audio.input.noise_reductions", "session.audio.input.format", "session.tool_choices"]
)  # fmt: skip
def test_a_field_that_cannot_be_spared_is_not_left_out(param: str) -> None:
    assert without(FULL, param) is None


def test_a_field_that_was_left_out_already_cannot_be_left_out_again() -> None:
    assert without(Settings().as_session(), "session.audio.input.noise_reduction") is None
    assert without({"type": "realtime"}, "session.audio.output.voice") is None


def test_a_language_refused_twice_takes_the_transcription_with_it() -> None:
    first = without(FULL, "session.audio.input.transcription.language")
    assert first is not None
    second = without(first[0], "session.audio.input.transcription.language")
    assert second is not None
    assert second[1] == "audio.input.transcription"


def test_a_model_on_this_machine_is_waited_for_longer_and_its_silence_is_no_stall() -> None:
    cloud, own, here = (Timeouts.of(kind) for kind in ("openai", "custom", "offline"))
    assert cloud == Timeouts()
    assert cloud.stall_s is not None
    assert own.stall_s is not None
    assert cloud.stall_s < own.stall_s
    assert here.stall_s is None
    assert (cloud.response_created_s, cloud.reply_s) < (here.response_created_s, here.reply_s)

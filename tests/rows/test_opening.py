"""Rows 1 to 5, 19, 26 and 27: the server and we do not agree, or do after all."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
from tests.rows.person import CREATED, WRITTEN, Person, hold, preview_wire, wire_to

from vivavoce.errors import DeploymentNotFound, KeyRefused, NotARealtimeModel
from vivavoce.testing import Close, Expect, RealtimeServer, Refuse, Reply, Say, Talk, in_order

BETA = {
    "type": "invalid_request_error",
    "code": "beta_api_shape_disabled",
    "message": "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
}


def test_row_1_the_beta_header_is_never_sent_and_its_refusal_ends_the_talk_at_once() -> None:
    reason = "invalid_request_error.beta_api_shape_disabled"
    seen = hold(RealtimeServer([Say({"type": "error", "error": BETA}), Close(4000, reason)]))
    assert seen.errors == [("beta_api_shape_disabled", True)]
    assert seen.lines.of("error")[0]["message"] == BETA["message"]
    assert seen.outcome.reason == "refused"
    (connection,) = seen.server.connections
    assert connection.header("OpenAI-Beta") is None
    assert connection.types == []


def test_row_2_a_ga_body_at_a_preview_address_names_the_flag_that_helps() -> None:
    seen = hold(RealtimeServer(), preview=True)
    assert seen.errors == [("unknown_parameter", True)]
    assert seen.lines.of("error")[0]["message"].endswith("This endpoint speaks the preview protocol: try --preview.")
    assert seen.outcome.reason == "settings"
    (connection,) = seen.server.connections
    assert connection.types == ["session.update"]
    assert connection.samples == 0


def test_row_3_a_preview_body_at_a_ga_address_names_the_flag_that_hurts() -> None:
    seen = hold(RealtimeServer(), wire=preview_wire)
    assert seen.errors == [("missing_required_parameter", True)]
    assert seen.lines.of("error")[0]["message"].endswith("This endpoint speaks the GA protocol: leave --preview out.")
    assert seen.outcome.reason == "settings"
    assert seen.server.connections[0].types == ["session.update"]


@pytest.mark.parametrize("preview", [True, False])
def test_the_same_talk_is_held_in_both_spellings(preview: bool) -> None:
    async def greet(person: Person) -> None:
        person.say("Hello?")
        await person.sees("assistant")
        await person.ends()

    seen = hold(RealtimeServer(), greet, wire=preview_wire if preview else wire_to, preview=preview)
    assert seen.lines.texts("user", "assistant") == ["Hello?", "You said: Hello?"]
    assert [line["interrupted"] for line in seen.lines.of("assistant")] == [False]
    (connection,) = seen.server.connections
    assert connection.types == ["session.update"]
    assert ("modalities" in connection.received[0].event["session"]) == preview


@pytest.mark.parametrize("what", ["wrong key", "api-version on v1"])
def test_row_4_a_key_that_is_not_accepted_is_not_tried_again(what: str) -> None:
    server = RealtimeServer(key="right")

    def wire(url: str) -> object:
        if what == "wrong key":
            return wire_to(url, headers={"Authorization": "Bearer wrong"})
        return wire_to(f"{server.address}/openai/v1/realtime?model=m&api-version=1", headers={"api-key": "right"})

    seen = hold(server, wire=wire)  # type: ignore[arg-type]  # both are wires
    assert isinstance(seen.outcome.error, KeyRefused)
    assert (seen.exit_code, seen.outcome.reason) == (4, "refused")
    assert seen.errors == [("refused", True)]
    assert "wrong" not in seen.lines.of("error")[0]["message"].replace("wrong key", "")
    assert [connection.refused for connection in server.connections] == [401]


def test_row_5_a_deployment_that_is_not_found_is_tried_once_more_and_another_model_is_not() -> None:
    unknown = {
        "error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}
    }
    seen = hold(RealtimeServer(Refuse(404, unknown)))
    assert isinstance(seen.outcome.error, DeploymentNotFound)
    assert [connection.refused for connection in seen.server.connections] == [404, 404]
    assert seen.lines.types == ["warning", "error", "end"]
    for spelling in ("OpperationNotSupported", "OperationNotSupported"):
        body = {
            "error": {"code": spelling, "message": "The realtime operation does not work with the specified model."}
        }
        seen = hold(RealtimeServer(Refuse(400, body)))
        assert isinstance(seen.outcome.error, NotARealtimeModel)
        assert [connection.refused for connection in seen.server.connections] == [400]


def test_row_5_a_deployment_that_was_made_just_now_is_there_the_second_time() -> None:
    unknown = {
        "error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}
    }
    seen = hold(RealtimeServer(Refuse(404, unknown), Talk()), Person.ends)
    assert [line["code"] for line in seen.lines.of("warning")] == ["retrying"]
    assert seen.errors == []
    assert [connection.refused for connection in seen.server.connections] == [404, None]


def test_row_19_the_voice_is_named_once_and_not_again_after_it_has_spoken() -> None:
    async def two_turns(person: Person) -> None:
        person.say("one")
        await person.told("session.update", 2)
        await person.sees("assistant")
        person.say("two")
        await person.sees("assistant", 2)
        await person.ends()

    settings = replace(WRITTEN, voice="marin", transcription_tentative=True)
    seen = hold(RealtimeServer(Talk(transcripts="failed")), two_turns, settings=settings)
    first, second = seen.server.connections[0].words("session.update")
    assert first["session"]["audio"]["output"]["voice"] == "marin"
    assert "output" not in second["session"]["audio"]
    assert seen.errors == []
    assert [line["code"] for line in seen.lines.of("warning")] == ["transcription_off"]
    assert len(seen.lines.of("assistant")) == 2


def test_row_26_settings_that_are_refused_end_the_talk_before_a_sample_is_sent() -> None:
    refusal = {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "No.",
        "param": "session.instructions",
    }
    seen = hold(RealtimeServer([Say(CREATED), Expect("session.update"), Say({"type": "error", "error": refusal})]))
    assert seen.errors == [("invalid_value", True)]
    assert seen.lines.types == ["error", "end"]
    assert seen.outcome.reason == "settings"
    assert seen.server.connections[0].samples == 0


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("session.audio.input.noise_reduction", {"noise_reduction": "far_field"}),
        ("session.audio.input.transcription.language", {"language": "de"}),
        ("session.audio.input.turn_detection", {"semantic": True}),
        ("session.audio.output.voice", {"voice": "marin"}),
    ],
)
def test_row_27_a_field_that_can_be_spared_is_left_out_and_the_person_is_told(
    path: str, change: dict[str, object]
) -> None:
    settings = replace(WRITTEN, **change)  # type: ignore[arg-type]  # one field each
    seen = hold(RealtimeServer(Talk(refuses=(path,))), Person.ends, settings=settings)
    assert [line["code"] for line in seen.lines.of("warning")] == ["setting_refused"]
    assert path.removeprefix("session.") in seen.lines.of("warning")[0]["message"]
    assert seen.errors == []
    first, second = [word["session"] for word in seen.server.connections[0].words("session.update")]
    *above, name = path.split(".")[1:]
    assert name in functools.reduce(lambda tree, key: tree[key], above, first)
    assert name not in functools.reduce(lambda tree, key: tree[key], above, second)


def test_a_reply_in_the_voice_of_the_server_is_heard_to_the_sample() -> None:
    async def greet(person: Person) -> None:
        person.say("Hello?")
        await person.sees("assistant")
        await person.ends()

    seen = hold(RealtimeServer(Talk(answer=in_order(Reply("Hi.", 500)))), greet)
    (line,) = seen.lines.of("assistant")
    assert (line["heard_ms"], line["heard_text"], line["interrupted"]) == (500, "Hi.", False)

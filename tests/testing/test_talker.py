"""The server that behaves, without a socket: words in, words out, time as data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vivavoce.errors import ProtocolError
from vivavoce.events import client, server
from vivavoce.events.server import ServerEvent
from vivavoce.pcm import silence
from vivavoce.testing.sound import Run, runs, spoken
from vivavoce.testing.talker import Reply, Talk, Talker, in_order

SETTINGS = {"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}}
TURN = spoken("What is it?", 500) + silence(700)
PERSON = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "rate_limits.updated",
]
WRITTEN = "conversation.item.input_audio_transcription.completed"


class Desk:
    """A talker that has its settings; `said` since the last look."""

    def __init__(self, talk: Talk, session: dict[str, Any] | None = None) -> None:
        self.talker = Talker(talk, number=7, expires_at=1_800_000_000)
        self.send(client.UpdateSession(session or SETTINGS, event_id="mine"))
        self.opening = self.look()

    def send(self, *events: client.ClientEvent) -> None:
        for event in events:
            self.talker.receive(event)

    def look(self) -> list[ServerEvent]:
        return self.talker.to_client()

    def types(self) -> list[str]:
        return [event.TYPE for event in self.look()]

    def error(self) -> tuple[Any, ...]:
        (error,) = [event.error for event in self.look() if isinstance(event, server.ServerError)]
        return error["code"], error["message"], error["event_id"]

    def hear(self) -> bytes:
        return b"".join(event.audio for event in self.look() if isinstance(event, server.AudioDelta))


def test_a_session_says_when_it_expires() -> None:
    created, updated = Desk(Talk()).opening
    assert isinstance(created, server.SessionCreated)
    assert isinstance(updated, server.SessionUpdated)
    assert (created.session["id"], created.session["expires_at"]) == ("sess_7", 1_800_000_000)
    assert updated.session["expires_at"] == 1_800_000_000
    assert updated.session["audio"]["input"]["transcription"] == {"model": "x"}


def test_a_turn_in_the_sound_is_answered_in_the_order_of_the_reference() -> None:
    desk = Desk(Talk(answer=in_order(Reply("Well now.", 200))))
    desk.send(client.AppendAudio(TURN))
    types = desk.types()
    assert types[:8] == [*PERSON, WRITTEN]
    message = [kind for kind in types[8:] if not kind.endswith("delta")]
    assert message == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]


def test_the_words_of_a_turn_are_in_its_sound_however_it_is_cut_into_pieces() -> None:
    for step in (700, 1920, 9_999, len(TURN)):
        desk = Desk(Talk())
        desk.send(*(client.AppendAudio(TURN[at : at + step & ~1]) for at in range(0, len(TURN), step & ~1)))
        assert [e.transcript for e in desk.look() if isinstance(e, server.TranscriptionCompleted)] == ["What is it?"]
        assert [item["content"][0]["transcript"] for item in desk.talker.items] == [
            "What is it?",
            "You said: What is it?",
        ]


def test_a_pause_within_a_turn_is_not_answered() -> None:
    asked: list[str] = []

    def answer(prompt: Any) -> Reply:
        asked.append(prompt.messages[-1]["content"])
        return Reply()

    desk = Desk(Talk(answer=answer))
    desk.send(client.AppendAudio(spoken("one", 300) + silence(300) + spoken("two", 300) + silence(700)))
    assert asked == ["one two"]


def test_sound_is_sent_at_its_pace_and_cut_where_it_was_sent_when_the_person_speaks() -> None:
    desk = Desk(Talk(answer=in_order(Reply("a b c d", 400)), pace=2.0, think_s=1.0))
    desk.talker.tick(10.0)
    desk.send(client.AppendAudio(TURN))
    assert desk.hear() == b""
    assert desk.talker.next_deadline() == 11.0
    desk.talker.tick(11.05)
    assert runs(desk.hear()) == [Run(0, 0, 4800)]
    desk.send(client.AppendAudio(spoken("wait", 200)))
    said = desk.look()
    (done,) = [event.response for event in said if isinstance(event, server.ResponseDone)]
    assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert desk.talker.next_deadline() is None
    assert done["output"][0]["content"][0]["transcript"] == "a b "


@pytest.mark.parametrize(
    ("transcripts", "place"), [("at_once", "before"), ("after_reply", "after"), ("failed", "before"), ("never", "")]
)
def test_the_words_of_the_person_come_when_the_script_wishes(transcripts: Any, place: str) -> None:
    desk = Desk(Talk(transcripts=transcripts))
    desk.send(client.AppendAudio(TURN))
    types = desk.types()
    written = [at for at, kind in enumerate(types) if ".input_audio_transcription." in kind]
    assert len(written) == (1 if place else 0)
    assert [types[at].rpartition(".")[2] for at in written] == (
        ["failed"] if transcripts == "failed" else ["completed"]
    )[: len(written)]
    assert all((at < types.index("response.done")) == (place == "before") for at in written)


def test_functions_are_called_and_their_outputs_are_answered() -> None:
    desk = Desk(Talk(answer=in_order(Reply("Let me see.", 100, calls=(("look", '{"at":1}'),)), Reply("Seen.", 100))))
    desk.send(client.AppendAudio(TURN))
    (call,) = [
        event.item
        for event in desk.look()
        if isinstance(event, server.OutputItemDone) and event.item["type"] == "function_call"
    ]
    assert (call["name"], call["arguments"]) == ("look", '{"at":1}')
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "a cat"}
    desk.send(client.CreateItem(output), client.CreateResponse())
    assert [event.transcript for event in desk.look() if isinstance(event, server.TranscriptDone)] == ["Seen."]
    assert [item["type"] for item in desk.talker.items][-2:] == ["function_call_output", "message"]


def test_a_goodbye_calls_the_function_that_ends_the_talk() -> None:
    name = "user_wants_to_finish_conversation"
    desk = Desk(Talk(), SETTINGS | {"tools": [{"type": "function", "name": name}]})
    desk.send(client.AppendAudio(spoken("Goodbye!", 300) + silence(600)))
    assert [event.name for event in desk.look() if isinstance(event, server.ArgumentsDone)] == [name]


def test_a_response_may_fail_or_end_early_with_the_reason_of_the_script() -> None:
    error = {"type": "tokens", "code": "rate_limit_exceeded", "message": "Please try again in 1.5s."}
    replies = in_order(Reply("", error=error), Reply("Well", 100, incomplete="content_filter"), Reply("Yes.", 100))
    desk = Desk(Talk(answer=replies))
    for _ in range(3):
        desk.send(client.AppendAudio(TURN))
    done = [event.response for event in desk.look() if isinstance(event, server.ResponseDone)]
    assert [response["status"] for response in done] == ["failed", "incomplete", "completed"]
    assert done[0]["status_details"] == {"type": "failed", "error": error}
    assert done[1]["status_details"] == {"type": "incomplete", "reason": "content_filter"}
    assert done[2]["usage"]["output_token_details"]["audio_tokens"] == 2


def _spoken_reply(desk: Desk) -> str:
    desk.send(client.AppendAudio(TURN))
    return str(next(e.item["id"] for e in desk.look() if isinstance(e, server.OutputItemDone)))


def _truncate_past_the_end(desk: Desk) -> None:
    desk.send(client.TruncateItem(_spoken_reply(desk), 99_999))


def _truncate_unheard(desk: Desk) -> None:
    desk.send(client.CreateItem({"id": "typed", "type": "message", "role": "user", "content": [_typed("x")]}))
    desk.send(client.TruncateItem("typed", 10))


def _two_responses(desk: Desk) -> None:
    desk.send(client.CreateResponse(event_id="a"), client.CreateResponse(event_id="b"))


def _new_voice(desk: Desk) -> None:
    _spoken_reply(desk)
    desk.send(client.UpdateSession({"type": "realtime", "audio": {"output": {"voice": "marin"}}}, event_id="v"))


def _typed(text: str) -> dict[str, str]:
    return {"type": "input_text", "text": text}


def _call_output(desk: Desk) -> None:
    desk.send(client.CreateItem({"type": "function_call_output", "call_id": "call_old", "output": "x"}, event_id="o"))


_SLOT_TAKEN = (
    "Conversation already has an active response in progress: resp_7_4. "
    "Wait until the response is finished before creating a new one."
)
_TOO_SMALL = (
    "Error committing input audio buffer: buffer too small. "
    "Expected at least 100ms of audio, but buffer only has 0.00ms of audio."
)
ERRORS: list[tuple[Callable[[Desk], None], tuple[str, str, str | None]]] = [
    (_truncate_past_the_end, ("invalid_value", "Audio content of 1260ms is already shorter than 99999ms", None)),
    (_truncate_unheard, ("unsupported_content_type", "Only model output audio messages can be truncated", None)),
    (
        lambda desk: desk.send(client.TruncateItem("item_old", 5)),
        ("item_truncate_invalid_item_id", "Item with item_id not found: item_old", None),
    ),
    (
        _two_responses,
        (
            "conversation_already_has_active_response",
            _SLOT_TAKEN,
            "b",
        ),
    ),
    (
        lambda desk: desk.send(client.CancelResponse()),
        ("response_cancel_not_active", "Cancellation failed: no active response found", None),
    ),
    (_call_output, ("invalid_tool_call_id", "Tool call ID 'call_old' not found in conversation.", "o")),
    (
        lambda desk: desk.send(client.CommitAudio()),
        (
            "input_audio_buffer_commit_empty",
            _TOO_SMALL,
            None,
        ),
    ),
    (_new_voice, ("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.", "v")),
    (
        lambda desk: desk.send(client.UpdateSession({"instructions": "x"}, event_id="u")),
        ("missing_required_parameter", "Missing required parameter: 'session.type'.", "u"),
    ),
    (
        lambda desk: desk.send(client.UpdateSession({"type": "realtime", "modalities": ["audio"]})),
        ("unknown_parameter", "Unknown parameter: 'session.modalities'.", None),
    ),
    (
        lambda desk: desk.talker.misheard(ProtocolError("this is not JSON", code="invalid_json")),
        ("invalid_json", "this is not JSON", None),
    ),
]


@pytest.mark.parametrize(("do", "error"), ERRORS, ids=[error[1][0] for error in ERRORS])
def test_what_is_wrong_is_answered_with_the_error_of_the_service(
    do: Callable[[Desk], None], error: tuple[str, str, str | None]
) -> None:
    desk = Desk(Talk(think_s=1.0 if do is _two_responses else 0.0))
    do(desk)
    assert desk.error() == error


def test_a_field_that_this_server_does_not_know_refuses_the_whole_update() -> None:
    path = "session.audio.input.noise_reduction"
    desk = Desk(Talk(refuses=(path,)))
    session = {
        "type": "realtime",
        "instructions": "new",
        "audio": {"input": {"noise_reduction": {"type": "near_field"}}},
    }
    desk.send(client.UpdateSession(session, event_id="u"))
    (said,) = desk.look()
    assert isinstance(said, server.ServerError)
    assert (said.error["code"], said.error["param"], said.error["event_id"]) == ("unknown_parameter", path, "u")
    desk.send(client.UpdateSession({"type": "realtime"}))
    (said,) = desk.look()
    assert isinstance(said, server.SessionUpdated)
    assert said.session["instructions"] != "new"


def test_a_truncated_and_a_deleted_item_are_kept_as_the_service_keeps_them() -> None:
    desk = Desk(Talk(answer=in_order(Reply("one two three four", 400))))
    item = _spoken_reply(desk)
    person = desk.talker.items[0]["id"]
    desk.send(client.TruncateItem(item, 210), client.DeleteItem(person))
    assert desk.types() == ["conversation.item.truncated", "conversation.item.deleted"]
    (kept,) = desk.talker.items
    assert (kept["id"], kept["content"][0]["transcript"]) == (item, "one two ")

"""Turns and answers; items are in test_protocol_items.py, settings in test_protocol_settings.py."""

from __future__ import annotations

from typing import Any

import pytest

from vivavoce.engine.jobs import Answer, Listen, Recognise, Relisten, Stop, Warm
from vivavoce.engine.settings import GOODBYE
from vivavoce.engine.stages import Asked, Counted, Recognised
from vivavoce.errors import ProtocolError
from vivavoce.events import client, server
from vivavoce.events.word import Unknown
from vivavoce.pcm import RATE_HZ, ms_to_bytes, silence
from vivavoce.testing.engine import SILENCE, SPEECH, Desk

TRANSCRIBE = {"model": "base"}
FINISH = {"type": "function", "name": GOODBYE, "description": "Invoked when the user says goodbye.", "parameters": {}}
WEATHER = {"type": "function", "name": "get_weather", "description": "Weather.", "parameters": {"type": "object"}}
TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
]
OPENED = [
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
CLOSED = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]


def ready(**session: Any) -> Desk:
    desk = Desk()
    if session:
        desk.update(**session)
    desk.new()
    return desk


def test_the_first_word_is_session_created_with_everything_in_force() -> None:
    [created] = Desk().new()
    assert isinstance(created, server.SessionCreated)
    assert created.session["id"] == "sess_1"
    assert created.session["expires_at"] is None
    assert created.session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500


def test_every_word_has_its_own_event_id() -> None:
    desk = Desk()
    desk.speaks()
    ids = [event.event_id for event in desk.said]
    assert None not in ids
    assert len(set(ids)) == len(ids)


def test_a_voice_turn_speaks_in_the_order_of_the_reference() -> None:
    desk = ready()
    desk.speaks()
    assert desk.names() == TURN
    desk.hears("Hello.")
    desk.thinks("Hi, ", silence(300), "friend.", silence(100))
    assert desk.names() == [
        *OPENED,
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.delta",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        *CLOSED,
    ]
    done = desk.last(server.ResponseDone).response
    assert done["status"] == "completed"
    assert done["output"][0]["content"] == [{"type": "output_audio", "transcript": "Hi, friend."}]
    assert desk.last(server.TranscriptDone).transcript == "Hi, friend."


def test_positions_are_on_the_line_of_appended_sound() -> None:
    desk = ready()
    desk.sound(1024, SILENCE)
    desk.speaks(480)
    assert desk.last(server.SpeechStarted).audio_start_ms == 1024 - 300
    assert desk.last(server.SpeechStopped).audio_end_ms == 1024 + 480 + 500


def test_no_audio_delta_is_longer_than_250_ms() -> None:
    desk = ready()
    desk.speaks()
    desk.hears("Hello.")
    desk.thinks("Hi.", silence(1010))
    deltas = [len(e.audio) for e in desk.said if isinstance(e, server.AudioDelta)]
    assert max(deltas) == ms_to_bytes(250)
    assert sum(deltas) == ms_to_bytes(1010)


def test_usage_counts_text_as_the_model_does_and_sound_by_the_rule_of_the_api() -> None:
    desk = ready()
    desk.speaks()
    desk.hears("Hello.")
    desk.thinks("Hi.", silence(120), done=False)
    desk.protocol.answered(desk.job(Answer).job, Counted(30, 12, 7))
    desk.send()
    usage = [e for e in desk.protocol.to_client() if isinstance(e, server.ResponseDone)][-1].response["usage"]
    assert usage == {
        "total_tokens": 40,
        "input_tokens": 30,
        "output_tokens": 10,
        "input_token_details": {
            "text_tokens": 30,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": 12,
            "cached_tokens_details": {"text_tokens": 12, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 7, "audio_tokens": 3},
    }


def test_the_model_is_told_the_conversation_so_far() -> None:
    desk = ready(instructions="Be brief.")
    for words, reply in (("One?", "First."), ("Two?", "Second.")):
        desk.speaks()
        desk.hears(words)
        desk.thinks(reply, silence(100))
    desk.speaks()
    desk.hears("Three?")
    prompt = desk.job(Answer).prompt
    assert prompt.instructions == "Be brief."
    assert [(m["role"], m["content"]) for m in prompt.messages] == [
        ("user", "One?"),
        ("assistant", "First."),
        ("user", "Two?"),
        ("assistant", "Second."),
        ("user", "Three?"),
    ]


# ---- the transcript of the person


def test_without_transcription_settings_no_transcript_is_sent() -> None:
    desk = ready()
    desk.speaks()
    desk.hears("Hello.")
    assert "conversation.item.input_audio_transcription.completed" not in desk.names()


def test_the_transcript_comes_with_the_duration_of_the_sound() -> None:
    desk = ready(audio={"input": {"transcription": TRANSCRIBE}})
    desk.sound(320, SILENCE)
    desk.speaks(480)
    desk.hears(" Hello. ")
    completed = desk.last(server.TranscriptionCompleted)
    assert completed.transcript == "Hello."
    assert completed.usage == {"type": "duration", "seconds": 1.28}
    assert completed.item_id == desk.last(server.AudioCommitted).item_id


def test_noise_is_completed_with_no_words_and_answered_with_nothing_and_not_told_to_the_model() -> None:
    desk = ready(audio={"input": {"transcription": TRANSCRIBE}})
    desk.speaks()
    desk.hears("  ")
    assert desk.last(server.TranscriptionCompleted).transcript == ""
    done = desk.last(server.ResponseDone).response
    assert (done["status"], done["output"]) == ("completed", [])
    assert desk.count(Answer) == 0
    desk.speaks()
    desk.hears("Hello.")
    assert [m["content"] for m in desk.job(Answer).prompt.messages] == ["Hello."]


def test_instructions_of_its_own_make_an_answer_speak_even_after_noise() -> None:
    desk = ready(audio={"input": {"turn_detection": None}})
    desk.send(client.AppendAudio(silence(200)), client.CommitAudio())
    desk.send(client.CreateResponse({"instructions": "Ask whether anybody is there."}))
    desk.hears("")
    assert desk.job(Answer).prompt.instructions == "Ask whether anybody is there."


@pytest.mark.parametrize("transcription", [TRANSCRIBE, None])
def test_a_failed_recognition_fails_the_answer_and_frees_the_slot(transcription: Any) -> None:
    desk = ready(audio={"input": {"transcription": transcription}})
    desk.speaks()
    desk.fails(Recognise, "no memory")
    assert any(isinstance(e, server.TranscriptionFailed) for e in desk.said) == (transcription is not None)
    done = desk.last(server.ResponseDone).response
    assert done["status"] == "failed"
    assert "recognised" in done["status_details"]["error"]["message"]
    assert desk.has_a_free_slot()


# ---- ahead of the end of the turn


def test_a_recognition_ahead_that_fails_is_asked_for_again_at_the_end_of_the_turn() -> None:
    desk = ready()
    desk.speaks(480, silence_ms=192)
    desk.fails(Recognise)
    desk.sound(352, SILENCE)
    assert desk.count(Recognise) == 2
    desk.hears("Hello.")
    assert desk.count(Answer) == 1


def test_a_pause_starts_recognition_and_its_words_start_the_answer_which_is_adopted() -> None:
    desk = ready()
    desk.speaks(480, silence_ms=192)
    desk.hears("Hello.")
    desk.thinks("Hi.", silence(100), done=False)
    assert desk.names() == ["input_audio_buffer.speech_started"]
    desk.sound(352, SILENCE)
    assert desk.names() == [
        *TURN[1:],
        *OPENED,
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
    ]
    desk.thinks()
    assert (desk.count(Recognise), desk.count(Answer), desk.count(Stop)) == (1, 1, 0)
    assert desk.has_a_free_slot()


def test_an_answer_that_is_whole_before_the_turn_ends_is_adopted_whole() -> None:
    desk = ready()
    desk.speaks(480, silence_ms=192)
    desk.hears("Hello.")
    desk.thinks("Hi.", silence(100))
    desk.sound(352, SILENCE)
    assert desk.last(server.ResponseDone).response["output"][0]["content"][0]["transcript"] == "Hi."
    assert desk.has_a_free_slot()


def test_speech_after_a_pause_throws_the_answer_made_ahead_away() -> None:
    desk = ready()
    desk.speaks(480, silence_ms=192)
    desk.hears("What is the weather")
    ahead = desk.job(Answer)
    desk.speaks(96)
    assert Stop(ahead.job) in desk.jobs
    desk.hears("What is the weather in Paris?")
    assert desk.job(Answer).prompt.messages[-1]["content"] == "What is the weather in Paris?"
    assert desk.job(Answer).job != ahead.job


def test_speech_after_a_pause_stops_a_recognition_under_way_and_its_late_result_counts_for_nothing() -> None:
    desk = ready()
    desk.speaks(480, silence_ms=192)
    early = desk.job(Recognise)
    desk.sound(96, SPEECH)
    assert Stop(early.job) in desk.jobs
    desk.protocol.heard(early.job, Recognised("What", "en"))
    desk.sound(544, SILENCE)
    desk.hears("What time is it?")
    assert [m["content"] for m in desk.job(Answer).prompt.messages] == ["What time is it?"]


def test_changed_instructions_throw_the_answer_made_ahead_away() -> None:
    desk = ready()
    desk.speaks(480, silence_ms=192)
    desk.hears("Hello.")
    ahead = desk.job(Answer)
    desk.update(instructions="Speak like a pirate.")
    desk.sound(352, SILENCE)
    assert Stop(ahead.job) in desk.jobs
    assert desk.job(Answer).prompt.instructions == "Speak like a pirate."


def test_an_answer_ahead_that_fails_is_made_again() -> None:
    desk = ready()
    desk.speaks(480, silence_ms=192)
    desk.hears("Hello.")
    desk.fails(Answer)
    desk.sound(352, SILENCE)
    desk.thinks("Hi.", silence(100))
    assert desk.count(Answer) == 2
    assert desk.last(server.ResponseDone).response["status"] == "completed"


def asks_for_itself() -> Desk:
    """The client asks for each answer; it has said "Hello." and asked for nothing yet."""
    desk = ready(audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}})
    desk.speaks(480, silence_ms=192)
    desk.hears("Hello.")
    desk.sound(352, SILENCE)
    return desk


def test_an_answer_made_ahead_is_silent_until_the_client_asks_for_it() -> None:
    desk = asks_for_itself()
    desk.thinks("Hi.", silence(100))
    assert desk.names()[-1] == "conversation.item.done"
    desk.send(client.CreateResponse())
    assert (desk.count(Answer), desk.count(Stop)) == (1, 0)
    assert desk.last(server.ResponseDone).response["output"][0]["content"][0]["transcript"] == "Hi."
    assert desk.has_a_free_slot()


def test_an_answer_made_ahead_of_which_another_kind_is_asked_for_is_thrown_away() -> None:
    desk = asks_for_itself()
    ahead = desk.job(Answer)
    desk.send(client.CreateResponse({"instructions": "Speak like a pirate."}))
    assert Stop(ahead.job) in desk.jobs
    assert desk.job(Answer).prompt.instructions == "Speak like a pirate."


def test_an_answer_made_ahead_that_nobody_asks_for_is_thrown_away_with_the_next_turn() -> None:
    desk = asks_for_itself()
    ahead = desk.job(Answer)
    desk.speaks(480, silence_ms=0)
    assert Stop(ahead.job) in desk.jobs
    assert "response.created" not in desk.names()


def test_an_answer_made_ahead_to_an_item_that_is_deleted_is_thrown_away() -> None:
    desk = asks_for_itself()
    desk.send(client.DeleteItem(desk.last(server.AudioCommitted).item_id))
    assert Stop(desk.job(Answer).job) in desk.jobs


def test_for_a_client_that_never_asks_nothing_is_thought_ahead_any_more() -> None:
    desk = asks_for_itself()
    for _ in range(3):
        desk.speaks(480, silence_ms=192)
        desk.hears("Hello.")
        desk.sound(352, SILENCE)
    assert desk.count(Answer) == 2
    desk.send(client.CreateResponse())
    desk.thinks("Hi.", silence(100))
    desk.speaks(480, silence_ms=192)
    desk.hears("Hello again.")
    assert desk.count(Answer) == 4


def test_a_text_answer_is_not_thought_ahead_but_after_the_turn() -> None:
    desk = ready(output_modalities=["text"])
    desk.speaks(480, silence_ms=192)
    desk.hears("Hello.")
    assert desk.count(Answer) == 0
    desk.sound(352, SILENCE)
    assert not desk.job(Answer).aloud


# ---- interruption


def test_speech_cuts_the_active_answer_at_once() -> None:
    desk = ready()
    desk.speaks()
    desk.hears("Tell me a story.")
    desk.thinks("Once upon a time, ", silence(900), done=False)
    answer = desk.job(Answer)
    desk.new()
    desk.sound(96, SPEECH)
    assert desk.names() == ["input_audio_buffer.speech_started", *CLOSED]
    done = desk.last(server.ResponseDone).response
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["status"] == "incomplete"
    assert Stop(answer.job) in desk.jobs
    desk.protocol.answered(answer.job, silence(100))
    assert desk.protocol.to_client() == []


def test_speech_cuts_an_answer_that_still_waits_for_words() -> None:
    desk = ready()
    desk.speaks()
    desk.sound(96, SPEECH)
    assert desk.last(server.ResponseDone).response["status_details"]["reason"] == "turn_detected"
    assert desk.has_a_free_slot()


def test_without_interrupt_response_the_answer_goes_on_and_the_next_is_refused_while_it_does() -> None:
    desk = ready(audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}})
    desk.speaks()
    desk.hears("Tell me a story.")
    desk.thinks("Once upon a time, ", silence(900), done=False)
    desk.speaks()
    assert desk.error()["code"] == "conversation_already_has_active_response"
    assert desk.error()["event_id"] is None
    desk.thinks("the end.", silence(100))
    assert desk.last(server.ResponseDone).response["status"] == "completed"


def test_a_click_cuts_nothing() -> None:
    desk = ready()
    desk.speaks()
    desk.hears("Tell me a story.")
    desk.sound(64, SPEECH)
    desk.sound(320, SILENCE)
    assert "response.done" not in desk.names()


# ---- without voice activity detection


def test_without_detection_the_client_commits_and_asks() -> None:
    desk = ready(audio={"input": {"turn_detection": None}})
    desk.send(client.AppendAudio(silence(400)), client.CommitAudio())
    assert desk.names() == TURN[2:5]
    assert desk.count(Listen) == 0
    desk.send(client.CreateResponse())
    assert desk.names() == ["response.created"]
    desk.hears("Hello.")
    desk.thinks("Hi.", silence(100))
    assert desk.has_a_free_slot()
    assert len(desk.job(Recognise).pcm) == ms_to_bytes(400)


@pytest.mark.parametrize("ms", [0, 99])
def test_a_commit_of_less_than_100_ms_is_refused(ms: int) -> None:
    desk = ready(audio={"input": {"turn_detection": None}})
    desk.send(client.AppendAudio(silence(ms)), client.CommitAudio(event_id="mine"))
    assert desk.error() == {
        "type": "invalid_request_error",
        "code": "input_audio_buffer_commit_empty",
        "message": "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        f"but buffer only has {ms}.00ms of audio.",
        "param": None,
        "event_id": "mine",
    }


def test_with_detection_a_commit_in_silence_is_empty_and_one_in_speech_ends_the_turn() -> None:
    desk = ready()
    desk.sound(640, SILENCE)
    desk.send(client.CommitAudio())
    assert desk.error()["code"] == "input_audio_buffer_commit_empty"
    desk.sound(320, SPEECH)
    started = desk.last(server.SpeechStarted)
    desk.send(client.CommitAudio())
    assert desk.last(server.AudioCommitted).item_id == started.item_id
    desk.sound(544, SILENCE)
    assert not any(isinstance(e, server.SpeechStopped) for e in desk.said)


def test_cleared_sound_is_forgotten_and_so_is_the_turn() -> None:
    desk = ready()
    desk.speaks(320, silence_ms=192)
    desk.send(client.ClearAudio())
    assert desk.names()[-1] == "input_audio_buffer.cleared"
    desk.sound(544, SILENCE)
    assert desk.names() == []
    assert Stop(desk.job(Recognise).job) in desk.jobs


def test_cleared_sound_is_forgotten_without_detection_too() -> None:
    desk = ready(audio={"input": {"turn_detection": None}})
    desk.send(client.AppendAudio(silence(400)), client.ClearAudio(), client.CommitAudio())
    assert desk.error()["code"] == "input_audio_buffer_commit_empty"


def test_switching_detection_off_in_a_turn_drops_the_turn_and_keeps_its_sound() -> None:
    desk = ready()
    desk.sound(320, SPEECH)
    desk.update_input(turn_detection=None)
    desk.protocol.noticed(SPEECH)  # was on its way
    desk.send(client.CommitAudio())
    assert len(desk.job(Recognise).pcm) == ms_to_bytes(320)


def test_switching_detection_on_starts_a_new_line_of_turns() -> None:
    desk = ready(audio={"input": {"turn_detection": None}})
    desk.sound(320, SPEECH)
    desk.update_input(turn_detection={"type": "server_vad", "silence_duration_ms": 64})
    assert desk.count(Relisten) == 1
    desk.new()
    desk.speaks(96, silence_ms=64)
    assert desk.last(server.SpeechStarted).audio_start_ms == 320
    assert desk.last(server.SpeechStopped).audio_end_ms == 320 + 96 + 64


def test_a_changed_silence_counts_for_the_turn_under_way() -> None:
    desk = ready()
    desk.sound(320, SPEECH)
    desk.update_input(turn_detection={"type": "server_vad", "silence_duration_ms": 96})
    desk.sound(96, SILENCE)
    assert desk.last(server.SpeechStopped).audio_end_ms == 320 + 96


def test_sound_of_an_odd_length_loses_half_a_sample_and_empty_sound_is_nothing() -> None:
    desk = ready()
    desk.send(client.AppendAudio(b"\0\0\0"), client.AppendAudio(b""))
    assert [job for job in desk.jobs if isinstance(job, Listen)] == [Listen(b"\0\0")]


def test_too_much_sound_is_refused() -> None:
    desk = ready(audio={"input": {"turn_detection": None}})
    desk.send(client.AppendAudio(bytes(15 * 2**20 + 2)))
    assert desk.error()["param"] == "audio"
    piece = bytes(RATE_HZ * 2 * 60 * 4)
    for _ in range(3):
        desk.send(client.AppendAudio(piece))
    assert "10 minutes" in desk.error()["message"]


# ---- the idle time-out


def test_silence_after_an_answer_is_a_turn_when_the_client_wants_it() -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    desk = ready(audio={"input": {"turn_detection": detection, "transcription": TRANSCRIBE}})
    desk.speaks()
    desk.hears("Hello.")
    desk.thinks("Hi.", silence(1000))
    line_ms = 480 + 544
    desk.new()
    desk.sound(5984, SILENCE)
    assert desk.names() == []
    desk.sound(32, SILENCE)
    triggered, *rest = desk.new()
    assert isinstance(triggered, server.TimeoutTriggered)
    assert (triggered.audio_start_ms, triggered.audio_end_ms) == (line_ms + 1000, line_ms + 6016)
    assert [e.TYPE for e in rest] == [*TURN[2:], "conversation.item.input_audio_transcription.completed"]
    assert desk.job(Answer).prompt.messages[-1]["content"] == "(I have said nothing for a while.)"
    desk.thinks("Are you there?", silence(100))
    assert desk.has_a_free_slot()


def test_without_the_setting_silence_stays_silence() -> None:
    desk = ready()
    desk.speaks()
    desk.hears("Hello.")
    desk.thinks("Hi.", silence(100))
    desk.new()
    desk.sound(9600, SILENCE)
    assert desk.names() == []


# ---- functions and goodbye


def test_a_function_call_comes_in_the_order_of_the_reference() -> None:
    desk = ready(tools=[WEATHER])
    desk.speaks()
    desk.hears("Weather in Paris?")
    desk.new()
    desk.thinks(Asked("get_weather", '{"city":"Paris"}'))
    assert desk.names() == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    added = desk.last(server.OutputItemAdded).item
    assert (added["status"], added["arguments"]) == ("in_progress", "")
    done = desk.last(server.OutputItemDone).item
    assert (done["status"], done["arguments"]) == ("completed", '{"city":"Paris"}')
    assert desk.last(server.ArgumentsDone).name == "get_weather"


def test_words_before_a_call_are_an_item_of_their_own() -> None:
    desk = ready(tools=[WEATHER])
    desk.speaks()
    desk.hears("Weather in Paris?")
    desk.thinks("Let me see.", silence(100), Asked("get_weather", "{}"))
    output = desk.last(server.ResponseDone).response["output"]
    assert [item["type"] for item in output] == ["message", "function_call"]
    assert desk.last(server.OutputItemDone).output_index == 1


def test_the_answer_of_a_function_is_told_to_the_model() -> None:
    desk = ready(tools=[WEATHER])
    desk.speaks()
    desk.hears("Weather in Paris?")
    desk.thinks(Asked("get_weather", "{}"))
    call_id = desk.last(server.ArgumentsDone).call_id
    desk.send(
        client.CreateItem({"type": "function_call_output", "call_id": call_id, "output": "sunny"}),
        client.CreateResponse(),
    )
    assert list(desk.job(Answer).prompt.messages) == [
        {"role": "user", "content": "Weather in Paris?"},
        {"role": "assistant", "content": "", "calls": [{"name": "get_weather", "arguments": "{}", "call_id": call_id}]},
        {"role": "tool", "content": "sunny", "call_id": call_id},
    ]


def test_goodbye_calls_the_function_without_asking_the_model() -> None:
    desk = ready(tools=[WEATHER, FINISH])
    desk.speaks()
    desk.hears("Goodbye then.")
    assert desk.count(Answer) == 0
    done = desk.last(server.ResponseDone).response
    assert [(item["name"], item["arguments"]) for item in done["output"]] == [(GOODBYE, "{}")]
    assert done["status"] == "completed"
    assert desk.has_a_free_slot()


def test_the_farewell_answers_a_goodbye_and_knows_nothing_of_the_call() -> None:
    desk = ready(tools=[FINISH])
    desk.speaks()
    desk.hears("Goodbye then.")
    call_id = desk.last(server.ArgumentsDone).call_id
    desk.send(
        client.CreateItem({"type": "function_call_output", "call_id": call_id, "output": '{"ok":true}'}),
        client.CreateResponse({"tool_choice": "none"}),
    )
    assert list(desk.job(Answer).prompt.messages) == [{"role": "user", "content": "Goodbye then. Goodbye!"}]


def test_after_the_output_of_the_goodbye_call_it_is_not_called_again() -> None:
    desk = ready(tools=[FINISH])
    desk.send(
        client.CreateItem({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Goodbye"}]})
    )
    desk.send(client.CreateResponse())
    call_id = desk.last(server.ArgumentsDone).call_id
    desk.send(
        client.CreateItem({"type": "function_call_output", "call_id": call_id, "output": "{}"}), client.CreateResponse()
    )
    assert desk.count(Answer) == 1


def test_the_goodbye_function_is_not_offered_to_the_model() -> None:
    desk = ready(tools=[WEATHER, FINISH])
    desk.speaks()
    desk.hears("Hello.")
    assert [tool["name"] for tool in desk.job(Answer).prompt.tools] == ["get_weather"]
    assert desk.job(Answer).prompt.tool_choice == "auto"


def test_without_other_tools_the_model_is_told_to_call_none() -> None:
    desk = ready(tools=[FINISH])
    assert (desk.job(Warm).prompt.tools, desk.job(Warm).prompt.tool_choice) == ((), "none")


@pytest.mark.parametrize(
    ("tools", "choice", "calls"),
    [
        ([FINISH], "none", False),
        ([WEATHER], "auto", False),
        ([FINISH, WEATHER], {"type": "function", "name": GOODBYE}, True),
        ([FINISH], "required", True),
        ([FINISH, WEATHER], "required", False),
    ],
)
def test_tool_choice_rules_over_the_goodbye_function(tools: Any, choice: Any, calls: bool) -> None:
    desk = ready(tools=tools, tool_choice=choice)
    desk.speaks()
    desk.hears("Goodbye." if choice in ("none", "auto") else "Hello.")
    assert any(isinstance(e, server.ArgumentsDone) for e in desk.said) == calls


# ---- response.create and response.cancel


def typed(text: str) -> client.CreateItem:
    return client.CreateItem({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})


def test_a_second_answer_is_refused_and_names_the_first() -> None:
    desk = ready()
    desk.send(typed("Hi"), client.CreateResponse(), client.CreateResponse(event_id="second"))
    first = desk.last(server.ResponseCreated).response["id"]
    assert desk.error()["code"] == "conversation_already_has_active_response"
    assert first in desk.error()["message"]
    assert desk.error()["event_id"] == "second"


def test_overrides_hold_for_one_answer() -> None:
    desk = ready(instructions="Be brief.", tools=[WEATHER])
    desk.send(
        typed("Hi"),
        client.CreateResponse(
            {
                "instructions": "Be long.",
                "tools": [],
                "output_modalities": ["text"],
                "max_output_tokens": 7,
                "metadata": {"client_event_id": "e1"},
            }
        ),
    )
    job = desk.job(Answer)
    assert (job.prompt.instructions, job.prompt.tools, job.prompt.max_tokens, job.aloud) == ("Be long.", (), 7, False)
    desk.new()
    desk.thinks("Hello")
    assert desk.names() == [
        *OPENED,
        "response.output_text.delta",
        "response.output_text.done",
        *CLOSED[2:],
    ]
    done = desk.last(server.ResponseDone).response
    assert done["metadata"] == {"client_event_id": "e1"}
    assert (done["max_output_tokens"], done["output_modalities"]) == (7, ["text"])
    desk.send(client.CreateResponse())
    assert desk.job(Answer).prompt.instructions == "Be brief."


def test_an_answer_cut_off_by_its_limit_is_incomplete() -> None:
    desk = ready()
    desk.send(typed("Hi"), client.CreateResponse())
    desk.thinks("Well", Counted(1, 0, 1, complete=False), done=False)
    done = desk.last(server.ResponseDone).response
    assert (done["status"], done["status_details"]["reason"]) == ("incomplete", "max_output_tokens")
    assert done["output"][0]["status"] == "incomplete"


def test_a_model_that_fails_fails_the_answer_with_its_reason() -> None:
    desk = ready()
    desk.send(typed("Hi"), client.CreateResponse())
    desk.fails(Answer, "out of memory")
    done = desk.last(server.ResponseDone).response
    assert done["status"] == "failed"
    assert done["status_details"]["error"] == {
        "type": "server_error",
        "code": "server_error",
        "message": "out of memory",
    }
    assert desk.has_a_free_slot()


def test_out_of_band_answers_do_not_take_the_slot_and_do_not_enter_the_conversation() -> None:
    desk = ready()
    desk.send(typed("Secret: 42"))
    item_id = desk.last(server.ItemAdded).item["id"]
    desk.send(
        client.CreateResponse(),
        client.CreateResponse(
            {
                "conversation": "none",
                "output_modalities": ["text"],
                "input": [
                    {"type": "item_reference", "id": item_id},
                    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Sum it up."}]},
                ],
            }
        ),
    )
    assert desk.count(Answer) == 2
    assert [m["content"] for m in desk.job(Answer).prompt.messages] == ["Secret: 42", "Sum it up."]
    desk.new()
    desk.thinks("A number.")
    assert not any(name.startswith("conversation.item") for name in desk.names())
    assert desk.last(server.ResponseDone).response["conversation_id"] is None


def test_out_of_band_answers_without_input_know_the_conversation_and_with_empty_input_nothing() -> None:
    desk = ready()
    desk.send(typed("Hi"), client.CreateResponse({"conversation": "none"}))
    assert len(desk.job(Answer).prompt.messages) == 1
    desk.send(client.CreateResponse({"conversation": "none", "input": []}))
    assert desk.job(Answer).prompt.messages == ()


def test_out_of_band_answers_can_hear() -> None:
    sound = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]}
    desk = ready()
    desk.send(client.CreateResponse({"conversation": "none", "input": [sound]}))
    assert desk.count(Answer) == 0
    desk.hears("Hello.")
    assert desk.job(Answer).prompt.messages[-1]["content"] == "Hello."


def test_speech_does_not_cut_an_answer_outside_of_the_conversation() -> None:
    desk = ready()
    desk.send(client.CreateResponse({"conversation": "none", "input": []}))
    desk.sound(96, SPEECH)
    desk.thinks("Done.", silence(10))
    assert desk.last(server.ResponseDone).response["status"] == "completed"


def test_an_unknown_reference_is_named() -> None:
    desk = ready()
    desk.send(client.CreateResponse({"input": [{"type": "item_reference", "id": "item_x"}]}))
    assert desk.error()["param"] == "response.input[0].id"


def test_cancel_ends_the_answer_of_that_name() -> None:
    desk = ready()
    desk.send(typed("Hi"), client.CreateResponse(), client.CreateResponse({"conversation": "none"}))
    beside = desk.last(server.ResponseCreated).response["id"]
    desk.send(client.CancelResponse(beside))
    assert desk.last(server.ResponseDone).response["id"] == beside
    assert Stop(desk.job(Answer).job) in desk.jobs
    desk.send(client.CancelResponse())
    done = desk.last(server.ResponseDone).response
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert desk.has_a_free_slot()


@pytest.mark.parametrize("response_id", [None, "resp_unknown"])
def test_cancel_without_an_answer_is_refused(response_id: str | None) -> None:
    desk = ready()
    desk.send(client.CancelResponse(response_id))
    assert desk.error()["code"] == "response_cancel_not_active"
    assert desk.error()["message"] == "Cancellation failed: no active response found"


# ---- what is no word of the protocol


def test_an_unknown_event_is_answered_with_the_list_of_the_known_ones() -> None:
    desk = ready()
    desk.send(Unknown(type="scooby.dooby.doo", fields={}, event_id="my_awesome_event"))
    error = desk.error()
    assert (error["code"], error["param"], error["event_id"]) == ("invalid_value", "type", "my_awesome_event")
    assert error["message"].startswith("Invalid value: 'scooby.dooby.doo'. Supported values are: ")
    assert "'input_audio_buffer.append'" in error["message"]


def test_a_server_word_from_a_client_is_unknown_too() -> None:
    desk = ready()
    desk.protocol.receive(server.AudioCleared())
    [said] = desk.protocol.to_client()
    assert isinstance(said, server.ServerError)
    assert said.error["param"] == "type"


def test_text_that_is_no_event_is_answered_and_the_conversation_goes_on() -> None:
    desk = ready()
    desk.protocol.misheard(ProtocolError("this is not JSON", code="invalid_json", event_id="e"))
    [said] = desk.protocol.to_client()
    assert isinstance(said, server.ServerError)
    assert (said.error["type"], said.error["code"], said.error["event_id"]) == (
        "invalid_request_error",
        "invalid_json",
        "e",
    )
    desk.speaks()
    assert desk.names()[-1] == "response.created"


def test_trouble_of_the_engine_is_told() -> None:
    desk = ready()
    desk.protocol.trouble("It broke.")
    [said] = desk.protocol.to_client()
    assert isinstance(said, server.ServerError)
    assert (said.error["type"], said.error["message"]) == ("server_error", "It broke.")


def test_results_of_jobs_nobody_asked_for_count_for_nothing() -> None:
    desk = ready()
    desk.protocol.answered(999, b"\0\0")
    desk.protocol.failed(999, "late")
    desk.protocol.heard(999, Recognised("late", "en"))
    assert desk.protocol.to_client() == []

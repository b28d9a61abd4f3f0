"""The stages on threads, with stages that need no models."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from vivavoce.engine.pipeline import Resampler, Session, Stages, for_hearing
from vivavoce.engine.stages import Asked, Counted, Cut, Prompt, Words
from vivavoce.errors import ProtocolError, ServerGone
from vivavoce.events import client, server
from vivavoce.events.server import ServerEvent
from vivavoce.pcm import silence
from vivavoce.testing.stages import EchoThink, tone, tone_stages

PATIENCE_S = 60.0


class Client:
    """Feeds a session and reads what it says."""

    def __init__(self, stages: Stages) -> None:
        self.heard: queue.SimpleQueue[ServerEvent] = queue.SimpleQueue()
        self.all: list[ServerEvent] = []
        self.session = Session(stages, self.heard.put)

    def until(self, kind: type[Any], fits: Callable[[Any], bool] = lambda _: True) -> Any:
        while True:
            event = self.heard.get(timeout=PATIENCE_S)
            self.all.append(event)
            if isinstance(event, kind) and fits(event):
                return event

    def say(self, hz: int, ms: int = 600) -> None:
        for piece in (silence(100), tone(hz, ms), silence(700)):
            self.session.feed(client.AppendAudio(piece))

    def update(self, **session: Any) -> None:
        self.session.feed(client.UpdateSession({"type": "realtime", **session}))
        self.until(server.SessionUpdated)


@contextmanager
def a_client(stages: Stages | None = None) -> Iterator[Client]:
    before = set(threading.enumerate())
    made = Client(stages or tone_stages())
    try:
        yield made
    finally:
        made.session.close()
    assert set(threading.enumerate()) <= before


def transcript(done: server.ResponseDone) -> str:
    return str(done.response["output"][0]["content"][0]["transcript"])


def test_a_spoken_turn_is_answered_with_words_and_their_sound() -> None:
    with a_client() as person:
        person.update(audio={"input": {"transcription": {"model": "base"}}})
        person.say(400)
        done = person.until(server.ResponseDone)
    assert transcript(done) == "I heard What is the weather in Paris? That is all."
    [completed] = [e for e in person.all if isinstance(e, server.TranscriptionCompleted)]
    assert completed.transcript == "What is the weather in Paris?"
    sound = b"".join(e.audio for e in person.all if isinstance(e, server.AudioDelta))
    said = [e.delta.strip() for e in person.all if isinstance(e, server.TranscriptDelta)]
    assert len(sound) == sum(len(clause) for clause in said) * 10 * 48


def test_the_words_of_a_clause_come_just_before_its_sound() -> None:
    with a_client() as person:
        person.say(400)
        person.until(server.ResponseDone)
    kinds = [e.TYPE for e in person.all if isinstance(e, server.TranscriptDelta | server.AudioDelta)]
    assert kinds[0] == server.TranscriptDelta.TYPE
    assert kinds.count(server.TranscriptDelta.TYPE) == 2
    assert kinds[kinds.index(server.AudioDelta.TYPE) :].count(server.TranscriptDelta.TYPE) == 1


def test_the_answer_made_ahead_is_the_only_one_that_is_thought() -> None:
    stages = tone_stages()
    with a_client(stages) as person:
        person.say(400)
        person.until(server.ResponseDone)
    assert isinstance(stages.think, EchoThink)
    assert len(stages.think.prompts) == 1


def test_speech_over_a_reply_stops_the_mind_and_the_voice() -> None:
    stages = tone_stages()
    with a_client(stages) as person:
        person.say(300)
        person.until(server.AudioDelta)
        person.say(400)
        cut = person.until(server.ResponseDone)
        assert cut.response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        # the story would never end by itself: that the next answer comes shows that it was stopped
        done = person.until(server.ResponseDone)
    assert transcript(done).startswith("I heard What is the weather")


class _Warmed(EchoThink):
    """Says when it was warmed."""

    def __init__(self) -> None:
        super().__init__()
        self.done = threading.Event()

    def warm(self, prompt: Prompt, cut: Cut) -> None:
        super().warm(prompt, cut)
        self.done.set()


def test_settings_warm_the_prompt() -> None:
    think = _Warmed()
    with a_client(replace(tone_stages(), think=think)) as person:
        person.update(instructions="Be brief.")
        assert think.done.wait(PATIENCE_S)  # a turn that begins before it would stop it
        person.say(400)
        person.until(server.ResponseDone)
    assert [prompt.instructions for prompt in think.warmed] == ["Be brief."]


def test_a_call_comes_from_what_was_said() -> None:
    weather = {"type": "function", "name": "get_weather", "description": "", "parameters": {"type": "object"}}
    with a_client() as person:
        person.update(tools=[weather])
        person.say(400)
        done = person.until(server.ResponseDone)
    [item] = done.response["output"]
    assert (item["name"], item["arguments"]) == ("get_weather", '{"said": "What is the weather in Paris?"}')


def test_a_broken_recogniser_fails_the_answer_and_the_next_turn_works() -> None:
    with a_client() as person:
        person.update(audio={"input": {"transcription": {"model": "base"}}})
        person.say(700)
        failed = person.until(server.TranscriptionFailed)
        assert failed.error["message"] == "RuntimeError: the recogniser broke, as asked"
        assert person.until(server.ResponseDone).response["status"] == "failed"
        person.say(400)
        assert person.until(server.ResponseDone).response["status"] == "completed"


def test_a_broken_mind_fails_the_answer_and_the_next_turn_works() -> None:
    with a_client() as person:
        for text, status in (("please fail", "failed"), ("hello", "completed")):
            content = [{"type": "input_text", "text": text}]
            person.session.feed(client.CreateItem({"type": "message", "role": "user", "content": content}))
            person.session.feed(client.CreateResponse())
            assert person.until(server.ResponseDone).response["status"] == status


class _AbsentMind:
    def think(self, prompt: Prompt, cut: Cut) -> Iterator[Words | Asked | Counted]:
        del prompt, cut
        raise ServerGone("The chat endpoint does not answer; is it running?")

    def warm(self, prompt: Prompt, cut: Cut) -> None:
        """Nothing to get ready."""


def test_an_error_that_has_a_sentence_is_told_as_that_sentence_and_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    with a_client(replace(tone_stages(), think=_AbsentMind())) as person:
        person.session.feed(client.CreateResponse())
        response = person.until(server.ResponseDone).response
    assert response["status_details"]["error"]["message"] == "The chat endpoint does not answer; is it running?"
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == []


class _BrokenNotice:
    def notice(self, chunk: bytes) -> float:
        raise OSError(f"cannot read {len(chunk)} bytes")

    def reset(self) -> None:
        """Nothing to forget."""


def test_an_exception_outside_of_a_job_becomes_an_error_and_the_conversation_goes_on() -> None:
    with a_client(replace(tone_stages(), notice=_BrokenNotice)) as person:
        person.session.feed(client.AppendAudio(silence(100)))
        error = person.until(server.ServerError)
        assert error.error["type"] == "server_error"
        assert "cannot read 1024 bytes" in error.message
        person.update()


def test_text_that_is_no_event_is_answered() -> None:
    with a_client() as person:
        person.session.feed(ProtocolError("this is not JSON", code="invalid_json"))
        assert person.until(server.ServerError).code == "invalid_json"


def test_detection_that_is_switched_on_again_hears_again() -> None:
    with a_client() as person:
        person.update(audio={"input": {"turn_detection": None}})
        person.session.feed(client.AppendAudio(tone(400, 500)))
        person.update(audio={"input": {"turn_detection": {"type": "server_vad"}}})
        person.say(400)
        assert person.until(server.SpeechStarted).audio_start_ms >= 500
        person.until(server.ResponseDone)


def test_close_in_the_middle_of_a_story_leaves_no_thread_and_says_nothing_more() -> None:
    with a_client() as person:
        person.say(300)
        person.until(server.AudioDelta)
    while not person.heard.empty():
        person.heard.get()
    person.session.feed(client.CreateResponse())
    person.session.close()
    assert person.heard.empty()


def test_the_voice_activity_chunks_are_512_samples_of_16_khz_with_little_delay() -> None:
    resampler = Resampler()
    counts = [len(resampler.chunks(silence(20))) for _ in range(100)]
    assert sum(counts) in {62, 61}  # 2 s are 62.5 chunks


def test_sound_for_the_recogniser_keeps_its_length_and_pitch() -> None:
    sound = for_hearing(tone(400, 1000))
    assert abs(len(sound) // 2 - 16_000) <= 1
    assert for_hearing(b"") == b""

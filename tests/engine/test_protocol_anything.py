"""Any order of any words: nothing raises, nothing is stuck, every order of section 2.3 holds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.engine.jobs import Answer, Recognise
from vivavoce.engine.stages import Asked, Counted, Recognised, Words
from vivavoce.events import client, server
from vivavoce.events.word import Unknown
from vivavoce.pcm import silence
from vivavoce.testing.engine import SILENCE, SPEECH, Desk

json_value = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5000) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def some_of(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these fields with a right value, sometimes one that is not."""
    return st.fixed_dictionaries({}, optional={name: good | json_value for name, good in fields.items()})


detection = st.none() | some_of(
    type=st.sampled_from(["server_vad", "semantic_vad"]),
    silence_duration_ms=st.integers(0, 600),
    create_response=st.booleans(),
    interrupt_response=st.booleans(),
    idle_timeout_ms=st.just(5000),
)
tools = st.lists(
    st.sampled_from(
        [{"type": "function", "name": "user_wants_to_finish_conversation"}, {"type": "function", "name": "f"}]
    ),
    max_size=2,
)
choice = st.sampled_from(["auto", "none", "required", {"type": "function", "name": "f"}])
session = some_of(
    type=st.just("realtime"),
    instructions=st.text(max_size=5),
    output_modalities=st.sampled_from([["audio"], ["text"]]),
    audio=some_of(input=some_of(turn_detection=detection, transcription=st.none() | st.just({"model": "base"}))),
    tools=tools,
    tool_choice=choice,
)
an_id = st.sampled_from(["root", "a", "b", "item_4", "item_9", "item_14"])
content = st.sampled_from(["input_text", "output_text", "input_audio"]).map(
    lambda kind: {"type": kind, "text": "goodbye", "audio": "AAAA"}
)
item = some_of(
    type=st.sampled_from(["message", "function_call", "function_call_output", "item_reference"]),
    id=an_id,
    role=st.sampled_from(["user", "assistant", "system"]),
    content=st.lists(content, min_size=1, max_size=2),
    call_id=st.just("c"),
    name=st.just("f"),
    arguments=st.just("{}"),
    output=st.just("x"),
)
response = st.none() | some_of(
    conversation=st.sampled_from(["auto", "none"]),
    input=st.lists(item, max_size=2),
    instructions=st.text(max_size=5),
    output_modalities=st.sampled_from([["audio"], ["text"]]),
    tools=tools,
    tool_choice=choice,
    metadata=st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
)
event = st.one_of(
    st.builds(client.UpdateSession, session),
    st.builds(client.AppendAudio, st.sampled_from([b"", b"\0", silence(20), silence(150)])),
    st.builds(client.CommitAudio),
    st.builds(client.ClearAudio),
    st.builds(client.CreateItem, item, st.none() | an_id),
    st.builds(client.RetrieveItem, an_id),
    st.builds(client.TruncateItem, an_id, st.integers(-10, 2000), st.integers(0, 1)),
    st.builds(client.DeleteItem, an_id),
    st.builds(client.CreateResponse, response),
    st.builds(client.CancelResponse, st.none() | st.just("resp_7")),
    st.builds(Unknown, st.text(max_size=5), st.just({})),
)
piece = st.sampled_from(
    [Words("One two. "), silence(300), Asked("f", "{}"), Counted(1, 0, 1), Counted(1, 1, 1, complete=False)]
)
step = st.one_of(
    event.map(lambda e: ("event", e)),
    st.tuples(st.just("speech"), st.integers(32, 400)),
    st.tuples(st.just("silence"), st.integers(32, 6000)),
    st.tuples(st.just("hear"), st.sampled_from(["", "Hello.", "Goodbye."])),
    st.tuples(st.just("break ears"), st.none()),
    st.tuples(st.just("piece"), piece),
    st.tuples(st.just("break mind"), st.none()),
)


def pending(desk: Desk, kind: Any, finished: set[int]) -> list[Any]:
    return [job for job in desk.jobs if isinstance(job, kind) and job.job not in finished]


def take(desk: Desk, what: str, value: Any, finished: set[int]) -> None:
    ears, minds = pending(desk, Recognise, finished), pending(desk, Answer, finished)
    match what:
        case "event":
            desk.send(value)
        case "speech" | "silence":
            desk.sound(value, SPEECH if what == "speech" else SILENCE)
        case "hear" if ears:
            desk.protocol.heard(ears[0].job, Recognised(value, "en"))
            finished.add(ears[0].job)
        case "break ears" if ears:
            desk.protocol.failed(ears[0].job, "broken")
            finished.add(ears[0].job)
        case "piece" if minds:
            desk.protocol.answered(minds[0].job, value)
            finished |= {minds[0].job} if isinstance(value, Counted) else set()
        case "break mind" if minds:
            desk.protocol.failed(minds[0].job, "broken")
            finished.add(minds[0].job)
    desk.send()
    desk.said += desk.protocol.to_client()
    desk.jobs += desk.protocol.to_pipeline()


@settings(max_examples=200, deadline=None)
@given(st.lists(step, max_size=30))
def test_nothing_raises_and_when_all_work_is_done_no_answer_is_open(steps: list[tuple[str, Any]]) -> None:
    desk = Desk()
    finished: set[int] = set()
    for what, value in steps:
        take(desk, what, value, finished)
    for _ in range(200):
        if not pending(desk, Recognise, finished) and not pending(desk, Answer, finished):
            break
        take(desk, "hear", "Hello.", finished)
        take(desk, "piece", Counted(1, 0, 1), finished)
    assert desk.has_a_free_slot()
    assert_order(desk)


def assert_order(desk: Desk) -> None:
    """`response.created` before everything of an answer, `response.done` after; deltas only in an open item."""
    open_answers: set[str] = set()
    open_items: set[str] = set()
    for said in desk.said:
        match said:
            case server.ResponseCreated():
                open_answers.add(said.response["id"])
            case server.ResponseDone():
                open_answers.remove(said.response["id"])
            case server.OutputItemAdded():
                assert said.response_id in open_answers
                open_items.add(said.item["id"])
            case server.OutputItemDone():
                assert said.response_id in open_answers
                open_items.remove(said.item["id"])
            case server.AudioDelta() | server.TranscriptDelta() | server.TextDelta() | server.ArgumentsDelta():
                assert said.item_id in open_items
    assert not open_items

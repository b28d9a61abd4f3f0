"""Both halves of the protocol, joined: what one says the other understands, to the end of a talk."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.pair import Pair, quiet, speech

from vivavoce.engine.hearing import Piece
from vivavoce.engine.stages import Asked, Prompt, Words
from vivavoce.events.client import CreateItem, CreateResponse, TruncateItem
from vivavoce.session.happenings import AssistantSaid, Called, Errored, Ready, Truncated, UserSaid
from vivavoce.session.settings import Settings

DOOR = {
    "type": "function",
    "name": "open_door",
    "description": "Open the door.",
    "parameters": {"type": "object", "properties": {}},
}


def echo(prompt: Prompt) -> Sequence[Piece]:
    return [Words("You said "), Words(f"{prompt.messages[-1]['content']}.")]


def lines(pair: Pair) -> list[str]:
    said = (line for line in pair.shown if isinstance(line, UserSaid | AssistantSaid))
    return [f"{type(line).__name__}: {line.text}" for line in said]


def test_the_two_halves_agree_on_the_settings() -> None:
    assert Pair(echo).shown == [Ready("custom", "pair", "sess_pair")]


def test_a_spoken_turn_is_answered_and_heard_to_its_end() -> None:
    pair = Pair(echo, says="hello there")
    pair.hear(quiet(200) + speech(800) + quiet(1200))
    pair.play()
    assert lines(pair) == ["UserSaid: hello there", "AssistantSaid: You said hello there."]
    assert pair.session.quiet
    assert [line for line in pair.shown if isinstance(line, Errored)] == []


def test_a_barge_in_cuts_both_halves_at_what_was_heard() -> None:
    pair = Pair(echo, says="tell me a story")
    pair.hear(quiet(200) + speech(800) + quiet(1200))
    pair.play(ms=250)
    pair.says = "stop"
    pair.hear(speech(400))
    (cut,) = [line for line in pair.shown if isinstance(line, Truncated)]
    assert [word for word in pair.told if isinstance(word, TruncateItem)] == [TruncateItem(cut.item_id, 250)]
    pair.hear(quiet(1200))
    pair.play()
    said = [line for line in pair.shown if isinstance(line, AssistantSaid)]
    assert [(line.interrupted, line.heard_ms) for line in said] == [(True, 250), (False, said[1].heard_ms)]
    assert [line for line in pair.shown if isinstance(line, Errored)] == []


def test_a_function_is_called_once_and_its_output_is_spoken() -> None:
    def think(prompt: Prompt) -> Sequence[Piece]:
        last = prompt.messages[-1]
        return [Words(f"It is {last['content']}.")] if last["role"] == "tool" else [Asked("open_door", "{}")]

    pair = Pair(think, settings=Settings(transcription_model="base", tools=[DOOR]))
    pair.type("open the door")
    (call,) = pair.calls
    pair.session.answered(call.call_id, "open")
    pair.settle()
    pair.play()
    assert lines(pair) == ["UserSaid: open the door", "AssistantSaid: It is open."]
    assert [line.name for line in pair.shown if isinstance(line, Called)] == ["open_door"]
    assert pair.session.quiet


def test_a_goodbye_ends_the_talk_after_the_farewell_was_heard() -> None:
    pair = Pair(echo, says="Thank you, goodbye.")
    pair.hear(quiet(200) + speech(800) + quiet(1200))
    assert pair.ended is None
    pair.play()
    assert pair.ended == "goodbye"
    outputs = [word.item["output"] for word in pair.told if isinstance(word, CreateItem)]
    assert outputs == ['{"ok":true}']
    assert len([word for word in pair.told if isinstance(word, CreateResponse)]) == 1


STEP = st.one_of(
    st.tuples(st.just("voice"), st.integers(1, 30)),
    st.tuples(st.just("quiet"), st.integers(1, 40)),
    st.tuples(st.just("play"), st.integers(0, 60)),
    st.tuples(st.just("type"), st.integers(0, 3)),
)


@profile(max_examples=60, deadline=None)
@given(st.lists(STEP, max_size=14))
def test_whatever_a_person_does_the_halves_never_disagree_and_come_to_rest(steps: list[tuple[str, int]]) -> None:
    pair = Pair(echo, says="and so on")
    for what, amount in steps:
        match what:
            case "voice":
                pair.hear(speech(amount * 40))
            case "quiet":
                pair.hear(quiet(amount * 40))
            case "play":
                pair.play(ms=amount * 20)
            case _:
                pair.type("word " * amount)
    pair.hear(quiet(2000))
    pair.play()
    assert [line for line in pair.shown if isinstance(line, Errored) and not line.expected] == []
    assert pair.session.quiet

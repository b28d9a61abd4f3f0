"""Both halves of the protocol, joined: what one says the other understands, to the end of a talk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.pair import Pair, quiet, speech

from vivavoce.engine.conversation import ReplyItem, SpokenItem, TextItem
from vivavoce.engine.hearing import Piece
from vivavoce.engine.stages import Asked, Prompt, Words
from vivavoce.events.client import CreateItem, CreateResponse, TruncateItem
from vivavoce.session.happenings import (
    AssistantSaid,
    Called,
    Errored,
    Ready,
    Reconnected,
    Renewed,
    Truncated,
    UserSaid,
)
from vivavoce.session.settings import Settings, Timeouts

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
    assert Pair(echo).shown == [Ready("custom", "pair", "sess_1")]


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


# ---- connections that end


def spoken(pair: Pair, sentence: int, ms: int = 800) -> None:
    pair.hear(quiet(200) + speech(ms, sentence) + quiet(1200))


def known(pair: Pair) -> list[tuple[str, str]]:
    """The conversation as the engine in use knows it: who said what."""
    items = [item for item in pair.conversation if isinstance(item, TextItem | SpokenItem | ReplyItem)]
    return [(str(item.view()["role"]), item.told) for item in items]


def test_a_fresh_engine_knows_the_conversation_and_goes_on() -> None:
    pair = Pair(echo)
    spoken(pair, 1)
    pair.play()
    pair.lose()
    spoken(pair, 2)
    pair.play()
    assert lines(pair) == [
        "UserSaid: sentence1",
        "AssistantSaid: You said sentence1.",
        "UserSaid: sentence2",
        "AssistantSaid: You said sentence2.",
    ]
    assert known(pair) == [
        ("user", "sentence1"),
        ("assistant", "You said sentence1."),
        ("user", "sentence2"),
        ("assistant", "You said sentence2."),
    ]
    assert len([line for line in pair.shown if isinstance(line, Reconnected)]) == 1


def test_a_sentence_that_is_cut_through_by_a_loss_is_heard_whole_by_the_next_engine() -> None:
    pair = Pair(echo, outage_s=0.5)
    pair.hear(quiet(200) + speech(400, 1))
    pair.lose()
    pair.hear(speech(400, 1) + quiet(200))
    pair.hear(quiet(1200))
    pair.play()
    assert known(pair) == [("user", "sentence1"), ("assistant", "You said sentence1.")]
    assert lines(pair) == ["UserSaid: sentence1", "AssistantSaid: You said sentence1."]


def test_a_sentence_said_to_a_connection_that_is_dead_is_answered_however_late_that_is_noticed() -> None:
    pair = Pair(echo, settings=Settings(transcription_model="base", timeouts=Timeouts(stall_s=None)))
    spoken(pair, 1)
    pair.play()
    pair.dies()
    spoken(pair, 2)
    pair.hear(quiet(30_000))
    assert lines(pair)[2:] == []
    pair.lose()
    pair.hear(quiet(400))
    pair.play()
    assert lines(pair)[2:] == ["UserSaid: sentence2", "AssistantSaid: You said sentence2."]


def test_a_connection_that_died_without_a_word_is_found_out_by_the_silence_after_a_sentence() -> None:
    pair = Pair(echo)
    pair.dies()
    spoken(pair, 1)
    pair.hear(quiet(12_000))
    pair.play()
    assert lines(pair) == ["UserSaid: sentence1", "AssistantSaid: You said sentence1."]
    assert pair.connections == 2


def test_a_turn_under_way_is_answered_once() -> None:
    pair = Pair(echo, held=True)
    pair.type("hello")
    pair.lose()
    pair.hear(quiet(40))
    pair.finish_thinking()
    pair.play()
    said = [line for line in lines(pair) if line.startswith("AssistantSaid")]
    assert said == ["AssistantSaid: You said hello."]
    assert len([word for word in pair.told if isinstance(word, CreateResponse)]) == 2


def test_engines_that_grow_old_are_left_without_anybody_noticing() -> None:
    pair = Pair(echo, life_s=20.0, settings=Settings(transcription_model="base", timeouts=RENEWING))
    for sentence in range(1, 31):
        spoken(pair, sentence)
        pair.play()
    expected = [line for number in range(1, 31) for line in (f"sentence{number}", f"You said sentence{number}.")]
    assert [text for _, text in known(pair)] == expected
    assert [line.partition(": ")[2] for line in lines(pair)] == expected
    assert len([line for line in pair.shown if isinstance(line, Renewed)]) >= 5
    assert [line for line in pair.shown if isinstance(line, Reconnected | Errored)] == []


RENEWING = Timeouts(renew_before_s=10.0)
UNHAPPY = st.one_of(
    STEP,
    STEP,
    st.tuples(st.just("lose"), st.sampled_from([0, 1, 500, 3_000])),
    st.tuples(st.just("die"), st.just(0)),
    st.tuples(st.just("fail"), st.just(0)),
)


@profile(max_examples=80, deadline=None)
@given(st.lists(UNHAPPY, max_size=20), st.booleans(), st.sampled_from([None, 6.0]))
def test_whatever_happens_to_connections_no_sentence_is_lost_and_the_last_is_answered(
    steps: list[tuple[str, int]], written: bool, life_s: float | None
) -> None:
    waits = Timeouts(renew_before_s=3.0)
    pair = Pair(echo, life_s=life_s, settings=Settings(transcription_model="base" if written else None, timeouts=waits))
    person = Person(pair)
    for what, amount in steps:
        person.does(what, amount)
    person.comes_to_rest()
    assert pair.ended is None
    assert [line for line in pair.shown if isinstance(line, Errored) and not line.expected] == []
    conversation = known(pair)
    heard = " ".join(text for who, text in conversation if who == "user").split()
    assert [word for word in heard if word.startswith("sentence")] == person.sentences
    assert not conversation or conversation[-1][0] == "assistant", "the last turn is answered"
    answers = Counter(line.text for line in pair.shown if isinstance(line, AssistantSaid) and not line.interrupted)
    assert set(answers.values()) <= {1}, "and none is answered twice"
    if written:
        assert told(pair) == shown(pair)


class Person:
    """Who speaks sentences that are like no other, types, and suffers from the network."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.sentences: list[str] = []
        self.count = 0

    def does(self, what: str, amount: int) -> None:
        pair = self.pair
        match what:
            case "voice":
                self.speaks(amount)
            case "quiet":
                pair.hear(quiet(amount * 40))
            case "play":
                pair.play(ms=amount * 20)
            case "type" if amount:
                self.count += 1
                pair.type(f"typed{self.count}")
            case "lose":
                pair.outage_s = amount / 1_000
                pair.lose()
            case "die":
                pair.dies()
            case "fail" if not pair.line:
                pair.lose()

    def speaks(self, amount: int) -> None:
        self.count += 1
        self.sentences.append(f"sentence{self.count}")
        self.pair.hear(speech(200 + amount * 40, self.count))

    def comes_to_rest(self) -> None:
        """It is quiet; a dead connection is noticed at last."""
        pair = self.pair
        pair.hear(quiet(2_000))
        if pair.dead:
            pair.lose()
        for _ in range(30):
            pair.hear(quiet(1_000))
            pair.play()
            if pair.session.quiet:
                return
        raise AssertionError("it never came to rest")


def told(pair: Pair) -> list[str]:
    """What the engine in use knows, in order: by name what it heard or said itself, in words what it was told."""
    found = []
    for item in pair.conversation:
        if not item.id.startswith("viva_line_"):
            found.append(item.id)
        elif isinstance(item, TextItem):  # else the sound of a turn whose words never came
            found.append(item.told)
    return found


def shown(pair: Pair) -> list[str]:
    """The same, of the lines that were shown."""
    own = {item.id for item in pair.conversation}
    found = []
    for line in pair.shown:
        if isinstance(line, UserSaid | AssistantSaid):
            text = line.text if isinstance(line, UserSaid) else line.heard_text + "—" * line.interrupted
            if line.item_id in own:
                found.append(line.item_id)
            elif text.strip("—"):
                found.append(text)
    return found

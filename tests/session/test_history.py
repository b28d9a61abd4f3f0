"""What a new connection must be told of the conversation so far."""

from __future__ import annotations

import pytest

from vivavoce.pcm import silence
from vivavoce.session.happenings import AssistantSaid, Called, Happening, UserSaid, Warned
from vivavoce.session.history import History


def assistant(item_id: str, text: str, *, heard: str | None = None, cut: bool = False) -> AssistantSaid:
    return AssistantSaid(item_id, text, text if heard is None else heard, 1_000, interrupted=cut)


def texts(history: History, number: int = 0) -> list[str]:
    """What would be told from that line on; sound as its length in milliseconds."""
    found = []
    for word in history.since(number):
        part = word.item["content"][0]
        sound = part.get("audio", b"")
        found.append(part.get("text", f"{len(sound) // 48} ms"))
    return found


def test_each_line_is_told_as_a_message_of_who_said_it() -> None:
    history = History(1_000)
    assert history.saw(UserSaid("u", "Hello?"))
    assert history.saw(assistant("a", "Hi."))
    assert [word.item for word in history.since(0)] == [
        {
            "id": "viva_line_1",
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Hello?"}],
        },
        {
            "id": "viva_line_2",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hi."}],
        },
    ]


def test_what_was_heard_is_told_with_a_dash_where_it_was_cut() -> None:
    history = History(1_000)
    history.saw(assistant("a", "One two three.", heard="One two", cut=True))
    assert texts(history) == ["One two—"]


@pytest.mark.parametrize(
    "line", [UserSaid("u", ""), assistant("a", "One.", heard="", cut=True), Warned("code", "something")]
)
def test_what_says_nothing_is_not_told(line: Happening) -> None:
    history = History(1_000)
    assert not history.saw(line)
    assert history.since(0) == []
    assert history.end == 1


@pytest.mark.parametrize(("arguments", "text"), [({"city": "Oslo"}, '{"city": "Oslo"}'), ("[", "[")])
def test_a_call_is_told_with_its_answer_under_a_name_of_our_own(arguments: dict[str, str] | str, text: str) -> None:
    history = History(1_000)
    assert history.saw(Called("c1", "weather", arguments, "sunny", None))
    call, answer = (word.item for word in history.since(0))
    assert call == {
        "id": "viva_line_1",
        "type": "function_call",
        "call_id": "viva_line_1",
        "name": "weather",
        "arguments": text,
    }
    assert answer == {
        "id": "viva_line_1_out",
        "type": "function_call_output",
        "call_id": "viva_line_1",
        "output": "sunny",
    }


def test_lines_have_numbers_from_which_on_they_can_be_told() -> None:
    history = History(1_000)
    history.saw(UserSaid("u1", "one"))
    end = history.end
    history.saw(UserSaid("u2", "two"))
    assert texts(history, end) == ["two"]
    assert texts(history, history.end) == []


def test_a_turn_that_nobody_wrote_down_is_told_as_sound_once() -> None:
    history = History(1_000)
    history.heard_unwritten("u", silence(700))
    history.heard_unwritten("u", silence(700))
    assert texts(history) == ["700 ms"]
    (word,) = history.since(0)
    assert word.item["role"] == "user"
    assert word.item["content"] == [{"type": "input_audio", "audio": silence(700)}], (
        "as it is: text is made of it by JSON"
    )


def test_words_that_come_late_take_the_place_of_their_sound_and_its_name() -> None:
    history = History(1_000)
    history.heard_unwritten("u1", silence(700))
    history.saw(assistant("a", "Hi."))
    told = history.end
    history.saw(UserSaid("u1", "Hello?"))
    assert texts(history) == ["Hello?", "Hi."]
    assert [word.item["id"] for word in history.since(0)] == ["viva_line_1", "viva_line_2"]
    assert texts(history, told) == [], "who was told the sound is not told the words"


def test_words_that_are_known_are_not_told_as_sound() -> None:
    history = History(1_000)
    history.saw(UserSaid("u", "Hello?"))
    history.heard_unwritten("u", silence(700))
    assert texts(history) == ["Hello?"]


def test_of_a_long_talk_the_oldest_lines_are_forgotten() -> None:
    history = History(10)
    for word in ("four", "five5", "six"):
        history.saw(UserSaid(word, word))
    assert texts(history) == ["five5", "six"]
    history.saw(Called("c", "weather", {}, "a long answer", None))
    assert [word.item["type"] for word in history.since(0)] == ["function_call", "function_call_output"]


def test_late_words_count_like_others() -> None:
    history = History(10)
    history.saw(UserSaid("u1", "12345678"))
    history.heard_unwritten("u2", silence(700))
    history.saw(UserSaid("u2", "three"))
    assert texts(history) == ["three"]
    history.saw(UserSaid("u3", "12345"))
    assert texts(history) == ["three", "12345"]


def test_of_sound_a_minute_is_kept() -> None:
    history = History(1_000)
    history.saw(UserSaid("u0", "first"))
    for number in range(1, 4):
        history.heard_unwritten(f"u{number}", silence(25_000))
    assert texts(history) == ["first", "25000 ms", "25000 ms"]
    history.saw(UserSaid("u2", "late"))
    history.heard_unwritten("u4", silence(25_000))
    assert texts(history) == ["first", "late", "25000 ms", "25000 ms"]


def test_the_newest_turn_that_nobody_wrote_down_is_told_however_long_it_is() -> None:
    history = History(1000)
    for number, ms in enumerate((9_000, 9_000, 61_000)):
        history.heard_unwritten(f"u{number}", bytes(48 * ms))
    assert [word.item["id"] for word in history.since(0)] == ["viva_line_3"]
    history.heard_unwritten("u3", bytes(48 * 1_000))
    assert [word.item["id"] for word in history.since(0)] == ["viva_line_4"]

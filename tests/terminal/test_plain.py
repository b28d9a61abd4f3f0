"""Plain lines: what a person reads."""

from __future__ import annotations

import io
import json

import pytest

from vivavoce.session.happenings import (
    AssistantDelta,
    AssistantSaid,
    Called,
    CutBy,
    Ended,
    Errored,
    Happening,
    Ready,
    SpeechBegan,
    SpeechEnded,
    Used,
    UserSaid,
    Warned,
)
from vivavoce.terminal.plain import PlainLines


def read(*happenings: Happening, verbose: bool = False, colour: bool = False) -> str:
    out = io.StringIO()
    screen = PlainLines(out, verbose=verbose, colour=colour)
    for place, happening in enumerate(happenings):
        screen.show(happening, float(place), None)
    return out.getvalue()


def said(text: str, *, interrupted: bool = False, heard: str | None = None) -> AssistantSaid:
    return AssistantSaid("a", text, text if heard is None else heard, 1_240, interrupted)


def test_a_whole_talk_reads_from_top_to_bottom() -> None:
    text = read(
        Ready("openai", "gpt", "s"),
        SpeechBegan("u", 10),
        SpeechEnded("u", 900),
        UserSaid("u", "Hello?"),
        AssistantDelta("a", "Hi"),
        AssistantDelta("a", " there. How"),
        AssistantDelta("a", " are you?"),
        said("Hi there. How are you?"),
        Called("call_1", "get_weather", {"city": "Paris"}, '{"sky": "clear"}', None),
        Warned("mic", "The microphone is loud."),
        Ended("goodbye"),
    )
    assert text.splitlines() == [
        "Connected to openai, model gpt.",
        "Listening. Speak when you like; to finish, just say goodbye.",
        "[1.0 s] you are speaking",
        "[2.0 s] you stopped speaking",
        "You: Hello?",
        "Assistant: Hi there.",
        "           How are you?",
        "",
        '[call] get_weather(city=Paris) -> {"sky": "clear"}',
        "Note: The microphone is loud.",
        "Goodbye.",
    ]


def test_only_whole_lines_are_written_and_no_control_characters() -> None:
    out = io.StringIO()
    screen = PlainLines(out)
    screen.show(AssistantDelta("a", "not yet a sentence"), 0, None)
    assert out.getvalue() == ""
    screen.show(said("not yet a sentence"), 0, None)
    assert out.getvalue() == "Assistant: not yet a sentence\n\n"


def test_an_interrupted_reply_shows_what_was_heard() -> None:
    text = read(AssistantDelta("a", "Once upon"), said("Once upon a time.", interrupted=True, heard="Once upon"))
    assert text == "Assistant: Once upon ...\n           (interrupted, 1.2 s were heard)\n\n"


def test_a_reply_cut_before_its_first_word_says_so() -> None:
    assert read(said("Never heard.", interrupted=True, heard="")) == "Assistant: (interrupted, 1.2 s were heard)\n\n"


@pytest.mark.parametrize(
    ("cut_by", "words"), [("person", "interrupted"), ("connection", "cut by the connection"), ("end", "not finished")]
)
def test_what_cut_a_reply_is_said(cut_by: CutBy, words: str) -> None:
    cut = AssistantSaid("a", "One two.", "One", 1_240, interrupted=True, cut_by=cut_by)
    assert read(AssistantDelta("a", "One"), cut).splitlines()[1].strip() == f"({words}, 1.2 s were heard)"


@pytest.mark.parametrize(
    ("ms", "words"), [(0, "none of it was"), (49, "none of it was"), (50, "0.1 s were"), (1_240, "1.2 s were")]
)
def test_how_much_was_heard_of_a_cut_reply_is_said(ms: int, words: str) -> None:
    assert (
        read(AssistantSaid("a", "One two.", "", ms, interrupted=True)) == f"Assistant: (interrupted, {words} heard)\n\n"
    )


def test_words_that_were_not_understood_say_so() -> None:
    assert read(UserSaid("u", "")) == "You: (not understood)\n"


def test_an_error_shows_its_message_and_its_json_only_when_asked_for() -> None:
    error = Errored("code", "It broke.", fatal=False, raw={"code": "code"})
    assert read(error) == "Error: It broke.\n"
    assert read(error, verbose=True) == 'Error: It broke.\n{"code": "code"}\n'


def test_the_price_of_a_known_race_bothers_nobody() -> None:
    race = Errored("response_cancel_not_active", "Cancellation failed", fatal=False, raw={}, expected=True)
    assert read(race) == ""
    assert "Cancellation failed" in read(race, verbose=True)


def test_usage_is_for_the_curious() -> None:
    assert read(Used("r", {"total_tokens": 3})) == ""
    assert read(Used("r", {"total_tokens": 3}), verbose=True) == '[usage] {"total_tokens": 3}\n'


def test_colour_only_wraps_lines() -> None:
    assert read(UserSaid("u", "Hi"), colour=True) == "\x1b[36mYou: Hi\x1b[0m\n"


def test_any_end_has_a_sentence() -> None:
    assert read(Ended("lost")) == "The talk is over.\n"


def test_sentences_that_end_without_a_space_are_lines_too() -> None:
    assert read(AssistantDelta("a", "你好。今天")) == "Assistant: 你好。\n"


def test_no_text_of_a_server_moves_the_cursor_or_breaks_a_line() -> None:
    assert read(UserSaid("u", "one\x1b[2Jtwo\nthree")) == "You: one [2Jtwo three\n"


def test_where_there_is_no_microphone_one_is_asked_to_type() -> None:
    out = io.StringIO()
    PlainLines(out, invites="type").show(Ready("openai", "gpt", "s"), 0, 0)
    assert out.getvalue().splitlines()[1] == "Type a line when you like; to finish, just say goodbye."


def test_where_there_is_neither_microphone_nor_keyboard_nobody_is_asked() -> None:
    out = io.StringIO()
    PlainLines(out, invites=None).show(Ready("openai", "gpt", "s"), 0, 0)
    assert out.getvalue() == "Connected to openai, model gpt.\n"


def lines_in(columns: int, *shown: Happening, verbose: bool = False) -> list[str]:
    out = io.StringIO()
    screen = PlainLines(out, columns=lambda: columns, verbose=verbose)
    for happening in shown:
        screen.show(happening, 0, 0)
    return out.getvalue().splitlines()


COUNTED = "one two three four five six seven eight nine."


def test_lines_of_a_terminal_are_broken_between_words() -> None:
    assert lines_in(40, UserSaid("u", COUNTED), AssistantDelta("a", f"{COUNTED} {COUNTED} ")) == [
        "You: one two three four five six seven",
        "     eight nine.",
        "Assistant: one two three four five six",
        "           seven eight nine.",
        "           one two three four five six",
        "           seven eight nine.",
    ]
    assert lines_in(40, UserSaid("u", "one-two " * 5)) == ["You: one-two one-two one-two one-two", "     one-two"]
    assert lines_in(40, UserSaid("u", "x" * 35)) == ["You: " + "x" * 35]


@pytest.mark.parametrize(("columns", "text"), [(39, COUNTED), (40, "x" * 36), (40, f"{COUNTED} {'x' * 36}")])
def test_in_a_narrow_terminal_and_with_longer_words_the_terminal_breaks(columns: int, text: str) -> None:
    assert lines_in(columns, UserSaid("u", text)) == [f"You: {text}"]


def test_json_is_not_broken() -> None:
    raw = {"number": 1, "words": COUNTED}
    assert lines_in(40, Used("r", raw), verbose=True) == [f"[usage] {json.dumps(raw)}"]
    failed = Errored("c", "It failed.", fatal=False, raw=raw)
    assert lines_in(40, failed, verbose=True) == ["Error: It failed.", json.dumps(raw)]


def test_a_colour_goes_from_the_first_to_the_last_of_its_lines() -> None:
    out = io.StringIO()
    PlainLines(out, columns=lambda: 40, colour=True).show(UserSaid("u", COUNTED), 0, 0)
    assert out.getvalue() == "\x1b[36mYou: one two three four five six seven\n     eight nine.\x1b[0m\n"

from __future__ import annotations

import threading

import numpy as np
import pytest

from vivavoce.engine.models.choose import open_voice
from vivavoce.engine.models.hibari import readable
from vivavoce.engine.stages import Speak

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def voice() -> Speak:
    return open_voice()


def test_words_become_sound_in_small_whole_pieces(voice: Speak) -> None:
    pieces = list(voice.speak("Hello there, how are you today?", threading.Event()))
    assert all(0 < len(piece) <= 200 * 48 and len(piece) % 2 == 0 for piece in pieces)
    samples = np.frombuffer(b"".join(pieces), dtype="<i2")
    assert 24_000 <= len(samples) <= 24_000 * 4
    assert np.abs(samples).max() > 3000


@pytest.mark.parametrize("text", ["", "   ", "...", "\u2014", "\U0001f600"])
def test_a_text_without_words_makes_no_sound(voice: Speak, text: str) -> None:
    assert list(voice.speak(text, threading.Event())) == []


def test_a_cut_stops_between_pieces(voice: Speak) -> None:
    cut = threading.Event()
    pieces = []
    for piece in voice.speak("One sentence. Another sentence. A third one.", cut):
        pieces.append(piece)
        cut.set()
    assert len(pieces) == 1


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("See https://www.example.org/a.", "See w w w dot example dot org slash a."),
        ("Mail me@site.com, please", "Mail me at site dot com, please"),
        ("It is -5 outside.", "It is minus 5 outside."),
        ("5 + 3 - 1 = 7", "5 plus 3 minus 1 = 7"),
        ("3 x 4 is 12", "3 times 4 is 12"),
        ("3.5 degrees at 10:30 for $20", "3.5 degrees at 10:30 for $20"),
        ("pages 3-5", "pages 3-5"),
    ],
)
def test_addresses_and_signs_are_put_into_words(written: str, read: str) -> None:
    assert readable(written) == read

from __future__ import annotations

from vivavoce.devices.memory import HandClock
from vivavoce.devices.troubles import SENTENCES, Troubles


def test_a_flood_is_told_at_once_and_then_every_ten_seconds_with_its_count() -> None:
    clock = HandClock()
    troubles, told = Troubles(clock), []
    for _ in range(3000):
        troubles.note("speaker_underrun")
        told += [(clock.now_s, t.message.split(":")[0]) for t in troubles.drain()]
        clock.now_s += 1 / 128  # exact in binary
    assert [(round(t), said) for t, said in told] == [
        (0, "The speaker ran dry once"),
        (10, "The speaker ran dry 1280 times"),
        (20, "The speaker ran dry 1280 times"),
    ]


def test_one_trouble_does_not_hide_another() -> None:
    troubles = Troubles(HandClock())
    troubles.note("audio_odd")
    assert [t.code for t in troubles.drain()] == ["audio_odd"]
    troubles.note("audio_empty")
    troubles.note("mic_overrun", 0)
    assert [t.code for t in troubles.drain()] == ["audio_empty"]


def test_each_sentence_is_whole() -> None:
    troubles = Troubles(HandClock())
    for code in SENTENCES:
        troubles.note(code, 3)
    assert all(t.message.endswith(".") and "{" not in t.message for t in troubles.drain())

"""A microphone that stops giving sound must not make the doctor wait for it."""

from __future__ import annotations

import threading

import pytest

from vivavoce.doctor.card import listen
from vivavoce.errors import NoDevice
from vivavoce.pcm import silence


class Microphone:
    """Gives so many bytes, then nothing until it is closed, as a stuck device does."""

    def __init__(self, sound: bytes) -> None:
        self._sound = sound
        self._closed = threading.Event()

    def read(self, size: int, /) -> bytes:
        if self._closed.is_set():
            raise ValueError("closed")
        given, self._sound = self._sound[:size], self._sound[size:]
        if len(given) < size:
            self._closed.wait()
        return given

    def close(self) -> None:
        self._closed.set()


def test_what_was_asked_for_is_heard_to_the_byte() -> None:
    assert listen(Microphone(bytes(range(256)) * 200), 450) == (bytes(range(256)) * 200)[: len(silence(450))]


@pytest.mark.parametrize("given_ms", [0, 20, 30])
def test_a_microphone_that_stops_is_told_and_not_waited_for(given_ms: int) -> None:
    with pytest.raises(NoDevice, match=f"{given_ms} of 100 ms"):
        listen(Microphone(silence(given_ms)), 100, patience_s=0.05)

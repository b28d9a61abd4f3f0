from __future__ import annotations

import threading
from typing import cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.devices.line import Line
from vivavoce.devices.troubles import Troubles
from vivavoce.pcm import silence


def take(line: Line, n_bytes: int) -> bytes:
    out = bytearray(n_bytes)
    return bytes(out[: 2 * line.fill(memoryview(out))])


@given(st.lists(st.binary(max_size=50)), st.lists(st.integers(0, 40)))
def test_what_goes_in_comes_out_once_and_in_order(pieces: list[bytes], blocks: list[int]) -> None:
    line, troubles = Line(), Troubles()
    for piece in pieces:
        line.put("a", piece, troubles)
    whole = b"".join(piece[: len(piece) & ~1] for piece in pieces)
    heard = b"".join(take(line, 2 * n) for n in blocks)
    assert heard == whole[: 2 * sum(blocks)]
    assert (line.queued, line.handed) == (len(whole) // 2, len(heard) // 2)


def test_what_is_not_filled_is_not_touched() -> None:
    line = Line()
    line.put("a", b"\x01\x02", Troubles())
    out = bytearray(b"\xff" * 6)
    assert line.fill(memoryview(out)) == 1
    assert out == b"\x01\x02\xff\xff\xff\xff"


def test_a_changed_buffer_of_the_caller_does_not_change_what_is_queued() -> None:
    line, mine = Line(), bytearray(b"\x01\x02")
    line.put("a", cast("bytes", mine), Troubles())  # people do pass a bytearray
    mine[:] = b"\x09\x09"
    assert take(line, 2) == b"\x01\x02"


def test_a_thread_that_puts_and_a_thread_that_fills_lose_nothing() -> None:
    line, troubles, heard = Line(), Troubles(), bytearray()
    pieces = [n.to_bytes(2, "little") * (n % 7 + 1) for n in range(5000)]

    def fill() -> None:
        while len(heard) < sum(map(len, pieces)):
            heard.extend(take(line, 34))

    filler = threading.Thread(target=fill)
    filler.start()
    for piece in pieces:
        line.put("a", piece, troubles)
    filler.join(30)
    assert heard == b"".join(pieces)


def test_ten_minutes_are_no_backlog_and_more_is_told_once() -> None:
    line, troubles = Line(), Troubles()
    for _ in range(60):
        line.put("a", silence(10_000), troubles)
    assert troubles.drain() == []
    line.put("a", silence(20), troubles)
    line.put("a", silence(20), troubles)
    assert [t.message for t in troubles.drain()] == [
        "More than 10 minutes of sound wait for the speaker; it goes on, nothing is lost."
    ]


@given(
    st.lists(st.integers(1, 700), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 600)), max_size=40),
)
def test_what_is_taken_back_comes_again_and_nothing_else_changes(
    pieces: list[int], steps: list[tuple[int, int]]
) -> None:
    total = sum(pieces)
    sound = np.arange(total).astype("<i2").tobytes()
    line, at = Line(), 0
    for samples in pieces:
        line.put("a", sound[2 * at : 2 * (at + samples)], Troubles())
        at += samples
    position = 0
    for wanted, back in steps:
        out = bytearray(2 * wanted)
        taken = line.fill(memoryview(out))
        assert bytes(out[: 2 * taken]) == sound[2 * position : 2 * (position + taken)]
        position += taken
        line.rewind(back)
        position -= min(back, position)
        assert line.handed == position

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivavoce.devices.ring import Ring
from vivavoce.pcm import BLOCK_BYTES, ms_to_bytes


def block(n: int) -> memoryview:
    return memoryview(bytes([n % 256]) * BLOCK_BYTES)


def test_a_reader_in_time_gets_every_byte_in_order() -> None:
    ring = Ring(100)
    heard = b""
    for n in range(200):  # many times around
        ring.write(block(n))
        if n % 3 == 2:
            heard += ring.read()
    assert heard == b"".join(block(n) for n in range(198))
    assert ring.lost == 0


def test_a_slow_reader_gets_the_newest_and_the_rest_is_counted() -> None:
    ring = Ring()
    for n in range(600):
        ring.write(block(n))
    assert ring.waiting == ring.capacity == ms_to_bytes(10_000)
    assert ring.read() == b"".join(block(n) for n in range(100, 600))
    assert ring.lost == 100 * BLOCK_BYTES
    assert ring.read() == b""


def test_a_reader_in_the_middle_of_a_sample_stays_in_the_middle_of_one() -> None:
    ring = Ring(40)
    low_high = memoryview(b"\x00\x01" * (BLOCK_BYTES // 2))
    ring.write(low_high)
    assert ring.read(3) == b"\x00\x01\x00"
    for _ in range(5):
        ring.write(low_high)
    assert ring.read(2) == b"\x01\x00"


@given(st.lists(st.one_of(st.none(), st.integers(0, 3000)), max_size=80))
def test_whatever_was_written_is_either_read_in_order_or_counted_as_lost(steps: list[int | None]) -> None:
    ring, written = Ring(60), bytearray()
    at = 0
    for step in steps:
        if step is None:
            piece = block(len(written) // BLOCK_BYTES)
            ring.write(piece)
            written += piece
        else:
            lost = ring.lost
            heard = ring.read(step)
            at += ring.lost - lost
            assert heard == written[at : at + step]
            at += len(heard)
            assert ring.waiting == len(written) - at <= ring.capacity

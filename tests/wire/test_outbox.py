from __future__ import annotations

import pytest

from vivavoce import pcm
from vivavoce.wire.outbox import Outbox


def drained(outbox: Outbox) -> list[str | bytes]:
    return [outbox.next() for _ in iter(lambda: len(outbox), 0)]


def test_sound_is_joined_only_with_the_sound_next_to_it() -> None:
    outbox = Outbox()
    for entry in (b"aa", b"bb", "word", b"cc", "other", "third"):
        if isinstance(entry, str):
            outbox.word(entry)
        else:
            outbox.sound(entry)
    assert drained(outbox) == [b"aabb", "word", b"cc", "other", "third"]


def test_a_piece_is_at_most_as_long_as_wished_unless_it_came_so() -> None:
    outbox = Outbox(piece_ms=100)
    long = pcm.silence(250)
    block = pcm.silence(40)
    for sound in (long, block, block, block):
        outbox.sound(sound)
    assert [len(piece) for piece in drained(outbox)] == [len(long), 2 * len(block), len(block)]


def test_the_oldest_sound_makes_room_and_words_keep_their_place() -> None:
    outbox = Outbox(sound_ms=40, piece_ms=20)
    blocks = [bytes([number]) * pcm.BLOCK_BYTES for number in range(4)]
    outbox.word("first")
    outbox.sound(blocks[0])
    outbox.word("second")
    for block in blocks[1:]:
        outbox.sound(block)
    assert outbox.dropped_ms() == 40
    assert outbox.dropped_ms() == 0
    assert drained(outbox) == ["first", "second", blocks[2], blocks[3]]


def test_the_newest_piece_is_never_dropped() -> None:
    outbox = Outbox(sound_ms=40)
    outbox.sound(pcm.silence(20))
    outbox.sound(pcm.silence(500))
    assert outbox.dropped_ms() == 20
    assert drained(outbox) == [pcm.silence(500)]
    assert outbox.sound_bytes == 0


def test_clearing_forgets_what_waits_and_tells_what_was_lost_before() -> None:
    outbox = Outbox(sound_ms=20)
    outbox.sound(pcm.silence(20))
    outbox.sound(pcm.silence(20))
    outbox.word("word")
    outbox.clear()
    assert (len(outbox), outbox.sound_bytes, outbox.dropped_ms()) == (0, 0, 20)
    with pytest.raises(IndexError):
        outbox.next()

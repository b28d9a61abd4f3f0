"""Faults over a server that behaves: they happen where they were put, once, and are told."""

from __future__ import annotations

import asyncio

import pytest
from tests.testing.client import Client, client
from websockets.exceptions import ConnectionClosed, InvalidStatus

from vivavoce.testing import (
    Close,
    Cut,
    Fault,
    Half,
    RealtimeServer,
    Refuse,
    Reply,
    Say,
    Stall,
    Swap,
    Talk,
    Twice,
    in_order,
)
from vivavoce.testing.faults import KINDS, Faults, random_faults

DELTA = "response.output_audio.delta"
BEHAVING = Talk(answer=in_order(Reply("a b c d", 400)))


def visit(*faults: Fault) -> tuple[Client, RealtimeServer]:
    """One response, as far as it comes."""

    async def hold() -> tuple[Client, RealtimeServer]:
        async with RealtimeServer(BEHAVING, faults=faults, speed=50) as server:
            async with client(server.url) as one:
                try:
                    await one.say("response.create")
                    await one.hear("response.done")
                    await one.say("conversation.item.delete", item_id="none")
                    await one.hear("error")
                except ConnectionClosed:
                    pass
            return one, server

    return asyncio.run(hold())


def test_a_cut_comes_before_or_after_the_word_it_waits_for_and_nothing_said_is_lost() -> None:
    for when, deltas in (("before", 2), ("after", 3)):
        one, server = visit(Fault(DELTA, Cut(), nth=3, when=when))  # type: ignore[arg-type]  # a literal of two
        assert one.types.count(DELTA) == deltas
        assert one.types == [word.type for word in server.connections[0].said]
        assert server.connections[0].closed == "cut"
        assert [(done.fault.on, done.connection) for done in server.faults.happened] == [(DELTA, 1)]


def test_a_close_has_its_code_and_half_a_word_is_not_heard() -> None:
    one, _ = visit(Fault("response.done", Close(4000, "enough")))
    assert one.socket.close_code == 4000
    assert "response.done" not in one.types
    one, server = visit(Fault("response.done", Half()))
    assert one.socket.close_code == 1006
    assert "response.done" not in one.types
    assert server.connections[0].said[-1].type != "response.done"


def test_a_word_that_is_said_twice_is_the_same_word() -> None:
    one, _ = visit(Fault("response.created", Twice()))
    first, again = one.of("response.created")
    assert first == again
    assert one.types[-1] == "error"


def test_words_that_change_places_are_both_said() -> None:
    plain, _ = visit()
    one, server = visit(Fault("response.output_audio_transcript.delta", Swap(), nth=2))
    at = [n for n, kind in enumerate(plain.types) if kind == "response.output_audio_transcript.delta"][1]
    swapped = [*plain.types]
    swapped[at], swapped[at + 1] = swapped[at + 1], swapped[at]
    assert one.types == swapped
    assert len(server.faults.happened) == 1


def test_a_word_with_none_behind_it_is_said_in_its_place_and_the_fault_waits() -> None:
    one, server = visit(Fault("response.done", Swap()))
    assert one.types[-2:] == ["response.done", "error"]
    assert server.faults.happened == []
    assert len(server.faults.waiting) == 1


def test_a_fault_may_wait_for_a_word_of_the_client_and_be_any_step() -> None:
    one, _ = visit(Fault("response.create", Say({"type": "invented.later"})))
    assert "invented.later" in one.types
    one, server = visit(Fault("response.created", Stall(30.0)))
    assert one.types[-1] == "error"
    assert server.connections[0].said_words("response.done")


def test_handshakes_are_refused_after_a_cut_and_then_no_more() -> None:
    async def hold() -> None:
        faults = [Fault("session.created", Refuse(503, times=2), when="after")]
        async with RealtimeServer(faults=faults) as server:
            async with client(server.url) as one:
                with pytest.raises(ConnectionClosed):
                    await one.drain()
            for _ in range(2):
                with pytest.raises(InvalidStatus):
                    async with client(server.url):
                        pass
            async with client(server.url) as one:
                await one.hear("session.created")
            assert [seen.refused for seen in server.connections] == [None, 503, 503, None]

    asyncio.run(hold())


def test_words_are_counted_over_all_connections_and_a_fault_happens_once() -> None:
    faults = Faults([Fault("a", Cut(), nth=2), Fault("b", Cut()), Fault("a", Twice(), nth=2)])
    assert [len(faults.due(kind)) for kind in "aabba"] == [0, 2, 1, 0, 0]
    assert faults.waiting == []


def test_only_the_words_of_the_server_can_be_said_twice_or_swapped() -> None:
    for do in (Twice(), Swap()):
        with pytest.raises(ValueError, match=r"input_audio_buffer\.append is a word of the client"):
            Fault("input_audio_buffer.append", do)


def test_a_seed_makes_the_same_faults_again_and_every_kind_in_turn() -> None:
    found = random_faults(4711, 14)
    assert found == random_faults(4711, 14)
    assert found != random_faults(4712, 14)
    names = [type(fault.do).__name__.lower() for fault in found]
    assert sorted(names) == sorted([*KINDS, *KINDS])
    assert {type(fault.do) for fault in random_faults(1, 5, kinds=["cut"])} == {Cut}

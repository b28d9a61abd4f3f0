"""The server on real sockets: plans, steps, what is kept of each connection."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.testing.client import client
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

from vivavoce.pcm import silence
from vivavoce.testing import (
    Close,
    Cut,
    Delay,
    Expect,
    Flood,
    Half,
    Line,
    RealtimeServer,
    Refuse,
    Reply,
    Say,
    SayText,
    ScriptFailed,
    Speak,
    Stall,
    Talk,
    in_order,
    in_thread,
    numbered,
    reply_words,
    runs,
    spoken,
)
from vivavoce.testing.connection import Piece
from vivavoce.testing.faults import Step
from vivavoce.testing.sound import Run, Utterance

CREATED = {"type": "session.created", "session": {"id": "s"}}
SETTINGS = {"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}}


def test_consecutive_connections_get_consecutive_plans_and_the_last_one_serves_the_rest() -> None:
    async def hold() -> None:
        async with RealtimeServer(Refuse(503), [Say(CREATED), Cut()], [Say(CREATED), Close(4000, "enough")]) as server:
            with pytest.raises(InvalidStatus):
                async with client(server.url):
                    pass
            codes = []
            for _ in range(3):
                async with client(server.url) as one:
                    with pytest.raises(ConnectionClosedError) as closed:
                        await one.drain()
                    assert one.types == ["session.created"]
                    codes.append((closed.value.rcvd.code, closed.value.rcvd.reason) if closed.value.rcvd else None)
            assert codes == [None, (4000, "enough"), (4000, "enough")]
            await server.until(lambda: all(connection.closed for connection in server.connections))
            assert [(one.refused, one.closed) for one in server.connections] == [
                (503, "server"),
                (None, "cut"),
                (None, "server"),
                (None, "server"),
            ]

    asyncio.run(hold())


def test_a_refused_handshake_has_the_status_the_headers_and_the_body_of_the_script() -> None:
    async def hold() -> None:
        body = {"error": {"code": "DeploymentNotFound", "message": "no"}}
        async with RealtimeServer(Refuse(404, body, {"Retry-After": "3"})) as server:
            with pytest.raises(InvalidStatus) as refused:
                async with client(f"{server.url}?model=m", additional_headers={"api-key": "k"}):
                    pass
            answer = refused.value.response
            assert (answer.status_code, answer.headers["Retry-After"]) == (404, "3")
            assert json.loads(answer.body or b"") == body
            (seen,) = server.connections
            assert (seen.path, seen.header("API-Key")) == ("/v1/realtime?model=m", "k")

    asyncio.run(hold())


def test_a_key_and_the_rules_of_the_services_are_asked_of_a_handshake() -> None:
    async def hold() -> None:
        async with RealtimeServer(key="sesame") as server:
            for url, headers in [
                (server.url, {}),
                (server.url, {"Authorization": "Bearer wrong"}),
                (f"{server.address}/openai/v1/realtime?model=m&api-version=2025-04-01-preview", {"api-key": "sesame"}),
            ]:
                with pytest.raises(InvalidStatus) as refused:
                    async with client(url, additional_headers=headers):
                        pass
                assert refused.value.response.status_code == 401
            for headers in ({"Authorization": "Bearer sesame"}, {"api-key": "sesame"}):
                async with client(server.url, additional_headers=headers) as one:
                    await one.hear("session.created")

    asyncio.run(hold())


def test_a_step_waits_for_the_words_it_expects_and_passes_over_others() -> None:
    async def hold() -> None:
        script: list[Step] = [
            Say(CREATED),
            Expect("session.update", lambda word: word.get("response_id") == "r2"),
            Say({"type": "session.updated", "session": {}}),
        ]
        async with RealtimeServer(script) as server, client(server.url) as one:
            await one.say("session.update", session={})
            await one.say("response.cancel", response_id="r1")
            await one.say("response.cancel", response_id="r2")
            await one.hear("session.updated")
            assert server.connections[0].types == ["session.update", "response.cancel", "response.cancel"]
            assert len({word["event_id"] for word in one.heard}) == 2

    asyncio.run(hold())


@pytest.mark.parametrize("leaves", [True, False])
def test_an_expectation_that_is_not_met_fails_the_test(leaves: bool) -> None:
    async def hold() -> None:
        async with RealtimeServer([Expect("session.update", within_s=0.05 if not leaves else 10.0)]) as server:
            async with client(server.url) as one:
                await one.say("response.create")
                if not leaves:
                    await server.until(lambda: bool(server.failures))
            await server.until(lambda: bool(server.failures))

    how = "left without saying" if leaves else "did not say within 0.05 s"
    with pytest.raises(ScriptFailed, match=f"connection 1 {how} 'session.update'; it said: response.create"):
        asyncio.run(hold())


def test_an_expectation_under_way_when_the_server_ends_fails_the_test_unless_it_has_failed_itself() -> None:
    async def hold(error: Exception | None) -> None:
        async with RealtimeServer([Say(CREATED), Expect("x")]) as server, client(server.url) as one:
            await one.hear("session.created")
            if error:
                raise error

    with pytest.raises(ScriptFailed, match="when the server ended"):
        asyncio.run(hold(None))
    with pytest.raises(KeyError):
        asyncio.run(hold(KeyError("of the test")))


def test_an_error_in_a_step_of_ones_own_fails_the_test() -> None:
    async def broken(line: Line) -> None:
        await line.say(CREATED)
        raise ZeroDivisionError("oops")

    async def hold() -> None:
        async with RealtimeServer(broken) as server, client(server.url) as one:
            with pytest.raises(ConnectionClosedError):
                await one.drain()

    with pytest.raises(ScriptFailed, match="ZeroDivisionError: oops"):
        asyncio.run(hold())


def test_a_client_may_leave_in_the_middle_of_a_script() -> None:
    async def hold() -> None:
        async with RealtimeServer([Say(CREATED), Delay(60), Say(CREATED)]) as server:
            async with client(server.url) as one:
                await one.hear("session.created")
            await server.until(lambda: server.connections[0].closed == "client")
            assert server.connections[0].code == 1000

    asyncio.run(hold())


@pytest.mark.parametrize("of", ["frame", "message"])
def test_half_a_word_is_never_a_word(of: Any) -> None:
    async def hold() -> None:
        async with RealtimeServer([Say(CREATED), Half({"type": "error", "error": {}}, of)]) as server:
            async with client(server.url) as one:
                with pytest.raises(ConnectionClosedError) as closed:
                    await one.drain()
            assert one.types == ["session.created"]
            assert closed.value.rcvd is None

    asyncio.run(hold())


def test_text_that_is_no_json_and_bytes_arrive_as_they_are() -> None:
    async def hold() -> None:
        script: list[Step] = [SayText('{"type":'), SayText(b"\x00"), Say({"type": "invented.later", "x": 1})]
        async with RealtimeServer(script) as server, client(server.url) as one:
            said = [await one.socket.recv() for _ in range(3)]
            assert said[:2] == ['{"type":', b"\x00"]
            assert json.loads(said[2]) == {"type": "invented.later", "x": 1, "event_id": "event_1_s1"}
            await one.socket.send("no json")
            await server.until(lambda: bool(server.connections[0].received))
            assert server.connections[0].received[0].event == {"type": "(not JSON)", "text": "no json"}

    asyncio.run(hold())


def test_a_flood_arrives_whole_and_in_order() -> None:
    async def hold() -> None:
        async with RealtimeServer([Flood(CREATED, 2000), Close()]) as server, client(server.url) as one:
            with pytest.raises(ConnectionClosedOK):
                await one.drain()
            assert [word["event_id"] for word in one.heard] == [f"event_1_s{n}" for n in range(1, 2001)]

    asyncio.run(hold())


def test_a_stalled_server_takes_and_says_nothing_until_it_goes_on() -> None:
    async def hold() -> None:
        async with (
            RealtimeServer([Say(CREATED), Stall(60.0), Say(CREATED)], speed=300) as server,
            client(server.url) as one,
        ):
            await one.hear("session.created")
            begun = server.now
            await one.say("response.create")
            await one.hear("session.created")
            assert server.now - begun >= 60
            assert server.connections[0].types == [] or server.connections[0].received[0].t - begun >= 60
            await server.until(lambda: server.connections[0].types == ["response.create"])

    asyncio.run(hold())


def test_a_server_that_stalls_for_good_answers_no_ping_and_ends_all_the_same() -> None:
    async def hold() -> None:
        async with RealtimeServer([Say(CREATED), Stall()]) as server:
            async with client(server.url) as one:
                await one.hear("session.created")
                pong = await one.socket.ping()
                await one.say("response.create")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await pong
                asyncio.ensure_future(pong).cancel()
                one.socket.transport.abort()
            assert server.connections[0].received == []

    asyncio.run(hold())


def test_a_spoken_response_holds_every_sample_once() -> None:
    async def hold() -> None:
        async with RealtimeServer([Speak("Hello.", numbered(1000), pace=50)]) as server, client(server.url) as one:
            await one.hear("response.done")
            assert runs(one.sound()) == [Run(0, 0, 24_000)]
            assert one.types[0] == "response.created"
            assert [word["type"] for word in map(dict, one.heard)] == [
                word.TYPE for word in reply_words("Hello.", numbered(1000))
            ]

    asyncio.run(hold())


def test_sound_that_was_appended_is_kept_with_its_places() -> None:
    async def hold() -> None:
        async with RealtimeServer(Talk()) as server, client(server.url) as one:
            voice = spoken("Hello?", 300)
            for pcm in (silence(20), voice, silence(600)):
                await one.append(pcm)
            await one.hear("response.done")
            (seen,) = server.connections
            places = [(piece.at, piece.samples) for piece in seen.pieces]
            assert places == [(0, 480), (480, 7200), (7680, 14_400)]
            assert isinstance(seen.pieces[0], Piece)
            assert bytes(seen.sound) == silence(20) + voice + silence(600)
            assert seen.utterances == [Utterance("Hello?", 0, 7200)]
            assert seen.samples == 22_080
            assert seen.types == []

    asyncio.run(hold())


def test_ids_are_never_the_same_on_two_connections() -> None:
    async def hold() -> None:
        async with RealtimeServer(Talk()) as server:
            found = []
            for _ in range(2):
                async with client(server.url) as one:
                    await one.append(spoken("Hello?", 300) + silence(600))
                    await one.hear("response.done")
                    found.append(
                        {word["event_id"] for word in one.heard} | {w["item"]["id"] for w in one.heard if "item" in w}
                    )
            assert not found[0] & found[1]
            assert [connection.items[0]["id"] in ids for connection, ids in zip(server.connections, found, strict=True)]

    asyncio.run(hold())


def test_replies_go_on_where_the_last_connection_stopped() -> None:
    async def hold() -> None:
        async with RealtimeServer(Talk(answer=in_order(Reply("One.", 50), Reply("Two.", 50)))) as server:
            said = []
            for _ in range(3):
                async with client(server.url) as one:
                    await one.say("response.create")
                    done = await one.hear("response.done")
                    said.append(done["response"]["output"][0]["content"][0]["transcript"])
            assert said == ["One.", "Two.", "Two."]

    asyncio.run(hold())


def test_a_session_expires_with_an_error_and_1001() -> None:
    async def hold() -> None:
        async with RealtimeServer(Talk(lasts_s=30), speed=300) as server, client(server.url) as one:
            with pytest.raises(ConnectionClosedOK) as closed:  # 1001 is a clean close
                await one.drain()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
                1001,
                "Your session hit the maximum duration of 60 minutes.",
            )
            assert one.heard[-1]["error"]["code"] == "session_expired"
            assert one.heard[0]["session"]["expires_at"] > 0

    asyncio.run(hold())


def test_a_beta_client_is_told_once_and_closed_with_4000() -> None:
    async def hold() -> None:
        async with (
            RealtimeServer() as server,
            client(server.url, additional_headers={"OpenAI-Beta": "realtime=v1"}) as one,
        ):
            with pytest.raises(ConnectionClosedError) as closed:
                await one.drain()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4000
            assert [word["error"]["code"] for word in one.heard] == ["beta_api_shape_disabled"]

    asyncio.run(hold())


def test_the_preview_address_speaks_preview_and_the_ga_address_ga() -> None:
    async def hold() -> None:
        async with RealtimeServer() as server:
            async with client(server.preview_url) as one:
                created = await one.hear("session.created")
                assert created["session"]["modalities"] == ["audio", "text"]
                await one.say("session.update", session={"type": "realtime"}, event_id="wrong")
                refused = await one.hear("error")
                assert (refused["error"]["param"], refused["error"]["event_id"]) == ("session.type", "wrong")
                await one.say("session.update", session={"modalities": ["text", "audio"], "voice": "alloy"})
                await one.hear("session.updated")
                await one.append(spoken("Hello?", 300) + silence(600))
                await one.hear("response.done")
                assert {"response.audio.delta", "conversation.item.created"} <= set(one.types)
                assert not {"response.output_audio.delta", "conversation.item.added"} & set(one.types)
                assert runs(one.sound())[0].start == 0
                assert server.connections[0].words("session.update")[1]["session"]["voice"] == "alloy"
            async with client(server.url) as one:
                await one.say("session.update", session={"modalities": ["text", "audio"]})
                assert (await one.hear("error"))["error"]["code"] == "missing_required_parameter"

    asyncio.run(hold())


def test_a_server_on_a_thread_serves_a_test_without_a_loop(realtime_server: RealtimeServer) -> None:
    async def visit() -> None:
        async with client(realtime_server.url) as one:
            await one.hear("session.created")

    realtime_server.plays([Say(CREATED), Close(1000)])
    asyncio.run(visit())
    realtime_server.wait_until(lambda: realtime_server.connections[0].closed != "")
    realtime_server.plays([Say(CREATED, CREATED)])
    asyncio.run(visit())
    realtime_server.wait_until(lambda: realtime_server.connections[1].closed == "client")
    assert [len(one.said) for one in realtime_server.connections] == [1, 2]


def test_a_server_on_a_thread_tells_what_failed_when_it_ends() -> None:
    async def visit(url: str) -> None:
        async with client(url) as one:
            await one.say("response.create")

    def hold(error: Exception | None) -> None:
        with in_thread(RealtimeServer([Expect("x")])) as server:
            asyncio.run(visit(server.url))
            server.wait_until(lambda: bool(server.failures))
            if error:
                raise error

    with pytest.raises(ScriptFailed, match="left without saying"):
        hold(None)
    with pytest.raises(KeyError):
        hold(KeyError("of the test"))


def test_a_server_with_a_certificate_is_spoken_to_over_tls(
    realtime_server_tls: RealtimeServer, realtime_tls: Any
) -> None:
    async def visit() -> None:
        async with client(realtime_server_tls.url, ssl=realtime_tls.client) as one:
            await one.hear("session.created")

    assert realtime_server_tls.url.startswith("wss://")
    realtime_server_tls.plays([Say(CREATED), Cut()])
    asyncio.run(visit())
    assert realtime_tls.authority.read_text().startswith("-----BEGIN CERTIFICATE-----")

"""The WebSocket around the engine, with stages that need no models."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request

from vivavoce.engine.pipeline import Stages
from vivavoce.engine.serve import Door, serving
from vivavoce.engine.stages import Cut, Notice
from vivavoce.errors import BadSettings
from vivavoce.events import client, codec
from vivavoce.pcm import silence
from vivavoce.testing.stages import BeepSpeak, tone, tone_stages

PATIENCE_S = 60.0


def with_engine(talk: Callable[[str], Awaitable[None]], stages: Stages | None = None, **door: Any) -> None:
    async def whole() -> None:
        stop = asyncio.Event()
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(serving(stages or tone_stages(), Door(port=0, **door), address.set_result, stop))
        try:
            await asyncio.wait_for(talk(await address), PATIENCE_S)
        finally:
            stop.set()
            await task

    before = threading.active_count()
    asyncio.run(whole())
    assert threading.active_count() <= before


async def heard(socket_: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        said: dict[str, Any] = json.loads(await socket_.recv())
        if said["type"] == kind:
            return said


async def say(socket_: ClientConnection, hz: int) -> None:
    for piece in (silence(100), tone(hz, 600), silence(700)):
        await socket_.send(codec.encode(client.AppendAudio(piece)))


@pytest.mark.parametrize("path", ["/v1/realtime", "/openai/v1/realtime"])
def test_a_voice_turn_over_a_socket(path: str) -> None:
    async def talk(address: str) -> None:
        async with connect(address.replace("/v1/realtime", path) + "?model=small", compression=None) as ws:
            assert json.loads(await ws.recv())["type"] == "session.created"
            await say(ws, 400)
            assert (await heard(ws, "response.output_audio.delta"))["delta"]
            assert (await heard(ws, "response.done"))["response"]["status"] == "completed"

    with_engine(talk)


def test_text_that_is_no_event_is_answered_and_the_conversation_goes_on() -> None:
    async def talk(address: str) -> None:
        async with connect(address) as ws:
            await ws.send('{"no json')
            assert (await heard(ws, "error"))["error"]["code"] == "invalid_json"
            await ws.send('{"event_id":"x"}')
            assert (await heard(ws, "error"))["error"]["event_id"] == "x"
            await ws.send('{"type":"session.update","session":{"type":"realtime"}}')
            await heard(ws, "session.updated")

    with_engine(talk)


def refused(status: int, code: str, door: dict[str, Any] | None = None, **how: Any) -> None:
    async def talk(address: str) -> None:
        headers = {key: value.format(host=address.split("/")[2]) for key, value in how.get("headers", {}).items()}
        with pytest.raises(InvalidStatus) as caught:
            async with connect(
                address.replace("/v1/realtime", how.get("path", "/v1/realtime")), additional_headers=headers
            ):
                pass
        assert caught.value.response.status_code == status
        assert caught.value.response.headers["Content-Type"] == "application/json"
        assert json.loads(caught.value.response.body or b"")["error"]["code"] == code

    with_engine(talk, **(door or {}))


def accepted(door: dict[str, Any], headers: dict[str, str]) -> None:
    async def talk(address: str) -> None:
        said = {key: value.format(host=address.split("/")[2]) for key, value in headers.items()}
        async with connect(address, additional_headers=said) as ws:
            await heard(ws, "session.created")

    with_engine(talk, **door)


@pytest.mark.parametrize("path", ["/", "/v1/live", "/v1/realtime/calls"])
def test_other_paths_are_not_found(path: str) -> None:
    refused(404, "not_found", path=path)


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "http://evil.example:80", "null"])
def test_pages_of_other_origins_are_refused(origin: str) -> None:
    refused(403, "origin_not_allowed", headers={"Origin": origin})


def test_a_name_that_was_made_to_point_here_is_refused() -> None:
    refused(403, "origin_not_allowed", headers={"Origin": "http://evil.example", "Host": "evil.example"})


def test_the_name_alone_does_not_make_a_page_our_own() -> None:
    headers = Headers({"Origin": "http://evil.example:8787", "Host": "evil.example:8787"})
    found = Door().refusal(Request("/v1/realtime", headers), 0)
    assert found is not None
    assert found[0] == 403


def test_a_page_of_this_very_address_is_let_in() -> None:
    accepted({}, {"Origin": "http://{host}"})


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}, {"api-key": "s3cre"}]
)
def test_without_the_token_nobody_is_let_in(headers: dict[str, str]) -> None:
    refused(401, "invalid_api_key", {"token": "s3cret"}, headers=headers)


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer s3cret"}, {"authorization": "bearer s3cret"}, {"api-key": "s3cret"}]
)
def test_with_the_token_one_is_let_in(headers: dict[str, str]) -> None:
    accepted({"token": "s3cret"}, headers)


def test_off_loopback_a_token_is_required() -> None:
    with pytest.raises(BadSettings, match="--token-env"):
        Door(host="0.0.0.0")  # noqa: S104  # that is what must be refused
    Door(host="0.0.0.0", token="s3cret")  # noqa: S104  # and this is allowed


def test_conversations_are_limited_and_the_place_is_free_again_after_one() -> None:
    async def talk(address: str) -> None:
        async with connect(address) as first:
            await heard(first, "session.created")
            with pytest.raises(InvalidStatus) as caught:
                await connect(address)
            assert caught.value.response.status_code == 429
        while True:
            try:
                async with connect(address) as second:
                    await heard(second, "session.created")
                    return
            except InvalidStatus:  # the engine still frees the first
                await asyncio.sleep(0.02)

    with_engine(talk, max_sessions=1)


def test_two_conversations_do_not_hear_each_other() -> None:
    async def talk(address: str) -> None:
        async with connect(address) as one, connect(address) as other:
            await say(one, 400)
            await heard(one, "response.done")
            await other.send('{"type":"response.create"}')
            done = await heard(other, "response.done")
            assert done["response"]["output"][0]["content"][0]["transcript"] == "I heard nothing That is all."

    with_engine(talk)


def test_a_port_in_use_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        door = Door(port=taken.getsockname()[1])
        with pytest.raises(BadSettings, match=f"port {door.port} of 127.0.0.1 is in use.*--port"):
            asyncio.run(serving(tone_stages(), door, print, asyncio.Event()))


def test_an_address_that_is_not_ours_is_one_clear_sentence() -> None:
    with pytest.raises(BadSettings, match="Cannot listen"):
        asyncio.run(serving(tone_stages(), Door("192.0.2.1", 0, token="x"), print, asyncio.Event()))  # not a secret


class _Loquacious(BeepSpeak):
    """Knows when more was spoken than all buffers between engine and client hold."""

    def __init__(self) -> None:
        self.enough = threading.Event()
        self._bytes = 0

    def speak(self, text: str, cut: Cut) -> Iterator[bytes]:
        for piece in super().speak(text, cut):
            yield piece
            self._bytes += len(piece)
            if self._bytes > 32 * 2**20:
                self.enough.set()


def test_a_client_that_does_not_read_is_closed() -> None:
    stages = tone_stages()
    stages.speak = loquacious = _Loquacious()

    async def talk(address: str) -> None:
        async with connect(address, max_queue=1) as ws:
            content = [{"type": "input_text", "text": "word " * 40_000}]
            item = {"type": "message", "role": "user", "content": content}
            await ws.send(codec.encode(client.CreateItem(item)))
            await ws.send(codec.encode(client.CreateResponse()))
            assert await asyncio.to_thread(loquacious.enough.wait, PATIENCE_S)
            with pytest.raises(ConnectionClosed) as caught:
                await heard(ws, "nothing of this name is ever said")
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1008

    with_engine(talk, stages, max_waiting_bytes=400_000, close_s=PATIENCE_S)


async def a_place(address: str) -> ClientConnection:
    """A connection, as soon as the engine has let go of the one before."""
    while True:
        try:
            return await connect(address)
        except InvalidStatus:
            await asyncio.sleep(0.02)


def test_a_conversation_that_cannot_begin_gives_its_place_back(caplog: pytest.LogCaptureFixture) -> None:
    stages = tone_stages()
    good = stages.notice

    def broken() -> Notice:
        stages.notice = good
        raise RuntimeError("the detector broke, as asked")

    stages.notice = broken

    async def talk(address: str) -> None:
        first = await connect(address)
        with pytest.raises(ConnectionClosed) as caught:
            await first.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1011
        second = await a_place(address)
        await heard(second, "session.created")
        await second.close()

    with_engine(talk, stages, max_sessions=1)
    assert "the detector broke, as asked" in caplog.text


def test_a_client_that_never_reads_loses_its_place() -> None:
    content = [{"type": "input_text", "text": "word " * 40_000}]
    item = codec.encode(client.CreateItem({"type": "message", "role": "user", "content": content}))

    async def talk(address: str) -> None:
        deaf = await connect(address, max_queue=1, ping_interval=None)
        deaf.transport.pause_reading()
        await deaf.send(item)
        await deaf.send(codec.encode(client.CreateResponse()))
        second = await a_place(address)  # for ever, if the place stays taken
        await heard(second, "session.created")
        await second.close()
        deaf.transport.abort()

    with_engine(talk, max_sessions=1, max_waiting_bytes=400_000)


def test_a_bug_in_the_writer_is_logged_and_closes_1011(caplog: pytest.LogCaptureFixture) -> None:
    stages = tone_stages()
    no_name: Any = object()  # what JSON cannot say
    stages.name = no_name

    async def talk(address: str) -> None:
        async with connect(address) as ws:
            with pytest.raises(ConnectionClosed) as caught:
                await ws.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1011

    with_engine(talk, stages)
    assert [record.exc_info is not None for record in caplog.records if record.levelname == "ERROR"] == [True]


def test_the_token_never_reaches_a_log_however_talkative(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(address: str) -> None:
        async with connect(address, additional_headers={"Authorization": "Bearer open-sesame"}) as ws:
            await heard(ws, "session.created")

    with caplog.at_level(logging.DEBUG):
        with_engine(talk, token="open-sesame")  # not a secret
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.client"]
    assert ours
    assert "open-sesame" not in "\n".join(ours)


def test_the_official_client_holds_a_voice_turn_with_a_function_call() -> None:
    weather: Any = {
        "type": "function",
        "name": "get_weather",
        "description": "Weather.",
        "parameters": {"type": "object"},
    }

    async def talk(address: str) -> None:
        official = AsyncOpenAI(websocket_base_url=address.removesuffix("/realtime"), api_key="x")
        async with official.realtime.connect(model="small") as connection:
            await connection.session.update(session={"type": "realtime", "tools": [weather]})
            for piece in (silence(100), tone(400, 600), silence(700)):
                await connection.send_raw(codec.encode(client.AppendAudio(piece)))
            said = ""
            async for event in connection:
                if event.type == "response.output_item.done" and event.item.type == "function_call":
                    output: Any = {"type": "function_call_output", "call_id": event.item.call_id, "output": "sunny"}
                    await connection.conversation.item.create(item=output)
                elif event.type == "response.output_audio_transcript.done":
                    said = event.transcript
                elif event.type == "response.done":
                    if said:
                        break
                    await connection.response.create()
            assert said == "I heard sunny That is all."
        await official.close()

    with_engine(talk)

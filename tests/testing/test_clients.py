"""Two real clients against the same server: the official package, and our own wire."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping

from openai import AsyncOpenAI

from vivavoce.events.client import AppendAudio, UpdateSession
from vivavoce.events.server import AudioDelta, ResponseDone, ServerEvent, SessionCreated
from vivavoce.pcm import silence
from vivavoce.testing import RealtimeServer, Reply, Talk, in_order, runs, spoken
from vivavoce.testing.sound import Run
from vivavoce.wire.refusals import Advice
from vivavoce.wire.websocket import Server, WebSocketWire

TURN = spoken("What is it?", 300) + silence(600)
REPLY = Reply("It is a test.", 500)
ADVICE = Advice(model="m", named_by="--model", key="check the key", address="the address")


def test_the_official_client_has_a_conversation() -> None:
    async def hold() -> None:
        async with RealtimeServer(Talk(answer=in_order(REPLY)), key="sk-test") as server:
            official = AsyncOpenAI(api_key="sk-test", websocket_base_url=f"{server.address}/v1")
            sound = bytearray()
            async with asyncio.timeout(20), official, official.realtime.connect(model="gpt-test") as connection:
                await connection.session.update(
                    session={"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}}
                )
                await connection.input_audio_buffer.append(audio=base64.b64encode(TURN).decode())
                async for event in connection:
                    if event.type == "response.output_audio.delta":
                        sound += base64.b64decode(event.delta)
                    elif event.type == "response.done":
                        break
            assert runs(bytes(sound)) == [Run(0, 0, 12_000)]
            (seen,) = server.connections
            assert seen.path == "/v1/realtime?model=gpt-test"
            assert seen.header("authorization") == "Bearer sk-test"
            assert [item["content"][0]["transcript"] for item in seen.items] == ["What is it?", "It is a test."]

    asyncio.run(hold())


def test_our_own_wire_has_the_same_conversation() -> None:
    async def headers() -> Mapping[str, str]:
        return {"Authorization": "Bearer sk-test"}

    async def hold() -> None:
        async with RealtimeServer(Talk(answer=in_order(REPLY)), key="sk-test") as server:
            wire = WebSocketWire(Server(server.url, headers, ADVICE))
            await wire.open()
            wire.send(UpdateSession({"type": "realtime", "audio": {"input": {"transcription": {"model": "x"}}}}))
            wire.send(AppendAudio(TURN))
            heard: list[ServerEvent] = []
            async with asyncio.timeout(20):
                while not heard or not isinstance(heard[-1], ResponseDone):
                    heard.append(await wire.receive())
            await wire.close()
            assert isinstance(heard[0], SessionCreated)
            assert runs(b"".join(event.audio for event in heard if isinstance(event, AudioDelta))) == [
                Run(0, 0, 12_000)
            ]
            (seen,) = server.connections
            assert [item["content"][0]["transcript"] for item in seen.items] == ["What is it?", "It is a test."]

    asyncio.run(hold())

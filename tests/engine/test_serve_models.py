"""The official client holds a spoken conversation with the real models."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import samplerate
import soundfile
from openai import AsyncOpenAI

from vivavoce.engine.opening import open_stages
from vivavoce.engine.serve import Door, serving
from vivavoce.events import client, codec
from vivavoce.pcm import RATE_HZ, ms_to_bytes, silence

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]

RECORDINGS = Path(__file__).parents[1] / "recordings"
PATIENCE_S = 250.0
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
FINISH: Any = {
    "type": "function",
    "name": "user_wants_to_finish_conversation",
    "description": "Invoked when the user says goodbye, expresses being finished, or otherwise seems to want to stop.",
    "parameters": {"type": "object", "properties": {}},
}


def recording(name: str) -> bytes:
    """24 kHz sound of a recording, with silence around it."""
    sound, rate = soundfile.read(RECORDINGS / name, dtype="float32", always_2d=True)
    sound = samplerate.resample(sound.mean(axis=1), RATE_HZ / rate, "sinc_best")
    said: bytes = (np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes()
    return silence(300) + said + silence(1500)


async def say(connection: Any, pcm: bytes) -> None:
    for at in range(0, len(pcm), ms_to_bytes(100)):
        await connection.send_raw(codec.encode(client.AppendAudio(pcm[at : at + ms_to_bytes(100)])))


async def exchange(connection: Any, outputs: dict[str, str]) -> tuple[list[str], str, int]:
    """Until an answer was spoken: the functions called on the way, the words, the milliseconds of sound."""
    called: list[str] = []
    sound = 0
    async for event in connection:
        if event.type == "response.output_audio.delta":
            sound += len(event.delta) * 3 // 4
        elif event.type == "response.output_item.done" and event.item.type == "function_call":
            called.append(event.item.name)
            output = {"type": "function_call_output", "call_id": event.item.call_id, "output": outputs[event.item.name]}
            await connection.conversation.item.create(item=output)
        elif event.type == "response.done":
            assert event.response.status == "completed"
            [item] = event.response.output
            if item.type == "message":
                return called, item.content[0].transcript, sound // 48
            choice: Any = {"tool_choice": "none"} if called[-1] == FINISH["name"] else {}
            await connection.response.create(response=choice)
    raise AssertionError("the connection ended before an answer came")


def test_a_question_a_function_call_and_a_goodbye_in_one_conversation() -> None:
    async def talk(address: str) -> None:
        official = AsyncOpenAI(websocket_base_url=address.removesuffix("/realtime"), api_key="x")
        async with official.realtime.connect(model="small") as connection:
            await connection.session.update(session={"type": "realtime", "tools": [WEATHER, FINISH]})
            await say(connection, recording("questions/02.wav"))
            called, words, ms = await exchange(connection, {"get_weather": '{"sky": "rain", "temperature": 9}'})
            assert called == ["get_weather"]
            assert "rain" in words.lower() or "9" in words or "nine" in words.lower()
            assert ms > 500
            await say(connection, recording("questions/10.wav"))
            called, words, ms = await exchange(connection, {FINISH["name"]: '{"ok": true}'})
            assert called == [FINISH["name"]]
            assert words
            assert ms > 200
        await official.close()

    async def whole() -> None:
        stop = asyncio.Event()
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        stages = open_stages("small", "base")
        task = asyncio.create_task(serving(stages, Door(port=0), address.set_result, stop))
        try:
            await asyncio.wait_for(talk(await address), PATIENCE_S)
        finally:
            stop.set()
            await task
            stages.close()

    asyncio.run(whole())

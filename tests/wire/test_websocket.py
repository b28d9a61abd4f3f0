from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
from collections.abc import Mapping

import pytest
from tests.wire.servers import CREATED, KEY, Answer, Script, Seen, port_of, serving, tcp
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request

from vivavoce import pcm
from vivavoce.errors import KeyRefused, ProtocolError, Refused, ServerGone, VivaError
from vivavoce.events.client import AppendAudio, CommitAudio, CreateResponse, UpdateSession
from vivavoce.events.server import ServerError, ServerEvent, SessionCreated
from vivavoce.events.word import Unknown
from vivavoce.ports import Trouble
from vivavoce.wire.refusals import Advice
from vivavoce.wire.websocket import Patience, Server, WebSocketWire

LONG = Patience(open_s=60, flush_s=60, close_s=60)  # nothing of it is used up, also where the machine halts for a while
SHORT = Patience(open_s=60, flush_s=0.3, close_s=0.5)
ADVICE = Advice(model="m", named_by="--model", key="check the key", address="the address")


def wire_to(url: str, patience: Patience = LONG) -> WebSocketWire:
    async def headers() -> Mapping[str, str]:
        return {"Authorization": f"Bearer {KEY}"}

    return WebSocketWire(Server(url, headers, ADVICE), patience)


def ended_after(script: Script, patience: Patience = LONG) -> VivaError:
    """What `receive` raises in the end, behind all words."""

    async def talk() -> VivaError:
        async with serving(script=script, tls=False) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}", patience)
            await wire.open()
            try:
                while True:
                    await wire.receive()
            except (ServerGone, Refused) as gone:
                return gone
            finally:
                await wire.close()

    return asyncio.run(talk())


def gone_after(script: Script, patience: Patience = LONG) -> ServerGone:
    """The same, where a new connection may help."""
    gone = ended_after(script, patience)
    assert isinstance(gone, ServerGone)
    return gone


def test_words_go_in_order_and_waiting_sound_is_joined_up_to_100_ms() -> None:
    block = pcm.silence(20)

    async def talk() -> list[dict[str, str]]:
        texts: list[str] = []

        async def script(connection: ServerConnection) -> None:
            texts.extend([str(text) async for text in connection])

        async with serving(script=script, tls=False) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}")
            await wire.open()
            wire.send(UpdateSession({"type": "realtime"}))
            for _ in range(7):
                wire.send(AppendAudio(block))
            wire.send(CommitAudio())
            wire.send(AppendAudio(block))
            wire.send(CreateResponse())
            await wire.close()
        return [json.loads(text) for text in texts]

    said = asyncio.run(talk())
    append = "input_audio_buffer.append"
    assert [word["type"] for word in said] == [
        "session.update",
        append,
        append,
        "input_audio_buffer.commit",
        append,
        "response.create",
    ]
    sound = [len(base64.b64decode(word["audio"])) for word in said if word["type"] == append]
    assert sound == [5 * len(block), 2 * len(block), len(block)]


def test_a_server_that_does_not_take_the_sound_loses_the_oldest_and_no_word() -> None:
    """Numbered blocks: what arrives is a beginning, then a gap, then the newest ten seconds, and every word."""
    blocks = 6_000  # two minutes, more than loopback buffers hold

    async def talk() -> tuple[list[int], list[str], list[Trouble]]:
        numbers: list[int] = []
        words: list[str] = []
        listen = asyncio.Event()

        async def script(connection: ServerConnection) -> None:
            await listen.wait()
            async for text in connection:
                said = json.loads(text)
                if said["type"] == "input_audio_buffer.append":
                    sound = base64.b64decode(said["audio"])
                    numbers.extend(sound[at] + 256 * sound[at + 1] for at in range(0, len(sound), pcm.BLOCK_BYTES))
                else:
                    words.append(said["event_id"])

        quiet = socket.create_server(("127.0.0.1", 0))
        quiet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with serve(script, sock=quiet, compression=None, max_queue=1) as server:
            patience = Patience(open_s=60, flush_s=60, close_s=60, ping_s=60, sound_s=10)
            wire = wire_to(f"ws://127.0.0.1:{port_of(server.sockets)}", patience)
            await wire.open()
            for number in range(blocks):
                wire.send(AppendAudio(number.to_bytes(2, "little") * pcm.BLOCK_SAMPLES))
                if number % 1000 == 0:
                    wire.send(CommitAudio(event_id=f"word {number}"))
                if number % 10 == 0:
                    await asyncio.sleep(0)
            warnings = wire.warnings()
            assert wire.warnings() == []
            listen.set()
            await wire.close()
        return numbers, words, warnings

    numbers, words, warnings = asyncio.run(talk())
    assert words == [f"word {number}" for number in range(0, blocks, 1000)]
    assert numbers == sorted(set(numbers))
    assert numbers[-500:] == list(range(blocks - 500, blocks))
    lost_ms = (blocks - len(numbers)) * pcm.BLOCK_MS
    assert lost_ms > 0
    assert warnings == [Trouble("sound_dropped", f"The server was too slow: {lost_ms} ms of your sound were not sent.")]


def test_bad_words_are_told_and_the_next_good_one_still_arrives() -> None:
    async def script(connection: ServerConnection) -> None:
        for frame in ('{"type": "respon', "[1]", b"\x00\x01", '{"type":"session.created"}', CREATED):
            await connection.send(frame)
        await connection.wait_closed()

    async def talk() -> list[str]:
        async with serving(script=script, tls=False) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}")
            await wire.open()
            faults = []
            for _ in range(4):
                with pytest.raises(ProtocolError) as caught:
                    await wire.receive()
                faults.append(f"{caught.value.code} {caught.value.field}".strip())
            assert isinstance(await wire.receive(), SessionCreated)
            await wire.close()
            return faults

    assert asyncio.run(talk()) == [
        "invalid_json",
        "invalid_json",
        "invalid_json",
        "missing_required_parameter session",
    ]


def test_a_word_only_we_may_say_is_one_nobody_acts_on() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.send('{"type":"response.cancel","event_id":"e","response_id":"r"}')
        await connection.wait_closed()

    async def talk() -> object:
        async with serving(script=script, tls=False) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}")
            await wire.open()
            word = await wire.receive()
            await wire.close()
            return word

    assert asyncio.run(talk()) == Unknown(type="response.cancel", fields={"response_id": "r"})


@pytest.mark.parametrize(
    ("code", "reason", "says"),
    [
        (1000, "", "ended the conversation"),
        (1001, "Your session hit the maximum duration of 60 minutes.", "longest duration"),
        (1001, "", "going away"),
        (1008, "", "rule of its own"),
        (1011, "boom", "fault of its own"),
        (1012, "", "restarts"),
        (1013, "", "overloaded"),
        (4999, "just so", "code of its own"),
    ],
)
def test_no_close_code_is_silent(code: int, reason: str, says: str) -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        await connection.close(code, reason)

    gone = gone_after(script)
    assert (gone.code, gone.close_reason) == (code, reason)
    assert says in str(gone)
    assert str(code) in str(gone)
    assert says in gone.fault


@pytest.mark.parametrize(
    ("code", "reason", "kind", "says"),
    [
        (3000, "", KeyRefused, "no longer accepts our key"),
        (4000, "invalid_request_error.beta_api_shape_disabled", Refused, "preview protocol"),
        (1008, "insufficient_quota", Refused, "rule of its own"),
    ],
)
def test_a_close_after_which_a_new_connection_would_not_help_is_a_refusal(
    code: int, reason: str, kind: type[Refused], says: str
) -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        await connection.close(code, reason)

    refused = ended_after(script)
    assert type(refused) is kind
    assert says in str(refused)
    assert str(code) in str(refused)


def test_a_cut_connection_is_1006() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        connection.transport.abort()

    gone = gone_after(script)
    assert gone.code == 1006
    assert "cut without a word" in str(gone)


def test_half_a_message_and_then_nothing_is_1006() -> None:
    async def script(connection: ServerConnection) -> None:
        connection.transport.write(b"\x01\x05hello")  # a text frame that promises more
        connection.transport.close()

    assert gone_after(script).code == 1006


def test_text_that_is_not_utf8_ends_the_connection_and_says_whose_fault_it_was() -> None:
    async def script(connection: ServerConnection) -> None:
        connection.transport.write(b"\x81\x02\xff\xff")
        await connection.wait_closed()

    gone = gone_after(script)
    assert gone.code == 1007
    assert "server sent text that is not UTF-8" in str(gone)


def test_a_message_beyond_16_mib_ends_the_connection() -> None:
    async def script(connection: ServerConnection) -> None:
        await connection.send(" " * (2**24 + 1))

    gone = gone_after(script)
    assert gone.code == 1009
    assert "16 MiB" in str(gone)


def test_unanswered_pings_end_the_connection() -> None:
    async def script(connection: ServerConnection) -> None:
        connection.transport.pause_reading()  # until the client gives up; `serving` then cuts it off
        await connection.wait_closed()

    gone = gone_after(script, Patience(open_s=60, ping_s=0.1, close_s=0.1))
    assert gone.code == 1011
    assert "pings" in str(gone)


def test_close_says_1000_after_the_last_word_even_behind_unread_words() -> None:
    closed: list[int | None] = []
    seen = Seen()

    async def script(connection: ServerConnection) -> None:
        for _ in range(200):
            await connection.send(CREATED)
        seen.texts.extend([str(text) async for text in connection])
        closed.append(connection.close_code)

    async def talk() -> None:
        async with serving(script=script, tls=False) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}")
            await wire.open()
            await wire.receive()
            wire.send(CommitAudio(event_id="last"))
            await wire.close()
            await wire.close()
            with pytest.raises(ServerGone):
                await wire.receive()
            wire.send(CommitAudio())

    asyncio.run(talk())
    assert closed == [1000]
    assert [json.loads(text)["event_id"] for text in seen.texts] == ["last"]


def test_a_server_that_takes_nothing_does_not_hold_up_the_end() -> None:
    async def script(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    async def talk() -> None:
        async with serving(script=script, tls=False) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}", SHORT)
            await wire.open()
            wire.send(UpdateSession({"instructions": "x" * 10_000_000}))
            await wire.close()

    asyncio.run(talk())


def test_a_redirect_is_not_followed_because_our_key_would_go_along() -> None:
    reached: list[Request] = []

    def other(request: Request) -> Answer:
        reached.append(request)
        return None

    async def talk() -> Refused:
        async with serving(other, tls=False) as elsewhere:
            moved: Answer = (307, "", {"Location": f"ws://127.0.0.1:{elsewhere}/v1/realtime"})
            async with serving(lambda _request: moved, tls=False) as port:
                with pytest.raises(Refused) as caught:
                    await wire_to(f"ws://127.0.0.1:{port}").open()
                return caught.value

    assert "another address" in str(asyncio.run(talk()))
    assert reached == []


def test_the_key_never_reaches_a_log_however_talkative(caplog: pytest.LogCaptureFixture) -> None:
    async def talk() -> None:
        async with serving(tls=False) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}")
            await wire.open()
            await wire.receive()
            await wire.close()

    with caplog.at_level(logging.DEBUG):
        asyncio.run(talk())
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert KEY not in "\n".join(ours)


def test_opening_again_is_a_new_conversation_without_old_words() -> None:
    seen = Seen()

    async def script(connection: ServerConnection) -> None:
        await connection.send(CREATED)
        if len(seen.requests) == 1:
            connection.transport.abort()
            return
        seen.texts.extend([str(text) async for text in connection])

    async def talk() -> None:
        async with serving(script=script, tls=False, seen=seen) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}")
            await wire.open()
            await wire.receive()
            with pytest.raises(ServerGone):
                await wire.receive()
            wire.send(CommitAudio(event_id="old"))
            wire.send(CommitAudio(event_id="older"))
            await wire.open()
            assert isinstance(await wire.receive(), SessionCreated)
            wire.send(CommitAudio(event_id="new"))
            await wire.close()

    asyncio.run(talk())
    assert [json.loads(text)["event_id"] for text in seen.texts] == ["new"]


def test_cancelling_receive_loses_no_word() -> None:
    go = asyncio.Event()

    async def script(connection: ServerConnection) -> None:
        await go.wait()
        await connection.send(CREATED)
        await connection.wait_closed()

    async def talk() -> None:
        async with serving(script=script, tls=False) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}")
            await wire.open()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await wire.receive()
            go.set()
            assert isinstance(await wire.receive(), SessionCreated)
            await wire.close()

    asyncio.run(talk())


def test_cancelling_open_leaves_nothing_open() -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        ended.set()

    async def talk() -> None:
        async with tcp(mute) as port:
            opening = asyncio.create_task(wire_to(f"ws://127.0.0.1:{port}").open())
            await asked.wait()
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await ended.wait()

    asyncio.run(talk())


def test_sound_waits_to_be_gathered_but_not_past_a_word() -> None:
    block = pcm.silence(20)
    texts: list[str] = []

    async def script(connection: ServerConnection) -> None:
        async for text in connection:
            texts.append(str(text))  # noqa: PERF401  the list is looked at while it grows

    async def talk() -> list[int]:
        async with serving(script=script, tls=False) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}", Patience(open_s=60, flush_s=60, close_s=60, gather_ms=60))
            await wire.open()
            lengths = []
            for _ in range(4):
                wire.send(AppendAudio(block))
                await asyncio.sleep(0.02)
                lengths.append(len(texts))
            wire.send(CommitAudio())
            await wire.close()
            return lengths

    assert asyncio.run(talk())[:2] == [0, 0]
    said = [json.loads(text) for text in texts]
    sounds = [len(base64.b64decode(word["audio"])) // len(block) for word in said if "audio" in word]
    assert sounds == [3, 1]
    assert said[-1]["type"] == "input_audio_buffer.commit"


SECRETS = "password=hunter2hunter2&x-api%2Dkey=other%2Fsecret&user=Someone&model=gpt-realtime&role=assistant"


def repeating(port: int) -> WebSocketWire:
    return wire_to(f"ws://127.0.0.1:{port}/v1/realtime?{SECRETS}")


def test_a_secret_of_ours_that_a_server_repeats_is_not_taken_in() -> None:
    said = f"{KEY} hunter2hunter2 other/secret other%2Fsecret Someone gpt-realtime assistant"
    event = {"type": "error", "error": {"type": "t", "message": said}}

    async def script(connection: ServerConnection) -> None:
        await connection.send(json.dumps(event))
        await connection.close(4000, f"{KEY} hunter2hunter2")

    async def talk() -> tuple[ServerEvent, ServerGone]:
        async with serving(script=script, tls=False) as port:
            wire = repeating(port)
            await wire.open()
            word = await wire.receive()
            with pytest.raises(ServerGone) as caught:
                await wire.receive()
            await wire.close()
            return word, caught.value

    word, gone = asyncio.run(talk())
    assert isinstance(word, ServerError)
    assert word.error["message"] == "** ** ** ** ** gpt-realtime assistant"
    assert gone.close_reason == "** **"
    assert KEY not in str(gone)


def test_a_refusal_does_not_show_the_query() -> None:
    async def talk() -> Refused:
        async with serving(lambda _request: (400, '{"error":"no hunter2hunter2 here"}'), tls=False) as port:
            with pytest.raises(Refused) as caught:
                await repeating(port).open()
            return caught.value

    refused = asyncio.run(talk())
    assert "no ** here" in str(refused)
    assert "hunter2" not in refused.body


def test_what_keeps_us_waiting_is_told_while_we_wait() -> None:
    answers: list[Answer] = [(429, "", {"retry-after-ms": "300"}), None]

    async def talk() -> list[Trouble]:
        async with serving(lambda _request: answers.pop(0), tls=False) as port:
            wire = wire_to(f"ws://127.0.0.1:{port}")
            opening = asyncio.create_task(wire.open())
            told: list[Trouble] = []
            while not told and not opening.done():
                await asyncio.sleep(0.01)
                told = wire.warnings()
            assert not opening.done()
            await opening
            assert wire.warnings() == []
            await wire.close()
            return told

    [trouble] = asyncio.run(talk())
    assert trouble.code == "retrying"
    assert trouble.message.endswith("Trying again in 0.3 s.")

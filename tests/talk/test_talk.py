"""Whole talks: the command `viva talk` as a person starts it, against a server on loopback, files for ears and mouth."""

from __future__ import annotations

import asyncio
import signal
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.talk.command import Seen, replies, viva, wav
from tests.talk.server import RATE, Answer, NumberedServer, numbered, running

RECORDINGS = Path(__file__).parents[1] / "recordings"
QUESTION = str(RECORDINGS / "questions" / "09.wav")
SECOND = str(RECORDINGS / "questions" / "10.wav")


def talk(server: NumberedServer, *args: str, stop: tuple[Callable[[], bool], int] | None = None) -> Seen:
    async def hold() -> Seen:
        async with running(server):
            return await viva("--server", server.url, *args, stop=stop)

    return asyncio.run(hold())


def whole(ms: int) -> array[int]:
    """The samples of a reply of that length."""
    return array("h", numbered(ms * RATE // 1000))


def test_a_recording_is_answered_and_the_talk_ends_by_itself(tmp_path: Path) -> None:
    server = NumberedServer([Answer("One two three.", 1200)], heard_as=["What is the capital of Australia?"])
    seen = talk(server, "--mic", QUESTION, "--speaker", str(tmp_path / "out.wav"), "--json")
    assert seen.code == 0, seen.err
    assert seen.types[0] == "ready"
    assert seen.lines[-1]["reason"] == "script_done"
    assert [line["text"] for line in seen.of("user")] == ["What is the capital of Australia?"]
    said = seen.of("assistant")
    assert len(said) == 1
    assert said[0] | {"t": 0, "out_ms": 0, "item_id": ""} == {
        "t": 0,
        "out_ms": 0,
        "type": "assistant",
        "item_id": "",
        "text": "One two three.",
        "heard_text": "One two three.",
        "heard_ms": 1200,
        "interrupted": False,
        "cut_by": None,
    }
    assert "".join(line["text"] for line in seen.of("assistant_delta")) == "One two three."
    assert server.words("conversation.item.truncate") == []
    (reply,) = replies(wav(tmp_path / "out.wav"))
    assert reply.samples == whole(1200)
    times = [line["t"] for line in seen.lines]
    assert times == sorted(times)
    assert all("out_ms" in line for line in seen.lines)


def test_a_barge_in_cuts_the_reply_exactly_where_it_was_heard(tmp_path: Path) -> None:
    server = NumberedServer([Answer("A long story that goes on and on and on.", 20_000), Answer("Yes.", 300)])
    out = tmp_path / "out.wav"
    seen = talk(server, "--mic", QUESTION, "--mic", f"{SECOND}@1.0", "--speaker", str(out), "--json")
    assert seen.code == 0, seen.err
    (told,) = server.words("conversation.item.truncate")
    reply, *_ = replies(wav(out))
    assert reply.samples == whole(20_000)[: len(reply.samples)]  # nothing missing, nothing twice
    last_ms = len(reply.samples) * 1000 / RATE
    assert 0 <= last_ms - told["audio_end_ms"] < 1  # rounded down to a millisecond, otherwise exact
    (interrupted,) = seen.of("interrupted")
    assert interrupted["heard_ms"] == told["audio_end_ms"]
    silent_from_ms = reply.end * 1000 / RATE
    assert silent_from_ms <= interrupted["out_ms"] + 60
    assert seen.of("truncate")[0]["audio_end_ms"] == told["audio_end_ms"]
    assert seen.of("assistant")[0]["interrupted"] is True
    # the second recording began 1.0 s after the first sample of the reply was heard; VAD needs some of it
    began = next(line for line in seen.of("speech_started") if line["out_ms"] > reply.start * 1000 / RATE)
    assert began["out_ms"] - reply.start * 1000 / RATE >= 1000


def test_what_interrupts_is_left_to_the_server_unless_asked_for() -> None:
    server = NumberedServer([Answer("One two three.", 300)])
    seen = talk(server, "--mic", QUESTION, "--speaker", "none")
    assert seen.code == 0, seen.err
    assert "Barge-in: " not in seen.out  # `auto` and `confirmed` say who decides
    turns = server.words("session.update")[0]["session"]["audio"]["input"]["turn_detection"]
    assert (turns["create_response"], turns["interrupt_response"]) == (True, True)


def test_the_words_of_the_person_stand_before_the_answer_even_when_they_are_late() -> None:
    server = NumberedServer([Answer("Here you are.", 400, transcript_delay_s=1.2)], heard_as=["Late words"])
    seen = talk(server, "--mic", QUESTION, "--speaker", "none")
    assert seen.code == 0, seen.err
    lines = [line for line in seen.out.splitlines() if line.startswith(("You:", "Assistant:"))]
    assert lines == ["You: Late words", "Assistant: Here you are."]


def test_a_function_is_called_once_and_the_talk_ends_after_the_farewell_was_heard(tmp_path: Path) -> None:
    tools = tmp_path / "shop.py"
    tools.write_text("def open_door(width: int) -> str:\n    'Open the door.'\n    return f'open {width}'\n")
    server = NumberedServer(
        [
            Answer("Let me see.", 300, calls=(("open_door", '{"width": 3}'),)),
            Answer("It is open.", 300),
            Answer("", 0, calls=(("user_wants_to_finish_conversation", ""), ("open_door", '{"width": 4}'))),
            Answer("Goodbye.", 700),
        ]
    )
    out = tmp_path / "out.wav"
    seen = talk(server, "--mic", QUESTION, "--mic", SECOND, "--tools", str(tools), "--speaker", str(out), "--json")
    assert seen.code == 0, seen.err
    calls = [(line["name"], line["arguments"], line["output"], line["error"]) for line in seen.of("call")]
    assert calls == [
        ("open_door", {"width": 3}, "open 3", None),
        ("user_wants_to_finish_conversation", {}, '{"ok":true}', None),
        ("open_door", {"width": 4}, "open 4", None),
    ]
    created = [word["response"].get("tool_choice") for word in server.words("response.create")]
    assert created == [None, "none"]
    assert seen.lines[-1]["reason"] == "goodbye"
    assert [line["text"] for line in seen.of("assistant")] == ["Let me see.", "It is open.", "Goodbye."]
    assert replies(wav(out))[-1].samples == whole(700)


def test_where_nobody_can_speak_or_type_nobody_is_asked_to() -> None:
    seen = talk(NumberedServer([Answer("Four.", 300)]), "--say", "two by two", "--speaker", "none")
    assert "Connected to" in seen.out
    assert "say goodbye" not in seen.out


def test_typed_turns_need_no_microphone() -> None:
    server = NumberedServer([Answer("Four.", 300), Answer("Nine.", 300)])
    seen = talk(server, "--say", "two by two", "--say=three by three", "--speaker", "none", "--json")
    assert seen.code == 0, seen.err
    assert [line["text"] for line in seen.of("user")] == ["two by two", "three by three"]
    assert [line["text"] for line in seen.of("assistant")] == ["Four.", "Nine."]
    assert server.words("input_audio_buffer.append") == []
    order = [line["type"] for line in seen.lines if line["type"] in {"user", "assistant"}]
    assert order == ["user", "assistant", "user", "assistant"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_in_mid_sentence_leaves_whole_files(tmp_path: Path, number: int, code: int) -> None:
    server = NumberedServer([Answer("A long story.", 20_000)])
    out = tmp_path / "out.wav"

    def sounding() -> bool:
        return any(out.read_bytes()[44:])

    seen = talk(server, "--say", "go on", "--speaker", str(out), "--json", stop=(sounding, number))
    assert seen.code == code
    assert seen.lines[-1]["type"] == "end"
    assert seen.lines[-1]["reason"] == "interrupt"
    assert seen.of("assistant")[0]["interrupted"] is True
    assert "Traceback" not in seen.err
    (reply,) = replies(wav(out))
    assert reply.samples == whole(20_000)[: len(reply.samples)]


def test_under_nohup_a_talk_outlives_its_terminal(tmp_path: Path) -> None:
    server = NumberedServer([Answer("Four.", 2_000)])
    out = tmp_path / "out.wav"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is ignored is ignored by children, too
    try:
        seen = talk(
            server,
            *("--say", "two by two", "--speaker", str(out), "--json"),
            stop=(lambda: any(out.read_bytes()[44:]), signal.SIGHUP),
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    assert seen.code == 0, seen.err
    assert seen.lines[-1]["reason"] == "script_done"
    assert replies(wav(out))[-1].samples == whole(2_000)


def test_the_time_one_has_set_ends_the_talk_as_wished() -> None:
    server = NumberedServer([Answer("A long story.", 20_000)])
    seen = talk(server, "--say", "go on", "--speaker", "none", "--json", "--max-minutes", "0.02")
    assert seen.code == 0
    assert seen.lines[-1]["reason"] == "max_minutes"


def test_a_server_that_goes_away_is_told_with_its_close_code() -> None:
    async def close(socket: Any) -> None:
        await socket.close(1011, "the model fell over")

    server = NumberedServer([Answer()], on_connect=close)
    seen = talk(server, "--say", "hello", "--speaker", "none", "--json")
    assert seen.code == 5
    assert seen.types[-2:] == ["error", "end"]
    assert seen.lines[-1]["reason"] == "lost"
    assert "1011" in seen.lines[-2]["message"]
    assert "the model fell over" in seen.lines[-2]["message"]


def test_nobody_at_the_address_is_one_sentence() -> None:
    seen = asyncio.run(viva("--server", "ws://127.0.0.1:9/v1/realtime", "--say", "hello", "--speaker", "none"))
    assert seen.code == 5
    assert "127.0.0.1" in seen.out
    assert "Traceback" not in seen.out + seen.err


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--mic", QUESTION, "--speaker", "/nowhere/out.wav"], 2, "/nowhere/out.wav"),
        (["--mic", f"{QUESTION}@soon", "--speaker", "none"], 2, "number of seconds"),
        (["--mic", f"{QUESTION}@-1", "--speaker", "none"], 2, "negative"),
        (["--mic", QUESTION, "--mic", "default", "--speaker", "none"], 2, "there is one microphone"),
        (["--mic", str(RECORDINGS), "--speaker", "none"], 2, "is a folder"),
        (["--say", "x", "--speaker", str(RECORDINGS)], 2, "is a folder"),
        (["--mic", "none", "--speaker", "none"], 2, "nobody could say anything"),
        (["--say", "x", "--tools", "/nowhere/tool.py", "--speaker", "none"], 2, "There is no file /nowhere/tool.py"),
        (["--say", "x", "--speaker", "out.mp3"], 2, "--speaker out.mp3: sound is written as WAV. Choose out.wav."),
        (["--say", "x", "--speaker", "a/Out.OGG"], 2, "Choose a/Out.wav."),
        (["--say", "x", "--speaker", "./answer"], 3, "A file ends in .wav, so './answer' was taken for a device. "),
        (["--say", "x", "--instructions", "@/nowhere", "--speaker", "none"], 2, "--instructions"),
        (["--say", "x", "--tools", QUESTION, "--speaker", "none"], 2, "is not a Python file"),
    ],
)
def test_a_wrong_wish_is_one_sentence_and_exit_2(args: list[str], code: int, words: str) -> None:
    seen = asyncio.run(viva("--server", "ws://127.0.0.1:9", *args))
    assert seen.code == code
    assert words in seen.err
    assert "Traceback" not in seen.err
    as_json = asyncio.run(viva("--server", "ws://127.0.0.1:9", "--json", *args))
    assert as_json.types == ["error", "end"]
    assert as_json.lines[0]["fatal"] is True
    assert as_json.code == code


def test_an_endpoint_without_a_credential_names_both_ways() -> None:
    seen = asyncio.run(
        viva("--say", "x", "--speaker", "none", env={"AZURE_OPENAI_ENDPOINT": "https://a.openai.azure.com"})
    )
    assert seen.code == 2
    assert "AZURE_OPENAI_API_KEY" in seen.err
    assert "AZURE_OPENAI_USE_ENTRA" in seen.err


@pytest.mark.parametrize("as_json", [True, False])
def test_a_reader_that_has_seen_enough_ends_the_talk_without_a_traceback(as_json: bool) -> None:
    async def hold() -> tuple[int, str]:
        async with running(NumberedServer([Answer("A long story. And more of it.", 9000)])) as server:
            flags = " --json" if as_json else ""
            command = f"{sys.executable} -c 'from vivavoce.cli.main import main; main()' talk --server {server.url}"
            shell = f"{command} --say go --speaker none{flags} | head -1"
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_shell(shell, stdout=pipe, stderr=pipe)
            out, err = await asyncio.wait_for(process.communicate(), 90)
            return out.count(b"\n"), err.decode()

    lines, err = asyncio.run(hold())
    assert lines == 1
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_a_speaker_never_overwrites_what_is_no_recording_of_ours(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("precious")
    voice = tmp_path / "voice.wav"
    voice.write_bytes(Path(QUESTION).read_bytes())
    for args in (["--say", "x", "--speaker", str(notes)], ["--mic", str(voice), "--speaker", str(voice)]):
        seen = asyncio.run(viva("--server", "ws://127.0.0.1:9", *args))
        assert seen.code == 2
        assert "overwritten" in seen.err
    assert notes.read_text() == "precious"
    assert voice.read_bytes() == Path(QUESTION).read_bytes()


def test_a_talk_that_never_begins_leaves_an_old_recording_as_it_was(tmp_path: Path) -> None:
    old = tmp_path / "old.wav"
    old.write_bytes(Path(QUESTION).read_bytes())
    seen = asyncio.run(viva("--server", "ws://127.0.0.1:9/v1/realtime", "--say", "x", "--speaker", str(old)))
    assert seen.code == 5
    assert old.read_bytes() == Path(QUESTION).read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_behind_stdout_is_one_sentence() -> None:
    async def hold() -> tuple[int | None, str]:
        async with running(NumberedServer([Answer("One.", 300)])) as server:
            command = f"{sys.executable} -c 'from vivavoce.cli.main import main; main()' talk --server {server.url}"
            process = await asyncio.create_subprocess_shell(
                f"{command} --json --say go --speaker none > /dev/full", stderr=asyncio.subprocess.PIPE
            )
            _, err = await asyncio.wait_for(process.communicate(), 90)
            return process.returncode, err.decode()

    code, err = asyncio.run(hold())
    assert code == 1
    assert "No space left on device" in err
    assert "Traceback" not in err

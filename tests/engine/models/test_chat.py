"""A chat endpoint on loopback that streams what the test tells it to."""

from __future__ import annotations

import json
import logging
import os
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from vivavoce.engine.models.chat import Chat, ollama
from vivavoce.engine.settings import GOODBYE
from vivavoce.engine.stages import Asked, Counted, Prompt, Words
from vivavoce.errors import BadSettings, KeyRefused, QuotaExceeded, ServerGone

_TOOL = {
    "type": "function",
    "name": "look_up",
    "description": "Looks up.",
    "parameters": {"type": "object", "properties": {}},
}


class _Endpoint:
    def __init__(self, deltas: list[dict[str, Any]], status: int) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.says: str | None = None
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                endpoint.keys.append(self.headers.get("Authorization"))
                body = {"models": [{"name": "toy"}]} if self.path == "/api/tags" else {"data": [{"id": "toy"}]}
                self._answer(status, json.dumps(body))

            def do_POST(self) -> None:
                endpoint.keys.append(self.headers.get("Authorization"))
                endpoint.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                lines = [f"data: {json.dumps(one)}\n\n" for one in deltas]
                self._answer(status, "".join([": a comment\n\n", *lines, "data: [DONE]\n\n"]))

            def _answer(self, code: int, body: str) -> None:
                endpoint.paths.append(self.path)
                body = body if endpoint.says is None else endpoint.says
                self.send_response(code)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.url = f"{self.base}/v1"


@contextmanager
def _serving(deltas: list[dict[str, Any]] | None = None, status: int = 200) -> Iterator[_Endpoint]:
    endpoint = _Endpoint(deltas or [], status)
    thread = threading.Thread(target=endpoint.server.serve_forever)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.server.shutdown()
        endpoint.server.server_close()
        thread.join()


def _text(*pieces: str) -> list[dict[str, Any]]:
    return [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]


def _ask(endpoint: _Endpoint, cut: threading.Event | None = None, **prompt: Any) -> list[Words | Asked | Counted]:
    brain = Chat(endpoint.url)
    try:
        given = {"instructions": "Be brief.", "messages": [{"role": "user", "content": "hi"}], **prompt}
        return list(brain.think(Prompt(**given), cut or threading.Event()))
    finally:
        brain.close()


def _said(answer: list[Words | Asked | Counted]) -> str:
    return "".join(one.text for one in answer if isinstance(one, Words))


def test_words_are_streamed_and_cleaned_and_counted() -> None:
    usage = {
        "choices": [],
        "usage": {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 3}},
    }
    with _serving([*_text("Hello **there**", ", how ", "are you?"), usage]) as endpoint:
        answer = _ask(endpoint)
    assert _said(answer) == "Hello there, how are you?"
    assert answer[-1] == Counted(9, 3, 4)
    assert endpoint.requests[0]["model"] == "toy"
    assert endpoint.requests[0]["messages"][0]["content"].endswith("Be brief.")


def test_a_native_call_in_pieces_is_asked_once() -> None:
    pieces = [
        {"index": 0, "function": {"name": "look_up", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a":'}},
    ]
    pieces.append({"index": 0, "function": {"arguments": " 1}"}})
    deltas = [{"choices": [{"delta": {"tool_calls": [piece]}}]} for piece in pieces]
    with _serving(deltas) as endpoint:
        answer = _ask(endpoint, tools=[_TOOL])
    assert answer[0] == Asked("look_up", '{"a": 1}')
    assert endpoint.requests[0]["tools"][0]["function"]["name"] == "look_up"


def test_a_call_written_as_text_is_never_spoken() -> None:
    with _serving(_text('{"na', 'me": "look_up", ', '"arguments": {}}')) as endpoint:
        answer = _ask(endpoint, tools=[_TOOL])
    assert _said(answer) == ""
    assert answer[0] == Asked("look_up", "{}")


def test_a_call_of_an_unknown_function_is_neither_spoken_nor_asked() -> None:
    with _serving(_text('{"name": "launch", "arguments": {}}')) as endpoint:
        answer = _ask(endpoint, tools=[_TOOL])
    assert "launch" not in _said(answer)
    assert not [one for one in answer if isinstance(one, Asked)]


def test_what_is_cut_ends_without_a_count() -> None:
    cut = threading.Event()
    cut.set()
    with _serving(_text("Hello there.")) as endpoint:
        assert _ask(endpoint, cut) == []


def test_earlier_calls_and_their_results_are_told() -> None:
    messages = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": "", "calls": [{"name": "look_up", "arguments": "{}", "call_id": "c1"}]},
        {"role": "tool", "call_id": "c1", "content": "42"},
    ]
    with _serving(_text("It is 42.")) as endpoint:
        _ask(endpoint, messages=messages)
    sent = endpoint.requests[0]["messages"]
    assert sent[2]["tool_calls"][0]["id"] == "c1"
    assert sent[3] == {"role": "tool", "tool_call_id": "c1", "content": "42"}


def test_a_forced_farewell_asks_nobody() -> None:
    with _serving() as endpoint:
        assert _ask(endpoint, tool_choice=GOODBYE)[0] == Asked(GOODBYE, "{}")
    assert endpoint.requests == []


def test_the_answer_that_hit_the_limit_is_not_complete() -> None:
    with _serving([{"choices": [{"delta": {"content": "Once upon a"}, "finish_reason": "length"}]}]) as endpoint:
        assert _ask(endpoint, max_tokens=3)[-1] == Counted(0, 0, 0, complete=False)
    assert endpoint.requests[0]["max_tokens"] == 3


@pytest.mark.parametrize(("status", "error"), [(401, KeyRefused), (429, QuotaExceeded)])
def test_a_refusal_is_named(status: int, error: type[Exception]) -> None:
    with _serving(status=status) as endpoint, pytest.raises(error):
        _ask(endpoint)


def test_an_endpoint_that_is_not_there_is_told() -> None:
    with pytest.raises(ServerGone, match="is it running"):
        Chat("http://127.0.0.1:9/v1")


def test_a_key_goes_only_where_its_variable_is_named() -> None:
    os.environ["VIVA_TEST_KEY"] = "sesame"
    try:
        with _serving() as endpoint:
            Chat(endpoint.url).close()
            Chat(endpoint.url, key_env="VIVA_TEST_KEY").close()
        assert endpoint.keys == [None, "Bearer sesame"]
    finally:
        del os.environ["VIVA_TEST_KEY"]


@contextmanager
def _key(value: str) -> Iterator[str]:
    os.environ["VIVA_TEST_KEY"] = value
    try:
        yield "VIVA_TEST_KEY"
    finally:
        del os.environ["VIVA_TEST_KEY"]


@pytest.mark.parametrize(
    ("url", "key", "secret"),
    [
        ("http://192.0.2.1/v1", "sesame", "a key"),
        ("http://me:sesame@192.0.2.1/v1", "", "a password"),
        ("http://192.0.2.1/v1?key=sesame", "", "a query"),
    ],
)
def test_no_secret_goes_unencrypted_to_another_machine(url: str, key: str, secret: str) -> None:
    with _key(key or "unused") as name, pytest.raises(BadSettings, match=secret) as caught:
        Chat(url, "toy", name if key else None)
    assert "sesame" not in str(caught.value)


def test_without_a_key_plain_text_to_another_machine_is_allowed() -> None:
    Chat("http://192.0.2.1:11434/v1", "toy").close()  # it connects when it is asked


def test_a_query_and_a_password_go_along_and_are_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), _serving(_text("Hello.")) as endpoint:
        url = endpoint.url.replace("http://", "http://me:sesame-1@") + "/?api-version=1&key=sesame-2"
        brain = Chat(url)
        try:
            assert (
                _said(list(brain.think(Prompt("", [{"role": "user", "content": "hi"}]), threading.Event()))) == "Hello."
            )
        finally:
            brain.close()
    assert endpoint.paths == [
        "/v1/models?api-version=1&key=sesame-2",
        "/v1/chat/completions?api-version=1&key=sesame-2",
    ]
    assert endpoint.keys == [f"Basic {b64encode(b'me:sesame-1').decode()}"] * 2
    assert "/v1/chat/completions" in caplog.text
    assert "sesame" not in caplog.text
    assert logging.getLogger("httpx").filters == []


@pytest.mark.parametrize(
    "url",
    [
        "http://me:sesame@127.0.0.1:9/v1?key=sesame",
        "http://me:sesame/more@127.0.0.1/v1",
        "http://sesame@/v1",
        "http://127.0.0.1:x/v1?key=sesame",
    ],
)
def test_an_address_in_an_error_holds_no_secret(url: str) -> None:
    with pytest.raises((ServerGone, BadSettings)) as caught:
        Chat(url)
    assert "sesame" not in str(caught.value)


def test_a_query_behind_the_model_is_refused_because_the_model_is_shown() -> None:
    with pytest.raises(BadSettings, match="behind the model") as caught:
        Chat("http://127.0.0.1:9/v1", "llama?key=sesame")
    assert "sesame" not in str(caught.value)


def test_a_refusal_that_repeats_our_key_is_cleaned() -> None:
    with _serving(status=401) as endpoint, _key("toyland") as name:
        endpoint.says = "no key toyland here"
        with pytest.raises(KeyRefused) as caught:
            Chat(endpoint.url, key_env=name)
    assert logging.getLogger("httpx").filters == []
    assert caught.value.body == "no key ** here"


def test_a_named_variable_that_is_not_set_is_told() -> None:
    with pytest.raises(BadSettings, match="VIVA_NO_SUCH_KEY"):
        Chat("http://127.0.0.1:9/v1", key_env="VIVA_NO_SUCH_KEY")


def test_ollama_is_found_when_it_answers() -> None:
    with _serving() as endpoint:
        assert ollama(endpoint.base) == ["toy"]
    assert ollama("http://127.0.0.1:9") is None


def test_an_endpoint_that_knows_no_models_is_there_and_one_that_refuses_the_key_says_so() -> None:
    with _serving(status=404) as endpoint:
        chat = Chat(endpoint.url, "toy")
        chat.reach()
        chat.close()
    with _serving(status=401) as endpoint:
        chat = Chat(endpoint.url, "toy")
        with pytest.raises(KeyRefused):
            chat.reach()
        chat.close()


def test_a_key_in_place_of_its_name_is_not_repeated() -> None:
    with pytest.raises(BadSettings) as failed:
        Chat("http://127.0.0.1:9/v1", key_env="sk-abcdefghijkl")
    assert "sk-ab**" in str(failed.value)
    assert "abcdefghijkl" not in str(failed.value)

"""What a person is told before an offline talk."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from vivavoce.cli.offline import offline_wire
from vivavoce.engine.models import chat


class Ollama(BaseHTTPRequestHandler):
    """Answers the one question that tells an Ollama and its models."""

    def do_GET(self) -> None:  # the name http.server calls
        assert self.path == "/api/tags"
        body = json.dumps({"models": [{"name": "llama3.2:latest"}, {"name": "other"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature of http.server
        """Nobody reads a log here."""


@pytest.fixture
def ollama() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Ollama)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_models_of_an_ollama_on_this_machine_are_found(ollama: str) -> None:
    assert chat.ollama(ollama) == ["llama3.2:latest", "other"]


def test_nobody_at_the_port_is_no_ollama() -> None:
    assert chat.ollama("http://127.0.0.1:9") is None


def said(brain: str, language: str | None) -> list[str]:
    lines: list[str] = []
    offline_wire(brain, "base", language, None, lines.append)
    return lines


def test_brain_and_recogniser_are_named_and_no_password_in_them() -> None:
    (line,) = said("http://me:hunter22@127.0.0.1:9/v1?key=k#llama", "en")
    assert line == "Brain: http://127.0.0.1:9/v1#llama (--brain); recogniser: base (the default)"


def test_another_language_is_one_sentence() -> None:
    assert said("medium", "de")[1].startswith("The offline voice speaks English only")

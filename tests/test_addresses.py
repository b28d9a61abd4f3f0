from __future__ import annotations

import pytest

from vivavoce.addresses import azure_root, custom_url, is_loopback, openai_url, quote, shown
from vivavoce.choose import choose
from vivavoce.errors import BadSettings

ROOT = "wss://my-resource.openai.azure.com"


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://my-resource.openai.azure.com",
        "https://my-resource.openai.azure.com/",
        "https://my-resource.openai.azure.com/openai/v1/",
        "https://my-resource.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=x",
        "https://my-resource.openai.azure.com/#top",
        "wss://my-resource.openai.azure.com/openai/v1/realtime?model=x",
        "HTTPS://my-resource.openai.azure.com",
        "my-resource.openai.azure.com",
        "//my-resource.openai.azure.com/",
        '  "https://my-resource.openai.azure.com/" \n',
        "“my-resource.openai.azure.com”",
    ],
)
def test_an_endpoint_is_taken_however_it_was_pasted(endpoint: str) -> None:
    environment = {"AZURE_OPENAI_ENDPOINT": endpoint, "AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_DEPLOYMENT": "d"}
    assert choose(environment, offline_installed=False).url == f"{ROOT}/openai/v1/realtime?model=d"


@pytest.mark.parametrize(
    ("endpoint", "root"),
    [
        ("http://127.0.0.1:9000/x", "ws://127.0.0.1:9000"),
        ("http://localhost:9000", "ws://localhost:9000"),
        ("http://[::1]:9000", "ws://[::1]:9000"),
        ("localhost:9000", "wss://localhost:9000"),
        ("https://[2001:db8::1]", "wss://[2001:db8::1]"),
        ("https://bücher.example", "wss://bücher.example"),
    ],
)
def test_this_machine_may_be_reached_in_the_clear(endpoint: str, root: str) -> None:
    assert azure_root(endpoint, "NAME") == root


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://my-resource.openai.azure.com",
        "ws://10.0.0.1",
        "my-resource",
        "https://<resource>.openai.azure.com",
        "https://my resource.openai.azure.com",
        "https://",
        "ftp://my-resource.openai.azure.com",
        "https://me:hidden-word@my-resource.openai.azure.com",
        "https://my-resource.openai.azure.com:port",
        "https://[::1",
    ],
)
def test_an_endpoint_that_cannot_be_used_names_its_variable_and_not_its_value(endpoint: str) -> None:
    with pytest.raises(BadSettings) as caught:
        azure_root(endpoint, "AZURE_OPENAI_ENDPOINT")
    said = str(caught.value)
    assert "AZURE_OPENAI_ENDPOINT" in said
    assert "https://NAME.openai.azure.com" in said
    assert "hidden-word" not in said
    assert "my-resource" not in said


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.openai.com/v1", "wss://api.openai.com/v1/realtime?model=a%20b"),
        ("https://api.openai.com/v1/", "wss://api.openai.com/v1/realtime?model=a%20b"),
        ("wss://api.openai.com/v1/realtime", "wss://api.openai.com/v1/realtime?model=a%20b"),
        ("https://gateway.example/openai?team=x&model=old", "wss://gateway.example/openai/realtime?team=x&model=a%20b"),
        ("http://localhost:8787/v1", "ws://localhost:8787/v1/realtime?model=a%20b"),
        ("https://api.openai.com", "wss://api.openai.com/realtime?model=a%20b"),
    ],
)
def test_the_realtime_address_lies_below_the_base_address(base: str, url: str) -> None:
    assert openai_url(base, "OPENAI_BASE_URL", "a b") == url


@pytest.mark.parametrize("base", ["http://api.openai.com/v1", "api.openai.com/v1", "nonsense"])
def test_a_base_address_that_cannot_be_used_names_its_variable(base: str) -> None:
    with pytest.raises(BadSettings, match="OPENAI_BASE_URL"):
        openai_url(base, "OPENAI_BASE_URL", "m")


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("wss://h.example", "wss://h.example/v1/realtime"),
        ("https://h.example/", "wss://h.example/v1/realtime"),
        ("https://h.example/own/path?a=1&b=", "wss://h.example/own/path?a=1&b="),
        ("ws://localhost:8787", "ws://localhost:8787/v1/realtime"),
        ("http://127.0.0.9:8787/v1", "ws://127.0.0.9:8787/v1"),
    ],
)
def test_a_server_keeps_its_own_path(address: str, url: str) -> None:
    assert custom_url(address, {}, path="/v1/realtime") == url


def test_the_model_of_the_flag_replaces_that_of_the_address() -> None:
    url = custom_url("wss://h.example/x?model=old&z=1", {"model": "new"}, path="/v1/realtime")
    assert url == "wss://h.example/x?z=1&model=new"


@pytest.mark.parametrize("address", ["ws://h.example", "http://192.168.1.5:8787", "wss://", "tcp://localhost"])
def test_plain_text_goes_only_to_this_machine(address: str) -> None:
    with pytest.raises(BadSettings, match="--server"):
        custom_url(address, {}, path="/v1/realtime")


def test_what_counts_as_this_machine() -> None:
    assert [host for host in ("localhost", "a.localhost", "127.1.2.3", "::1", "[::1]") if not is_loopback(host)] == []
    assert [host for host in ("localhost.example", "128.0.0.1", "10.0.0.1", "", "::2") if is_loopback(host)] == []


def test_a_query_is_not_shown_and_text_in_it_is_quoted() -> None:
    assert shown("wss://h/x?api-key=1") == "wss://h/x"
    assert shown("no address") == "no address"
    assert quote("a&b/c") == "a%26b%2Fc"


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("http://me:hunter2@h:11434/v1", "http://h:11434/v1"),
        ("HTTP://hunter2@[::1]:80/v1?key=hunter2#llama3.2", "HTTP://[::1]:80/v1#llama3.2"),
        ("https://h/v1#a/@b:1?key=hunter2", "https://h/v1#a/@b:1"),
        ("http://me:hunter2/x@h/v1", "http://..."),
        ("http://me:hunter2#x@h/v1", "http://..."),
        ("me:hunter2@h/v1", "h/v1"),
        ("/home/me@work/a.gguf", "/home/me@work/a.gguf"),
    ],
)
def test_neither_user_name_nor_password_nor_query_is_shown(address: str, seen: str) -> None:
    assert shown(address) == seen

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.wire.servers import Seen, serving

import vivavoce
from vivavoce.choose import Flags, choose
from vivavoce.errors import KeyRefused
from vivavoce.wire.factory import wire_for


def test_a_server_by_its_address_gets_the_named_key_and_no_other() -> None:
    seen = Seen()
    environment = {
        "OPENAI_API_KEY": "sk-of-openai-0123",
        "AZURE_OPENAI_API_KEY": "of-azure-0123",
        "MINE": "my-own-key-0123",
    }

    async def talk() -> None:
        async with serving(seen=seen, tls=False) as port:
            server = f"ws://127.0.0.1:{port}"
            for flags in (
                Flags(server=server),
                Flags(server=server, key_env="MINE"),
                Flags(server=server, key_env="MINE", preview=True, model="d"),
            ):
                wire = wire_for(choose(environment, flags, offline_installed=False))
                await wire.open()
                await wire.close()

    asyncio.run(talk())
    bare, keyed, preview = (request.headers for request in seen.requests)
    assert "Authorization" not in bare
    assert "api-key" not in bare
    assert keyed["Authorization"] == "Bearer my-own-key-0123"
    assert preview["api-key"] == "my-own-key-0123"
    assert "Authorization" not in preview
    assert [request.path for request in seen.requests] == [
        "/v1/realtime",
        "/v1/realtime",
        "/openai/realtime?api-version=2025-04-01-preview&deployment=d",
    ]
    assert not any("of-" in value for headers in (bare, keyed, preview) for value in headers.values())


def test_a_server_by_its_address_that_wants_a_key_says_how_to_name_one() -> None:
    async def attempt() -> str:
        async with serving(lambda _request: (401, ""), tls=False) as port:
            choice = choose({}, Flags(server=f"ws://127.0.0.1:{port}"), offline_installed=False)
            with pytest.raises(KeyRefused) as caught:
                await wire_for(choice).open()
            return str(caught.value)

    assert "--key-env NAME" in asyncio.run(attempt())


def test_the_offline_engine_is_not_made_here() -> None:
    with pytest.raises(ValueError, match="offline"):
        wire_for(choose({}, offline_installed=True))


def test_no_extra_is_loaded_to_make_a_wire() -> None:
    code = (
        "import sys, vivavoce.wire.factory;"
        "print([name for name in ('azure', 'aiohttp', 'vivavoce.engine', 'onnxruntime', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  our own interpreter
    assert done.stdout.strip() == "[]"


def test_an_absent_azure_extra_is_named_with_its_pip_line(tmp_path: Path) -> None:
    """A new interpreter in which `azure.identity` cannot be imported, as if it had not been installed."""
    (tmp_path / "azure").mkdir()
    (tmp_path / "azure" / "__init__.py").write_text("")
    code = (
        "import asyncio\n"
        "from vivavoce.errors import MissingExtra\n"
        "from vivavoce.wire.azure import entra_token\n"
        "try: asyncio.run(entra_token('scope'))\n"
        "except MissingExtra as error: print(error)\n"
    )
    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(vivavoce.__file__).parent.parent}", "PATH": ""},
    )
    assert "pip install 'vivavoce[azure]'" in done.stdout

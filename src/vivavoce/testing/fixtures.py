"""Fixtures for pytest: `pytest_plugins = ["vivavoce.testing.fixtures"]` in your `conftest.py` or test file.

    def test_it_comes_back(realtime_server):
        realtime_server.plays([Say(...), Cut()], Talk())
        run_my_client(realtime_server.url)
        assert realtime_server.connections[1].types[0] == "session.update"

The server runs on a thread of its own, so the test may be plain, async, or start a process. A script that was not played to
its end fails the test.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from vivavoce.testing.server import RealtimeServer, in_thread

__all__ = ["Tls", "realtime_server", "realtime_server_tls", "realtime_tls"]


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate for 127.0.0.1 and localhost, made for this run.

    Attributes:
        server, client: contexts for either side; the client's trusts nothing else.
        authority: a PEM file for clients that want one, as in `SSL_CERT_FILE`.
    """

    server: ssl.SSLContext
    client: ssl.SSLContext
    authority: Path


@pytest.fixture
def realtime_server() -> Iterator[RealtimeServer]:
    """A server on loopback that behaves until the test says otherwise (`plays`)."""
    with in_thread(RealtimeServer()) as server:
        yield server


@pytest.fixture(scope="session")
def realtime_tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate and those who trust it; needs the package `trustme`."""
    trustme = pytest.importorskip("trustme", reason="a certificate is made by trustme: pip install trustme")
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    authority.configure_trust(client)
    file = tmp_path_factory.mktemp("realtime-tls") / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return Tls(server, client, file)


@pytest.fixture
def realtime_server_tls(realtime_tls: Tls) -> Iterator[RealtimeServer]:
    """The same behind TLS."""
    with in_thread(RealtimeServer(tls=realtime_tls.server)) as server:
        yield server

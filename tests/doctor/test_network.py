"""Ways to a server with something wrong on them: one finding each, and what to do."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.doctor.rounds import found_in, of, the_fault
from tests.doctor.talker import agree
from tests.wire.servers import AZURE_HOST, AZURE_KEY, KEY, Answer, Proxy, Seen, azure, openai, port_of, serving, tcp
from websockets.asyncio.server import serve
from websockets.http11 import Request

from vivavoce.choose import Flags
from vivavoce.doctor.findings import Finding
from vivavoce.doctor.world import World

AZURE = {
    "AZURE_OPENAI_ENDPOINT": f"https://{AZURE_HOST}",
    "AZURE_OPENAI_API_KEY": AZURE_KEY,
    "AZURE_OPENAI_DEPLOYMENT": "my-realtime",
}
OPENAI = {"OPENAI_API_KEY": KEY}
MACHINE = ("python", "server", "extras")
WAY = ("proxy", "name", "connection", "clock", "certificate")
VISIT = ("answer", "key", "deployment", "protocol", "conversation")


async def examined(server: str = "auto", environment: dict[str, str] | None = None) -> list[Finding]:
    world = World(environment or {}, Flags(server=server))
    return await asyncio.to_thread(found_in, world)


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port of loopback at which nobody listens, and which nobody else takes."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


@contextlib.asynccontextmanager
async def showing(certificate: trustme.LeafCert) -> AsyncIterator[int]:
    """A Realtime server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    async with serve(agree([]), "127.0.0.1", 0, ssl=context, close_timeout=1) as server:
        yield port_of(list(server.sockets))


@pytest.mark.usefixtures("trusted")
def test_a_good_way_is_well_at_every_step_and_costs_nothing() -> None:
    told: list[dict[str, Any]] = []
    seen = Seen()

    async def work() -> list[Finding]:
        async with serving(script=agree(told), seen=seen) as port:
            return await examined(f"wss://localhost:{port}/v1/realtime")

    findings = asyncio.run(work())
    assert {found.verdict for found in findings} == {"ok"}
    assert [found.check for found in findings] == [*MACHINE, *WAY, *VISIT]
    assert [word["type"] for word in told] == ["session.update"]  # no sound, no response: it costs nothing
    assert "cost nothing" in of(findings, "conversation").sentence
    assert abs(of(findings, "clock").facts["ahead_s"]) < 60


@pytest.mark.usefixtures("trusted")
def test_through_a_proxy_everything_is_looked_at_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen()

    async def work() -> tuple[list[Finding], Proxy]:
        async with serving(azure, agree([]), seen=seen) as port:
            proxy = Proxy(port)
            async with proxy.running() as address:
                monkeypatch.setenv("HTTPS_PROXY", address.replace("//", "//me:pass%20word@"))
                return await examined(environment=AZURE), proxy

    findings, proxy = asyncio.run(work())
    assert {found.verdict for found in findings} == {"ok"}
    assert "lets us through" in of(findings, "proxy").sentence
    assert not {"name", "connection"} & {found.check for found in findings}  # that is the proxy's business
    assert {asked.rpartition(" ")[0] for asked in proxy.asked} == {f"CONNECT {AZURE_HOST}:443"}
    assert "word" not in str(findings)  # of the proxy's password nothing is shown
    without_key = [request for request in seen.requests if request.path == "/"]
    assert all("api-key" not in request.headers for request in without_key)


def test_a_name_that_nobody_knows() -> None:
    environment = AZURE | {"AZURE_OPENAI_ENDPOINT": "https://no-such-resource.invalid"}
    fault = the_fault(asyncio.run(examined(environment=environment)), "name")
    assert fault.sentence == "no-such-resource.invalid is a name nobody knows."
    assert "AZURE_OPENAI_ENDPOINT" in fault.fix


def test_a_port_at_which_nobody_listens() -> None:
    with nobody() as port:
        fault = the_fault(asyncio.run(examined(f"ws://127.0.0.1:{port}/v1/realtime")), "connection")
    assert fault.sentence == "Nothing answers at 127.0.0.1."


def test_a_dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody() as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{port}")
        findings = asyncio.run(examined(environment=OPENAI))
    fault = the_fault(findings, "proxy")
    assert f"The proxy 127.0.0.1:{port} (HTTPS_PROXY) does not answer" in fault.sentence
    assert "NO_PROXY" in fault.fix
    assert "secret" not in str(findings)


def test_a_proxy_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://no-such-proxy.invalid:8080")
    fault = the_fault(asyncio.run(examined(environment=OPENAI)), "proxy")
    assert "no-such-proxy.invalid:8080" in fault.sentence


@pytest.mark.parametrize(("status", "says"), [(407, "NAME:PASSWORD"), (403, "NO_PROXY")])
def test_a_proxy_that_says_no(monkeypatch: pytest.MonkeyPatch, status: int, says: str) -> None:
    async def work() -> list[Finding]:
        async with Proxy(0, status).running() as address:
            monkeypatch.setenv("HTTPS_PROXY", address)
            return await examined(environment=OPENAI)

    fault = the_fault(asyncio.run(work()), "proxy")
    assert str(status) in fault.sentence
    assert says in fault.fix


def test_a_proxy_whose_port_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:eighty")
    assert the_fault(asyncio.run(examined(environment=OPENAI)), "proxy").fix == "Write it as http://HOST:PORT"


def test_a_certificate_of_somebody_unknown() -> None:
    async def work() -> list[Finding]:
        async with serving(script=agree([])) as port:
            return await examined(f"wss://localhost:{port}/v1/realtime")

    fault = the_fault(asyncio.run(work()), "certificate")
    assert "The certificate of localhost is not trusted" in fault.sentence
    assert "SSL_CERT_FILE" in fault.fix


def test_a_certificate_for_another_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def work() -> list[Finding]:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        async with showing(authority.issue_cert("another.example")) as port:
            return await examined(f"wss://localhost:{port}/v1/realtime")

    assert "not trusted" in the_fault(asyncio.run(work()), "certificate").sentence


def test_a_certificate_that_is_not_valid_yet_though_the_clock_is_right(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def work() -> list[Finding]:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        tomorrow = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        certificate = authority.issue_cert("localhost", not_before=tomorrow)
        async with showing(certificate) as port:
            return await examined(f"wss://localhost:{port}/v1/realtime")

    findings = asyncio.run(work())
    assert "not yet valid" in the_fault(findings, "certificate").sentence
    assert of(findings, "clock").verdict == "ok"


def test_a_server_without_tls_where_tls_is_spoken() -> None:
    async def work() -> list[Finding]:
        async with serving(script=agree([]), tls=False) as port:
            return await examined(f"wss://localhost:{port}/v1/realtime")

    assert "does not answer with TLS" in the_fault(asyncio.run(work()), "certificate").sentence


@pytest.mark.parametrize(
    ("date", "says"),
    [("Mon, 01 Jan 2024 00:00:00 GMT", "days ahead of"), ("Sat, 01 Jan 2050 00:00:00 GMT", "days behind")],
)
@pytest.mark.usefixtures("trusted")
def test_a_wrong_clock(date: str, says: str) -> None:
    def dated(request: Request) -> Answer:
        return (404, "", {"Date": date}) if request.path == "/" else None

    async def work() -> list[Finding]:
        async with serving(dated, agree([])) as port:
            return await examined(f"wss://localhost:{port}/v1/realtime")

    fault = the_fault(asyncio.run(work()), "clock")
    assert says in fault.sentence
    assert "clock" in fault.fix


def test_a_wrong_clock_is_told_as_such_where_it_makes_the_certificate_invalid() -> None:
    def dated(request: Request) -> Answer:
        return (404, "", {"Date": "Sat, 01 Jan 2050 00:00:00 GMT"}) if request.path == "/" else None

    async def work() -> list[Finding]:
        async with serving(dated, agree([])) as port:  # not trusted here either: the clock comes first
            return await examined(f"wss://localhost:{port}/v1/realtime")

    the_fault(asyncio.run(work()), "clock")


def test_a_server_that_says_no_time_is_no_fault() -> None:
    async def work() -> list[Finding]:
        async with serving(lambda request: (404, "") if request.path == "/" else None, agree([]), tls=False) as port:
            return await examined(f"ws://localhost:{port}/v1/realtime")

    findings = asyncio.run(work())
    assert "clock" not in {found.check for found in findings}
    assert {found.verdict for found in findings} == {"ok"}


def test_a_machine_that_speaks_no_http() -> None:
    async def mumble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail ready\r\n")

    async def work() -> list[Finding]:
        async with tcp(mumble) as port:
            return await examined(f"ws://localhost:{port}/v1/realtime")

    assert the_fault(asyncio.run(work()), "answer").fix


def test_a_socks_proxy_without_its_part_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    world = World(OPENAI, installed=lambda name: name != "python_socks")
    assert the_fault(found_in(world), "proxy").fix == "Run pip install python-socks"


@pytest.mark.usefixtures("trusted")
def test_without_the_network_nothing_is_asked() -> None:
    seen = Seen()

    async def work() -> list[Finding]:
        async with serving(openai, seen=seen) as port:
            flags = Flags(server=f"wss://localhost:{port}/v1/realtime")
            return await asyncio.to_thread(found_in, World({}, flags, network=False))

    assert [found.check for found in asyncio.run(work())] == [*MACHINE]
    assert not seen.requests

"""The way to a server, one step at a time and without a secret: name, proxy, socket, TLS, the time it says. Blocks."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import re
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from vivavoce.wire.failures import proxy_for

__all__ = ["ProxySaysNo", "Way"]

WAIT_S = 10.0
_TUNNEL_ANSWER = re.compile(r"Tunnel connection failed: (\d+)")
_WEB_PORT, _TLS_PORT, _PROXY_PORT = 80, 443, 80


class ProxySaysNo(OSError):
    """A proxy answered, and the answer is no.

    Attributes:
        status: its HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"the proxy answers {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Way:
    """Where to, and through which proxy. `repr` shows no password.

    Attributes:
        host, port: of the server.
        secure: whether TLS is spoken with it.
        proxy: the proxy of the environment, None without one.
    """

    host: str
    port: int
    secure: bool
    proxy: SplitResult | None = field(repr=False)

    @classmethod
    def to(cls, url: str) -> Way:
        """The way to a `ws://` or `wss://` address; raises ValueError where HTTPS_PROXY has a port that is no number."""
        parts = urlsplit(url)
        secure = parts.scheme == "wss"
        found = proxy_for(url)
        proxy = urlsplit(found) if found else None
        if proxy is not None:
            _ = proxy.port
        return cls(parts.hostname or "", parts.port or (_TLS_PORT if secure else _WEB_PORT), secure, proxy)

    @property
    def walkable(self) -> bool:
        """Whether we can go it a step at a time: a SOCKS proxy, or TLS inside TLS, is left to the conversation itself."""
        return self.proxy is None or self.proxy.scheme == "http"

    @property
    def socks(self) -> bool:
        """The proxy is a SOCKS proxy."""
        return self.proxy is not None and self.proxy.scheme.startswith("socks")

    @property
    def first(self) -> tuple[str, int]:
        """Host and port of the first machine on the way: the proxy, or the server."""
        if self.proxy is None:
            return self.host, self.port
        return self.proxy.hostname or "", self.proxy.port or _PROXY_PORT

    def resolve(self) -> list[str]:
        """The addresses of the first machine on the way. Raises OSError."""
        host, port = self.first
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})

    def reach(self) -> None:
        """Connect to the first machine, and through a proxy to the server. Raises OSError, `ProxySaysNo`."""
        if not self.walkable:
            socket.create_connection(self.first, timeout=WAIT_S).close()
            return
        with self._connected(None):
            pass

    def handshake(self) -> dict[str, Any]:
        """Speak TLS as the conversation will; what the server showed: version, issuer. Raises OSError."""
        with self._connected(ssl.create_default_context()) as line:
            sock: Any = line.sock
            issuer = {name: value for part in sock.getpeercert().get("issuer", ()) for name, value in part}
            return {"version": sock.version(), "issuer": issuer.get("organizationName") or issuer.get("commonName", "")}

    def ahead_s(self) -> float | None:
        """How far the clock of this machine is ahead of the server's, in seconds; None when the server does not say.

        The certificate is not looked at: one that is not valid yet may be the fault of our clock. Nothing secret is sent.
        """
        context = ssl.create_default_context() if self.secure else None
        if context is not None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        try:
            with self._connected(context) as line:
                line.request("GET", "/", headers={"Connection": "close"})
                said = line.getresponse().getheader("Date")
                now_s = time.time()
            return now_s - email.utils.parsedate_to_datetime(said).timestamp() if said else None
        except (OSError, http.client.HTTPException, ValueError):
            return None  # the checks behind this one say what is wrong

    @contextlib.contextmanager
    def _connected(self, context: ssl.SSLContext | None) -> Iterator[http.client.HTTPConnection]:
        host, port = self.first
        line: http.client.HTTPConnection
        if context is None:
            line = http.client.HTTPConnection(host, port, timeout=WAIT_S)
        else:
            line = http.client.HTTPSConnection(host, port, timeout=WAIT_S, context=context)
        if self.proxy is not None:
            line.set_tunnel(self.host, self.port, headers=_tunnel_headers(self.host, self.port, self.proxy))
        try:
            line.connect()
            yield line
        except OSError as error:
            if found := _TUNNEL_ANSWER.search(str(error)):
                raise ProxySaysNo(int(found[1])) from None
            raise
        finally:
            line.close()


def _tunnel_headers(host: str, port: int, proxy: SplitResult) -> dict[str, str]:
    headers = {"Host": f"{host}:{port}"}  # some proxies want it; http.client sends it from Python 3.12 on
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return headers

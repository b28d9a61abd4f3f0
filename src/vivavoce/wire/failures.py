"""A connection that never came to be -> one sentence that names the host and what to check. Only `proxy_for` reads the system."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.exceptions import InvalidHandshake, InvalidProxy, InvalidProxyStatus, InvalidURI, ProxyError

from vivavoce.addresses import is_loopback
from vivavoce.errors import BadSettings, ServerGone, VivaError
from vivavoce.wire.refusals import clean

__all__ = ["Attempt", "failure", "proxy_for"]

_REASON_MAX = 200


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried.

    Attributes:
        host: name or number, and port, of the server.
        proxy: the address of the proxy on the way, None without one; only its host may be shown.
        advice: what to check when the host cannot be reached, such as `AZURE_OPENAI_ENDPOINT`.
        timeout_s: how long we waited.
    """

    host: str
    proxy: str | None
    advice: str
    timeout_s: float

    @property
    def proxy_host(self) -> str:
        """Host and port of the proxy; its user name and password stay behind."""
        return urlsplit(self.proxy or "").netloc.rpartition("@")[2] or "in the environment"

    @property
    def way(self) -> str:
        """The words that name the proxy, if there is one."""
        return f" through the proxy {self.proxy_host} (HTTPS_PROXY)" if self.proxy else ""


def proxy_for(url: str) -> str | None:
    """The proxy that the environment (`HTTPS_PROXY`, `NO_PROXY` and so on) names for an address; none to this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    secure = parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    if is_loopback(host) or urllib.request.proxy_bypass(f"{host}:{port}"):
        return None
    proxies: Mapping[str, str] = urllib.request.getproxies()
    for scheme in ("wss", "https", "all") if secure else ("ws", "http", "all"):
        if found := proxies.get(scheme):
            return found if "://" in found else f"http://{found}"
    return None


def failure(error: Exception, attempt: Attempt) -> VivaError:
    """The error for what `websockets` or the system raised."""
    for kind, make, sentence in _TABLE:
        if isinstance(error, kind):
            return make(sentence(error, attempt))
    return ServerGone(_other(error, attempt))


def _uri(_error: Exception, tried: Attempt) -> str:
    return f"The address of {tried.host} cannot be used: check {tried.advice}."


def _socks(_error: Exception, tried: Attempt) -> str:
    return f"The proxy {tried.proxy_host} is a SOCKS proxy, which needs one more part: pip install python-socks"


def _silence(_error: Exception, tried: Attempt) -> str:
    waited = f"{tried.host} did not answer within {tried.timeout_s:g} s{tried.way}"
    return f"{waited}: check the network and {tried.advice}."


def _proxy_answer(error: Exception, tried: Attempt) -> str:
    status = error.response.status_code if isinstance(error, InvalidProxyStatus) else 0
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        where = "write them into HTTPS_PROXY as http://NAME:PASSWORD@HOST:PORT"
        return f"The proxy {tried.proxy_host} wants a name and a password (407): {where}."
    refuses = f"The proxy {tried.proxy_host} does not let us through to {tried.host} ({status})"
    return f"{refuses}: check HTTPS_PROXY, or name the host in NO_PROXY."


def _proxy(_error: Exception, tried: Attempt) -> str:
    return f"The proxy {tried.proxy_host} cannot be used: check HTTPS_PROXY, or name {tried.host} in NO_PROXY."


def _certificate(error: Exception, tried: Attempt) -> str:
    why = clean(getattr(error, "verify_message", ""), (), _REASON_MAX)
    return (
        f"The certificate of {tried.host} is not trusted{tried.way} ({why}): behind a company proxy set SSL_CERT_FILE to"
        " the file with its root certificate; check the clock of this machine too."
    )


def _tls(_error: Exception, tried: Attempt) -> str:
    check = "check the port, and whether the address should begin with ws:// or http://"
    return f"{tried.host} does not answer with TLS{tried.way}: {check}."


def _name(_error: Exception, tried: Attempt) -> str:
    what = f"The proxy {tried.proxy_host} (HTTPS_PROXY) for {tried.host}" if tried.proxy else tried.host
    return f"{what} is a name nobody knows: check how it is spelled in {tried.advice}, and the network."


def _nobody(_error: Exception, tried: Attempt) -> str:
    return f"Nothing answers at {tried.host}{tried.way}: check that it runs, its port, and {tried.advice}."


def _hung_up(_error: Exception, tried: Attempt) -> str:
    return f"{tried.host} hung up before anything was said{tried.way}: check its port, the network, and {tried.advice}."


def _not_websocket(_error: Exception, tried: Attempt) -> str:
    return f"{tried.host} does not speak WebSocket{tried.way}: check {tried.advice}."


def _other(error: Exception, tried: Attempt) -> str:
    said = error.strerror if isinstance(error, OSError) else None
    why = clean(said or type(error).__name__, (), _REASON_MAX)
    return f"{tried.host} cannot be reached{tried.way} ({why}): check the network and {tried.advice}."


# The first row that fits counts: a certificate error is a TLS error is an OSError.
_TABLE: tuple[tuple[type[Exception], type[VivaError], Callable[[Exception, Attempt], str]], ...] = (
    (InvalidURI, BadSettings, _uri),
    (ImportError, BadSettings, _socks),
    (TimeoutError, ServerGone, _silence),
    (InvalidProxyStatus, ServerGone, _proxy_answer),
    (ProxyError, ServerGone, _proxy),
    (InvalidProxy, BadSettings, _proxy),
    (ssl.SSLCertVerificationError, ServerGone, _certificate),
    (ssl.SSLError, ServerGone, _tls),
    (socket.gaierror, ServerGone, _name),
    (ConnectionRefusedError, ServerGone, _nobody),
    (ConnectionError, ServerGone, _hung_up),
    (InvalidHandshake, ServerGone, _not_websocket),
)

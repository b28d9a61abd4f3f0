"""The network, step by step: proxy, name, connection, clock, certificate. Nothing secret is sent."""

from __future__ import annotations

import http.client
from http import HTTPStatus

from vivavoce.choose import Choice
from vivavoce.doctor.findings import Finding, mend, of_error
from vivavoce.doctor.way import WAIT_S, ProxySaysNo, Way
from vivavoce.doctor.world import Chart, World
from vivavoce.wire.azure import azure_server
from vivavoce.wire.custom import custom_server
from vivavoce.wire.failures import Attempt, failure
from vivavoce.wire.openai import openai_server

__all__ = ["certificate", "clock", "connection", "name", "proxy"]

_SERVERS = {"openai": openai_server, "azure": azure_server, "custom": custom_server}
_SKEW_S = 300.0  # what Entra and certificates forgive
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_SET_CLOCK = (
    "Let the system set its clock by itself (Linux: timedatectl set-ntp true; macOS, Windows: Settings, Date and Time,"
    " set automatically)."
)


def proxy(world: World, chart: Chart) -> Finding | None:
    """The proxy that the environment names, if any, lets us through to the server."""
    way = _way(chart)
    if way is None:
        return None
    if isinstance(way, Finding):
        return way
    if way.proxy is None:
        return Finding("proxy", "ok", "No proxy on the way.", facts={"proxy": None})
    return _through(world, chart, way, way.proxy.netloc.rpartition("@")[2])


def _through(world: World, chart: Chart, way: Way, shown: str) -> Finding:
    facts = {"proxy": shown}
    if way.socks and not world.installed("python_socks"):
        return of_error("proxy", failure(ImportError(), _attempt(way, chart.chosen)), **facts)
    try:
        way.reach()
    except ProxySaysNo as error:
        return _refused(shown, way, error.status, facts)
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        wrong = f"The proxy {shown} (HTTPS_PROXY) does not answer ({_reason(error)})."
        return mend("proxy", wrong, f"Check HTTPS_PROXY, or name {way.host} in NO_PROXY.", **facts)
    said = f"The proxy {shown} lets us through to {way.host}." if way.walkable else f"The proxy {shown} answers."
    return Finding("proxy", "ok", said, facts=facts)


def _refused(shown: str, way: Way, status: int, facts: dict[str, str]) -> Finding:
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        wrong = f"The proxy {shown} wants a name and a password (407)."
        return mend("proxy", wrong, "Write them into HTTPS_PROXY as http://NAME:PASSWORD@HOST:PORT", **facts)
    wrong = f"The proxy {shown} does not let us through to {way.host} ({status})."
    return mend("proxy", wrong, f"Check HTTPS_PROXY, or name {way.host} in NO_PROXY.", **facts)


def name(_world: World, chart: Chart) -> Finding | None:
    """The name of the server is known; behind a proxy that is the proxy's business."""
    way = _straight(chart)
    if way is None:
        return None
    try:
        found = way.resolve()
    except (OSError, UnicodeError) as error:
        return _failed("name", error, way, chart.chosen)
    return Finding("name", "ok", f"The name {way.host} is known.", facts={"host": way.host, "addresses": found})


def connection(_world: World, chart: Chart) -> Finding | None:
    """Something answers at the port; through a proxy that was seen already."""
    way = _straight(chart)
    if way is None:
        return None
    try:
        way.reach()
    except OSError as error:
        return _failed("connection", error, way, chart.chosen)
    return Finding("connection", "ok", f"{way.host} answers at port {way.port}.")


def clock(_world: World, chart: Chart) -> Finding | None:
    """The clock of this machine agrees with the server's; a wrong one makes certificates and tokens invalid."""
    way = _walkable(chart)
    ahead_s = way.ahead_s() if way else None
    if ahead_s is None:
        return None
    facts = {"ahead_s": round(ahead_s)}
    if abs(ahead_s) > _SKEW_S:
        side = "ahead of" if ahead_s > 0 else "behind"
        wrong = f"The clock of this machine is {_span(abs(ahead_s))} {side} the server's."
        return mend("clock", wrong, _SET_CLOCK, **facts)
    return Finding("clock", "ok", "The clock of this machine agrees with the server's.", facts=facts)


def certificate(_world: World, chart: Chart) -> Finding | None:
    """The server speaks TLS and shows a certificate that is trusted here."""
    way = _walkable(chart)
    if way is None or not way.secure:
        return None
    try:
        seen = way.handshake()
    except OSError as error:
        return _failed("certificate", error, way, chart.chosen)
    said = f"The certificate of {way.host} is trusted ({seen['version']}, issued by {seen['issuer'] or 'somebody unnamed'})."
    return Finding("certificate", "ok", said, facts=seen)


def _way(chart: Chart) -> Way | Finding | None:
    if chart.chosen.kind == "offline":
        return None
    try:
        return Way.to(chart.chosen.url)
    except ValueError:
        return mend("proxy", "HTTPS_PROXY is not an address.", "Write it as http://HOST:PORT")


def _walkable(chart: Chart) -> Way | None:
    way = _way(chart)
    return way if isinstance(way, Way) and way.walkable else None


def _straight(chart: Chart) -> Way | None:
    way = _walkable(chart)
    return way if way and way.proxy is None else None


def _attempt(way: Way, choice: Choice) -> Attempt:
    advice = _SERVERS[choice.kind](choice).advice
    through = way.proxy.geturl() if way.proxy else None
    return Attempt(way.host, through, advice.address, WAIT_S)


def _failed(check: str, error: Exception, way: Way, choice: Choice) -> Finding:
    return of_error(check, failure(error, _attempt(way, choice)))


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"within {WAIT_S:g} s"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _span(seconds: float) -> str:
    for unit_s, noun in ((_DAY_S, "day"), (_HOUR_S, "hour"), (_MINUTE_S, "minute")):
        count = round(seconds / unit_s)
        if seconds >= unit_s:
            return f"about {count} {noun}{'s' if count > 1 else ''}"
    return f"{seconds:.0f} seconds"

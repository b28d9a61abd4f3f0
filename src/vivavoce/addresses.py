"""What people paste as the address of a server -> the address to connect to. Pure.

No sentence here repeats the value at fault: people paste keys into the wrong variable.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit
from urllib.parse import quote as _quote

from vivavoce.errors import BadSettings

__all__ = ["azure_root", "custom_url", "is_loopback", "openai_url", "quote", "shown", "shown_name"]

_SCHEMES = {"https": "wss", "wss": "wss", "http": "ws", "ws": "ws"}
_AZURE_FORM = "https://NAME.openai.azure.com"
_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,39}")
_PLACE = re.compile(r"(\[[^\]]*\]|[^\[\]:]*)(:\d*)?")


def azure_root(endpoint: str, name: str) -> str:
    """Scheme, host and port of an Azure endpoint, whatever path, query or slash was pasted with it.

    Raises:
        BadSettings: it is no address, holds a password, or is `http://` off this machine; the sentence says `name`.
    """
    with_scheme = endpoint if "://" in endpoint else f"https://{endpoint.lstrip('/')}"
    parts = _split(with_scheme, name, _AZURE_FORM)
    host = parts.hostname or ""
    if "." not in host and ":" not in host and not is_loopback(host):
        raise BadSettings(f"{name} is not a whole address: write it as {_AZURE_FORM}.")
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}"


def openai_url(base: str, name: str, model: str) -> str:
    """The Realtime address below an OpenAI base address such as `https://api.openai.com/v1`; raises as `azure_root`."""
    parts = _split(base, name, "https://api.openai.com/v1")
    path = parts.path.rstrip("/")
    path = path if path.endswith("/realtime") else f"{path}/realtime"
    return _join(parts, path, {"model": model})


def custom_url(address: str, query: Mapping[str, str], *, path: str) -> str:
    """The address of `--server URL`: its own path, else `path`; `query` replaces what it says of the same names."""
    parts = _split(address, "--server", "wss://HOST/v1/realtime")
    return _join(parts, parts.path if parts.path.strip("/") else path, query)


def shown(url: str) -> str:
    """An address without user name, password and query, which may hold a key; what is behind `#` stays.

    Text that is no address comes back up to its first `?`.
    """
    before, sharp, behind = url.partition("#")
    scheme, mark, rest = before.partition("?")[0].partition("://")
    if not mark:
        scheme, rest = "", scheme
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2]
    if mark and not _PLACE.fullmatch(host):  # half a password, with a sign in it that ends the host
        return f"{scheme}{mark}..."
    return f"{scheme}{mark}{host}{slash}{path}{sharp}{behind.partition('?')[0]}"


def shown_name(name: str) -> str:
    """The name of a variable for a sentence; without most of it where it may be a key that was given in its place."""
    return name if _NAME.fullmatch(name) else f"{name[:5]}** (only a name in capitals is shown whole)"


def quote(text: str) -> str:
    """Text fit for a query."""
    return _quote(text, safe="")


def is_loopback(host: str) -> bool:
    """Whether a host name or number is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _split(address: str, name: str, form: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise BadSettings(f"{name} is not an address: write it as {form}.") from None
    if parts.scheme.lower() not in _SCHEMES or not _is_host(host):
        raise BadSettings(f"{name} is not an address: write it as {form}.")
    if parts.username is not None or parts.password is not None:
        raise BadSettings(f"{name} holds a user name or a password: write it as {form}.")
    if _SCHEMES[parts.scheme] == "ws" and not is_loopback(host):
        raise BadSettings(
            f"{name} is not encrypted ({parts.scheme}://), which is allowed only to this machine: write it as {form}."
        )
    return parts


def _is_host(host: str) -> bool:
    """Letters (of any script), digits, dots and dashes; or the number of a machine."""
    return bool(host) and all(letter.isalnum() or letter in ".-_:" for letter in host)


def _join(parts: SplitResult, path: str, query: Mapping[str, str]) -> str:
    kept = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key not in query]
    said = urlencode([*kept, *query.items()], quote_via=_quote, safe="")
    return f"{_SCHEMES[parts.scheme]}://{parts.netloc}{path}" + (f"?{said}" if said else "")

"""A file from the model hub: over HTTPS, continued where an earlier attempt stopped."""

from __future__ import annotations

import os
from pathlib import Path

from vivavoce.engine.models.progress import Gauge
from vivavoce.engine.models.registry import Model, ModelFile
from vivavoce.errors import MissingExtra

try:
    import httpx
except ImportError as absent:
    raise MissingExtra("Fetching models", "offline") from absent

OFFICIAL = "https://huggingface.co"
_CONNECT_S = 3.0
_READ_S = 20.0
_PARTIAL = 206
_RANGE_REFUSED = 416
_FIRST_FAULT = 400


class NotThere(Exception):
    """The hub did not give the file; the text says why."""


class Hub:
    """The hub at one address. Once it could not be reached it is not tried again: waiting once is enough."""

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = (endpoint or os.environ.get("HF_ENDPOINT") or OFFICIAL).rstrip("/")
        self._out_of_reach = ""

    def fetch(self, model: Model, file: ModelFile, part: Path, gauge: Gauge) -> None:
        """Bring `file` into `part`, behind the bytes that are there already. Raises `NotThere`."""
        if not model.source:
            raise NotThere("the hub does not carry it")
        if self._out_of_reach:
            raise NotThere(self._out_of_reach)
        url = f"{self.endpoint}/{model.source}/resolve/{model.revision}/{file.name}"
        try:
            self._stream(url, file, part, gauge)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.ProxyError,
            httpx.UnsupportedProtocol,
            httpx.InvalidURL,
        ) as fault:
            self._out_of_reach = f"{self.endpoint} cannot be reached ({type(fault).__name__})"
            raise NotThere(self._out_of_reach) from fault
        except httpx.HTTPError as fault:
            raise NotThere(f"{self.endpoint} broke off ({type(fault).__name__})") from fault

    def _stream(self, url: str, file: ModelFile, part: Path, gauge: Gauge) -> None:
        done = part.stat().st_size if part.exists() else 0
        if done > file.size:
            part.unlink()
            done = 0
        if done == file.size:
            return
        headers = {"Range": f"bytes={done}-"} if done else {}
        timeout = httpx.Timeout(_READ_S, connect=_CONNECT_S)
        with httpx.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as answer:
            if answer.status_code == _RANGE_REFUSED:
                part.unlink()
                raise NotThere(f"{self.endpoint} cannot continue what was begun; the next attempt starts anew")
            if answer.status_code >= _FIRST_FAULT:
                raise NotThere(f"{self.endpoint} answered {answer.status_code}")
            done = done if answer.status_code == _PARTIAL else 0
            with part.open("ab" if done else "wb") as out:
                for piece in answer.iter_bytes():
                    out.write(piece)
                    done += len(piece)
                    gauge.at(done)
                    if done > file.size:
                        raise NotThere(f"{self.endpoint} gave more than the {file.size} bytes of the official file")

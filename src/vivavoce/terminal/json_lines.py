"""One JSON object per line on stdout: for programs. The fields are documented in docs/json-lines.md."""

from __future__ import annotations

import dataclasses
import json
from typing import TextIO

from vivavoce.session.happenings import Happening

_NOT_SHOWN = frozenset({"expected"})


class JsonLines:
    """The Screen of `viva talk --json`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, happening: Happening, t: float, out_ms: int | None) -> None:
        """Write one line and flush it. `t` in seconds, `out_ms` of the speaker's clock where it runs."""
        line: dict[str, object] = {"t": round(t, 3), "type": happening.TYPE}
        if out_ms is not None:
            line["out_ms"] = out_ms
        for field in dataclasses.fields(happening):
            if field.name not in _NOT_SHOWN:
                line[field.name] = getattr(happening, field.name)
        print(json.dumps(line, default=str), file=self._out, flush=True)  # ASCII: no terminal or pipe refuses it

"""llama.cpp in this process: text in, tokens out, stopped at once when nobody wants them."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from vivavoce.engine.stages import Cut
from vivavoce.errors import BadSettings, MissingExtra, VivaError

TALK_SLOT = 0
DECIDE_SLOT = 1
_CONTEXT = 8192
_BATCH = 64  # what is read between two looks at `cut`: about a second on two cores
_MOST_THREADS = 4
_OUTCOME = object()


class Completions:
    """One loaded model with two slots, each remembering the prompt it read last.

    Reading uses `threads` (every core this process may use, at most four, when None); writing uses half of them. The
    threads of llama.cpp wait for each other by spinning, many hundred times a token: on two busy cores two of them write
    3 tokens a second, one writes 9 to 13, and speech needs four. The other half is left to the voice and the sound.

    Raises `MissingExtra`, `BadSettings` when the file is no model.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        try:
            import xllamacpp  # noqa: PLC0415 - comes with the extra
        except ImportError as absent:
            raise MissingExtra("The language model", "offline") from absent
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = _CONTEXT
        params.n_parallel = 2
        params.kv_unified = True
        params.cache_idle_slots = False  # it would empty a slot as soon as the other works
        params.cache_ram_mib = 0
        params.n_batch = params.n_ubatch = _BATCH
        cores = threads or _cores()
        params.cpuparams_batch.n_threads = cores
        params.cpuparams.n_threads = max(1, cores // 2)
        params.verbosity = -1
        params.warmup = False
        params.api_keys = [secrets.token_hex(16)]  # it also listens on loopback; nobody but us may ask
        try:
            self._server = xllamacpp.Server(params)
        except (RuntimeError, ValueError) as fault:
            raise BadSettings(
                f"{path} cannot be loaded as a language model: it must be a GGUF file ({fault})."
            ) from fault
        self.grammar_of: Callable[[str], str] = xllamacpp.json_schema_to_grammar

    def read(self, prompt: str, slot: int, cut: Cut) -> None:
        """Read a prompt so that its beginning is remembered."""
        for _ in self.stream(prompt, slot, cut, n_predict=0):
            pass

    def first(self, prompt: str, slot: int, cut: Cut, candidates: int = 200) -> dict[str, float]:
        """Natural-log probabilities of the likeliest first tokens of the answer; {} when cut."""
        for answer in self.stream(prompt, slot, cut, n_predict=1, logprobs=candidates):
            choice = (answer.get("choices") or [{}])[0]
            scored = ((choice.get("logprobs") or {}).get("content") or [{}])[0].get("top_logprobs")
            if scored:
                return {str(one["token"]): float(one["logprob"]) for one in scored}
        return {}

    def whole(self, prompt: str, slot: int, cut: Cut, **options: Any) -> str:
        """The text that follows the prompt; what there is of it when cut."""
        return "".join(text_of(answer) for answer in self.stream(prompt, slot, cut, **options))

    def stream(self, prompt: str, slot: int, cut: Cut, **options: Any) -> Iterator[Mapping[str, Any]]:
        """The pieces of llama.cpp's answer as they are made. Leaving the loop stops the model, so does `cut`."""
        pieces: SimpleQueue[Any] = SimpleQueue()
        left = threading.Event()
        request = {
            "prompt": prompt,
            "stream": True,
            "id_slot": slot,
            "cache_prompt": True,
            "temperature": 0.0,
            "return_progress": True,
            "stream_options": {"include_usage": True},
            **options,
        }  # fmt: skip - one request, read as one
        worker = threading.Thread(
            target=self._run, args=(request, pieces, lambda: left.is_set() or cut.is_set()), daemon=True
        )
        worker.start()
        try:
            while (piece := pieces.get()) is not _OUTCOME:
                if cut.is_set():
                    return
                if isinstance(piece, BaseException):
                    raise VivaError(f"The language model failed: {piece}") from piece
                yield piece
        finally:
            left.set()
            worker.join()

    def _run(self, request: Mapping[str, Any], pieces: SimpleQueue[Any], unwanted: Callable[[], bool]) -> None:
        def take(piece: Mapping[str, Any]) -> bool:
            pieces.put(piece)
            return unwanted()

        try:
            self._server.handle_completions(dict(request), take)
        except Exception as fault:  # noqa: BLE001 - whatever the library raises is handed to the reader, who raises it anew
            pieces.put(fault)
        finally:
            pieces.put(_OUTCOME)


def _cores() -> int:
    """The cores this process may use, at most four."""
    try:
        return min(len(os.sched_getaffinity(0)), _MOST_THREADS)
    except AttributeError:  # macOS and Windows
        return min(os.cpu_count() or 2, _MOST_THREADS)


def text_of(answer: Mapping[str, Any]) -> str:
    """The text in one piece of the answer."""
    choices = answer.get("choices") or [{}]
    return str(choices[0].get("text") or "")

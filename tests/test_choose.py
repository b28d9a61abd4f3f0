from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from vivavoce.choose import Choice, Flags, choose, mask
from vivavoce.errors import BadSettings, MissingExtra

DOCS = Path(__file__).parent.parent / "docs"
KEY = "sk-proj-0123456789"
AZURE = {
    "AZURE_OPENAI_ENDPOINT": "https://my-resource.openai.azure.com/",
    "AZURE_OPENAI_API_KEY": "0123456789abcdef",
    "AZURE_OPENAI_DEPLOYMENT": "my-realtime",
}
ENTRA = {**AZURE, "AZURE_OPENAI_USE_ENTRA": "true"}
GA_URL = "wss://my-resource.openai.azure.com/openai/v1/realtime?model=my-realtime"


def chosen(environment: Mapping[str, str], *, offline_installed: bool = True, **flags: object) -> Choice:
    return choose(environment, Flags(**flags), offline_installed=offline_installed)  # type: ignore[arg-type]  # values of the tests


def refused(environment: Mapping[str, str], *, offline_installed: bool = True, **flags: object) -> str:
    with pytest.raises(BadSettings) as caught:
        chosen(environment, offline_installed=offline_installed, **flags)
    return str(caught.value)


@pytest.mark.parametrize("yes", ["true", "True", "TRUE", "1", "yes", "YES", " 'yes' "])
def test_entra_wins_over_the_key_and_says_that_the_key_is_ignored(yes: str) -> None:
    choice = chosen({**AZURE, "AZURE_OPENAI_USE_ENTRA": yes, "OPENAI_API_KEY": KEY})
    assert (choice.kind, choice.credential, choice.key) == ("azure", "entra", "")
    assert choice.url == GA_URL
    assert choice.lines == (
        "Server: Azure OpenAI, wss://my-resource.openai.azure.com (AZURE_OPENAI_ENDPOINT)",
        "Deployment: my-realtime (AZURE_OPENAI_DEPLOYMENT)",
        "Credential: Entra token (AZURE_OPENAI_USE_ENTRA)",
        "AZURE_OPENAI_API_KEY is set and ignored, because AZURE_OPENAI_USE_ENTRA asks for Entra",
        "Transcription: whisper-1 is tried (AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT is not set)",
    )


@pytest.mark.parametrize("no", ["", "false", "0", "no", "Off"])
def test_azure_with_a_key_comes_before_openai(no: str) -> None:
    choice = chosen({**AZURE, "AZURE_OPENAI_USE_ENTRA": no, "OPENAI_API_KEY": KEY})
    assert (choice.kind, choice.credential, choice.key) == ("azure", "key", AZURE["AZURE_OPENAI_API_KEY"])
    assert "Credential: API key 01234** (AZURE_OPENAI_API_KEY)" in choice.lines
    assert not any("USE_ENTRA" in line for line in choice.lines)


def test_a_wish_for_entra_that_is_not_understood_is_told() -> None:
    choice = chosen({**AZURE, "AZURE_OPENAI_USE_ENTRA": "enabled"})
    assert choice.credential == "key"
    assert "AZURE_OPENAI_USE_ENTRA is not used: it is neither true, 1 nor yes" in choice.lines


@pytest.mark.parametrize("key", [None, "", "  ", '""'])
def test_an_endpoint_with_neither_credential_names_both(key: str | None) -> None:
    environment = {name: value for name, value in AZURE.items() if name != "AZURE_OPENAI_API_KEY"}
    if key is not None:
        environment["AZURE_OPENAI_API_KEY"] = key
    said = refused({**environment, "OPENAI_API_KEY": KEY})
    assert "AZURE_OPENAI_USE_ENTRA" in said
    assert "AZURE_OPENAI_API_KEY" in said


@pytest.mark.parametrize(
    "name", ["AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME", "AZURE_OPENAI_REALTIME_DEPLOYMENT"]
)
def test_each_name_of_the_deployment_variable_is_read_and_named(name: str) -> None:
    environment = {key: value for key, value in AZURE.items() if key != "AZURE_OPENAI_DEPLOYMENT"}
    choice = chosen({**environment, name: "other one"})
    assert choice.model == "other one"
    assert choice.url.endswith("/openai/v1/realtime?model=other%20one")
    assert f"Deployment: other one ({name})" in choice.lines


def test_the_first_deployment_variable_counts_and_the_flag_before_it() -> None:
    environment = {**AZURE, "AZURE_OPENAI_DEPLOYMENT_NAME": "second"}
    assert chosen(environment).model == "my-realtime"
    choice = chosen(environment, model="flagged")
    assert choice.model == "flagged"
    assert "Deployment: flagged (--model)" in choice.lines


def test_azure_without_a_deployment_names_the_variable_and_is_exit_2() -> None:
    with pytest.raises(BadSettings, match="AZURE_OPENAI_DEPLOYMENT") as caught:
        chosen({**AZURE, "AZURE_OPENAI_DEPLOYMENT": ""})
    assert caught.value.exit_code == 2


def test_the_scope_is_a_setting() -> None:
    assert chosen(ENTRA).scope == "https://cognitiveservices.azure.com/.default"
    choice = chosen({**ENTRA, "AZURE_OPENAI_SCOPE": "https://ai.azure.com/.default"})
    assert choice.scope == "https://ai.azure.com/.default"
    assert "Entra scope: https://ai.azure.com/.default (AZURE_OPENAI_SCOPE)" in choice.lines


def test_openai_is_chosen_by_its_key() -> None:
    choice = chosen({"OPENAI_API_KEY": f' "{KEY}"\n', "AZURE_OPENAI_API_KEY": "forgotten"})
    assert (choice.kind, choice.credential, choice.key) == ("openai", "key", KEY)
    assert choice.url == "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"
    assert (choice.transcription_model, choice.transcription_tentative) == ("gpt-transcribe", False)
    assert choice.lines == (
        "Server: OpenAI, wss://api.openai.com/v1/realtime",
        "Model: gpt-realtime-2.1 (the default)",
        "Credential: API key sk-pr** (OPENAI_API_KEY)",
        "Transcription: gpt-transcribe (the default)",
        "AZURE_OPENAI_API_KEY is set without AZURE_OPENAI_ENDPOINT: Azure is not used",
    )


def test_the_base_address_of_openai_is_respected_and_named() -> None:
    choice = chosen({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://eu.api.openai.com/v1/"}, model="m")
    assert choice.url == "wss://eu.api.openai.com/v1/realtime?model=m"
    assert choice.lines[0] == "Server: OpenAI, wss://eu.api.openai.com/v1/realtime (OPENAI_BASE_URL)"
    assert choice.transcription_tentative


def test_nothing_set_is_offline() -> None:
    for environment in ({}, {"OPENAI_API_KEY": "", "AZURE_OPENAI_ENDPOINT": " "}):
        choice = chosen(environment)
        assert (choice.kind, choice.url, choice.credential) == ("offline", "", "none")
        assert choice.transcription_model == "base"
        assert choice.lines == (
            "Server: the offline engine, on this machine (neither AZURE_OPENAI_ENDPOINT nor OPENAI_API_KEY is set)",
        )
    assert "AZURE_OPENAI_API_KEY is set without" in chosen({"AZURE_OPENAI_API_KEY": "x"}).lines[1]
    assert chosen({}, recogniser="tiny.en").transcription_model == "tiny.en"


def test_nothing_set_and_nothing_installed_lists_every_way() -> None:
    said = refused({}, offline_installed=False)
    ways = (
        "OPENAI_API_KEY",
        "AZURE_OPENAI_ENDPOINT",
        "AZURE_OPENAI_DEPLOYMENT",
        "AZURE_OPENAI_API_KEY",
        "AZURE_OPENAI_USE_ENTRA",
        "--server URL",
        "pip install 'vivavoce[offline]'",
    )
    assert [way for way in ways if way not in said] == []


def test_asking_for_what_is_not_installed_names_the_pip_line() -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'vivavoce\[offline\]'"):
        chosen({}, offline_installed=False, server="offline")


def test_a_forced_server_wins_over_the_environment() -> None:
    everything = {**AZURE, "OPENAI_API_KEY": KEY}
    assert chosen(everything, server="openai").kind == "openai"
    assert chosen(everything, server="Azure").kind == "azure"
    assert chosen(everything, server="offline").lines == ("Server: the offline engine, on this machine (--server)",)
    assert chosen(everything, server="wss://example.com").kind == "custom"


def test_a_forced_server_names_the_variable_it_misses() -> None:
    assert "OPENAI_API_KEY" in refused(AZURE, server="openai")
    assert "AZURE_OPENAI_ENDPOINT" in refused({"OPENAI_API_KEY": KEY}, server="azure")


def test_a_server_by_its_address_gets_no_key_of_the_environment() -> None:
    choice = chosen({**AZURE, "OPENAI_API_KEY": KEY}, server="wss://voice.example/realtime?a=b", model="m")
    assert (choice.kind, choice.credential, choice.key) == ("custom", "none", "")
    assert choice.url == "wss://voice.example/realtime?a=b&model=m"
    assert choice.address == "wss://voice.example/realtime"
    assert choice.transcription_tentative
    assert choice.lines == (
        "Server: wss://voice.example/realtime (--server)",
        "Model: m (--model)",
        "Credential: none (--key-env NAME would send the key in the variable NAME)",
        "Transcription: gpt-transcribe is tried",
    )


def test_only_the_variable_named_by_key_env_is_sent() -> None:
    choice = chosen({"MY_KEY": "abcdefghij", "OPENAI_API_KEY": KEY}, server="wss://h.example", key_env="MY_KEY")
    assert (choice.credential, choice.key) == ("key", "abcdefghij")
    assert "Credential: API key abcde** (MY_KEY, --key-env)" in choice.lines
    assert "MY_KEY" in refused({"MY_KEY": ""}, server="wss://h.example", key_env="MY_KEY")


@pytest.mark.parametrize("key", ["sk-abcdefghijkl", "a1" * 42, "A" * 41])
def test_a_key_in_place_of_its_name_is_not_repeated(key: str) -> None:
    sentence = refused({}, server="wss://h.example", key_env=key)
    assert f"--key-env names {key[:5]}**" in sentence
    assert key[:6] not in sentence


def test_key_env_with_the_engine_needs_a_brain_at_an_address() -> None:
    assert "name one with --brain URL" in refused({"K": KEY}, server="offline", key_env="K")


@pytest.mark.parametrize("server", ["auto", "openai", "azure", "offline"])
def test_key_env_without_an_address_is_refused(server: str) -> None:
    assert "--key-env" in refused({**AZURE, "OPENAI_API_KEY": KEY}, server=server, key_env="OPENAI_API_KEY")


BRAIN = "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize("server", ["auto", "offline"])
def test_key_env_is_the_brain_s_where_the_engine_is_chosen(server: str) -> None:
    choice = chosen({"MY_KEY": KEY}, server=server, key_env="MY_KEY", brain=BRAIN)
    assert (choice.kind, choice.key) == ("offline", "")


@pytest.mark.parametrize("server", ["auto", "openai", "azure"])
def test_key_env_beside_a_brain_that_is_not_asked_is_refused(server: str) -> None:
    assert "--key-env" in refused(
        {**AZURE, "OPENAI_API_KEY": KEY}, server=server, key_env="OPENAI_API_KEY", brain=BRAIN
    )


def test_key_env_is_the_server_s_at_an_address_whatever_the_brain_is() -> None:
    assert chosen({"MY_KEY": KEY}, server="wss://h.example", key_env="MY_KEY", brain=BRAIN).key == KEY


def test_a_server_that_decides_its_model_is_asked_for_none() -> None:
    choice = chosen({}, server="ws://127.0.0.1:8787")
    assert (choice.url, choice.model) == ("ws://127.0.0.1:8787/v1/realtime", "")
    assert "Model: the server decides" in choice.lines
    assert chosen({}, server="ws://localhost/x?model=theirs").model == "theirs"


def test_preview_is_spoken_only_when_asked_for_and_only_with_azure_or_an_address() -> None:
    choice = chosen(AZURE, preview=True)
    assert choice.preview
    assert choice.url == (
        "wss://my-resource.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=my-realtime"
    )
    assert "Protocol: preview, which Azure has deprecated (--preview)" in choice.lines
    gateway = chosen({}, server="https://gateway.example", preview=True, model="d")
    assert gateway.url == "wss://gateway.example/openai/realtime?api-version=2025-04-01-preview&deployment=d"
    assert (gateway.model, gateway.transcription_model) == ("d", "whisper-1")
    assert "--preview" in refused({"OPENAI_API_KEY": KEY}, preview=True)
    assert "--preview" in refused({}, preview=True)
    assert "api-version" not in chosen(AZURE).url


def test_what_writes_down_the_person_on_azure() -> None:
    tried = chosen(AZURE)
    assert (tried.transcription_model, tried.transcription_tentative) == ("whisper-1", True)
    named = chosen({**AZURE, "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT": "my-transcribe"})
    assert (named.transcription_model, named.transcription_tentative) == ("my-transcribe", False)
    assert named.lines[-1] == "Transcription: my-transcribe (AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT)"
    flagged = chosen({**AZURE, "AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT": "x"}, transcription_model="mine")
    assert (flagged.transcription_model, flagged.transcription_tentative) == ("mine", False)


def test_a_flag_names_what_writes_down_the_person_elsewhere() -> None:
    for environment, server in (({"OPENAI_API_KEY": KEY}, "auto"), ({}, "wss://h.example"), ({}, "auto")):
        choice = chosen(environment, transcription_model="mine", server=server)
        assert (choice.transcription_model, choice.transcription_tentative) == ("mine", False)


def test_a_key_is_never_shown_beyond_its_first_five_characters() -> None:
    for choice in (
        chosen(AZURE),
        chosen({"OPENAI_API_KEY": KEY}),
        chosen({"K": KEY}, server="wss://h.example", key_env="K"),
    ):
        shown = repr(choice) + "\n".join(choice.lines)
        assert choice.key
        assert choice.key[:6] not in shown
        assert f"{choice.key[:5]}**" in shown
    assert mask("abc") == "**"
    assert mask("abcde") == "**"
    assert mask("abcdef") == "abcde**"
    in_query = chosen({}, server="wss://h.example/x?api-key=0123456789")
    assert "012345" not in repr(in_query) + "\n".join(in_query.lines)


@pytest.mark.parametrize("key", ["sk-a b", "sk-a\nb", "sk-ключ", "sk-a\x1b[31m"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key: str) -> None:
    said = refused({"OPENAI_API_KEY": key})
    assert "OPENAI_API_KEY" in said
    assert "sk-" not in said


@pytest.mark.parametrize("server", ["example.com", "localhost:8787", "ofline", "sk-0123456789"])
def test_a_server_that_is_neither_a_word_nor_an_address_lists_what_there_is(server: str) -> None:
    said = refused({}, server=server)
    assert "auto, openai, azure, offline" in said
    assert server not in said


@pytest.mark.parametrize(
    ("page", "environment"),
    [
        ("setup-azure.md", {**AZURE, "AZURE_OPENAI_API_KEY": "1a2b3c4d5e6f"}),
        ("setup-azure.md", {name: value for name, value in ENTRA.items() if name != "AZURE_OPENAI_API_KEY"}),
        ("setup-openai.md", {"OPENAI_API_KEY": KEY}),
    ],
)
def test_the_setup_pages_end_with_what_the_program_prints(page: str, environment: dict[str, str]) -> None:
    text = (DOCS / page).read_text()
    assert "```text\n" + "\n".join(chosen(environment).lines) + "\n```" in text
    assert [name for name in environment if f"export {name}=" not in text or f"$env:{name} = " not in text] == []

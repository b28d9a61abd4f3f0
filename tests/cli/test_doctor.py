"""`viva doctor` as a person runs it: what it prints, how it ends; on the virtual card, with a server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import VirtualAudio
from tests.doctor.talker import agree
from tests.wire.servers import KEY, openai, serving

RECORDING = Path(__file__).parents[1] / "recordings" / "jfk.wav"
COMMAND = [sys.executable, "-c", "from vivavoce.cli.main import main; main()", "doctor"]
NOWHERE = ("--server", "ws://127.0.0.1:9/v1/realtime", "--no-network")


@dataclass(frozen=True)
class Said:
    """What a run of `viva doctor` left."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.out)
        return report

    def check(self, name: str) -> dict[str, Any]:
        return next(check for check in self.report["checks"] if check["check"] == name)


def environment(more: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "AZURE_OPENAI_"))}
    return {**kept, **more}


def viva_doctor(*args: str, env: Mapping[str, str] | None = None) -> Said:
    done = subprocess.run(  # noqa: S603  our own program
        [*COMMAND, *args], env=environment(env or {}), capture_output=True, text=True, check=False, timeout=60
    )
    return Said(done.returncode, done.stdout, done.stderr)


def with_site(folder: Path, code: str) -> dict[str, str]:
    """Variables under which Python runs `code` first."""
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


# ---- without sound


@pytest.mark.parametrize("brain", [(), ("--brain", "http://127.0.0.1:9/v1")])
def test_a_server_that_is_well_is_one_line_a_check_and_exit_code_0(
    monkeypatch: pytest.MonkeyPatch, brain: tuple[str, ...]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    async def work() -> Said:
        async with serving(openai, agree([]), tls=False) as port:
            url = f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime-2.1"
            args = ("--no-sound", "--server", url, "--key-env", "THE_KEY", *brain)
            return await asyncio.to_thread(viva_doctor, *args, env={"THE_KEY": KEY})

    said = asyncio.run(work())
    assert (said.code, said.err) == (0, "")
    assert all(line.startswith("ok: ") for line in said.lines[:-1])
    assert re.fullmatch(
        "What was looked at is well; the sound was not looked at. Talk with: viva talk "
        r"--server 'ws://127.0.0.1:\d+/v1/realtime\?model=gpt-realtime-2.1' --key-env THE_KEY" + " ".join(["", *brain]),
        said.lines[-1],
    )
    assert "cost nothing" in said.out
    assert "THE_KEY" in said.out
    assert KEY not in said.out
    assert KEY[:6] not in said.out
    assert "\x1b" not in said.out


def test_key_env_beside_a_brain_that_is_not_asked_is_a_fault_as_in_a_talk() -> None:
    brain = ("--brain", "http://127.0.0.1:9/v1", "--key-env", "THE_KEY")
    said = viva_doctor("--no-sound", "--no-network", *brain, env={"THE_KEY": KEY, "OPENAI_API_KEY": KEY})
    assert said.code == 1
    assert "--key-env goes with --server URL, or offline with --brain URL; the server is openai" in said.out


@pytest.mark.parametrize(
    ("given", "left_out", "also"),
    [
        (("--no-sound",), "the sound and the network were", ""),
        (("--mic", "none", "--speaker=none"), "the network was", " --mic none --speaker none"),
        (("--no-sound", "--preview", "--model", "a b"), "the sound and the network were", " --preview --model 'a b'"),
        (("--no-sound", "--mic", "default"), "the sound and the network were", " --mic default"),
    ],
)
def test_the_command_it_ends_with_is_the_talk_that_was_looked_at(
    given: tuple[str, ...], left_out: str, also: str
) -> None:
    found = viva_doctor("--server", "ws://127.0.0.1:9/x", "--no-network", *given)
    assert found.code == 0, found.out
    assert found.lines[-1] == (
        f"What was looked at is well; {left_out} not looked at. Talk with: viva talk --server ws://127.0.0.1:9/x{also}"
    )


def test_a_key_in_an_address_is_not_repeated() -> None:
    found = viva_doctor("--no-sound", "--no-network", "--server", f"ws://127.0.0.1:9/x?api-key={KEY}")
    assert KEY not in found.out
    assert "?api-key=**" in found.lines[-1]


def test_a_fault_is_one_line_with_its_fix_and_exit_code_1() -> None:
    said = viva_doctor("--no-sound", "--server", "openai")
    assert said.code == 1
    mends = [line for line in said.lines if line.startswith("mend: ")]
    assert mends == ["mend: OpenAI needs OPENAI_API_KEY. Set it to your key (docs/setup-openai.md)."]
    assert said.lines[-1] == "One thing is to mend, see above; then run viva doctor again."


def test_json_is_one_object_of_the_documented_shape() -> None:
    said = viva_doctor("--no-sound", "--json", "--server", "wss://no-such-host.invalid")
    assert (said.code, said.err) == (1, "")
    report = said.report
    assert report.keys() == {"well", "mend", "checks"}
    assert (report["well"], report["mend"]) == (False, ["name"])
    for check in report["checks"]:
        assert {name: type(value) for name, value in check.items()} == {
            "check": str,
            "verdict": str,
            "sentence": str,
            "fix": str,
            "facts": dict,
            "because": str,
        }
        assert check["verdict"] in {"ok", "note", "mend", "skipped"}
        assert bool(check["because"]) == (check["verdict"] == "skipped")
        assert check["fix"] or check["verdict"] != "mend"
    names = [check["check"] for check in report["checks"]]
    assert len(names) == len(set(names))


def test_every_check_is_in_the_document() -> None:
    from vivavoce.doctor.rounds import CHECKS  # noqa: PLC0415  only here

    document = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    assert [check.name for check in CHECKS if f"| `{check.name}` |" not in document] == []


def test_a_wrong_option_is_wrong_use() -> None:
    assert viva_doctor("--no-such-option").code == 2


# ---- on the virtual card


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """Somebody who speaks for two minutes: longer than any run, however busy the machine."""
    with wave.open(str(RECORDING)) as file:
        how, sound = file.getparams(), file.readframes(file.getnframes())
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as long:
        long.setparams(how)
        long.writeframes(sound * 12)
    return path


@contextlib.contextmanager
def speaking(voice: Path, audio: VirtualAudio, volume: int = 32_768) -> Iterator[None]:
    """Somebody speaks into the microphone, not too loudly; 65,536 is as loud as the recording."""
    command = [shutil.which("paplay") or "paplay", "--device=mic_feed", f"--volume={volume}", str(voice)]
    with subprocess.Popen(command, env=environment(audio.env)) as player:  # noqa: S603  a program of the sound server
        yield
        player.terminate()


@contextlib.contextmanager
def loudspeaker(audio: VirtualAudio) -> Iterator[None]:
    """What is played comes back into the microphone, as loud as it is."""
    path = ("source=speaker.monitor", "sink=mic_feed", "latency_msec=60")
    module = pactl(audio, "load-module", "module-loopback", *path)
    yield
    pactl(audio, "unload-module", module.strip())


def pactl(audio: VirtualAudio, *args: str) -> str:
    command = [shutil.which("pactl") or "pactl", *args]
    done = subprocess.run(command, env=environment(audio.env), check=True, capture_output=True, text=True, timeout=20)  # noqa: S603  as above
    return done.stdout


@pytest.mark.sound
class TestOnTheCard:
    def test_a_talk_with_sound_and_server_is_well(self, virtual_audio: VirtualAudio, voice: Path) -> None:
        async def work() -> Said:
            async with serving(script=agree([]), tls=False) as port:
                args = ("--json", "--server", f"ws://127.0.0.1:{port}/v1/realtime")
                return await asyncio.to_thread(viva_doctor, *args, env=virtual_audio.env)

        with loudspeaker(virtual_audio), speaking(voice, virtual_audio):
            said = asyncio.run(work())
        assert (said.code, said.report["well"], said.report["mend"]) == (0, True, []), said.out
        assert 24_000 in said.check("devices")["facts"]["input"]["rates_hz"]
        assert said.check("level")["facts"]["loudest_db"] > -50
        assert 20 <= said.check("round_trip")["facts"]["delay_ms"] <= 500  # a null sink's latency is not exact
        assert said.check("echo")["facts"]["loss_db"] == pytest.approx(0, abs=3)

    def test_a_silent_microphone_is_one_line_with_its_fix_and_the_person_was_asked_once(
        self, virtual_audio: VirtualAudio
    ) -> None:
        said = viva_doctor(*NOWHERE, env=virtual_audio.env)
        assert said.code == 1
        (mend,) = [line for line in said.lines if line.startswith("mend: ")]
        assert mend.startswith("mend: The microphone is silent")
        assert "Unmute it" in mend
        assert sum(line.startswith("now: ") for line in said.lines) == 1

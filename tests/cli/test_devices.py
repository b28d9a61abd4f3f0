"""`viva devices`, on a simulated card, on the virtual one and without any."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vivavoce.cli.devices import devices
from vivavoce.testing.portaudio import SimulatedDevice, SimulatedPortAudio

MAIN = "from vivavoce.cli.main import main; main()"
FIELDS = (
    *("index", "name", "host_api", "inputs", "outputs", "rate_hz"),
    *("input_rates_hz", "output_rates_hz", "default_input", "default_output"),
)


def viva(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  ours
        [sys.executable, "-c", MAIN, *args],
        env=env or dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_json_says_of_each_device_what_it_is_and_at_which_rates_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    system = SimulatedPortAudio(
        [
            SimulatedDevice("Bildschirm für zwei", outputs=8, rates_hz=(44_100, 48_000), rate_hz=44_100),
            SimulatedDevice("Webcam", inputs=1, rates_hz=(16_000,), rate_hz=16_000),
            SimulatedDevice("Headset", inputs=2, outputs=6, rates_hz=(24_000, 96_000)),
            SimulatedDevice("Stuck", inputs=4, rates_hz=()),
        ]
    )
    monkeypatch.setattr("vivavoce.cli.devices.portaudio", lambda: system)
    done = CliRunner().invoke(devices, ["--json"])
    assert done.exit_code == 0
    rows = [
        (0, "Bildschirm für zwei", "Simulated", 0, 8, 44_100, [], [44_100, 48_000], False, True),
        (1, "Webcam", "Simulated", 1, 0, 16_000, [16_000], [], True, False),
        (2, "Headset", "Simulated", 2, 6, 48_000, [24_000, 96_000], [24_000, 96_000], False, False),
        (3, "Stuck", "Simulated", 4, 0, 48_000, [], [], False, False),
    ]
    assert json.loads(done.stdout) == [dict(zip(FIELDS, row, strict=True)) for row in rows]


def test_every_field_of_json_is_in_the_document() -> None:
    document = (Path(__file__).parents[2] / "docs" / "sound.md").read_text()
    told = document.partition("## Which device")[2].partition("\n## ")[0]
    assert [field for field in FIELDS if f"`{field}`" not in told] == []


def test_the_table_shows_names_as_they_are_and_lets_them_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("USB [/dev/x]", "Scarlett [red]", "Card :smile:", "evil\x1b[31m")
    system = SimulatedPortAudio([SimulatedDevice(name, outputs=1) for name in names])
    monkeypatch.setattr("vivavoce.cli.devices.portaudio", lambda: system)
    done = CliRunner().invoke(devices, [])
    assert done.exit_code == 0
    assert all(name in done.stdout for name in names[:3])
    assert "evil\N{REPLACEMENT CHARACTER}[31m" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.sound
@pytest.mark.usefixtures("virtual_audio")
class TestOnACard:
    def test_each_device_is_listed_with_the_rates_at_which_it_opens(self) -> None:
        done = viva("devices", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        default = next(d for d in json.loads(done.stdout) if d["name"] == "default")
        assert (default["default_input"], default["default_output"], default["host_api"]) == (True, True, "ALSA")
        assert 24_000 in default["input_rates_hz"]
        assert 48_000 in default["output_rates_hz"]

    def test_those_of_the_sound_server_are_listed_by_their_own_names(self) -> None:
        listed = {d["name"]: d for d in json.loads(viva("devices", "--json").stdout)}
        of_server = {name: d for name, d in listed.items() if d["host_api"] == "PulseAudio"}
        found = {name: (d["inputs"], d["outputs"], d["rate_hz"]) for name, d in of_server.items()}
        assert found == {
            "VirtualMic": (1, 0, 48_000),
            "VirtualSpeaker": (0, 2, 48_000),
            "VirtualMicFeed": (0, 1, 48_000),
        }
        assert 24_000 in listed["VirtualMic"]["input_rates_hz"]
        assert listed["VirtualMic"]["output_rates_hz"] == []
        assert 48_000 in listed["VirtualSpeaker"]["output_rates_hz"]

    def test_the_table_has_one_line_for_each(self) -> None:
        done = viva("devices")
        assert done.returncode == 0
        (default,) = (line for line in done.stdout.splitlines() if "default" in line and "24" in line)
        assert default.endswith("microphone: VirtualMic, speaker: VirtualSpeaker")

    @pytest.mark.parametrize(
        ("option", "name", "says"),
        [
            ("--speaker", "no such card", "No speaker fits 'no such card'. There are: "),
            ("--mic", "u", "More than one microphone fits 'u': "),
        ],
    )
    def test_a_name_that_does_not_fit_one_device_ends_the_talk_with_a_sentence(
        self, option: str, name: str, says: str
    ) -> None:
        done = viva("talk", "--server", "ws://127.0.0.1:9", option, name)
        assert done.returncode == 3
        assert f"Error: {says}" in done.stderr


@pytest.mark.skipif(sys.platform != "linux" or Path("/dev/snd").exists(), reason="this machine has a sound card")
@pytest.mark.parametrize("how", [("--json",), ()])
def test_without_a_device_there_is_one_sentence_and_exit_code_3(how: tuple[str, ...]) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PULSE_", "ALSA_"))}
    done = viva("devices", *how, env=own | {"PULSE_SERVER": "unix:/nowhere"})  # whatever card another test has set up
    assert done.returncode == 3
    assert done.stdout.strip() == ("[]" if how else "")
    assert done.stderr == "Error: There is no sound device: no sound card, or no sound server is running.\n"

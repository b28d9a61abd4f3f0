"""`viva devices`, on the virtual card and without any."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "from vivavoce.cli.main import main; main()"


def viva(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  ours
        [sys.executable, "-c", MAIN, *args],
        env=env or dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


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

    def test_the_table_has_one_line_for_each(self) -> None:
        done = viva("devices")
        assert done.returncode == 0
        assert sum("default" in line and "24" in line for line in done.stdout.splitlines()) == 1

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

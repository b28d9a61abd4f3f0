from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import VirtualAudio

from vivavoce.devices import pulse
from vivavoce.devices.listing import find
from vivavoce.devices.portaudio import portaudio
from vivavoce.devices.spool import Spool
from vivavoce.devices.troubles import Troubles
from vivavoce.errors import NoDevice
from vivavoce.pcm import BLOCK_BYTES, BLOCK_SAMPLES, RATE_HZ

OPEN = """
from vivavoce.devices.{module} import {kind}
from vivavoce.errors import NoDevice
try:
    {kind}(None{more})
except NoDevice as fault:
    print(fault)
"""
CAPTURE = OPEN.format(module="capture", kind="Capture", more=", keep=True")
PLAYBACK = OPEN.format(module="playback", kind="Playback", more="")


def said_by(program: str, env: dict[str, str]) -> tuple[str, str]:
    done = subprocess.run(  # noqa: S603  ours
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip(), done.stderr.strip()


def test_nothing_of_the_sound_card_is_loaded_before_it_is_opened() -> None:
    program = "import sys, vivavoce.devices.soundcard, vivavoce.devices.stream; print('sounddevice' in sys.modules)"
    assert said_by(program, dict(os.environ))[0] == "False"


def test_without_portaudio_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    # a stand-in that fails as sounddevice does where the library is not there
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    said, _ = said_by(CAPTURE, os.environ | {"PYTHONPATH": str(tmp_path)})
    assert said.startswith("PortAudio is not installed")
    assert "apt install libportaudio2" in said


@pytest.mark.skipif(sys.platform != "linux" or Path("/dev/snd").exists(), reason="this machine has a sound card")
@pytest.mark.parametrize(("program", "noun"), [(CAPTURE, "microphone"), (PLAYBACK, "speaker")])
def test_without_a_sound_server_there_is_one_sentence_and_nothing_else(program: str, noun: str) -> None:
    said, noise = said_by(program, {"PULSE_SERVER": "unix:/nowhere"})
    assert said == f"There is no {noun}: no sound card, or no sound server is running."
    assert noise == ""


@pytest.mark.sound
@pytest.mark.usefixtures("virtual_audio")
class TestFinding:
    def test_a_device_is_found_by_index_name_or_part_of_a_name(self) -> None:
        host = portaudio()
        pulse = find(host, "output", "pulse")
        assert [find(host, "output", wish) for wish in (pulse.index, str(pulse.index), "PULS")] == [pulse] * 3
        assert find(host, "input", None).name == "default"

    @pytest.mark.parametrize(
        ("name", "says"), [("no such card", "No speaker fits"), (77, "No speaker fits"), ("u", "More than")]
    )
    def test_a_name_that_does_not_fit_one_device_lists_what_there_is(self, name: str | int, says: str) -> None:
        with pytest.raises(NoDevice, match=says) as caught:
            find(portaudio(), "output", name)
        assert "'pulse'" in str(caught.value)
        assert "'default'" in str(caught.value)


FIND = """
import time
from vivavoce.devices.listing import find
from vivavoce.devices.portaudio import portaudio
host = portaudio()
names = [find(host, "output", wish) for wish in ("headset", "hEADs", "headset-2")]
print("listed", host.offers("output", "Käthe"), flush=True)
input()
until = time.monotonic() + 30
while not host.offers("output", "Twin (b)") and time.monotonic() < until:
    time.sleep(0.05)
host.renew()
for device in [*names, *(find(host, "output", wish) for wish in ("käthe", "twin (b)"))]:
    print(device.name, device.host_api, device.outputs, device.rate_hz)
"""


@pytest.mark.sound
def test_a_speaker_of_the_sound_server_is_found_by_its_name_before_one_of_alsa(spare_audio: VirtualAudio) -> None:
    with Path(spare_audio.env["ALSA_CONFIG_PATH"]).open("a") as config:
        config.write('pcm.headset { type pulse device "usb" }\npcm.headset-2 { type pulse device "usb" }\n')

    def plug(sink: str, called: str) -> None:
        what = (f"sink_name={sink}", "rate=44100", f"sink_properties=device.description={called}")
        command = ["pactl", "load-module", "module-null-sink", *what]
        subprocess.run(command, env=os.environ | spare_audio.env, check=True, capture_output=True)  # noqa: S603  ours

    plug("usb", "Headset")
    program = subprocess.Popen(  # noqa: S603  ours
        [sys.executable, "-c", FIND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | spare_audio.env,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "listed False\n"
    plug("bluez_output.00-11", "Käthe")
    plug("a", "Twin")
    plug("b", "Twin")
    said, _ = program.communicate("go on\n", timeout=60)
    assert said.splitlines() == [
        "Headset PulseAudio 2 44100",
        "Headset PulseAudio 2 44100",
        "headset-2 ALSA 32 44100",
        "Käthe PulseAudio 2 44100",
        "Twin (b) PulseAudio 2 44100",
    ]


VANISHED = """
import subprocess, sys, time
from vivavoce.devices.host import DeviceFault, Format
from vivavoce.devices.listing import find
from vivavoce.devices.portaudio import portaudio
host = portaudio()
usb, other = (find(host, "output", name).index for name in ("Headset", "VirtualSpeaker"))
host._sd.check_output_settings = host._sd.RawOutputStream = lambda *_, **__: None  # PipeWire opens anything
print(*(host.opens("output", index, 48_000, 1) for index in (usb, other)))
subprocess.run(["pactl", "unload-module", sys.argv[1]], check=True)
until = time.monotonic() + 30
while host.offers("output", "Headset") and time.monotonic() < until:
    time.sleep(0.05)
print(*(host.opens("output", index, 48_000, 1) for index in (usb, other)))
try:
    host.open("output", usb, Format(48_000, 1, 480, 0.03), print, print)
except DeviceFault as fault:
    print(fault)
"""


@pytest.mark.sound
def test_a_speaker_that_the_server_has_no_more_does_not_open_in_the_place_of_another(spare_audio: VirtualAudio) -> None:
    what = ("module-null-sink", "sink_name=usb", "sink_properties=device.description=Headset")
    env = os.environ | spare_audio.env
    command = ["pactl", "load-module", *what]
    loaded = subprocess.run(command, env=env, check=True, capture_output=True, text=True)  # noqa: S603  ours
    program = f"import sys; sys.argv.append({loaded.stdout.strip()!r})\n{VANISHED}"
    assert said_by(program, env)[0].splitlines() == ["True True", "False True", "the sound server has it no more"]


@pytest.mark.sound
@pytest.mark.usefixtures("virtual_audio")
def test_what_the_server_has_is_known_also_when_nobody_had_asked_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "_IDLE_S", 0.05)
    monkeypatch.setattr(pulse, "_GLANCE_US", 10_000)
    server = pulse.Server()
    for pause_s in (0.0, 0.1, 0.3, 0.7, 0.2):  # it ends its connection, waits, or has ended
        time.sleep(pause_s)
        assert [node.called for node in server.devices("input") or ()] == ["VirtualMic"]
    assert server.system() == "PulseAudio"


@pytest.mark.sound
def test_an_alsa_default_that_leads_to_no_server_is_not_judged_by_one(spare_audio: VirtualAudio) -> None:
    program = (
        "from vivavoce.devices import served\n"
        "from vivavoce.devices.pulse import Server\n"
        "print(len(served.named(Server())), *map(served.follows_default, ('default', 'pulse', 'nothing', 'none')))"
    )
    config = Path(spare_audio.env["ALSA_CONFIG_PATH"])
    with config.open("a") as lines:
        lines.write("pcm.none { type null }\n")
    assert said_by(program, os.environ | spare_audio.env) == ("3 True True False False", "")
    config.write_text(
        "pcm.default { type null }\npcm.pulse { type pulse }\n"
    )  # of its own: the system's makes it follow a server
    assert said_by(program, os.environ | spare_audio.env) == ("3 False True False False", "")


def spool_of(samples: int) -> Spool:
    spool = Spool()
    spool.line.put("a", bytes(2 * samples), Troubles())
    return spool


def test_what_has_left_is_read_between_the_times_of_two_blocks() -> None:
    spool, out = spool_of(700), memoryview(bytearray(BLOCK_BYTES))
    assert spool.hand(out, 10.04) == 480
    assert spool.hand(out, 10.06) == 220
    assert spool.hand(out, 10.08) == 0  # silence is not logged
    assert [spool.advance(t) for t in (9.0, 10.04, 10.05, 10.06, 10.065, 11.0)] == [0, 0, 240, 480, 600, 700]


def test_a_gap_between_two_blocks_is_not_counted_as_heard() -> None:
    spool, out = spool_of(960), memoryview(bytearray(BLOCK_BYTES))
    spool.hand(out, 1.0)
    spool.hand(out, 2.0)  # the device stood still in between
    assert spool.advance(1.5) == 480
    assert spool.advance(2.01) == 720


@given(st.lists(st.floats(-0.01, 0.05), min_size=1, max_size=400), st.floats(0, 0.2))
def test_what_has_left_never_goes_back_and_never_exceeds_what_was_handed_over(
    steps: list[float], latency: float
) -> None:
    spool, out, now, before = spool_of(RATE_HZ), memoryview(bytearray(BLOCK_BYTES)), 5.0, 0
    for step in steps:
        spool.hand(out, now + latency)
        now += step
        left = spool.advance(now)
        assert before <= left <= spool.line.handed <= len(steps) * BLOCK_SAMPLES
        before = left

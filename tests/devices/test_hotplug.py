"""Devices that come and go under a real PortAudio: sinks of a virtual card are pulled, its server is killed and restarted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import VirtualAudio
from tests.devices.recorder import Recorder, missing, stretches
from tests.devices.through import Sound, sound_of

from vivavoce.pcm import SAMPLES_PER_MS
from vivavoce.testing.sound import NUMBERS, Run, numbered

pytestmark = [pytest.mark.sound, pytest.mark.timeout(120)]

PLAYER = """
import asyncio, json, sys, time
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker

def say(**line):
    print(json.dumps(line | {"t": time.monotonic()}), flush=True)

async def main(speaker_name, mic_name, kept):
    said = sys.stdin.buffer.read()
    mic = SoundCardMicrophone(mic_name or None)
    speaker = SoundCardSpeaker(speaker_name or None)
    speaker.start()
    speaker.play("a", said)

    async def listen():
        with open(kept, "wb", buffering=0) as file:
            while (sound := await mic.read()) is not None:
                file.write(sound)
                say(mic=file.tell() // 2)
                for trouble in mic.warnings() + speaker.warnings():
                    say(code=trouble.code, message=trouble.message)

    listening = asyncio.ensure_future(listen())
    async with asyncio.timeout(100):
        while (report := await speaker.report()).ms < len(said) // 48:
            say(heard=report.ms)
    say(heard=report.ms)
    await asyncio.sleep(0.3)
    await asyncio.gather(mic.close(), speaker.close())
    await listening

asyncio.run(main(*sys.argv[1:]))
"""


class Player:
    """A program of ours with a microphone and a speaker on which it plays numbered samples; it says what it hears of both."""

    def __init__(self, audio: VirtualAudio, ms: int, *, speaker: str = "", mic: str = "") -> None:
        self.lines: list[dict[str, Any]] = []
        self._folder = tempfile.TemporaryDirectory()
        self._kept = Path(self._folder.name, "mic")
        self._program = subprocess.Popen(  # noqa: S603  ours
            [sys.executable, "-c", PLAYER, speaker, mic, self._kept],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # PortAudio and ALSA print their own despair there
            env=os.environ | audio.env,
        )
        assert self._program.stdin is not None
        with self._program.stdin as its:
            its.write(numbered(ms))

    @property
    def mic(self) -> Sound:
        """What the microphone has heard."""
        return sound_of(self._kept.read_bytes())

    def until(self, what: str, value: int = 0) -> None:
        """Read on until a line says `what`, and at least `value` of it."""
        assert self._program.stdout is not None
        for line in self._program.stdout:
            self.lines.append(json.loads(line))
            line_of = self.lines[-1]
            if line_of.get("code", "").startswith(what) or line_of.get(what, -1) >= value:
                return
        raise AssertionError(f"no {what} {value} in the last of {len(self.lines)} lines, {self.lines[-20:]}")

    def go_on(self, what: str, more: int) -> None:
        """Read on until `more` milliseconds were heard, or samples of the microphone."""
        self.until(what, max(line.get(what, 0) for line in self.lines) + more)

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Meanwhile the system gives it no time."""
        self._program.send_signal(signal.SIGSTOP)
        yield
        self._program.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._program.kill()
        self._program.wait(10)
        assert self._program.stdout is not None
        self._program.stdout.close()
        self._folder.cleanup()

    @property
    def told(self) -> list[str]:
        """What it said of devices."""
        return [line["message"] for line in self.lines if line.get("code", "").startswith("device_")]

    def heard(self) -> list[int]:
        return [line["heard"] for line in self.lines if "heard" in line]


def pactl(audio: VirtualAudio, *words: str) -> str:
    path = shutil.which("pactl")
    assert path is not None
    done = subprocess.run(  # noqa: S603  pulseaudio-utils
        [path, *words], env=os.environ | audio.env, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()


def plug(audio: VirtualAudio, sink: str, channels: int = 1) -> str:
    """Another speaker; the answer pulls it."""
    how = (
        f"sink_name={sink}",
        f"channels={channels}",
        "rate=48000",
        f"sink_properties=device.description={sink.title()}",
    )
    return pactl(audio, "load-module", "module-null-sink", "norewinds=1", *how)


class Voices:
    """Two microphones, `left` (the default one) and `right`, that hear the same numbered samples; right, below zero.

    Attributes:
        left: what pulls the left one.
    """

    def __init__(self, audio: VirtualAudio, ms: int, folder: Path) -> None:
        pactl(audio, "unload-module", "module-remap-source")
        plug(audio, "voices", 2)
        self._audio = audio
        self.left, _ = (self.plug(side) for side in ("left", "right"))
        pactl(audio, "set-default-source", "left")
        said = np.frombuffer(numbered(ms), "<i2")
        (folder / "voices").write_bytes(np.stack([said, -said], 1).tobytes())
        pacat = shutil.which("pacat")
        assert pacat is not None
        how = ("--playback", "--raw", "--rate=24000", "--channels=2", "--format=s16le", "--device=voices")
        self._program = subprocess.Popen([pacat, *how, folder / "voices"], env=os.environ | audio.env)  # noqa: S603  pulseaudio-utils

    def plug(self, side: str) -> str:
        """One of the microphones; the answer pulls it."""
        return pactl(
            self._audio,
            *("load-module", "module-remap-source", "master=voices.monitor", f"source_name={side}"),
            *("channels=1", "channel_map=mono", f"master_channel_map=front-{side}", "remix=no"),
            f"source_properties=device.description={side.title()}",
        )

    def kill(self) -> None:
        self._program.kill()
        self._program.wait(10)


def kill(audio: VirtualAudio) -> None:
    """Its server is gone at once."""
    pid = Path(audio.env["VA_DIR"], "pid")
    if pid.exists():
        os.kill(int(pid.read_text()), 9)
        pid.unlink()  # nobody needs to wait for its end


DIED = {"twice_ms": 10, "lost_ms": 40}
"""Nobody says what a device that died still played: our clock is believed for 40 ms beyond its last call (`playback`)."""


def goes_on(*sounds: list[Run], twice_ms: int = 1, lost_ms: int = 20) -> bool:
    """Whether each sound begins where the one before it ended, and none of them has less than 200 ms.

    What is lost at most is what the card drops after it ran dry (`through`), or the 3 ms that a move of a speaker costs.
    """
    runs = [run for sound in sounds for run in sound]
    return all(sum(run.samples for run in sound) > 200 * SAMPLES_PER_MS for sound in sounds) and all(
        -twice_ms * SAMPLES_PER_MS <= gap <= lost_ms * SAMPLES_PER_MS for gap in missing(runs)
    )


@pytest.fixture
def room(spare_audio: VirtualAudio) -> Iterator[VirtualAudio]:
    """A virtual card."""
    yield spare_audio
    kill(spare_audio)  # it would take seconds to end by itself


Mine = Callable[[Any], Any]


@pytest.fixture
def mine() -> Iterator[Mine]:
    """What it is given, which is killed after the test."""
    things: list[Any] = []

    def keep(thing: Any) -> Any:
        things.append(thing)
        return thing

    yield keep
    for thing in things:
        thing.kill()


@pytest.fixture
def usb(room: VirtualAudio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualAudio]:
    """A sound server of its own as the device `usb`: what is on it dies with it, where one server would move the stream."""
    server = VirtualAudio(tmp_path_factory.mktemp("usb") / "card")
    with Path(room.env["ALSA_CONFIG_PATH"]).open("a") as config:
        config.write(
            f'pcm.usb {{ type pulse server "{server.env["PULSE_SERVER"]}" hint {{ show on description "USB" }} }}\n'
        )
    yield server
    kill(server)
    server.stop()


def test_a_pinned_speaker_that_is_pulled_hands_over_to_the_default_and_gets_it_back(
    room: VirtualAudio, usb: VirtualAudio, mine: Mine
) -> None:
    pinned, default = mine(Recorder(usb, "speaker.monitor")), mine(Recorder(room, "speaker.monitor"))
    player = mine(Player(room, 90_000, speaker="usb"))  # the server may take its time to come back
    player.until("heard", 500)
    kill(usb)
    player.until("device_back")
    assert "the speaker is now 'VirtualSpeaker'" in player.told[-1]
    usb.start()
    again = mine(Recorder(usb, "speaker.monitor"))
    player.until("device_back")
    assert "the speaker is now 'usb'" in player.told[-1]
    player.go_on("heard", 500)
    assert len(player.told) == 2
    assert player.heard() == sorted(player.heard())
    before, between, after = (stretches(recorder.stop()) for recorder in (pinned, default, again))
    assert goes_on(before, between, **DIED)
    assert goes_on(between, after, twice_ms=10, lost_ms=200)  # the second recorder may come later than the sound


def test_a_default_speaker_that_is_pulled_in_mid_sentence_is_told_once_and_the_next_one_goes_on(
    room: VirtualAudio, mine: Mine
) -> None:
    headset = plug(room, "headset")
    pactl(room, "set-default-sink", "headset")
    pulled, left = mine(Recorder(room, "headset.monitor")), mine(Recorder(room, "speaker.monitor"))
    player = mine(Player(room, 20_000))
    player.until("heard", 500)
    pactl(room, "unload-module", headset)
    player.until("device_")
    player.go_on("heard", 700)
    assert player.told == ["The sound devices changed: the speaker is now 'VirtualSpeaker'."]
    assert player.heard() == sorted(player.heard())
    assert goes_on(stretches(pulled.stop()), stretches(left.stop()))


@pytest.mark.parametrize("named", ["", "VirtualSpeaker"])
def test_a_sound_server_that_is_killed_and_restarted_is_taken_again_and_told_once(
    room: VirtualAudio, mine: Mine, named: str
) -> None:
    killed = mine(Recorder(room, "speaker.monitor"))
    player = mine(Player(room, 20_000, speaker=named))
    player.until("heard", 500)
    kill(room)
    time.sleep(0.3)  # it looks for a device, in vain
    with player.halted():  # so that nothing is heard that is not recorded
        room.start()
        restarted = mine(Recorder(room, "speaker.monitor"))
    player.until("device_back")
    assert "ms of the microphone were not heard" in player.told[-1]
    player.go_on("heard", 700)
    player.go_on("mic", 200 * SAMPLES_PER_MS)
    assert (
        sum("devices changed" in told for told in player.told) == 1
    )  # a machine that starts it slowly is told so before
    assert player.heard() == sorted(player.heard())
    assert goes_on(stretches(killed.stop()), stretches(restarted.stop()), **DIED)


def test_a_speaker_that_stands_still_without_an_error_is_noticed(room: VirtualAudio, mine: Mine) -> None:
    plug(room, "headset")
    recorder = mine(Recorder(room, "headset.monitor"))
    player = mine(Player(room, 20_000, speaker="headset"))
    player.until("heard", 500)
    pactl(room, "suspend-sink", "headset", "1")
    player.until("device_gone")  # found out from calls that do not come
    time.sleep(1)  # it is found dead again, and not told again
    pactl(room, "suspend-sink", "headset", "0")
    player.until("device_back")
    player.go_on("heard", 700)
    assert [told.split()[1:4] for told in player.told] == [["speaker", "is", "gone;"], ["sound", "devices", "changed:"]]
    # what it held, and what was handed over while it stood still and was opened again and again: it does not say what was heard
    assert goes_on(stretches(recorder.stop()), twice_ms=60, lost_ms=60)


def test_another_default_speaker_is_told_once_and_the_sound_goes_on_there(room: VirtualAudio, mine: Mine) -> None:
    plug(room, "headset")
    old, new = mine(Recorder(room, "speaker.monitor")), mine(Recorder(room, "headset.monitor"))
    player = mine(Player(room, 20_000))
    player.until("heard", 500)
    pactl(room, "set-default-sink", "headset")
    player.until("device_")
    player.go_on("heard", 700)
    assert player.told == ["The sound devices changed: the speaker is now 'Headset'."]
    assert player.heard() == sorted(player.heard())
    assert goes_on(stretches(old.stop()), stretches(new.stop()))


def test_a_named_speaker_whose_sink_vanishes_is_told_and_taken_again_when_it_returns(
    room: VirtualAudio, mine: Mine
) -> None:
    sink = plug(room, "headset")
    before, other = mine(Recorder(room, "headset.monitor")), mine(Recorder(room, "speaker.monitor"))
    player = mine(Player(room, 25_000, speaker="headset"))
    player.until("heard", 500)
    pactl(room, "unload-module", sink)  # the server moves the stream and says nothing to it
    player.until("device_")
    player.go_on("heard", 700)
    plug(room, "headset")
    after = mine(Recorder(room, "headset.monitor"))
    player.until("device_")
    player.go_on("heard", 700)
    assert player.told == [
        "The sound devices changed: the speaker is now 'VirtualSpeaker'.",
        "The sound devices changed: the speaker is now 'Headset'.",
    ]
    assert player.heard() == sorted(player.heard())
    assert goes_on(*(stretches(recorder.stop()) for recorder in (before, other, after)), twice_ms=60, lost_ms=60)


def test_a_named_speaker_that_is_the_default_too_is_told_when_the_server_takes_it_home_by_itself(
    room: VirtualAudio, mine: Mine
) -> None:
    sink = plug(room, "headset")
    pactl(room, "set-default-sink", "headset")
    player = mine(Player(room, 25_000, speaker="headset"))
    player.until("heard", 500)
    pactl(room, "unload-module", sink)
    player.until("device_")
    player.go_on("heard", 700)
    plug(room, "headset")
    player.until("device_")
    player.go_on("heard", 700)
    assert player.told == [
        "The sound devices changed: the speaker is now 'VirtualSpeaker'.",
        "The sound devices changed: the speaker is now 'Headset'.",
    ]


def test_a_named_microphone_whose_source_vanishes_is_told_and_taken_again_when_it_returns(
    room: VirtualAudio, mine: Mine, tmp_path: Path
) -> None:
    voices = mine(Voices(room, 25_000, tmp_path))
    pactl(room, "set-default-source", "right")
    player = mine(Player(room, 25_000, mic="left"))
    player.until("mic", 500 * SAMPLES_PER_MS)
    pactl(room, "unload-module", voices.left)
    player.until("device_")
    player.go_on("mic", 700 * SAMPLES_PER_MS)
    voices.plug("left")
    player.until("device_")
    player.go_on("mic", 700 * SAMPLES_PER_MS)
    gone, back = player.told
    assert gone == "The sound devices changed: the microphone is now 'Right'."
    assert back.startswith("The sound devices changed: the microphone is now 'Left'.")  # and what was missed meanwhile
    left, right = stretches(player.mic), stretches(-player.mic)
    before, after = (
        [run for run in left if run.at < right[0].at],
        [run for run in left if run.at > right[-1].at],
    )
    assert goes_on(before, right, after, lost_ms=100)


@pytest.mark.parametrize(
    ("named", "there", "elsewhere"), [("", "speaker", "headset"), ("headset", "headset", "speaker")]
)
def test_a_person_who_moves_the_sound_hears_it_there_and_need_not_be_told(
    room: VirtualAudio, mine: Mine, named: str, there: str, elsewhere: str
) -> None:
    plug(room, "headset")
    old, new = mine(Recorder(room, f"{there}.monitor")), mine(Recorder(room, f"{elsewhere}.monitor"))
    player = mine(Player(room, 20_000, speaker=named))
    player.until("heard", 500)
    (index,) = pactl(room, "list", "short", "sink-inputs").split()[:1]
    pactl(room, "move-sink-input", index, elsewhere)
    player.go_on("heard", 2000)
    assert player.told == []
    assert player.heard() == sorted(player.heard())
    assert goes_on(stretches(old.stop()), stretches(new.stop()))


def test_where_no_microphone_is_left_the_assistant_does_not_hear_itself(room: VirtualAudio, mine: Mine) -> None:
    player = mine(Player(room, 30_000))
    player.until("heard", 500)
    pactl(room, "unload-module", "module-remap-source")  # the server gives us the monitor of the speaker instead
    player.until("device_")
    player.go_on("mic", 300 * SAMPLES_PER_MS)  # what was on its way
    begin = len(player.mic)
    player.go_on("mic", 700 * SAMPLES_PER_MS)
    assert not player.mic[begin:].any()
    how = ("master=mic_feed.monitor", "source_name=mic", "channels=1", "source_properties=device.description=Again")
    pactl(room, "load-module", "module-remap-source", *how)
    pactl(room, "set-default-source", "mic")
    player.until("device_")
    gone, back = player.told
    assert gone.startswith("The microphone is gone: the sound server has only what the speaker plays to offer")
    assert back == "The sound devices changed: the microphone is now 'Again'."


@pytest.mark.parametrize("pulled", [False, True])
def test_another_default_microphone_is_told_once_and_heard_at_once(
    room: VirtualAudio, mine: Mine, tmp_path: Path, *, pulled: bool
) -> None:
    voices = mine(Voices(room, 20_000, tmp_path))
    player = mine(Player(room, 20_000))
    player.until("heard", 500)
    pactl(room, *(("unload-module", voices.left) if pulled else ("set-default-source", "right")))
    player.until("device_")
    player.go_on("mic", 700 * SAMPLES_PER_MS)
    assert player.told == ["The sound devices changed: the microphone is now 'Right'."]
    # the sound server lets the other source begin first; measured: 0 and 51 ms
    assert goes_on(stretches(player.mic), stretches(-player.mic), lost_ms=100)


def test_a_microphone_that_stands_still_is_told_as_gone_and_then_what_it_missed(
    room: VirtualAudio, mine: Mine, tmp_path: Path
) -> None:
    mine(Voices(room, 40_000, tmp_path))
    player = mine(Player(room, 40_000))
    player.until("heard", 500)
    pactl(room, "suspend-source", "left", "1")
    player.until("device_gone")
    pactl(room, "suspend-source", "left", "0")
    player.until("device_back")
    player.go_on("mic", 300 * SAMPLES_PER_MS)
    gone, back = player.told
    assert gone.startswith("The microphone is gone")
    told_ms = int(back.split(" ms of the microphone were not heard")[0].split()[-1])
    assert told_ms > 2000
    wrong = (sum(missing(stretches(player.mic))) - told_ms * SAMPLES_PER_MS) % NUMBERS
    assert min(wrong, NUMBERS - wrong) < 30 * SAMPLES_PER_MS  # what was told is what is missing

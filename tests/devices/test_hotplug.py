"""Devices that come and go under a real PortAudio: sinks of a virtual card are pulled, its server is killed and restarted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import VirtualAudio

pytestmark = [pytest.mark.sound, pytest.mark.timeout(120)]

PLAYER = """
import asyncio, json, sys, time
from vivavoce.devices.soundcard import SoundCardMicrophone, SoundCardSpeaker

def say(**line):
    print(json.dumps(line | {"t": time.monotonic()}), flush=True)

async def main(speaker_name, ms):
    mic = SoundCardMicrophone()
    speaker = SoundCardSpeaker(None if speaker_name == "default" else speaker_name)
    speaker.start()
    speaker.play("a", bytes([1, 1]) * 24 * ms)

    async def listen():
        while (sound := await mic.read()) is not None:
            say(mic=len(sound) // 48)
            for trouble in mic.warnings() + speaker.warnings():
                say(code=trouble.code, message=trouble.message)

    listening = asyncio.ensure_future(listen())
    async with asyncio.timeout(100):
        while (report := await speaker.report()).ms < ms:
            say(heard=report.ms)
    say(heard=report.ms)
    await asyncio.sleep(0.3)
    await asyncio.gather(mic.close(), speaker.close())
    await listening

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


class Player:
    """A program of ours with a microphone and a speaker, which says what it hears of them."""

    def __init__(self, audio: VirtualAudio, speaker: str, ms: int) -> None:
        self.lines: list[dict[str, Any]] = []
        self._program = subprocess.Popen(  # noqa: S603  ours
            [sys.executable, "-c", PLAYER, speaker, str(ms)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # PortAudio and ALSA print their own despair there
            env=os.environ | audio.env,
            text=True,
        )

    def until(self, what: str, value: int = 0) -> None:
        """Read on until a line says `what`, and at least `value` of it."""
        assert self._program.stdout is not None
        for line in self._program.stdout:
            self.lines.append(json.loads(line))
            line_of = self.lines[-1]
            if line_of.get("code", "").startswith(what) or line_of.get(what, -1) >= value:
                return
        raise AssertionError(f"no {what} {value} in the last of {len(self.lines)} lines, {self.lines[-20:]}")

    def end(self) -> None:
        assert self._program.stdout is not None
        self.lines += [json.loads(line) for line in self._program.stdout]
        assert self._program.wait(20) == 0

    def kill(self) -> None:
        self._program.kill()
        self._program.wait(10)
        assert self._program.stdout is not None
        self._program.stdout.close()

    def told(self, code: str) -> int:
        """How often."""
        return sum(line.get("code") == code for line in self.lines)

    def heard(self) -> list[int]:
        return [line["heard"] for line in self.lines if "heard" in line]


def pactl(audio: VirtualAudio, *words: str) -> str:
    path = shutil.which("pactl")
    assert path is not None
    done = subprocess.run(  # noqa: S603  pulseaudio-utils
        [path, *words], env=os.environ | audio.env, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.strip()


HEADSET = ("rate=48000", "sink_properties=device.description=Headset")


def plug_headset(audio: VirtualAudio) -> str:
    return pactl(audio, "load-module", "module-null-sink", "norewinds=1", "sink_name=headset", *HEADSET)


def kill(audio: VirtualAudio) -> None:
    """Its server is gone at once."""
    os.kill(int(Path(audio.env["VA_DIR"], "pid").read_text()), 9)


@pytest.fixture
def room(spare_audio: VirtualAudio) -> Iterator[VirtualAudio]:
    """A virtual card with a second speaker, under a name of its own."""
    with Path(spare_audio.env["ALSA_CONFIG_PATH"]).open("a") as config:
        config.write('pcm.headset { type pulse device "headset" hint { show on description "Headset" } }\n')
    yield spare_audio
    kill(spare_audio)  # it would take seconds to end by itself


@pytest.fixture
def players() -> Iterator[list[Player]]:
    made: list[Player] = []
    yield made
    for player in made:
        player.kill()


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
    room: VirtualAudio, usb: VirtualAudio, players: list[Player]
) -> None:
    player = Player(room, "usb", 90_000)  # the server may take its time to come back
    players.append(player)
    player.until("heard", 500)
    kill(usb)
    player.until("device_back")
    assert "the speaker is now 'default'" in player.lines[-1]["message"]
    usb.start()
    player.until("device_back")
    assert "the speaker is now 'usb'" in player.lines[-1]["message"]
    player.until("heard", player.heard()[-1] + 500)
    assert player.told("device_back") == 2
    assert player.heard() == sorted(player.heard())


def test_a_sink_that_is_pulled_in_mid_sentence_does_not_end_the_sentence(
    room: VirtualAudio, players: list[Player]
) -> None:
    headset = plug_headset(room)
    player = Player(room, "headset", 1500)
    players.append(player)
    player.until("heard", 500)
    pactl(room, "unload-module", headset)  # the server moves the stream, or the device dies: either way it goes on
    player.until("heard", 1500)
    player.end()
    assert player.heard() == sorted(player.heard())


def test_a_sound_server_that_is_killed_and_restarted_is_taken_again_and_told_once(
    room: VirtualAudio, players: list[Player]
) -> None:
    player = Player(room, "default", 2500)
    players.append(player)
    player.until("heard", 500)
    kill(room)
    room.start()
    player.until("device_back")
    assert "ms of the microphone were not heard" in player.lines[-1]["message"]
    player.until("heard", 2500)
    player.end()
    assert player.told("device_back") == 1
    assert player.heard() == sorted(player.heard())
    assert "mic" in player.lines[-1]


def test_a_speaker_that_stands_still_without_an_error_is_noticed(room: VirtualAudio, players: list[Player]) -> None:
    plug_headset(room)
    player = Player(room, "headset", 1500)
    players.append(player)
    player.until("heard", 500)
    pactl(room, "suspend-sink", "headset", "1")
    player.until("device_gone")  # found out from calls that do not come
    pactl(room, "suspend-sink", "headset", "0")
    player.until("heard", 1500)
    player.end()
    assert (player.told("device_gone"), player.told("device_back")) == (1, 1)


def test_another_default_sink_is_told_once_and_the_sound_goes_on(room: VirtualAudio, players: list[Player]) -> None:
    plug_headset(room)
    player = Player(room, "default", 1500)
    players.append(player)
    player.until("heard", 500)
    pactl(room, "set-default-sink", "headset")
    player.until("device_changed")
    assert player.lines[-1]["message"] == "The sound devices changed: the speaker is now 'Headset'."
    player.until("heard", 1500)
    player.end()
    assert player.told("device_changed") == 1
    assert player.heard() == sorted(player.heard())

"""`viva talk` on a terminal and a sound card: its options and keys, seen by the server, the screen and the speaker."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any, Self

import numpy as np
import pytest
from tests.conftest import VirtualAudio
from tests.devices.recorder import Recorder
from tests.devices.through import Sound

from vivavoce.pcm import RATE_HZ
from vivavoce.testing import RealtimeServer, Reply, Talk, in_thread

if sys.platform == "win32":
    pytest.skip("a pseudo terminal is needed", allow_module_level=True)

VOICE = Path(__file__).parents[1] / "recordings" / "questions" / "10.wav"
LOUD = 8000
HOW = (f"--rate={RATE_HZ}", "--channels=1", "--format=s16le", "--latency-msec=10", "--raw")

pytestmark = [pytest.mark.sound, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualAudio]:
    """A card of this module's own, with a second speaker that people call a headset."""
    if shutil.which("pulseaudio") is None:
        pytest.skip("pulseaudio is not installed: apt install pulseaudio pulseaudio-utils libasound2-plugins")
    audio = VirtualAudio(tmp_path_factory.mktemp("terminal") / "card")
    headset = "sink_properties=device.description=Headset"
    try:
        run(
            audio, "pactl", "load-module", "module-null-sink", "norewinds=1", "sink_name=headset", "rate=48000", headset
        )
        run(audio, "pactl", "set-default-sink", "speaker")
        yield audio
    finally:
        audio.stop()


def run(audio: VirtualAudio, name: str, *args: str) -> None:
    """A program of PulseAudio."""
    subprocess.run([shutil.which(name) or name, *args], env=os.environ | audio.env, check=True, capture_output=True)  # noqa: S603


class Terminal:
    """`viva talk` as a person sees it; ended at the end of the block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __init__(self, audio: VirtualAudio, server: RealtimeServer, *options: str) -> None:
        ours, theirs = os.openpty()
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
        place = server.url.replace("ws:", "http:").removesuffix("/realtime")
        env = kept | audio.env | {"TERM": "dumb", "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": place}
        code = "from vivavoce.cli.main import main; main()"
        self.process = subprocess.Popen(  # noqa: S603  ourselves
            [sys.executable, "-c", code, "talk", *options], stdin=theirs, stdout=theirs, stderr=theirs, env=env
        )
        os.close(theirs)
        self._fd = ours
        self._shown = b""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while piece := os.read(self._fd, 4096):
                self._shown += piece
        except OSError:  # the talk is over
            return

    @property
    def shown(self) -> str:
        """All that was written, broken lines joined."""
        return re.sub(r"\s+", " ", self._shown.decode(errors="replace"))

    def until(self, what: str) -> None:
        """Wait until it is shown."""
        until(lambda: what in self.shown, lambda: f"{what!r} is not in {self.shown!r}")

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def leave(self) -> int:
        """What Ctrl-C sends; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def close(self) -> None:
        self.process.kill()
        self.process.wait(30)
        self._reader.join(10)  # it ends with the other end of the terminal
        os.close(self._fd)


def until(true: Callable[[], bool], what: Callable[[], str], within_s: float = 60) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, what()
        time.sleep(0.02)


@pytest.fixture
def recorder(card: VirtualAudio) -> Iterator[Recorder]:
    """What leaves the speaker, recorded by a program that is not ours."""
    recorder = Recorder(card, "speaker.monitor")
    yield recorder
    recorder.kill()


def tone(ms: int) -> bytes:
    return (LOUD * np.sin(2 * np.pi * 220 * np.arange(ms * RATE_HZ // 1000) / RATE_HZ)).astype("<i2").tobytes()


def loud_pieces(sound: Sound) -> list[int]:
    """How loud each stretch is between silences of a second; where a busy machine runs dry it is shorter."""
    frame = RATE_HZ // 2
    peaks = np.abs(sound[: len(sound) // frame * frame]).reshape(-1, frame).max(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], peaks > 100, [0]])))
    return [int(peaks[begin:end].max()) for begin, end in edges.reshape(-1, 2)]


def noise_reduction(server: RealtimeServer) -> Any:
    update = server.connections[0].words("session.update")[0]
    return update["session"]["audio"]["input"].get("noise_reduction")


@pytest.mark.parametrize(
    ("echo", "sentence"),
    [
        ("auto", "Echo cancellation is on: interrupt the assistant by speaking."),
        ("gate", "Only an echo gate is on: to interrupt the assistant, speak louder than its echo."),
        ("off", "Echo cancellation is off: without headphones the assistant may hear itself."),
    ],
)
def test_how_echo_is_kept_out_is_one_line_and_the_server_is_told_what_fits(
    card: VirtualAudio, echo: str, sentence: str
) -> None:
    with in_thread(RealtimeServer()) as server, Terminal(card, server, "--echo", echo) as seen:
        seen.until("Listening.")
        assert seen.shown.count(sentence) == 1
        assert noise_reduction(server) == {"type": "far_field"}
        assert seen.leave() == 130


@pytest.mark.parametrize(("wish", "told"), [("near", {"type": "near_field"}), ("off", None)])
def test_noise_reduction_is_as_wished(card: VirtualAudio, wish: str, told: Any) -> None:
    with in_thread(RealtimeServer()) as server, Terminal(card, server, "--noise-reduction", wish) as seen:
        seen.until("Listening.")
        assert noise_reduction(server) == told
        assert seen.leave() == 130


def test_a_default_device_that_people_call_a_headset_is_near_the_mouth(card: VirtualAudio) -> None:
    run(card, "pactl", "set-default-sink", "headset")
    try:
        with in_thread(RealtimeServer()) as server, Terminal(card, server, "--echo", "off") as seen:
            seen.until("Listening.")
            assert noise_reduction(server) == {"type": "near_field"}
            assert seen.leave() == 130
    finally:
        run(card, "pactl", "set-default-sink", "speaker")


def test_mute_and_volume_are_typed_in_the_talk(card: VirtualAudio, recorder: Recorder) -> None:
    with (
        in_thread(RealtimeServer(Talk(answer=lambda _: Reply("A tone.", pcm=tone(600))))) as server,
        Terminal(card, server, "--echo", "off") as seen,
    ):
        seen.until("Listening.")
        connection = server.connections[0]
        seen.type("/mute\n")
        seen.until("The microphone is muted; /unmute opens it.")
        time.sleep(0.3)  # what was recorded before has been sent
        begin = len(connection.sound)
        run(card, "paplay", "--device=mic_feed", str(VOICE))
        assert not any(connection.sound[begin:])
        assert len(connection.sound) - begin > RATE_HZ  # silence is sent, and more than half a second of it
        seen.type("Go on.\n")
        until(lambda: len(loud_pieces(recorder.sound)) == 1, lambda: seen.shown)
        time.sleep(1.5)
        seen.type("/volume 25\n")
        seen.until("The volume is 25.")
        seen.type("Go on.\n")
        until(lambda: len(loud_pieces(recorder.sound)) == 2, lambda: seen.shown)
        time.sleep(1.5)
        seen.type("/unmute\n")
        seen.until("The microphone is open.")
        run(card, "paplay", "--device=mic_feed", str(VOICE))
        until(lambda: any(connection.sound[begin:]), lambda: seen.shown)
        assert seen.leave() == 130
    first, second = loud_pieces(recorder.sound)[:2]
    assert first == pytest.approx(LOUD, rel=0.05)
    assert second == pytest.approx(LOUD / 4, rel=0.05)


@pytest.mark.parametrize("key", [" ", "\r"])
def test_with_push_to_talk_a_key_is_the_button_and_plus_and_minus_are_the_volume(card: VirtualAudio, key: str) -> None:
    with in_thread(RealtimeServer()) as server, Terminal(card, server, "--push-to-talk") as seen:
        seen.until("Press space or Enter")
        connection = server.connections[0]
        assert connection.words("session.update")[0]["session"]["audio"]["input"]["turn_detection"] is None
        run(card, "paplay", "--device=mic_feed", str(VOICE))
        seen.type("x")  # no button
        seen.type("-")
        seen.until("The volume is 90.")
        seen.type("+")
        seen.until("The volume is 100.")
        assert not any(connection.sound)  # nobody hears what is said before it is pressed
        seen.type(key)
        run(card, "paplay", "--device=mic_feed", str(VOICE))
        assert "input_audio_buffer.commit" not in connection.types
        seen.type(key)
        until(lambda: "response.create" in connection.types, lambda: seen.shown)
        assert connection.types.count("input_audio_buffer.commit") == 1
        assert np.abs(np.frombuffer(bytes(connection.sound), "<i2")).max() > 1000
        assert not connection.said_words("error")
        assert seen.leave() == 130

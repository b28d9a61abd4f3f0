"""Short scenes with real voices: what is cancelled, what passes, and what happens where nothing can be done."""

from __future__ import annotations

import functools
import importlib.util
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from tests.devices.acoustics import (
    Scene,
    Sound,
    at_level,
    erle_db,
    measured_room,
    placed,
    recorded,
    shoebox,
    to_bytes,
    to_sound,
)

from vivavoce.devices.echo import EchoControl
from vivavoce.devices.echopath import BLOCK, EchoPath
from vivavoce.devices.ladder import Wish
from vivavoce.pcm import RATE_HZ, SAMPLE_BYTES

SECONDS = 8.0
ROOM = ((4.0, 3.0, 2.5), (1.0, 1.0, 0.8), (1.3, 1.1, 0.8), 0.3)
needs_webrtc = pytest.mark.skipif(importlib.util.find_spec("livekit") is None, reason="pip install vivavoce[echo]")
either = pytest.mark.parametrize("wish", [pytest.param("cancel", marks=needs_webrtc), "gate"])


@functools.cache
def _assistant(seconds: float = SECONDS) -> Sound:
    voice = np.concatenate([recorded("LJ001-0004.wav"), recorded("LJ001-0002.wav"), recorded("LJ001-0004.wav")])
    return at_level(np.resize(voice, round(seconds * RATE_HZ)), -20)


@functools.cache
def _room() -> Sound:
    return shoebox(*ROOM)


def _scene(near: Sound | None = None, room: Sound | None = None, seconds: float = SECONDS, **changes: float) -> Scene:
    far = _assistant(seconds)
    noise = np.random.default_rng(1).normal(0, 10 ** (-65 / 20), len(far))
    near = np.zeros(len(far)) if near is None else near
    return Scene(far, near, _room() if room is None else room, noise=noise, **changes)  # type: ignore[arg-type]  # floats


@either
def test_the_assistant_alone_is_taken_out(wish: Wish) -> None:
    scene = _scene()
    assert erle_db(scene, scene.through(EchoControl(wish)), 2, SECONDS) > 18


@pytest.fixture
def ungated(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the gate would act on is heard: it alone makes silence of an echo, whatever else was built."""
    monkeypatch.setattr(EchoControl, "_faded", lambda _, out, *, passes: out)  # noqa: ARG005


@needs_webrtc
@pytest.mark.usefixtures("ungated")
def test_auto_cancels_where_it_says_so() -> None:
    scene, control = _scene(), EchoControl("auto")
    assert erle_db(scene, scene.through(control), 2, SECONDS) > 35  # 20 by the filter alone, 22 with noise suppression
    assert control.choice.sentence.startswith("Echo cancellation is on")


@pytest.mark.usefixtures("ungated")
def test_auto_without_the_extra_is_the_gate_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit", None)
    scene, control = _scene(), EchoControl("auto")
    assert erle_db(scene, scene.through(control), 2, SECONDS) == pytest.approx(20, abs=4)
    assert control.choice.rung == "gate"
    assert control.choice.sentence.startswith("Echo cancellation is not installed (pip install 'vivavoce[echo]')")


@needs_webrtc
def test_a_measured_room_and_a_speaker_that_drifts_are_taken_out() -> None:
    scene = _scene(room=measured_room("rir2.wav"), drift_ppm=100, clip=0.3)
    control = EchoControl("cancel")
    assert erle_db(scene, scene.through(control), 2, SECONDS) > 15
    assert control.choice.rung == "cancel"


@either
def test_a_person_who_speaks_over_the_assistant_is_heard(wish: Wish) -> None:
    words = at_level(recorded("sb_spk1_snt1.wav"), -22)
    scene = _scene(placed([(4.0, words)], SECONDS), echo_db=-12)
    out = scene.through(EchoControl(wish))
    heard, spoken = _loudness(out), _loudness(scene.near)
    assert np.corrcoef(heard, spoken)[0, 1] > 0.9
    assert 20 * np.log10(heard.mean() / spoken.mean()) == pytest.approx(0, abs=3)


@either
@pytest.mark.parametrize("floor_db", [-90.0, -50.0])
@pytest.mark.parametrize("at_s", [1.5, 4.0])
def test_with_headphones_the_first_word_over_a_reply_is_heard(wish: Wish, at_s: float, floor_db: float) -> None:
    words = at_level(recorded("sb_spk1_snt1.wav"), -22)
    scene = _scene(placed([(at_s, words)], SECONDS), echo_db=-200)
    noise = np.random.default_rng(2).normal(0, 10 ** (floor_db / 20), len(scene.far))
    scene = replace(scene, noise=noise)
    out = scene.through(EchoControl(wish))
    word = slice(round((at_s + 0.1) * RATE_HZ), round((at_s + 0.6) * RATE_HZ))
    heard, spoken = (float((sound[word] ** 2).mean()) for sound in (out, scene.near))
    assert 10 * np.log10(heard / spoken) == pytest.approx(0, abs=3)


@needs_webrtc
@pytest.mark.parametrize("echo_db", [-10, -3])
def test_headphones_that_are_pulled_out_let_the_assistant_through_for_a_moment_only(echo_db: float) -> None:
    scene, out_s = _scene(echo_db=echo_db), 4.0
    scene.mic[: round(out_s * RATE_HZ)] -= scene.echo[: round(out_s * RATE_HZ)]
    out = scene.through(EchoControl("cancel"))
    second = out[round(out_s * RATE_HZ) : round((out_s + 1) * RATE_HZ)].reshape(10, -1)
    assert np.count_nonzero(10 * np.log10((second**2).mean(axis=1) + 1e-12) > -45) <= 4


def _loudness(sound: Sound) -> Sound:
    """From 4 to 7 s, in steps of 40 ms: a delay of some ms is no difference."""
    steps = sound[round(4 * RATE_HZ) : round(7 * RATE_HZ)].reshape(-1, 960)
    return np.asarray(np.sqrt((steps**2).mean(axis=1)))


def test_without_a_word_of_the_assistant_everything_passes() -> None:
    near = placed([(0.5, at_level(recorded("whats_the_weather.wav"), -25))], 4.0)
    scene = Scene(np.zeros(len(near)), near, _room())
    control = EchoControl("gate")
    assert np.abs(scene.through(control) - scene.mic).max() < 2 / 32768
    assert control.muted_blocks == 0


@either
@pytest.mark.parametrize("block", [64, 441, 1000])
def test_blocks_of_any_size_lose_no_sample(wish: Wish, block: int) -> None:
    control, given, got = EchoControl(wish), 0, 0
    sound = to_bytes(0.1 * np.random.default_rng(0).normal(size=block))
    for n in range(40):
        control.played(sound, n * block / RATE_HZ + 0.04)
        given += len(sound)
        got += len(control.captured(sound, n * block / RATE_HZ))
        assert given - got == given % (240 * SAMPLE_BYTES)


def test_the_echo_jumps_and_is_found_again() -> None:
    scene = _scene(seconds=11.0, jumps=[(5.0, 60.0)])  # type: ignore[arg-type]  # not a float
    out = scene.through(EchoControl("gate"))
    assert erle_db(scene, out, 2, 5) > 18
    assert erle_db(scene, out, 8, 11) > 18


def test_drift_that_no_time_tells_is_found_in_the_sound() -> None:
    scene = _scene(drift_ppm=80)
    control = EchoControl("gate")
    far, mic = _blocks(np.pad(scene.far, (0, RATE_HZ))), _blocks(scene.mic)
    for n in range(len(mic) + 8):  # the speaker's times claim that its clock is the microphone's
        control.played(far[n], n / 100)
        if n >= 8:
            control.captured(mic[n - 8], (n - 8) / 100)
    assert control.drift_ppm == pytest.approx(80, abs=15)


def test_an_echo_half_a_second_late_is_found() -> None:
    scene = _scene(seconds=9.0, delay_ms=500, clip=0.3)
    assert erle_db(scene, scene.through(EchoControl("gate")), 6, 9) > 18


def _blocks(sound: Sound) -> list[bytes]:
    pcm = to_bytes(sound)
    return [pcm[at : at + 480] for at in range(0, len(pcm) - 479, 480)]


def test_off_changes_nothing() -> None:
    control = EchoControl("off")
    control.played(b"\x01\x02" * 240, 0.0)
    assert control.captured(b"\x03\x04" * 100, 0.0) == b"\x03\x04" * 100
    assert "off" in control.choice.sentence


def _hopeless(scene: Scene) -> Sound:
    """What the microphone hears when it is as loud as an echo, at the time of one, and no echo."""
    signs = np.sign(np.random.default_rng(5).normal(size=len(scene.mic)))
    return np.asarray(scene.mic + (signs - 1) * scene.echo)


def _told(control: EchoControl, scene: Scene, mic: Sound) -> tuple[Sound, list[tuple[float, str]]]:
    """What is made of `mic`; when a line was told, and which."""
    far, near = _blocks(np.pad(scene.far, (0, RATE_HZ))), _blocks(mic)
    out, news = [], []
    for n in range(len(near)):
        control.played(far[n + 4], (n + 4) / 100)
        out.append(control.captured(near[n], n / 100))
        if line := control.news():
            news.append((n / 100, line))
    return to_sound(b"".join(out)), news


def test_an_echo_that_cannot_be_cancelled_silences_the_microphone_and_is_told_once() -> None:
    scene, control = _scene(seconds=18.0), EchoControl("auto")
    out, ((told_s, line),) = _told(control, scene, _hopeless(scene))
    assert (control.choice.rung, control.choice.sentence) == ("half", line)
    silent = out[round((told_s + 0.02) * RATE_HZ) :]
    assert len(silent) > RATE_HZ
    assert np.abs(silent).max() < 100 / 32768


@pytest.mark.parametrize("echo", [0, 1])
def test_once_the_echo_is_gone_or_can_be_cancelled_the_microphone_is_open_again_and_it_is_told_once(echo: int) -> None:
    words = at_level(recorded("sb_spk1_snt1.wav"), -22)
    scene, control = _scene(placed([(28.0, words)], 32.0), seconds=32.0, echo_db=-12), EchoControl("auto")
    begun, better_s = control.choice, 16
    better = better_s * RATE_HZ
    mic = np.concatenate((_hopeless(scene)[:better], (scene.mic - (1 - echo) * scene.echo)[better:]))
    out, ((_, worse), (told_s, line)) = _told(control, scene, mic)
    assert worse.startswith("The echo cannot be cancelled here")
    assert (control.choice, line) == (begun, begun.sentence)
    assert told_s - better_s < 10  # four measurements of 2 s
    spoken = slice(round(28.1 * RATE_HZ), round(30 * RATE_HZ))
    heard, said = (float((sound[spoken] ** 2).mean()) for sound in (out, scene.near))
    assert 10 * np.log10(heard / said) == pytest.approx(0, abs=3)


def test_what_is_absent_is_neither_needed_nor_loaded() -> None:
    program = (
        "import sys; sys.modules['livekit'] = None\n"
        "from vivavoce.devices import echo\n"
        "from vivavoce.errors import MissingExtra\n"
        "try:\n    echo.EchoControl('cancel')\n"
        "except MissingExtra as absent:\n    print(absent.extra)\n"
        "echo.EchoControl('gate')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)  # noqa: S603  our own program
    assert done.stdout == "echo\n"


def test_a_leap_of_the_echo_is_followed_before_anybody_would_hear_it() -> None:
    scene = _scene(seconds=9.0, jumps=[(5.0, 60.0)])  # type: ignore[arg-type]  # not a float
    out = scene.through(EchoControl("gate"))
    assert erle_db(scene, out, 2, 5) > 18
    assert erle_db(scene, out, 5.3, 9) > 18


def test_a_leap_under_a_person_s_words_is_followed_once_they_pause() -> None:
    words = at_level(recorded("sb_spk1_snt1.wav"), -22)
    scene = _scene(placed([(4.0, words)], 11.0), seconds=11.0, jumps=[(5.0, 60.0)])  # type: ignore[arg-type]  # not a float
    out = scene.through(EchoControl("gate"))
    assert erle_db(scene, out, 8, 11) > 18


def test_a_voice_far_louder_than_the_echo_does_not_make_the_filter_begin_anew() -> None:
    words = at_level(np.resize(recorded("jfk.wav"), 8 * RATE_HZ), -14)
    scene = _scene(placed([(4.0, words)], 12.0), seconds=12.0, echo_db=-24)
    path = EchoPath()
    late = round(scene.delay_ms * RATE_HZ / 1000)
    for at in range(0, len(scene.mic) - late - BLOCK, BLOCK):
        path.cancel(scene.far[at : at + BLOCK], scene.mic[late + at : late + at + BLOCK])
    assert path.trusted
    assert path.restarts == 0


def test_a_loudspeaker_that_distorts_is_followed() -> None:
    assert _filtered_db(_scene(clip=1.0, echo_db=-4)) > 22  # 17 without the second input


def _filtered_db(scene: Scene) -> float:
    """What the filter alone takes away, dB."""
    path = EchoPath()
    late = round(scene.delay_ms * RATE_HZ / 1000)
    out = [
        path.cancel(scene.far[at : at + BLOCK], scene.mic[late + at : late + at + BLOCK])
        for at in range(0, len(scene.mic) - late - BLOCK, BLOCK)
    ]
    shifted = np.pad(np.concatenate(out), (late, BLOCK))
    return erle_db(scene, shifted, 3, SECONDS - 0.5)

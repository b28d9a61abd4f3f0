"""Voices stop a reply; hums, clicks and noise do not; and the contract of the verdicts, for any sound in any pieces."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.devices.acoustics import Sound, at_level, placed, recorded, to_bytes

from vivavoce.devices.barge_net import FRAMES, BargeInNet
from vivavoce.devices.barge_sound import FEATURES, FRAME, HISTORY, Floor, features, spectra
from vivavoce.devices.bargein import BargeInDetector
from vivavoce.pcm import RATE_HZ
from vivavoce.session.bargein import Judged

VOICES = (
    "jfk.wav",
    "LJ001-0004.wav",
    "sb_spk1_snt1.wav",
    "sb_spk1_snt2.wav",
    "tardigrades.wav",
    "whats_the_weather.wav",
)
BEGIN_S = 1.0


def _room(pieces: list[tuple[float, Sound]], seconds: float = 4.0, floor_db: float = -65.0) -> Sound:
    """Sounds at their seconds, in a room that is never quite still."""
    return placed(pieces, seconds) + np.random.default_rng(2).normal(0, 10 ** (floor_db / 20), round(seconds * RATE_HZ))


def _words(name: str) -> Sound:
    """From the first audible 10 ms on."""
    sound = recorded(name)
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    power = (frames**2).mean(axis=1)
    return sound[int(np.argmax(power > power.max() * 1e-3)) * FRAME :]


def _hum(pitch_hz: Sound, gaps: tuple[tuple[float, float], ...] = ()) -> Sound:
    """A closed mouth: harmonics, the lowest by far the strongest; a sample of pitch for each of sound."""
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    out = np.zeros(len(phase))
    for n in range(1, 25):
        hz = n * pitch_hz
        strength = (
            1 / (1 + ((hz - 260) / 90) ** 2)
            + 0.03 / (1 + ((hz - 1050) / 150) ** 2)
            + 0.015 / (1 + ((hz - 2200) / 200) ** 2)
        )
        out += strength * np.sin(n * phase + n)
    at = np.arange(len(out)) / RATE_HZ
    edge = np.minimum(1, at / 0.04) * np.minimum(1, at[::-1] / 0.08)
    for begin_s, end_s in gaps:
        edge *= np.clip(np.maximum(begin_s - at, at - end_s) / 0.03 + 1, 0.02, 1)
    return np.asarray(out * edge)


def _mm_hm(low_hz: float) -> Sound:
    """ "mm-hm": down and up, with a breath between."""
    first, second = round(0.2 * RATE_HZ), round(0.32 * RATE_HZ)
    pitch = np.concatenate(
        (np.linspace(low_hz * 1.05, low_hz * 0.95, first), np.linspace(low_hz * 1.1, low_hz * 1.3, second))
    )
    return _hum(pitch, gaps=((0.19, 0.24),))


def _judged(sound: Sound, piece: int = FRAME) -> list[tuple[int, Judged]]:
    """(ms by which it was known, verdict)."""
    detector, out = BargeInDetector(), []
    for at in range(0, len(sound), piece):
        end = min(at + piece, len(sound))
        out += [(end * 1000 // RATE_HZ, verdict) for verdict in detector.hear(to_bytes(sound[at:end]))]
    return out


@pytest.mark.parametrize("level_db", [-34, -20])
@pytest.mark.parametrize("name", VOICES)
def test_words_of_a_real_voice_are_speech(name: str, level_db: float) -> None:
    judged = _judged(_room([(BEGIN_S, at_level(_words(name), level_db))]))
    begin_ms = round(BEGIN_S * 1000)
    assert judged[0][1] is Judged.SOUND
    assert begin_ms < judged[0][0] <= begin_ms + 120
    spoken = next(ms for ms, verdict in judged if verdict is Judged.SPEECH)
    assert spoken <= begin_ms + 600


@pytest.mark.parametrize("low_hz", [95, 130, 190, 230])
def test_mm_hm_is_nothing(low_hz: float) -> None:
    judged = [verdict for _, verdict in _judged(_room([(BEGIN_S, at_level(_mm_hm(low_hz), -28))]))]
    assert Judged.SPEECH not in judged
    assert judged.count(Judged.SOUND) == judged.count(Judged.NOTHING)


def test_a_click_a_knock_and_a_burst_of_noise_are_nothing() -> None:
    random = np.random.default_rng(4)
    n = np.arange(round(0.2 * RATE_HZ)) / RATE_HZ
    click = random.normal(size=len(n)) * np.exp(-n / 0.004)
    knock = np.sin(2 * np.pi * 180 * n) * np.exp(-n / 0.02) + 0.3 * click
    burst = random.normal(size=len(n)) * np.sin(np.pi * n / n[-1]) ** 2
    sound = _room([(1.0, 0.3 * click), (2.0, 0.2 * knock), (3.0, 0.05 * burst), (4.0, 0.3 * click)], 5.0)
    assert Judged.SPEECH not in [verdict for _, verdict in _judged(sound)]


def test_words_right_after_mm_hm_are_speech() -> None:
    hum = at_level(_mm_hm(120), -26)
    begin_s = BEGIN_S + len(hum) / RATE_HZ + 0.15
    judged = _judged(_room([(BEGIN_S, hum), (begin_s, at_level(_words("sb_spk1_snt1.wav"), -24))]))
    assert [verdict for ms, verdict in judged if ms < begin_s * 1000].count(Judged.SPEECH) == 0
    assert next(ms for ms, verdict in judged if verdict is Judged.SPEECH) <= begin_s * 1000 + 700


@pytest.mark.parametrize("level_db", [-70, -50])
def test_a_fan_does_not_duck_a_reply(level_db: float) -> None:
    noise = np.random.default_rng(3).normal(size=10 * RATE_HZ)
    spectrum = np.fft.rfft(noise)
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 400))
    judged = _judged(at_level(np.fft.irfft(spectrum), level_db))
    assert [ms for ms, verdict in judged if verdict is Judged.SOUND and ms > 2000] == []
    assert Judged.SPEECH not in [verdict for _, verdict in judged]


@functools.cache
def _talk() -> Sound:
    """A hum, a click, words twice."""
    return _room(
        [
            (0.4, at_level(_mm_hm(140), -25)),
            (1.3, at_level(_words("tardigrades.wav")[: RATE_HZ // 2], -22)),
            (2.3, 0.3 * np.exp(-np.arange(500) / 80) * np.random.default_rng(0).normal(size=500)),
            (2.6, at_level(_words("jfk.wav")[: RATE_HZ // 2], -30)),
        ],
        3.5,
    )


@functools.cache
def _sample_by_frame() -> list[tuple[int, Judged]]:
    detector, pcm = BargeInDetector(), to_bytes(_talk())
    return [(at // 2, v) for at in range(0, len(pcm), 2 * FRAME) for v in detector.hear(pcm[at : at + 2 * FRAME])]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 3 * FRAME), min_size=1, max_size=20))
def test_the_verdicts_do_not_depend_on_the_pieces(pieces: list[int]) -> None:
    detector, pcm, at, n = BargeInDetector(), to_bytes(_talk()), 0, 0
    found = []
    while at < len(pcm):
        piece = 2 * pieces[n % len(pieces)]
        before, at, n = at // 2, min(at + piece, len(pcm)), n + 1
        found += [(before, at // 2, verdict) for verdict in detector.hear(pcm[before * 2 : at])]
    expected = _sample_by_frame()
    assert [verdict for *_, verdict in found] == [verdict for _, verdict in expected]
    assert expected
    for (before, after, _), (frame_at, _) in zip(found, expected, strict=True):
        assert before < frame_at + FRAME <= after


def test_no_sound_is_no_verdict() -> None:
    detector = BargeInDetector()
    assert detector.hear(b"") == []
    assert detector.hear(bytes(2 * RATE_HZ * 5)) == []


_likely = st.floats(0, 1)
_said = st.lists(st.tuples(_likely, _likely, st.floats(-20, 60), st.integers(1, 40)), max_size=60)


@settings(max_examples=200, deadline=None)
@given(_said)
def test_each_sound_gets_exactly_one_verdict_in_time(said: list[tuple[float, float, float, int]]) -> None:
    detector, open_since, ended = BargeInDetector(), -1, -100
    for n, (words, person, over_db) in enumerate([row[:3] for row in said for _ in range(row[3])]):
        match detector.judge(words, person, over_db):
            case Judged.SOUND:
                assert open_since < 0
                assert n - ended >= 30
                open_since = n
            case Judged.SPEECH:
                assert open_since >= 0
                open_since, ended = -1, n
            case Judged.NOTHING:
                assert open_since >= 0
                open_since = -1
            case None:
                pass
        assert open_since < 0 or n - open_since <= 60


def test_features_of_a_whole_sound_are_those_of_its_frames() -> None:
    sound = _room([(0.2, at_level(_words("jfk.wav"), -20))], 1.0)
    floor, padded = Floor(), np.concatenate((np.zeros(HISTORY - FRAME), sound))
    one_by_one = [floor.features(spectra(padded[None, at : at + HISTORY])[0]) for at in range(0, len(sound), FRAME)]
    np.testing.assert_allclose(features(sound), one_by_one, atol=1e-9)


def test_the_network_is_the_one_that_torch_trained() -> None:
    torch = pytest.importorskip("torch", reason="pip install torch: only for training")
    random = np.random.default_rng(0)
    seen, size = 5, 7
    named: dict[str, tuple[int, ...]] = {
        "mean": (FEATURES,), "spread": (FEATURES,), "in": (seen, FRAMES * FEATURES), "in_bias": (seen,), "gates": (3 * size, seen),
        "gates_bias": (3 * size,), "back": (3 * size, size), "back_bias": (3 * size,), "out": (2, size), "out_bias": (2,),
    }  # fmt: skip
    w = {name: random.normal(0, 0.4, shape).astype(np.float32) for name, shape in named.items()}
    w["spread"] = np.abs(w["spread"]) + np.float32(0.5)
    x = random.normal(size=(50, FEATURES)).astype(np.float32)
    gru = torch.nn.GRU(seen, size, batch_first=True)
    with torch.no_grad():
        for own, ours in (
            ("weight_ih_l0", "gates"),
            ("weight_hh_l0", "back"),
            ("bias_ih_l0", "gates_bias"),
            ("bias_hh_l0", "back_bias"),
        ):
            getattr(gru, own).copy_(torch.from_numpy(w[ours]))
        scaled = np.concatenate((np.zeros((FRAMES - 1, FEATURES), np.float32), (x - w["mean"]) / w["spread"]))
        stacked = torch.from_numpy(np.concatenate([scaled[n : n + len(x)] for n in range(FRAMES)], axis=1))
        hidden = torch.relu(stacked @ torch.from_numpy(w["in"]).T + torch.from_numpy(w["in_bias"]))
        answers = torch.sigmoid(
            gru(hidden[None])[0][0] @ torch.from_numpy(w["out"]).T + torch.from_numpy(w["out_bias"])
        )
    net = BargeInNet(w)
    np.testing.assert_allclose([net.hear(row) for row in x], answers.numpy(), atol=1e-5)

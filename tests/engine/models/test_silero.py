from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import samplerate
import soundfile

from vivavoce.engine.models.choose import open_notice
from vivavoce.engine.models.silero import PySilero
from vivavoce.engine.stages import HEAR_RATE_HZ, NOTICE_SAMPLES, Notice

pytestmark = pytest.mark.models
_SPEECH = Path(__file__).parents[2] / "recordings" / "sb_spk1_snt1.wav"


def _chunks() -> list[bytes]:
    samples, rate = soundfile.read(_SPEECH, dtype="float32")
    at_16k = samplerate.resample(samples, HEAR_RATE_HZ / rate, "sinc_fastest") if rate != HEAR_RATE_HZ else samples
    pcm = (np.clip(at_16k, -1, 1) * 32767).astype("<i2").tobytes()
    size = NOTICE_SAMPLES * 2
    return [pcm[at : at + size] for at in range(0, len(pcm) - size, size)]


@pytest.mark.parametrize("make", [open_notice, PySilero])
def test_speech_is_noticed_and_silence_is_not(make: type[Notice]) -> None:
    notice = make()
    assert max(notice.notice(bytes(NOTICE_SAMPLES * 2)) for _ in range(30)) < 0.2
    assert max(notice.notice(chunk) for chunk in _chunks()) > 0.9


def test_after_a_reset_the_same_sound_gives_the_same_answer() -> None:
    notice = open_notice()
    first = [notice.notice(chunk) for chunk in _chunks()]
    notice.reset()
    assert [notice.notice(chunk) for chunk in _chunks()] == first


def test_both_detectors_decide_alike() -> None:
    one, other = open_notice(), PySilero()
    same = [(one.notice(chunk) > 0.5) == (other.notice(chunk) > 0.5) for chunk in _chunks()]
    assert sum(same) >= 0.95 * len(same)


def test_a_short_chunk_is_filled_with_silence() -> None:
    assert 0 <= open_notice().notice(b"\0\0" * 10) <= 1

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.devices.loudness import scale

GAIN = st.floats(0, 1)


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=300), GAIN, GAIN)
def test_a_gain_goes_evenly_from_one_value_to_the_other(samples: list[int], begin: float, end: float) -> None:
    pcm = bytearray(np.array(samples, "<i2").tobytes())
    scale(memoryview(pcm), begin, end)
    n = len(samples)
    gains = begin + (end - begin) * np.arange(1, n + 1) / n
    assert np.abs(np.frombuffer(pcm, "<i2") - np.array(samples) * gains).max() <= 1.001


def test_a_gain_of_one_changes_nothing() -> None:
    pcm = bytearray(np.array([-32_768, -1, 0, 32_767], "<i2").tobytes())
    before = bytes(pcm)
    scale(memoryview(pcm), 1.0, 1.0)
    assert pcm == before

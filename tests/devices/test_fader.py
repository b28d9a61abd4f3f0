from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.devices.fader import Fader
from vivavoce.devices.line import Line
from vivavoce.devices.troubles import Troubles


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 1.0]), st.integers(0, 700)), max_size=20))
def test_a_share_is_reached_without_a_step_and_nothing_is_taken_while_it_is_0(steps: list[tuple[float, int]]) -> None:
    line, fader, heard = Line(), Fader(), [1000]
    line.put("a", np.full(20_000, 1000, "<i2").tobytes(), Troubles())
    for share, samples in steps:
        fader.share = share
        before, block = line.handed, bytearray(2 * samples)
        fader.fill(line, memoryview(block))
        sound = np.frombuffer(block, "<i2").astype(int)
        heard += sound.tolist()
        taken = line.handed - before
        assert taken == samples if share else taken <= 240
        assert not sound[taken:].any()
        if samples > 240:
            assert set(sound[240:]) == {int(1000 * share)}
    assert np.abs(np.diff(heard)).max(initial=0) <= 1000 / 240 + 2

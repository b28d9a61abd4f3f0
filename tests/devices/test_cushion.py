"""What a reply waits for: as much as the last gaps, and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.devices.card import Card
from vivavoce.devices.cushion import MOST_MS, Cushion
from vivavoce.devices.playback import Playback
from vivavoce.pcm import SAMPLES_PER_MS
from vivavoce.testing.portaudio import SimulatedDevice, SimulatedPortAudio
from vivavoce.testing.sound import numbered, runs

BLOCK_MS = 20


class Talk:
    """A server that sends in real time, with stalls, to a simulated speaker."""

    def __init__(self) -> None:
        self.device = SimulatedDevice("speaker", outputs=1, latency_ms=20)
        self.system = SimulatedPortAudio([self.device])
        self.playback = Playback(card=Card(self.system, threads=False))
        self.playback.begin()

    @property
    def target_ms(self) -> float:
        return self.playback.cushion.target_ms

    @property
    def backlog_ms(self) -> float:
        line = self.playback.spool.line
        return (line.queued - line.handed) / SAMPLES_PER_MS

    def reply(self, item_id: str, ms: int, *stalls: tuple[int, int]) -> list[float]:
        """Send a reply in real time; `stalls` are (at ms, for ms), after which all that is due comes at once. Backlogs seen."""
        sound, seen, sent, now = numbered(ms), [], 0, 0
        while sent < ms:
            stalled = any(at <= now < at + length for at, length in stalls)
            if not stalled:
                due = min(now + BLOCK_MS, ms)
                self.playback.play(item_id, sound[sent * 48 : due * 48])
                sent = due
            seen.append(self.backlog_ms)
            self.system.advance(BLOCK_MS)
            now += BLOCK_MS
        return seen

    def drain(self) -> None:
        self.system.advance(3000)


def test_a_reply_that_comes_faster_than_it_is_spoken_begins_at_once() -> None:
    talk = Talk()
    talk.playback.play("a", numbered(1000))
    talk.system.advance(20)
    assert talk.backlog_ms < 1000
    assert talk.target_ms == 0


def test_a_gap_in_mid_reply_raises_the_target_and_replies_without_one_lower_it_again() -> None:
    talk = Talk()
    talk.reply("a", 600, (200, 100))
    talk.drain()
    raised = talk.target_ms
    assert 100 <= raised <= 160
    for n in range(12):
        talk.reply(f"b{n}", 300)
        talk.drain()
    assert talk.target_ms == 0


def test_the_raised_target_bridges_the_next_gap_of_that_length() -> None:
    talk = Talk()
    talk.reply("a", 600, (200, 100))
    talk.drain()
    gaps = talk.playback.cushion.gaps
    talk.reply("b", 600, (200, 100))
    assert talk.playback.cushion.gaps == gaps == 1


@pytest.mark.parametrize("stalls_ms", [[300] * 10, [60] * 10, [100, 150, 200, 250, 300] * 2, [390, 20] * 5])
def test_ten_stalls_with_bursts_leave_the_target_as_backlog_while_sound_comes_in(stalls_ms: list[int]) -> None:
    talk = Talk()
    seen = talk.reply("a", 11_000, *((500 + 1000 * n, ms) for n, ms in enumerate(stalls_ms)))
    between = [seen[(480 + 1000 * n) // BLOCK_MS] for n in range(11)]
    longest = stalls_ms.index(max(stalls_ms)) + 1
    assert between[0] == BLOCK_MS
    assert len(set(between[longest:])) == 1  # no stall that is not longer makes it grow
    assert max(seen) == max(between) <= talk.target_ms + BLOCK_MS


def test_ten_replies_that_stall_wait_for_no_more_than_the_target_and_every_second_one_has_no_gap() -> None:
    talk = Talk()
    for n in range(10):
        seen = talk.reply(f"r{n}", 1500, (500, 300))
        assert max(seen) <= talk.target_ms + BLOCK_MS <= MOST_MS + BLOCK_MS
        talk.drain()
    assert talk.playback.cushion.gaps == 5


def test_nothing_of_a_reply_is_dropped_or_played_twice_on_the_way() -> None:
    talk = Talk()
    for n in range(4):
        talk.reply(f"r{n}", 1000, (100, 60), (400, 390), (900, 30))
        talk.drain()
    played = runs(bytes(talk.device.heard))
    at = 0
    for run in played:
        assert run.start == at % (1000 * SAMPLES_PER_MS)
        at += run.samples
    assert at == 4 * 1000 * SAMPLES_PER_MS


def test_a_silence_that_no_cushion_could_bridge_does_not_slow_the_next_answers() -> None:
    talk = Talk()
    talk.reply("a", 400, (200, 2000))
    assert talk.playback.cushion.gaps == 1
    assert talk.target_ms == 0


def test_a_hushed_reply_is_no_gap() -> None:
    talk = Talk()
    talk.playback.play("a", numbered(1000))
    talk.system.advance(200)
    talk.playback.hush()
    talk.system.advance(500)
    talk.playback.play("a", numbered(100))
    assert (talk.playback.cushion.gaps, talk.target_ms) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 200), st.integers(0, 3)), max_size=60))
def test_the_target_stays_within_its_bounds_and_no_sound_waits_longer_than_that(
    steps: list[tuple[str, int, int]],
) -> None:
    cushion, now, waiting, since = Cushion(), 1.0, 0, 1.0
    for item, pause_ms, blocks in steps:
        now += pause_ms / 1000
        if blocks:
            cushion.arrived(item, now)
            since = now if not waiting else since
            waiting += blocks * 240
        held = cushion.holds(waiting, now)
        assert 0 <= cushion.target_ms <= MOST_MS
        assert not (held and now - since > MOST_MS / 1000 + 1e-9)
        if not held:
            waiting = max(0, waiting - 240)
            if not waiting:
                cushion.ran_dry(now)

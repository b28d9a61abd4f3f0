from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivavoce.devices.ledger import STEP_SAMPLES, Ledger
from vivavoce.pcm import RATE_HZ, samples_to_ms
from vivavoce.ports import Heard, Hushed


def ledger_of(*stretches: tuple[str, int]) -> Ledger:
    ledger, at = Ledger(), 0
    for item, samples in stretches:
        ledger.put(item, at, samples)
        at += samples
    return ledger


def test_milliseconds_are_rounded_down() -> None:
    assert ledger_of(("a", 47)).advance(47) == [Heard("a", 1)]
    assert ledger_of(("a", 480)).cut(47) == [Hushed("a", 1)]


def test_a_report_is_due_at_each_step_and_at_the_last_sample() -> None:
    ledger = ledger_of(("a", STEP_SAMPLES + 100))
    assert ledger.due(0) == STEP_SAMPLES
    assert ledger.advance(STEP_SAMPLES - 1) == []
    assert ledger.advance(STEP_SAMPLES) == [Heard("a", 80)]
    assert ledger.due(STEP_SAMPLES) == 100
    assert ledger.advance(STEP_SAMPLES + 100) == [Heard("a", 84)]
    assert ledger.due(STEP_SAMPLES + 100) is None
    assert not ledger.playing


def test_a_cut_between_two_items_names_the_one_that_had_not_begun() -> None:
    assert ledger_of(("a", 240), ("b", 240)).cut(240) == [Heard("a", 10), Hushed("b", 0)]


def test_after_a_cut_nothing_plays() -> None:
    ledger = ledger_of(("a", 240))
    ledger.cut(0)
    assert ledger.cut(240) == [Hushed(None, 0)]


items = st.sampled_from("abc")


@given(st.lists(st.tuples(items, st.integers(1, RATE_HZ))), st.lists(st.integers(0, 4000)), st.booleans())
def test_what_was_heard_of_all_items_together_is_the_position(
    stretches: list[tuple[str, int]], steps: list[int], cut: bool
) -> None:
    ledger = ledger_of(*stretches)
    total, position, heard = sum(n for _, n in stretches), 0, dict[str, int]()
    for step in steps:
        position = min(position + step, total)
        reports = ledger.advance(position)
        for report in reports:
            assert report.ms >= heard.get(report.item_id, 0)
            heard[report.item_id] = report.ms
    last = ledger.cut(position) if cut else ledger.tell(position)
    for final in last:
        if final.item_id is not None:
            heard[final.item_id] = final.ms
    expected, left = dict[str, int](), position
    for item, samples in stretches:
        expected[item] = expected.get(item, 0) + min(samples, left)
        left -= min(samples, left)
    assert {k: v for k, v in heard.items() if v} == {
        k: samples_to_ms(v) for k, v in expected.items() if samples_to_ms(v)
    }


def test_of_many_items_only_the_last_may_go_on_where_they_were() -> None:
    ledger, at = Ledger(), 0
    for number in range(1_000):
        ledger.put(f"item {number}", at, 240)
        at += 240
    ledger.put("item 990", at, 240)
    assert len(ledger._totals) <= 64
    assert ledger.cut(at + 240)[-2:] == [Heard("item 990", 20), Hushed(None, 0)]

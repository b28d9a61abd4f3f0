"""Names that came last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vivavoce.session.recent import Recent


@given(st.lists(st.sampled_from("abcdefgh")), st.integers(1, 5))
def test_the_last_different_names_are_remembered_and_no_others(names: list[str], most: int) -> None:
    recent = Recent(most)
    recent.update(names)
    last = list(dict.fromkeys(reversed(names)))[:most]
    assert {name for name in "abcdefgh" if name in recent} == set(last)
    assert len(recent) == len(last)


def test_what_is_forgotten_on_purpose_makes_room() -> None:
    recent = Recent(2)
    recent.update("ab")
    recent.discard("a")
    recent.discard("never there")
    recent.add("c")
    assert "b" in recent
    assert "c" in recent
    recent.clear()
    assert len(recent) == 0

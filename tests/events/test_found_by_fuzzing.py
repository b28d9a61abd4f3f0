"""Texts that `bench/fuzz.py codec` has found."""

from __future__ import annotations

import pytest

from vivavoce.errors import ProtocolError
from vivavoce.events import codec


@pytest.mark.parametrize("number", ["35e721021", "-1e999", "1" + "0" * 400 + ".5"])
def test_a_number_too_large_for_a_float_is_no_word(number: str) -> None:
    with pytest.raises(ProtocolError, match="too large") as caught:
        codec.decode(f'{{"type": "invented.later", "size": {number}}}')
    assert caught.value.code == "invalid_json"

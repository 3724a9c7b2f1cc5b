"""Documents to text: JSON as Python's own writes it, and nothing that JSON has no word for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.documents.write import to_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(1e-4, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_text_is_that_of_json_dumps(data: object) -> None:
    """But for numbers below a ten-thousandth, which are written out."""
    assert to_json(data) == json.dumps(data, indent=2, ensure_ascii=False) + "\n"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_is_read_back_as_it_was(number: float) -> None:
    assert json.loads(to_json([number])) == [number]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_does_not_have_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"value": [number]})


def test_words_for_such_numbers_are_words() -> None:
    assert json.loads(to_json({"NaN": "Infinity"})) == {"NaN": "Infinity"}

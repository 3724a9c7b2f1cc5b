"""Answers of other programs: read as what is needed of them, or refused with one kind of error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.documents import answers
from planner.documents.answers import Answer, AnswerError, Count, Port, read_answer


class Told(Answer):
    """What is needed of an answer."""

    one_name: str
    count: Count = 0
    port: Port | None = None


def test_what_is_not_needed_is_not_looked_at() -> None:
    text = b'{"oneName": "a", "count": 3, "other": {"x": [null, 1e999, "\\u0000"]}}'
    assert read_answer(text, Told) == Told(one_name="a", count=3)
    assert read_answer(b'[{"oneName": "b"}]', list[Told])[0].one_name == "b"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\xff", "not UTF-8"),
        (b"", "not valid JSON"),
        (b"[" * 100, "nested more than 64 levels"),
        (b"[" * 2_500_000 + b" " * 2**21, "nested more than 64 levels"),
        (b'{"oneName": NaN}', "NaN is not a number"),
        (b'{"oneName": "a", "count": 1' + b"0" * 500 + b"}", "is not a number"),
        (b'{"oneName": "a", "oneName": "b"}', "given twice"),
        (b'{"oneName": "\\ud800"}', "half of a surrogate"),
        (b"null", "expected a mapping, found nothing"),
        (b"{}", "it has no field 'oneName'"),
        (b'{"oneName": 7}', "oneName: expected text, found 7"),
        (b'{"oneName": "a", "count": -1}', "count: -1 has to be at least 0"),
        (b'{"oneName": "a", "count": 1e999}', "count: expected a finite number"),
        (b'{"oneName": "a", "port": 65536}', "port: 65536 has to be at most 65535"),
    ],
)
def test_what_is_wrong_is_said(raw: bytes, reason: str) -> None:
    with pytest.raises(AnswerError) as raised:
        read_answer(raw, Told)
    assert reason in str(raised.value)
    assert len(str(raised.value)) <= answers.LONGEST


def test_the_size_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_ANSWER", 2**20)
    with pytest.raises(AnswerError, match="more than 1 MiB"):
        read_answer(b'"' + b"a" * 2**20 + b'"', str)


_VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["oneName", "count", "port", "x"]), inner)
    ),
    max_leaves=4,
)


@given(_VALUES)
def test_any_data_is_read_or_refused(data: Any) -> None:
    try:
        read_answer(json.dumps(data).encode(), Told)
    except AnswerError as error:
        assert str(error)


@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        read_answer(raw, list[Told])
    except AnswerError as error:
        assert str(error)

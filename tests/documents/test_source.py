"""YAML 1.2 without the surprises of 1.1, JSON, and where things stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.documents.errors import DocumentError
from planner.documents.finding import Position
from planner.documents.source import Source, read_sources


def one(text: str, name: str = "doc.yaml") -> Source:
    (source,) = read_sources(text.encode(), name)
    return source


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("Off", "Off"), ("y", "y"), ("010", 10), ("0o10", 8), ("0x10", 16),
        ("1:30", "1:30"), ("1_000", "1_000"), ("2026-01-02", "2026-01-02"), ("true", True), ("False", False),
        ("~", None), ("null", None), ("1.50", 1.5), ("1e3", 1000.0), (".5", 0.5), ("+7", 7), ("-0", 0),
        ('"yes"', "yes"), ("'010'", "010"), ("=", "="), ("<<", "<<"), ("!!str 5", "5"), ("0b11", "0b11"),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = one(f"key: {text}").data["key"]
    assert found == value
    assert type(found) is type(value) or (isinstance(value, float) and isinstance(found, float))


def test_a_decimal_number_keeps_its_spelling() -> None:
    assert one("key: 1.10").data["key"].text == "1.10"
    assert one('{"key": 1.10}', "doc.json").data["key"].text == "1.10"


def test_positions_in_yaml_and_json() -> None:
    yaml = one("a:\n  - {b: 1}\n  - c: [2, 3]\n")
    assert yaml.position(("a", 1, "c", 1)) == Position(3, 12, 3, 13)
    assert yaml.position(("a", 0, "b"), key=True) == Position(2, 6, 2, 7)
    json = one('{\n\t"a": [\n\t\t{"b": 1}\n\t]\n}', "doc.json")
    assert json.position(("a", 0, "b")) == Position(3, 9, 3, 10)
    assert json.position(("a", 0, "missing")).line == 3


def test_several_documents_in_one_file() -> None:
    sources = read_sources(b"a: 1\n---\nb: 2\n", "doc.yaml")
    assert [source.data for source in sources] == [{"a": 1}, {"b": 2}]
    assert sources[1].position(("b",)).line == 3


def test_aliases_are_read() -> None:
    assert one("a: &x {k: [1]}\nb: *x").data == {"a": {"k": [1]}, "b": {"k": [1]}}


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3\n", "DOC006", 3, 1),
        ('{"a": 1,\n "a": 2}', "DOC006", 2, 2),
        ("a: [1, 2\nb: 3\n", "DOC004", 2, 2),
        ('{"a": NaN}', "DOC007", 1, 7),
        ("a: &x [*x]", "DOC004", 1, 8),
        ("a: !!python/object:os.system {}", "DOC004", 1, 4),
        ("", "DOC003", 1, 1),
        ("# nothing\n", "DOC003", 1, 1),
        ("a: " + "[" * 200, "DOC005", 1, 68),
        ("x: 1\0", "DOC001", 1, 5),
    ],
)
def test_what_cannot_be_read_is_found_at_its_place(text: str, code: str, line: int, column: int) -> None:
    with pytest.raises(DocumentError) as caught:
        read_sources(text.encode(), "doc.yaml")
    found = caught.value.findings[0]
    assert (found.code, found.position.line, found.position.column) == (code, line, column)
    assert found.hint


def test_aliases_cannot_grow_without_end() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20))
    with pytest.raises(DocumentError, match="aliases"):
        read_sources(bomb.encode(), "bomb.yaml")


@given(st.text(alphabet=" \n\t:-[]{},&*#'\"abc01!|>%@`", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_sources(text.encode(), "fuzz.yaml")
    except DocumentError as error:
        assert all(f.code.startswith("DOC") and f.position.line >= 1 for f in error.findings)

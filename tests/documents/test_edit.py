"""Values put into the text of a document: the data is as wanted, and all other lines are as they were."""

from __future__ import annotations

import json
from difflib import unified_diff
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.documents.edit import appended, edited
from planner.documents.finding import Path
from planner.documents.source import read_sources
from planner.documents.write import to_json, to_yaml

TEXT = """# of the team
spec:
  # what it runs
  parallelism: 4  # cores
  flinkConfiguration:
    a.b: 5 s  # five
    nested: {c: d}
  classes:
    - {name: large, memory: {process: 5 gb}}
    - name: small
      memory:
        process: 4 gb
  last: ""
"""

TEXT_OF_CLASSES = [f"-{line}" for line in TEXT.splitlines()[7:12]]


def changed(text: str, values: dict[Path, str | int | float | None], number: int = 0) -> list[str]:
    """Return the lines that an edit takes away and adds."""
    after = edited(read_sources(text.encode(), "x.yaml")[number], values)
    assert after is not None
    lines = unified_diff(text.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if line[:3] not in ("---", "+++") and line[:2] != "@@"]


@pytest.mark.parametrize(
    ("path", "value", "lines"),
    [
        ((), "x", None),
        (("spec",), "x", None),
        (("spec", "parallelism"), "8", ["-  parallelism: 4  # cores", '+  parallelism: "8"  # cores']),
        (("spec", "flinkConfiguration", "a.b"), "7 s", ["-    a.b: 5 s  # five", "+    a.b: 7 s  # five"]),
        (("spec", "flinkConfiguration", "x.y"), "true", ['+    x.y: "true"']),
        (("spec", "new", "a.b"), "5 mb", ["+  new:", "+    a.b: 5 mb"]),
        (
            ("spec", "classes", 0, "memory", "process"),
            "6 gb",
            [
                "-    - {name: large, memory: {process: 5 gb}}",
                "+    - {name: large, memory: {process: 6 gb}}",
            ],
        ),
        (
            ("spec", "classes", 0, "memory", "jvm"),
            "1: 2",
            [
                "-    - {name: large, memory: {process: 5 gb}}",
                '+    - {name: large, memory: {jvm: "1: 2", process: 5 gb}}',
            ],
        ),
        (("spec", "classes", 1, "memory", "jvm"), "6 mb", ["+        jvm: 6 mb"]),
        (("spec", "classes", 7, "name"), "x", None),
        (("spec", "parallelism"), 8, ["-  parallelism: 4  # cores", "+  parallelism: 8  # cores"]),
        (("spec", "load", "cpu"), 0.25, ["+  load:", "+    cpu: 0.25"]),
        (("spec", "parallelism"), None, ["-  parallelism: 4  # cores"]),
        (("spec", "last"), None, ['-  last: ""']),
        (("spec", "flinkConfiguration", "nested", "c"), None, ["-    nested: {c: d}"]),
        (("spec", "classes"), None, TEXT_OF_CLASSES),
        (
            ("spec", "classes", 0, "name"),
            None,
            [
                "-    - {name: large, memory: {process: 5 gb}}",
                "+    - {memory: {process: 5 gb}}",
            ],
        ),
        (
            ("spec", "classes", 0, "memory", "process"),
            None,
            ["-    - {name: large, memory: {process: 5 gb}}", "+    - {name: large}"],
        ),
        (("spec", "classes", 1, "memory", "process"), None, ["-      memory:", "-        process: 4 gb"]),
        (("spec", "classes", 1, "name"), None, None),
        (("spec", "nothing"), None, None),
    ],
)
def test_only_that_changes(path: Path, value: str | float | None, lines: list[str] | None) -> None:
    if lines is None:
        assert edited(read_sources(TEXT.encode(), "x.yaml")[0], {path: value}) is None
    else:
        assert changed(TEXT, {path: value}) == lines


def test_many_values_at_once_are_as_one_after_the_other() -> None:
    (source,) = read_sources(TEXT.encode(), "x.yaml")
    values: dict[Path, str | int | float | None] = {
        ("spec", "parallelism"): 8,
        ("spec", "load", "cpu"): 0.5,
        ("spec", "load", "busy"): 0.25,
        ("spec", "flinkConfiguration", "nested"): None,
        ("spec", "classes", 1, "memory", "process"): None,
        ("spec", "last"): None,
    }
    one_by_one = source
    for path, value in values.items():
        text = edited(one_by_one, {path: value})
        assert text is not None
        (one_by_one,) = read_sources(text.encode(), "x.yaml")
    assert edited(source, values) == one_by_one.text


def test_lines_are_added_as_lines_end_there() -> None:
    (source,) = read_sources(TEXT.replace("\n", "\r\n").encode(), "x.yaml")
    after = edited(source, {("spec", "load", "cpu"): 1})
    assert after is not None
    assert after.count("\n") == after.count("\r\n") == TEXT.count("\n") + 2


def test_a_text_over_several_lines_and_the_comment_behind_it_stay() -> None:
    text = "a:\n  b: >-\n    x\n    y\n  # of c\n  c: d\n"
    (source,) = read_sources(text.encode(), "x.yaml")
    assert edited(source, {("a", "b"): None}) is None
    assert edited(source, {("a", "b"): "z"}) is None


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029", "\r"])
def test_other_ends_of_lines_are_not_counted_wrongly(end: str) -> None:
    text = f"a: 1\n# one{end}# two\nb: 2\n"
    (source,) = read_sources(text.encode(), "x.yaml")
    assert edited(source, {("b",): 3}) is None
    text = json.dumps({"a": end, "b": 2}, ensure_ascii=False)
    (source,) = read_sources(text.encode(), "x.json")
    assert edited(source, {("b",): 3}) == text.replace("2", "3")


def test_one_of_several_documents() -> None:
    text = "a: {}\n---\na: {b: c}\n---\na:\n  b: c\n"
    assert changed(text, {("a", "b"): "d"}, 1) == ["-a: {b: c}", "+a: {b: d}"]
    assert changed(text, {("a", "b"): "d"}, 2) == ["-  b: c", "+  b: d"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: &x {b: c}\nd: *x\n", ("a", "b")),
        ("a: &x {b: c}\nd: *x\n", ("d", "b")),
        ("a: >\n  b\n  c\n", ("a",)),
        ("a:\nb: c\n", ("a", "k")),
    ],
)
def test_what_cannot_be_changed_in_place_is_left_alone(text: str, path: Path) -> None:
    assert edited(read_sources(text.encode(), "x.yaml")[0], {path: "z"}) is None


NAMES = st.sampled_from(["a", "b.c", "d e", "true", "5", "ä", "x:y", "#h", "{"])
VALUES = st.sampled_from(
    ["1", "5 mb", "true", "", "null", "a: b", "#x", "it's", 'q"', "{", "- a", "ä", "0x1f", "1e5"]
)
DATA = st.recursive(
    VALUES | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def put(data: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    if isinstance(data, list):
        return [put(one, path[1:], value) if n == path[0] else one for n, one in enumerate(data)]
    known = data if isinstance(data, dict) else {}
    return {**known, path[0]: put(known.get(path[0]), path[1:], value)}


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(NAMES, DATA, min_size=1, max_size=4),
    st.lists(NAMES | st.integers(0, 2), min_size=1, max_size=3),
    VALUES,
    st.sampled_from([to_yaml, to_json, json.dumps, lambda data: json.dumps(data, indent="\t")]),
)
def test_an_edit_is_right_or_none(data: dict[str, Any], parts: list[Any], value: str, write: Any) -> None:
    text, path = write(data), tuple(parts)
    (source,) = read_sources(text.encode(), "x.yaml")
    after = edited(source, {path: value})
    if after is None:
        return
    (found,) = read_sources(after.encode(), "x.yaml")
    assert found.data == put(source.data, path, value)
    gone = set(text.splitlines()) - set(after.splitlines())
    assert len(gone) <= 1


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a:\n  - name: x  # one\n  - name: y\n    cpu: 2\nb: 1\n", ["+  - name: z", "+    cpu: 1"]),
        ("a:\n- name: x\n", ["+- name: z", "+  cpu: 1"]),
        ("a:\n  - {name: x}\n\n# end\n", ["+  - name: z", "+    cpu: 1"]),
        ("a: [{name: x}]\n", ["-a: [{name: x}]", "+a: [{name: x}, {name: z, cpu: 1}]"]),
        ("a: []\n", ["-a: []", "+a: [{name: z, cpu: 1}]"]),
        ("b: 1\nc: {d: 2}\n", ["+a:", "+  - name: z", "+    cpu: 1"]),
        (
            '{"a": [{"name": "x"}]}',
            ['-{"a": [{"name": "x"}]}', '+{"a": [{"name": "x"}, {"name": "z", "cpu": 1}]}'],
        ),
        (
            '{\n  "a": [\n    {\n      "name": "x"\n    }\n  ]\n}\n',
            ["+    },", "+    {", '+      "name": "z",', '+      "cpu": 1'],
        ),
        ("a: x\n", None),
        ("a: &x [{b: c}]\nd: *x\n", None),
        ("a: {}\n---\nb: 1\n", None),
        ('{"b": 1}', ['-{"b": 1}', '+{"a": [{"name": "z", "cpu": 1}], "b": 1}']),
        ("b: {c: d}\n", ["+a:", "+  - name: z", "+    cpu: 1"]),
        ("b: [x]\na: [y]\x85\n", None),
    ],
)
def test_an_entry_is_put_at_the_end_of_a_list(text: str, lines: list[str] | None) -> None:
    after = appended(read_sources(text.encode(), "x.yaml")[0], ("a",), {"name": "z", "cpu": 1})
    if lines is None:
        assert after is None
        return
    assert after is not None
    changes = list(unified_diff(text.splitlines(), after.splitlines(), lineterm="", n=0))
    assert sorted(line for line in changes if line[:3] not in ("---", "+++") and line[:2] != "@@") == sorted(
        lines
    )


def taken(data: Any, path: Path) -> Any:
    """Return data without a field; what that leaves empty goes too."""
    first, rest = path[0], path[1:]
    if isinstance(data, list):
        return [taken(one, rest) if n == first else one for n, one in enumerate(data)]
    inner = taken(data[first], rest) if rest else {}
    return {key: inner if key == first else one for key, one in data.items() if key != first or inner != {}}


@given(
    st.dictionaries(NAMES, DATA, min_size=1, max_size=4),
    st.lists(NAMES | st.integers(0, 2), min_size=1, max_size=3),
    st.sampled_from([to_yaml, to_json, json.dumps, lambda data: json.dumps(data, indent="\t")]),
)
def test_what_is_taken_out_is_right_or_none(data: dict[str, Any], parts: list[Any], write: Any) -> None:
    text, path = write(data), tuple(parts)
    (source,) = read_sources(text.encode(), "x.yaml")
    after = edited(source, {path: None})
    if after is None:
        return
    (found,) = read_sources(after.encode(), "x.yaml")
    assert found.data == taken(source.data, path)
    assert len(set(after.splitlines()) - set(text.splitlines())) <= 2

"""``planner diff``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from planner.cli.app import app
from planner.documents.difference import differences
from samples import FOLDER, SAMPLES

JOB = FOLDER / "click-enrichment" / "job.yaml"


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["diff", *arguments])


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_differs_from_itself(name: str) -> None:
    result = run(str(FOLDER / name / "job.yaml"), str(FOLDER / name / "job.yaml"))
    assert (result.exit_code, result.stdout) == (0, "")


def test_what_differs_is_named_not_numbered(tmp_path: Path) -> None:
    job = yaml.safe_load(JOB.read_text())
    first = job["spec"]["operators"][0]
    job["spec"]["operators"] = [*job["spec"]["operators"][1:], {**first, "parallelism": 99}]
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump(job))
    result = run(str(JOB), str(other))
    assert result.exit_code == 1
    before = first.get("parallelism")
    assert result.stdout == f"spec.operators[{first['id']}].parallelism: {before or '(none)'} -> 99\n"
    told = json.loads(run(str(JOB), str(other), "--format", "json").stdout)
    assert told == [{"path": f"spec.operators[{first['id']}].parallelism", "old": before, "new": 99}]


def test_kinds_have_to_be_the_same() -> None:
    result = run(str(JOB), str(FOLDER / "click-enrichment" / "cluster.yaml"))
    assert result.exit_code == 2
    assert "is a Job" in result.stderr


VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        # a field that is null is left out of documents (planner/documents/write.py): both are nothing
        | st.dictionaries(st.sampled_from("abc"), inner.filter(lambda value: value is not None), max_size=3)
    ),
    max_leaves=8,
)
ENTRIES = st.lists(
    st.fixed_dictionaries({"id": st.integers(0, 5), "x": VALUES}),
    max_size=4,
    unique_by=lambda entry: entry["id"],
)


def test_null_is_nothing() -> None:
    assert differences({"a": None, "b": {"c": None}}, {"b": {}}) == []


@given(ENTRIES, ENTRIES)
def test_empty_exactly_where_nothing_differs(old: list[Any], new: list[Any]) -> None:
    found = differences({"nodes": old}, {"nodes": new})
    assert (not found) == (sorted(old, key=lambda e: e["id"]) == sorted(new, key=lambda e: e["id"]))

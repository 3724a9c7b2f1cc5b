"""Every code has a sample with that one fault, and `planner validate` finds it at its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from planner.documents.load import load
from planner.rules.registry import RULES
from rules.samples import (
    SAMPLES,
    findings_of,
    marked_lines,
    rows_of,
)

AT_RUN_TIME = {"DOC000", "DOC001", "DOC002", *(f"MEM40{n}" for n in range(1, 9))}
SEVERITIES = {rule.code: rule.severity for rule in RULES}


def test_every_code_has_a_sample() -> None:
    codes = [path.stem for path in SAMPLES]
    assert len(codes) == len(set(codes))
    assert set(codes) | AT_RUN_TIME == {rule.code for rule in RULES}
    assert not set(codes) & AT_RUN_TIME


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_says_what_is_wrong_with_it(path: Path) -> None:
    text = path.read_text()
    assert marked_lines(path)
    if path.suffix == ".yaml":
        assert text.startswith(f"# {path.stem}: ")
    assert len(text.splitlines()) <= 35


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_fault_is_found_at_its_place(path: Path) -> None:
    found = rows_of(path)
    mine = [row for row in found if row["code"] == path.stem]
    lines = path.read_text().splitlines()
    assert {row["line"] for row in mine} == marked_lines(path)
    for row in mine:
        assert 1 <= row["column"] <= len(lines[row["line"] - 1])
        assert (row["endLine"], row["endColumn"]) >= (row["line"], row["column"])
        assert row["severity"] == SEVERITIES[path.stem]
        assert row["message"].strip()
        assert row["file"] == str(path)
        assert row["documentation"] == f"docs/rules/{path.stem}.md"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_nothing_else_is_wrong(path: Path) -> None:
    others = {(row["code"], row["severity"]) for row in rows_of(path) if row["code"] != path.stem}
    allowed = {"GRA301": {("GRA309", "info")}}  # unequal parallelism is what makes it fail
    assert others == allowed.get(path.stem, set())


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_finding_has_a_hint(path: Path) -> None:
    assert all(finding.hint.strip() for finding in findings_of(path))


@pytest.mark.parametrize(
    "path", [path for path in SAMPLES if not path.stem.startswith(("DOC", "FIT"))], ids=lambda path: path.stem
)
def test_a_pointer_leads_to_something(path: Path) -> None:
    """A pointer may name a field that is missing, but never a way that does not exist."""
    *_, loaded = load(path.read_bytes(), str(path))  # what is wrong in the samples of several is the last
    for finding in findings_of(path):
        *way, last = finding.path
        value: Any = loaded.source.data
        for part in way:
            value = value[part]
        assert isinstance(value, list) or last in value, finding.pointer

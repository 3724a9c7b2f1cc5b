"""Findings as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from rules.samples import run

from report.broken import CODES, FORWARD, FORWARD_HINT, LINE, PATH, output


def test_json() -> None:
    found = json.loads(output("json"))
    assert [row["code"] for row in found] == list(CODES)
    assert found[1] == {
        "code": "GRA301",
        "severity": "error",
        "message": FORWARD,
        "hint": FORWARD_HINT,
        "file": str(PATH),
        "line": LINE,
        "column": 11,
        "endLine": LINE,
        "endColumn": 12,
        "pointer": "/spec/operators/1/inputs/0",
        "documentation": "docs/rules/GRA301.md",
    }


def test_json_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(
        "apiVersion: planner/v1\nkind: Job\nmetadata: {name: job}\nspec: {operators: [{id: a, kind: source}]}\n"
    )
    assert run(path, "--format", "json").stdout == "[]\n"

"""Findings as a code quality report of GitLab CI."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
from rules.samples import SAMPLES, run

from planner.documents.finding import Finding, Position, Severity
from planner.report.finding import fingerprint
from report.broken import LINE, PATH, output, schema

SCHEMA = schema("gitlab-code-quality.schema.json")


def test_gitlab() -> None:
    found = json.loads(output("gitlab"))
    assert [(row["check_name"], row["severity"]) for row in found] == [
        ("GRA309", "info"),
        ("GRA301", "major"),
    ]
    assert found[1]["location"]["path"] == PATH.as_posix()
    assert found[1]["location"]["positions"]["begin"] == {"line": LINE, "column": 11}
    assert len({row["fingerprint"] for row in found}) == 2


def test_the_schema() -> None:
    report = json.loads(run(*SAMPLES, "--format", "gitlab", "--profile", "production").stdout)
    assert len(report) >= len(SAMPLES) - 5
    jsonschema.validate(report, SCHEMA)


def test_a_fingerprint_survives_when_lines_move() -> None:
    finding = Finding("JOB201", Severity.ERROR, "a", file="job.yaml", path=("spec",))
    assert fingerprint(finding) == fingerprint(replace(finding, position=Position(9, 9, 9, 9)))
    changes = ({"code": "JOB202"}, {"message": "b"}, {"file": "b.yaml"}, {"path": ("metadata",)})
    others = [fingerprint(replace(finding, **change)) for change in changes]
    assert len({fingerprint(finding), *others}) == 5

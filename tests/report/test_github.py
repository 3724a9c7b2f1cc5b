"""Findings as workflow commands of GitHub Actions."""

from __future__ import annotations

from planner.documents.finding import Finding, Severity
from planner.report.github import github
from report.broken import FORWARD, FORWARD_HINT, PATH, UNEQUAL, UNEQUAL_HINT, output


def test_github() -> None:
    assert output("github").splitlines() == [
        f"::notice file={PATH},line=10,col=7,endLine=10,endColumn=8,title=GRA309::{UNEQUAL} ({UNEQUAL_HINT})",
        f"::error file={PATH},line=16,col=11,endLine=16,endColumn=12,title=GRA301::{FORWARD} ({FORWARD_HINT})",
    ]


def test_what_would_end_a_command_is_escaped() -> None:
    finding = Finding("JOB201", Severity.WARNING, "100% of\nit", file="a,b:c.yaml")
    assert github([finding], {}) == (
        "::warning file=a%2Cb%3Ac.yaml,line=1,col=1,endLine=1,endColumn=1,title=JOB201::100%25 of?it\n"
    )

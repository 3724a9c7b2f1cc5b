"""Findings as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from planner.documents.finding import Finding, json_pointer
from planner.report.finding import Texts


def json_list(findings: Sequence[Finding], texts: Texts) -> str:
    """A list of objects, one a finding."""
    del texts
    rows = [
        {
            "code": finding.code,
            "severity": finding.severity,
            "message": finding.message,
            "hint": finding.hint,
            "file": finding.file,
            "line": finding.position.line,
            "column": finding.position.column,
            "endLine": finding.position.end_line,
            "endColumn": finding.position.end_column,
            "pointer": json_pointer(finding.path),
            "documentation": f"docs/rules/{finding.code}.md",
        }
        for finding in findings
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"

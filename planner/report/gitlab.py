"""Findings as a code quality report of GitLab CI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath

from planner.documents.finding import Finding, Severity
from planner.report.finding import Texts, fingerprint

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def gitlab(findings: Sequence[Finding], texts: Texts) -> str:
    """A GitLab code quality report."""
    del texts
    rows = [
        {
            "description": finding.message,
            "check_name": finding.code,
            "fingerprint": fingerprint(finding),
            "severity": _SEVERITIES[finding.severity],
            "location": {
                "path": PurePath(finding.file).as_posix(),
                "positions": {
                    "begin": {"line": finding.position.line, "column": finding.position.column},
                    "end": {
                        "line": finding.position.end_line,
                        "column": finding.position.end_column,
                    },
                },
            },
        }
        for finding in findings
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"

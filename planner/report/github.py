"""Findings as workflow commands of GitHub Actions."""

from __future__ import annotations

from collections.abc import Sequence

from planner.documents.finding import Finding, Severity
from planner.report.finding import Texts
from planner.report.printable import plain

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github(findings: Sequence[Finding], texts: Texts) -> str:
    """Workflow commands that GitHub shows as annotations."""
    del texts

    def value(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def attribute(text: str) -> str:
        return value(text).replace(":", "%3A").replace(",", "%2C")

    rows = []
    for finding in findings:
        p = finding.position
        place = f"file={attribute(finding.file)},line={p.line},col={p.column},endLine={p.end_line},endColumn={p.end_column}"
        help_text = f" ({finding.hint})" if finding.hint else ""
        rows.append(
            f"::{_LEVELS[finding.severity]} {place},title={finding.code}::{value(plain(finding.message + help_text))}\n"
        )
    return "".join(rows)

"""The formats of findings, and the line that counts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from planner.documents.finding import Finding, Severity
from planner.report.finding import Texts
from planner.report.github import github
from planner.report.gitlab import gitlab
from planner.report.json import json_list
from planner.report.junit import junit
from planner.report.sarif import sarif
from planner.report.text import concise, text

FORMATS: dict[str, Callable[[Sequence[Finding], Texts], str]] = {
    "text": text,
    "concise": concise,
    "json": json_list,
    "github": github,
    "gitlab": gitlab,
    "junit": junit,
    "sarif": sarif,
}


def summary(findings: Sequence[Finding], files: int) -> str:
    """One line that counts."""
    counts = {severity: sum(f.severity is severity for f in findings) for severity in Severity}
    words = [f"{n} {name}{'' if n == 1 or name == 'info' else 's'}" for name, n in counts.items() if n]
    fixable = any(finding.fix is not None for finding in findings)
    fix = "; --diff shows what --fix corrects" if fixable else ""
    return f"{files} document{'' if files == 1 else 's'} checked: {', '.join(words) or 'no findings'}{fix}"

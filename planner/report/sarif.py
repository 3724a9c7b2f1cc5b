"""Findings as SARIF 2.1.0, the format of static analysis results that GitHub code scanning reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from planner import __version__
from planner.documents.finding import Finding, Severity
from planner.report.finding import Texts, fingerprint
from planner.report.pages import page
from planner.rules.base import Rule
from planner.rules.registry import BY_CODE

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
"""What SARIF calls a severity."""


def sarif(findings: Sequence[Finding], texts: Texts) -> str:
    """SARIF 2.1.0, as GitHub's code scanning reads it."""
    del texts
    return sarif_log(findings, lambda code: _rule(BY_CODE[code]))


def sarif_log(findings: Sequence[Finding], describe: Callable[[str], dict[str, Any]]) -> str:
    """SARIF 2.1.0 of findings whose codes ``describe`` describes, as objects of ``reportingDescriptor``."""
    codes = list(dict.fromkeys(finding.code for finding in findings))
    rules = [describe(code) for code in codes]
    results = [_result(finding, codes.index(finding.code)) for finding in findings]
    driver = {"name": "planner", "version": __version__, "rules": rules}
    log = {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(log, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.hint, "markdown": page(rule.code)},
        "helpUri": rule.source_url,
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
    }


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    location = {
        "artifactLocation": {"uri": quote(PurePath(finding.file).as_posix())},
        "region": {
            "startLine": finding.position.line,
            "startColumn": finding.position.column,
            "endLine": finding.position.end_line,
            "endColumn": finding.position.end_column,
        },
    }
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": LEVELS[finding.severity],
        "message": {"text": finding.message + (f" ({finding.hint})" if finding.hint else "")},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"planner/v1": fingerprint(finding)},
    }

"""Findings as text, and in the formats of CI systems."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from xml.etree import ElementTree

from planner.documents.finding import Finding, Severity, json_pointer
from planner.rules.run import BY_CODE
from planner.version import __version__

WIDTH = 76
Texts = Mapping[str, str]
"""The text of every file that findings may be about, by its name."""


LONGEST = 400
LONGEST_NAME = 150


def plain(text: str) -> str:
    """Return ``text`` in one line without control characters, cut to a length that people read."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 3] + "..."


def _place(finding: Finding) -> str:
    name = finding.file if len(finding.file) <= LONGEST_NAME else "..." + finding.file[-LONGEST_NAME:]
    return f"{name}:{finding.position.line}:{finding.position.column}"


def _headline(finding: Finding) -> str:
    at = _place(finding)
    return plain(f"{at}: {finding.code} {finding.message}")


def concise(findings: Sequence[Finding], texts: Texts) -> str:
    """One line a finding: ``file:line:col: CODE message``."""
    del texts
    return "".join(f"{_headline(finding)}\n" for finding in findings)


def text(findings: Sequence[Finding], texts: Texts) -> str:
    """A finding with its line of the file and what to do about it."""
    parts: list[str] = []
    lines_of: dict[str, list[str]] = {}
    for finding in findings:
        if finding.file not in lines_of:
            lines_of[finding.file] = texts.get(finding.file, "").splitlines()
        at = _place(finding)
        parts.append(plain(f"{at}: {finding.severity} {finding.code}: {finding.message}"))
        parts += _excerpt(finding, lines_of[finding.file])
        if finding.hint:
            parts.append(f"  = help: {plain(finding.hint)}")
        parts.append("")
    return "\n".join(parts) + "\n" if parts else ""


def _excerpt(finding: Finding, lines: list[str]) -> list[str]:
    """Return the line of a finding with a mark under the place, cut to the width of a terminal."""
    position = finding.position
    if not 1 <= position.line <= len(lines) or not lines[position.line - 1].strip():
        return []
    line, start = lines[position.line - 1].replace("\t", " "), position.column - 1
    end = position.end_column - 1 if position.end_line == position.line else len(line)
    margin = f"{position.line:>5} | "
    room = WIDTH - len(margin)
    offset = max(0, min(start - room // 3, len(line) - room)) if len(line) > room else 0
    shown = plain(line[offset : offset + room])
    width = max(1, min(end, offset + room) - start)
    return [margin + shown, f"{'':>5} | {' ' * (start - offset)}{'^' * width}"]


def as_json(findings: Sequence[Finding], texts: Texts) -> str:
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
            "documentation": _page(finding.code),
        }
        for finding in findings
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _page(code: str) -> str:
    return f"docs/rules/{code}.md"


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


_GITLAB = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def fingerprint(finding: Finding) -> str:
    """Return an identity of a finding that survives when lines move."""
    key = "\0".join((finding.code, finding.file, finding.pointer, finding.message))
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def gitlab(findings: Sequence[Finding], texts: Texts) -> str:
    """A GitLab code quality report."""
    del texts
    rows = [
        {
            "description": finding.message,
            "check_name": finding.code,
            "fingerprint": fingerprint(finding),
            "severity": _GITLAB[finding.severity],
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


def junit(findings: Sequence[Finding], texts: Texts) -> str:
    """JUnit XML: a test case a file, failed where it has errors."""
    files = list(dict.fromkeys([*texts, *(finding.file for finding in findings)]))
    of_file = {name: [f for f in findings if f.file == name] for name in files}
    failed = sum(any(f.severity is Severity.ERROR for f in found) for found in of_file.values())
    suite = ElementTree.Element(
        "testsuite",
        name="planner validate",
        tests=str(len(files)),
        failures=str(failed),
        errors="0",
    )
    for name, found in of_file.items():
        case = ElementTree.SubElement(suite, "testcase", name=_printable(name), classname="planner")
        errors = [f for f in found if f.severity is Severity.ERROR]
        lines = "\n".join(f"{_headline(f)}{' (' + f.hint + ')' if f.hint else ''}" for f in found)
        if errors:
            failure = ElementTree.SubElement(
                case, "failure", message=_printable(errors[0].message), type=errors[0].code
            )
            failure.text = _printable(lines)
        elif found:
            ElementTree.SubElement(case, "system-out").text = _printable(lines)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"
    )


def _printable(value: str) -> str:
    """Replace what XML 1.0 cannot hold."""
    return "".join(
        c if c in "\t\n" or (" " <= c <= "\ud7ff") or ("\ue000" <= c <= "\ufffd") or c > "\uffff" else "?"
        for c in value
    )


_SARIF = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif(findings: Sequence[Finding], texts: Texts) -> str:
    """SARIF 2.1.0, as GitHub's code scanning reads it."""
    del texts
    codes = list(dict.fromkeys(finding.code for finding in findings))
    rules: list[dict[str, Any]] = []
    for code in codes:
        rule = BY_CODE.get(code)
        summary = rule.summary if rule else "The document cannot be read."
        rules.append(
            {
                "id": code,
                "shortDescription": {"text": summary},
                "help": {"text": rule.hint if rule else ""},
            }
        )
    results = [
        {
            "ruleId": finding.code,
            "ruleIndex": codes.index(finding.code),
            "level": _SARIF[finding.severity],
            "message": {"text": finding.message + (f" ({finding.hint})" if finding.hint else "")},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": PurePath(finding.file).as_posix()},
                        "region": {
                            "startLine": finding.position.line,
                            "startColumn": finding.position.column,
                            "endLine": finding.position.end_line,
                            "endColumn": finding.position.end_column,
                        },
                    }
                }
            ],
            "partialFingerprints": {"planner/v1": fingerprint(finding)},
        }
        for finding in findings
    ]
    driver = {"name": "planner", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "results": results}
    return (
        json.dumps(
            {
                "version": "2.1.0",
                "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
                "runs": [run],
            },
            indent=2,
        )
        + "\n"
    )


FORMATS: dict[str, Callable[[Sequence[Finding], Texts], str]] = {
    "text": text,
    "concise": concise,
    "json": as_json,
    "github": github,
    "gitlab": gitlab,
    "junit": junit,
    "sarif": sarif,
}


def summary(findings: Sequence[Finding], files: int) -> str:
    """One line that counts."""
    counts = {severity: sum(f.severity is severity for f in findings) for severity in Severity}
    words = [f"{n} {name}{'' if n == 1 or name == 'info' else 's'}" for name, n in counts.items() if n]
    return f"{files} document{'' if files == 1 else 's'} checked: {', '.join(words) or 'no findings'}"

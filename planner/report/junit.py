"""Findings as JUnit XML."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from planner.documents.finding import Finding, Severity
from planner.report.finding import Texts, headline


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
        lines = "\n".join(f"{headline(f)}{' (' + f.hint + ')' if f.hint else ''}" for f in found)
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

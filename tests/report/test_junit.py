"""Findings as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree

import xmlschema
from rules.samples import FOLDER, SAMPLES, run

from planner.documents.finding import Finding, Severity
from planner.report.junit import junit
from report.broken import FORWARD, FORWARD_HINT, PATH, SCHEMAS, UNEQUAL, UNEQUAL_HINT, output

SCHEMA = xmlschema.XMLSchema(SCHEMAS / "junit-10.xsd")


def test_junit() -> None:
    suites = ElementTree.fromstring(output("junit"))
    suite = suites.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "1", "0")
    (case,) = suite
    assert case.get("name") == str(PATH)
    failure = case.find("failure")
    assert failure is not None
    assert (failure.get("type"), failure.get("message")) == ("GRA301", FORWARD)
    assert failure.text == (
        f"{PATH}:10:7: GRA309 {UNEQUAL} ({UNEQUAL_HINT})\n{PATH}:16:11: GRA301 {FORWARD} ({FORWARD_HINT})"
    )


def test_junit_of_a_warning_is_not_a_failure() -> None:
    path = FOLDER / "OPS602.yaml"
    suites = ElementTree.fromstring(run(path, "--format", "junit").stdout)
    assert suites.find("testsuite/testcase/failure") is None
    assert suites.findtext("testsuite/testcase/system-out") == (
        f"{path}:11:11: OPS602 operator 'totals' keeps state, but no checkpoint interval is set"
        " (set checkpointing: {interval: 30 s})"
    )


def test_the_schema() -> None:
    report = run(*SAMPLES, "--format", "junit").stdout
    SCHEMA.validate(report)
    assert not SCHEMA.is_valid(report.replace(' classname="planner"', ' class="planner"'))


def test_what_xml_cannot_hold() -> None:
    finding = Finding("DOC001", Severity.ERROR, "not text: \x00\ufffe", file="a\x1b.yaml")
    (case,) = ElementTree.fromstring(junit([finding], {})).iter("testcase")
    assert case.get("name") == "a?.yaml"
    (failure,) = case
    assert failure.get("message") == "not text: ??"

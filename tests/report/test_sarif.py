"""Findings as SARIF."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from rules.samples import FOLDER, SAMPLES, run

from planner.api import load, validate
from planner.documents.finding import Finding, Severity
from planner.report.pages import page
from planner.report.sarif import sarif
from planner.rules.registry import BY_CODE, RULES
from report.broken import CODES, LINE, PATH, output, schema

SCHEMA = schema("sarif-schema-2.1.0.json")
FORMATS = jsonschema.FormatChecker()


@FORMATS.checks("uri")
def is_absolute(value: object) -> bool:
    return not isinstance(value, str) or value.startswith("https://")


@FORMATS.checks("uri-reference")
def is_reference(value: object) -> bool:
    return not isinstance(value, str) or not set(value) & set(' <>"{}|\\^`')


def checked(text: str) -> Any:
    """Return the one run of a log that the published schema allows."""
    log = json.loads(text)
    jsonschema.Draft7Validator(SCHEMA, format_checker=FORMATS).validate(log)
    (found,) = log["runs"]
    return found


def test_sarif() -> None:
    log = json.loads(output("sarif"))
    assert log["version"] == "2.1.0"
    assert log["$schema"] == "https://json.schemastore.org/sarif-2.1.0.json"
    (result_run,) = log["runs"]
    driver = result_run["tool"]["driver"]
    assert driver["name"] == "planner"
    assert [rule["id"] for rule in driver["rules"]] == list(CODES)
    assert [result["level"] for result in result_run["results"]] == ["note", "error"]
    for result in result_run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        assert result["partialFingerprints"]
    (location,) = result_run["results"][1]["locations"]
    assert location["physicalLocation"]["region"]["startLine"] == LINE
    assert location["physicalLocation"]["artifactLocation"]["uri"] == PATH.as_posix()


def test_the_schema() -> None:
    codes = [
        rule["id"] for rule in checked(run(*SAMPLES, "--format", "sarif").stdout)["tool"]["driver"]["rules"]
    ]
    assert len(codes) == len(set(codes)) > 50


def test_every_rule_is_described() -> None:
    findings = [Finding(rule.code, rule.severity, "found", file="job.yaml") for rule in RULES]
    described = checked(sarif(findings, {}))["tool"]["driver"]["rules"]
    assert [entry["id"] for entry in described] == [rule.code for rule in RULES]
    for entry in described:
        rule = BY_CODE[entry["id"]]
        assert entry == {
            "id": rule.code,
            "name": rule.name,
            "shortDescription": {"text": rule.summary},
            "fullDescription": {"text": rule.why},
            "help": {"text": rule.hint, "markdown": page(rule.code)},
            "helpUri": rule.source_url,
            "defaultConfiguration": {
                "level": {"error": "error", "warning": "warning", "info": "note"}[rule.severity]
            },
        }


def test_findings_of_readers_and_of_memory_have_help() -> None:
    raw = (FOLDER / "DOC101.yaml").read_bytes()
    findings = validate(*load(raw, "jobs/my job.yaml"))
    findings.append(Finding("MEM402", Severity.ERROR, "too much", file="config.yaml"))
    found = checked(sarif(findings, {}))
    unknown, parts = found["tool"]["driver"]["rules"]
    assert (unknown["id"], unknown["shortDescription"]["text"]) == (
        "DOC101",
        "A field is not part of the document.",
    )
    assert (parts["id"], parts["help"]["text"]) == ("MEM402", "raise the total, or lower a part")
    for entry in (unknown, parts):
        assert all((entry["help"]["text"], entry["help"]["markdown"], entry["helpUri"]))
    uris = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in found["results"]]
    assert uris == ["jobs/my%20job.yaml", "config.yaml"]

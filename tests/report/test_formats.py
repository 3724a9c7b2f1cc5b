"""What holds for all formats."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rules.samples import SAMPLES, run

from planner.documents.finding import Finding, Severity
from planner.report.formats import FORMATS, summary
from report.broken import PATH

FITTING = {"FIT801", "FIT802", "FIT803", "FIT804", "FIT805", "FIT806"}
"""Not found where there is more than one cluster among the files."""


def test_these_are_all() -> None:
    assert set(FORMATS) == {"text", "concise", "json", "github", "gitlab", "junit", "sarif"}


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_holds_every_sample(name: str) -> None:
    result = run(*SAMPLES, "--format", name, "--fail-on", "never", "--profile", "production")
    assert result.exit_code == 2  # some cannot be read at all
    if name != "junit":  # which names every file, with findings or without
        shown = {path.stem for path in SAMPLES if path.stem in result.stdout}
        assert shown >= {path.stem for path in SAMPLES} - FITTING - {"CFG402"}
    match name:
        case "json" | "gitlab" | "sarif":
            json.loads(result.stdout)
        case "junit":
            ElementTree.fromstring(result.stdout)


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "planner.sarif"
    result = run(PATH, "--format", "sarif", "-o", target)
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads(target.read_text())["version"] == "2.1.0"


@pytest.mark.parametrize(
    ("severities", "files", "text"),
    [
        ([], 1, "1 document checked: no findings"),
        ([Severity.ERROR], 2, "2 documents checked: 1 error"),
        (
            [Severity.INFO, Severity.INFO, Severity.WARNING, Severity.WARNING, Severity.ERROR],
            1,
            "1 document checked: 1 error, 2 warnings, 2 info",
        ),
    ],
)
def test_summary(severities: list[Severity], files: int, text: str) -> None:
    assert summary([Finding("JOB201", severity, "found") for severity in severities], files) == text

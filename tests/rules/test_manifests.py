"""Files of all dialects that people have: the findings that their comments name, at those lines, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.api import validate
from planner.documents.errors import DocumentError
from planner.documents.finding import CheckProfile, Finding, Severity
from planner.documents.load import load
from tests.rules.samples import wanted_findings

FILES = sorted((Path(__file__).parent / "manifests").iterdir())


def findings(path: Path, profile: CheckProfile) -> list[Finding]:
    try:
        return validate(*load(path.read_bytes(), path.name), profile=profile)
    except DocumentError as error:
        return error.findings


def test_there_are_forty() -> None:
    assert len(FILES) >= 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_its_faults_are_found_at_their_lines(path: Path) -> None:
    found = {(one.code, one.position.line) for one in findings(path, CheckProfile.CI)}
    assert found == wanted_findings(path.read_text(), CheckProfile.CI)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_production_asks_for_more_and_refuses_no_more_values(path: Path) -> None:
    """What only that profile finds are questions of readiness, below an error or raised to one."""
    usual = {(one.code, one.position.line) for one in findings(path, CheckProfile.CI)}
    more = findings(path, CheckProfile.PRODUCTION)
    assert usual <= {(one.code, one.position.line) for one in more}
    errors = {(one.code, one.position.line) for one in more if one.severity is Severity.ERROR}
    assert {(code, line) for code, line in errors if not code.startswith("OPS")} <= usual

"""The samples with a fault, and planner validate over them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from planner.api import validate
from planner.cli.app import app
from planner.documents.errors import DocumentError
from planner.documents.finding import CheckProfile, Finding
from planner.documents.load import load
from planner.rules.registry import BY_CODE

FOLDER = Path(__file__).parents[2] / "samples" / "broken"
MENDED = FOLDER.parent / "mended"
SAMPLES = sorted(FOLDER.glob("*.*"))
MARK = "# <- here"
JSON_PLACES = {"DOC007": '"cpu": NaN'}
"""JSON has no comments: what is in the faulty line instead of the mark."""
RUNNER = CliRunner()


def run(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    return RUNNER.invoke(app, ["validate", *map(str, arguments)], input=stdin)


def rows(*arguments: str | Path, stdin: str | bytes | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(*arguments, "--format", "json", stdin=stdin).stdout)
    return found


def profile_of(path: Path) -> CheckProfile:
    """Return the profile in which the fault of a sample is found."""
    return CheckProfile.PRODUCTION if BY_CODE[path.stem].only_production else CheckProfile.CI


def rows_of(path: Path) -> list[dict[str, Any]]:
    return rows(path, "--profile", profile_of(path))


def findings_of(path: Path) -> list[Finding]:
    try:
        return validate(*load(path.read_bytes(), str(path)), profile=profile_of(path))
    except DocumentError as error:
        return error.findings


def marked_lines(path: Path) -> set[int]:
    mark = JSON_PLACES[path.stem] if path.suffix == ".json" else MARK
    return {number for number, line in enumerate(path.read_text().splitlines(), 1) if mark in line}


def wanted_findings(text: str, profile: CheckProfile) -> set[tuple[str, int]]:
    """Return the codes in the comments of a text with their lines, those after ``production:`` where asked."""
    wanted = set()
    for number, line in enumerate(text.splitlines(), 1):
        always, _, in_production = line.partition("# ")[2].partition("production: ")
        asked = always + in_production * (profile is CheckProfile.PRODUCTION)
        wanted |= {(code, number) for code in re.findall(r"\b[A-Z]{3}\d{3}\b", asked)}
    return wanted

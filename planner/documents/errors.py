"""Documents that cannot be read, are not valid, or do not belong together."""

from __future__ import annotations

from planner.documents.finding import Finding, Path, Position, Severity
from planner.errors import PlannerError

START = Position()
MAX_DEPTH = 64
"""How deep a document may be nested: planner's own are less than 10 levels deep."""
MAX_DIGITS = 400
"""How long a number may be: the largest double has 309 digits."""


class PlacementMismatch(PlannerError):
    """A placement that is of another job or cluster than the one it is used with."""


class DocumentError(PlannerError):
    """A document that cannot be read or is not valid; ``findings`` says where and why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(f"{place_of(finding)}{finding.message}" for finding in findings))
        self.findings = findings


def place_of(finding: Finding) -> str:
    """Return the file of a finding, with its line and column where they are known, and a colon."""
    at = finding.position
    where = "" if at == START else f":{at.line}:{at.column}"
    return f"{finding.file}{where}: " if finding.file else ""


def document_error(
    name: str, code: str, message: str, hint: str = "", position: Position = START
) -> DocumentError:
    """Return the error of one finding about the text of ``name``."""
    return DocumentError([Finding(code, Severity.ERROR, message, hint, name, position)])


def at_offset(text: str, offset: int) -> Position:
    """Return the place of a character of ``text``."""
    line, column = text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
    return Position(line, column, line, column + 1)


def key_twice(name: str, path: Path, at: Position, first: Position) -> Finding:
    """Return the finding of a key that is in a mapping twice, at ``at`` and ``first``."""
    message = f"key {str(path[-1])[:60]!r} is given twice, first in line {first.line}"
    return Finding("DOC006", Severity.ERROR, message, "keep one of them", name, at, path)

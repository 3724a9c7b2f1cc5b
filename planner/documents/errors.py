"""A text that cannot be read as a document, and the findings that say where and why."""

from __future__ import annotations

from planner.documents.finding import Finding, Path, Position, Severity
from planner.errors import PlannerError

START = Position()
MAX_DEPTH = 64
"""How deep a document may be nested: planner's own are less than 10 levels deep."""
MAX_DIGITS = 400
"""How long a number may be: the largest double has 309 digits."""


class DocumentError(PlannerError):
    """A text that cannot be read as a document; ``findings`` says where and why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(finding.message for finding in findings))
        self.findings = findings


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

"""A finding: one thing that is wrong or doubtful in a document, with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

Path = tuple[str | int, ...]
"""Where in a document something stands: keys and list indices from the root."""


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst, so that sorting puts errors first."""
        return list(Severity).index(self)


class CheckProfile(StrEnum):
    """What documents are checked for: a draft, a change, or production."""

    DEV = "dev"
    CI = "ci"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class Position:
    """A span in a file; lines and columns count from 1, the end is exclusive."""

    line: int = 1
    column: int = 1
    end_line: int = 1
    end_column: int = 1


@dataclass(frozen=True, slots=True)
class Fix:
    """A mechanical change that takes a finding away, at its path.

    What stands there is called ``key`` from then on, or gets ``value``, or is ``quoted`` as it is written;
    without any of these it goes.
    """

    key: str | None = None
    value: str | None = None
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, where, and what to do about it; with a ``fix`` where that is mechanical."""

    code: str
    severity: Severity
    message: str
    hint: str = ""
    file: str = ""
    position: Position = Position()
    path: Path = ()
    fix: Fix | None = None

    @property
    def pointer(self) -> str:
        """The path as a JSON Pointer (RFC 6901)."""
        return json_pointer(self.path)

    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Order findings by file, place and code."""
        return (self.file, self.position.line, self.position.column, self.code, self.message)


def json_pointer(path: Path) -> str:
    """Spell ``path`` as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def describe_path(path: Path) -> str:
    """Spell ``path`` as people read it: ``spec.operators[2].parallelism``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text or "the document"


def sort_findings(findings: Sequence[Finding]) -> list[Finding]:
    """Return ``findings`` in their stable order, without exact duplicates."""
    return sorted(dict.fromkeys(findings), key=Finding.sort_key)


def at_least(findings: Sequence[Finding], severity: Severity) -> list[Finding]:
    """Return the findings that are at least as bad as ``severity``."""
    return [finding for finding in findings if finding.severity.rank <= severity.rank]

"""What the formats of findings share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from planner.documents.finding import Finding
from planner.report.printable import plain

Texts = Mapping[str, str]
"""The text of every file that findings may be about, by its name."""


LONGEST_NAME = 150
"""Above so many characters the name of a file is cut."""


def place(finding: Finding) -> str:
    """Return where a finding is, as ``file:line:column``."""
    name = finding.file if len(finding.file) <= LONGEST_NAME else "..." + finding.file[-LONGEST_NAME:]
    return f"{name}:{finding.position.line}:{finding.position.column}"


def headline(finding: Finding) -> str:
    """Return a finding in one line: ``file:line:column: CODE message``."""
    return plain(f"{place(finding)}: {finding.code} {finding.message}")


def fingerprint(finding: Finding) -> str:
    """Return an identity of a finding that survives when lines move."""
    key = "\0".join((finding.code, finding.file, finding.pointer, finding.message))
    return hashlib.sha256(key.encode()).hexdigest()[:32]

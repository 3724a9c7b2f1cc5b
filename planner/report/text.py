"""Findings for people: with an excerpt of the file, or one line each."""

from __future__ import annotations

from collections.abc import Sequence

from planner.documents.finding import Finding
from planner.documents.sensitive import masked_line
from planner.report.finding import Texts, headline, place
from planner.report.printable import plain

WIDTH = 76
LOOKED_BACK = 500
"""Characters of a line before those that are shown."""


def concise(findings: Sequence[Finding], texts: Texts) -> str:
    """One line a finding: ``file:line:col: CODE message``."""
    del texts
    return "".join(f"{headline(finding)}\n" for finding in findings)


def text(findings: Sequence[Finding], texts: Texts) -> str:
    """A finding with its line of the file and what to do about it."""
    parts: list[str] = []
    lines_of: dict[str, list[str]] = {}
    for finding in findings:
        if finding.file not in lines_of:
            lines_of[finding.file] = texts.get(finding.file, "").splitlines()
        at = place(finding)
        parts.append(plain(f"{at}: {finding.severity} {finding.code}: {finding.message}"))
        parts += _excerpt(finding, lines_of[finding.file])
        if finding.hint:
            parts.append(f"  = help: {plain(finding.hint)}")
        parts.append("")
    return "\n".join(parts) + "\n" if parts else ""


def _excerpt(finding: Finding, lines: list[str]) -> list[str]:
    """Return the line of a finding with a mark under the place, cut to the width of a terminal."""
    position = finding.position
    if not 1 <= position.line <= len(lines) or not lines[position.line - 1].strip():
        return []
    line, start = lines[position.line - 1].replace("\t", " "), position.column - 1
    end = position.end_column - 1 if position.end_line == position.line else len(line)
    margin = f"{position.line:>5} | "
    room = WIDTH - len(margin)
    offset = max(0, min(start - room // 3, len(line) - room)) if len(line) > room else 0
    before = line[max(0, offset - LOOKED_BACK) : offset]  # where the key of a secret may be
    shown = plain(masked_line(before + line[offset : offset + room])[len(before) :])
    width = max(1, min(end, offset + room) - start)
    return [margin + shown, f"{'':>5} | {' ' * (start - offset)}{'^' * width}"]

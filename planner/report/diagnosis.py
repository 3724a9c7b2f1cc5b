"""Diagnoses for people at three in the morning, and for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import unified_diff
from typing import Any

from planner.documents.finding import Finding, Position, Severity
from planner.documents.sensitive import masked_line
from planner.recover.diagnosis.changes import KEPT, Change
from planner.recover.diagnosis.classes import Rank, pattern
from planner.recover.diagnosis.diagnose import Diagnosis
from planner.recover.diagnosis.log import Line
from planner.recover.diagnosis.patch import Patched
from planner.report.printable import plain
from planner.report.sarif import LEVELS, sarif_log
from planner.units import parse_size, rounded_size

WIDTH = 80
MOST_NAMES = 5
LONGEST_EVIDENCE = 220
"""Characters of a line of a log that are shown."""
LOOKED_AT = 4096
UNKNOWN = "not known here"
NO_LOG = "Its own log is not among those that were read: that may say why."


def text(diagnoses: Sequence[Diagnosis]) -> str:
    """Return diagnoses in 80 columns: the first cause first, and below it what follows from it."""
    parts = []
    number = 0
    for place, one in enumerate(diagnoses):
        if one.follows is None:
            number += 1
            parts.append(_first_cause(number, one))
            parts += [_follower(other) for other in _below(diagnoses, place)]
            parts.append("")
    return "\n".join(parts) + "\n" if parts else ""


def _below(diagnoses: Sequence[Diagnosis], place: int) -> list[Diagnosis]:
    """Return what follows from a diagnosis, however far."""
    found, known = [], {place}
    for number, one in enumerate(diagnoses):
        if one.follows in known:
            known.add(number)
            found.append(one)
    return found


def _first_cause(number: int, one: Diagnosis) -> str:
    parts = [
        _wrapped(f"{number}. {one.severity}: {headline(one)} ({one.kind.name})", "   "),
        _wrapped(f"   {_seen(one)}{place(one)}", "   "),
        _wrapped(f"     {evidence(one)}", "     "),
        _wrapped(f"     at {plain(one.frame)}", "     ") if one.frame else "",
        _wrapped(f"     {_shown(one.because)}", "     ") if one.because is not None else "",
        _wrapped(f"   {one.kind.cause}", "   ") if one.kind.cause else "",
        *_to_do(one),
        "" if one.own_log or one.kind.rank is Rank.CAUSE else _wrapped(f"   {NO_LOG}", "   "),
    ]
    return "\n".join(part for part in parts if part)


def _follower(one: Diagnosis) -> str:
    lines = [_wrapped(f"   > hence: {headline(one)} ({one.kind.name}), {_seen(one)}{place(one)}", "     ")]
    return "\n".join([*lines, *(_to_do(one) if one.changes else ())])


def _to_do(one: Diagnosis) -> list[str]:
    """Return the changes of a diagnosis, or in words what to do where there are none."""
    lines = [_wrapped(f"   = {one.kind.remedy}", "     ")]
    for change in one.changes:
        if change.why != KEPT:
            before = f"{spelled(change.before)} ({change.source})" if change.before is not None else UNKNOWN
            lines.append(_wrapped(f"   change {change.option}: {before} -> {spelled(change.after)}", "     "))
            lines.append(_wrapped(f"     {change.why}", "     "))
    kept = ", ".join(
        f"{change.option}: {spelled(change.after)}" for change in one.changes if change.why == KEPT
    )
    if kept:
        lines.append(_wrapped(f"   keep {kept}", "     "))
    return lines


def spelled(value: str) -> str:
    """Return a value as people read it: bytes in mb."""
    try:
        return rounded_size(parse_size(value)) if value.endswith(("b", "bytes")) else value
    except ValueError:
        return value


def headline(one: Diagnosis) -> str:
    """Return what failed and where, in a line."""
    names = [one.process, *one.others] if one.process else []
    shown = ", ".join(names[:MOST_NAMES]) + (
        f" and {len(names) - MOST_NAMES} more" if names[MOST_NAMES:] else ""
    )
    task_manager = (
        "" if not shown or one.process == "JobManager" else "TaskManagers " if one.others else "TaskManager "
    )
    return plain(f"{task_manager}{shown}: {one.kind.title}" if shown else one.kind.title)


def place(one: Diagnosis) -> str:
    """Return where the evidence is, as ``file:line``."""
    return plain(f"{one.evidence.file}:{one.evidence.number}")


def evidence(one: Diagnosis) -> str:
    """Return the line of the log around what is evidence in it, without secrets and control characters."""
    shown = plain(masked_line(one.evidence.text.strip()), LOOKED_AT)
    if len(shown) <= LONGEST_EVIDENCE:
        return shown
    found = (pattern(message).search(shown) for message in one.kind.evidence)
    at = next((match.start() for match in found if match), 0)
    start = max(0, min(at - LONGEST_EVIDENCE // 4, len(shown) - LONGEST_EVIDENCE))
    return ("..." if start else "") + plain(shown[start:], LONGEST_EVIDENCE)


def _shown(line: Line) -> str:
    return plain(masked_line(line.text.strip()), LONGEST_EVIDENCE)


def _seen(one: Diagnosis) -> str:
    """Return when and how often."""
    if one.seconds is None:
        return f"{one.count} times, " if one.count > 1 else ""
    begun, ended = _time(one.seconds), _time(one.last if one.last is not None else one.seconds)
    often = (
        f", {one.count} times" + (f" until {ended[11:]}" if ended != begun else "") if one.count > 1 else ""
    )
    return f"{begun}{often}, "


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _wrapped(text: str, indent: str) -> str:
    """Return text in lines of 80 columns; what has no blank, such as the name of an option, is not broken."""
    first = text[: len(text) - len(text.lstrip())]
    return textwrap.fill(
        text.strip(), WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    )


def json_list(diagnoses: Sequence[Diagnosis]) -> str:
    """Return a list of objects, one a diagnosis, in the order of the text."""
    return json.dumps([_object(one) for one in diagnoses], indent=2, ensure_ascii=False) + "\n"


def _object(one: Diagnosis) -> dict[str, Any]:
    return {
        "class": one.kind.name,
        "severity": one.severity,
        "title": one.kind.title,
        "process": one.process or None,
        "alsoOn": list(one.others),
        "firstCause": one.follows is None,
        "follows": one.follows,
        "file": one.evidence.file,
        "line": one.evidence.number,
        "text": evidence(one),
        "because": _shown(one.because) if one.because is not None else None,
        "frame": one.frame or None,
        "ownLog": one.own_log,
        "first": _time(one.seconds) if one.seconds is not None else None,
        "last": _time(one.last) if one.last is not None else None,
        "count": one.count,
        "cause": one.kind.cause,
        "remedy": one.kind.remedy,
        "changes": [_change(change) for change in one.changes],
        "source": one.kind.source_url,
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "option": change.option,
        "from": change.before,
        "fromSource": change.source,
        "to": change.after,
        "why": change.why,
    }


def sarif(diagnoses: Sequence[Diagnosis]) -> str:
    """Return SARIF 2.1.0, a result for each diagnosis."""
    kinds = {one.kind.name: one.kind for one in diagnoses}

    def describe(name: str) -> dict[str, Any]:
        kind = kinds[name]
        return {
            "id": name,
            "name": name,
            "shortDescription": {"text": kind.title},
            "fullDescription": {"text": kind.cause or kind.title},
            "help": {"text": kind.remedy},
            "helpUri": kind.source_url,
            "defaultConfiguration": {"level": LEVELS[kind.severity]},
        }

    return sarif_log([_finding(one) for one in diagnoses], describe)


def _finding(one: Diagnosis) -> Finding:
    changed = "; ".join(
        f"{change.option}: {change.before or UNKNOWN} -> {change.after}" for change in one.changes
    )
    line = one.evidence.number
    position = Position(line, 1, line, len(one.evidence.text) + 1)
    return Finding(
        one.kind.name,
        one.severity,
        f"{headline(one)}: {evidence(one)}",
        changed or one.kind.remedy,
        one.evidence.file,
        position,
    )


def left_lines(patched: Patched) -> list[str]:
    """Return the changes that a document has no place for, and where they belong."""
    return [f"not in the document: {change.option}: {reason}" for change, reason in patched.left]


def difference(patched: Patched, name: str) -> str:
    """Return what a patch changes in a file as a unified diff, without the values of secrets."""
    lines = unified_diff(patched.before.splitlines(), patched.after.splitlines(), name, name, lineterm="")
    return "".join(f"{masked_line(line)}\n" for line in lines)


def summary(diagnoses: Sequence[Diagnosis], files: int) -> str:
    """Return one line that counts."""
    first = [one for one in diagnoses if one.follows is None]
    bad = sum(one.severity is not Severity.INFO for one in first)
    words = [f"{bad} first cause{'s' if bad != 1 else ''}"] if bad else []
    words += [f"{len(first) - bad} to know"] if len(first) > bad else []
    return f"{files} log{'' if files == 1 else 's'} read: {', '.join(words) or 'nothing failed'}"

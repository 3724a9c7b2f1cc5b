"""The page of every code, for ``planner explain`` and for docs/rules."""

from __future__ import annotations

import textwrap

from planner.graph.kinds import KINDS
from planner.rules.base import Rule
from planner.rules.registry import BY_CODE, RULES


def page(code: str, example: str = "") -> str | None:
    """Return the page of a code as Markdown with an ``example``, None when there is no such code."""
    rule = BY_CODE.get(code)
    if rule is None:
        return None
    sections = [
        f"# {rule.code}: {rule.name}",
        rule.summary,
        f"Severity: {rule.severity}{f', {rule.otherwise}' if rule.otherwise else ''}{_in_profiles(rule)}",
        f"## Why\n\n{rule.why}",
        f"## What to do\n\n{rule.hint}",
        _kinds() if code == "JOB205" else "",
        example,
        f"## Source\n\n{rule.source}:\n{rule.source_url}",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _in_profiles(rule: Rule) -> str:
    """Return what `planner validate --profile` changes."""
    if rule.only_production:
        return ", with `--profile production` only"
    return ", one level higher with `--profile production`, left out with `dev`" if rule.readiness else ""


def _kinds() -> str:
    rows = "".join(f"* `{name}`: {kind.what}\n" for name, kind in KINDS.items())
    return f"## Known kinds\n\n{rows}* any name that ends in `-source` or `-sink`: a connector of the current APIs"


def listing() -> str:
    """Return every code with its summary, in 80 columns."""
    return "".join(_row(rule) for rule in RULES)


def _row(rule: Rule) -> str:
    text = f"{rule.code}  {rule.severity:<8} {rule.summary}"
    return textwrap.fill(text, 80, subsequent_indent=" " * 17) + "\n"

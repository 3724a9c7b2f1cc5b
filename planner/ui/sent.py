"""What is sent of a draft: its fields, findings and refusals, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planner.documents.finding import Finding, Path
from planner.report.patch import patch
from planner.ui.draft import Draft
from planner.ui.fields import CHAININGS, Field, Owned, Owner, is_profile


def draft_data(draft: Draft, text: str, name: str) -> dict[str, Any]:
    """Return a draft of a file that holds ``text``; what all operators have in common comes once."""
    operators = [one for one in draft.owned if one.owner is Owner.OPERATOR]
    return {
        "profile": is_profile(draft.loaded.source.data) if draft.loaded else False,
        "operators": [
            {"name": one.name, "root": one.root, "texts": [field.text for field in one.fields]}
            for one in operators
        ],
        "operatorFields": _common(operators),
        "groups": [_group(one) for one in draft.owned if one.owner is Owner.GROUP],
        "chainings": CHAININGS,
        "findings": [_finding(one) for one in draft.findings],
        "refused": [{"index": one.index, "reason": one.reason} for one in draft.refused],
        "patch": patch(text, draft.text, name),
    }


def _common(operators: Sequence[Owned]) -> list[dict[str, Any]]:
    """Return the fields of all operators, with paths from where one stands."""
    first = operators[0] if operators else None
    return [_field(one, one.path[len(first.root) :]) for one in first.fields] if first else []


def _group(owned: Owned) -> dict[str, Any]:
    fields = [{**_field(one, one.path), "text": one.text} for one in owned.fields]
    return {"name": owned.name, "root": owned.root, "fields": fields}


def _field(one: Field, path: Path) -> dict[str, Any]:
    return {"name": one.name, "label": one.label, "form": one.form, "path": path}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "message": finding.message,
        "hint": finding.hint,
        "line": finding.position.line,
        "column": finding.position.column,
        "path": list(finding.path),
    }

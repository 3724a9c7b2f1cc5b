"""``planner diff``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.common import STDIN, Exit, Inputs, emit, fail, say

if TYPE_CHECKING:
    from planner.documents.load import Document


class Format(StrEnum):
    """How to print differences."""

    TEXT = "text"
    JSON = "json"


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A document; - reads stdin.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another one of the same kind.")],
    output_format: Annotated[
        Format, typer.Option("--format", help="A line for each difference, or JSON.")
    ] = Format.TEXT,
) -> None:
    """Show what differs between two documents of one kind; exit 1 if anything does.

    Operators, groups and TaskManagers go by their names, wherever they stand. Facts about the run
    that wrote a document are left out.

    \b
    Examples:
      planner diff old.placement.json new.placement.json
      planner compile job.yaml | planner diff job.profile.json -
    """
    if old == new == STDIN:
        fail("only one of the documents can come from stdin")
    from planner.api import to_json
    from planner.documents.difference import differences
    from planner.documents.write import to_data

    inputs = Inputs()
    first, second = _one(inputs, old), _one(inputs, new)
    if first.kind != second.kind:
        fail(f"{old} is a {first.kind}, {new} is a {second.kind}; only documents of one kind can be compared")
    found = differences(to_data(first), to_data(second))
    if output_format is Format.JSON:
        emit(to_json([{"path": one.path, "old": one.old, "new": one.new} for one in found]))
    elif found:
        emit("".join(f"{one.path}: {_shown(one.old)} -> {_shown(one.new)}\n" for one in found))
    if found:
        raise typer.Exit(Exit.FINDINGS)
    say("planner: no difference")


def _one(inputs: Inputs, name: str) -> Document:
    found = [entry.document for entry in inputs.read(name)]
    inputs.stop_on(inputs.findings)
    if len(found) != 1 or found[0] is None:
        fail(f"{name} holds {'more than one document' if len(found) > 1 else 'no valid document'}")
    return found[0]


def _shown(value: Any) -> str:
    import json

    if value is None:
        return "(none)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:197] + "..."

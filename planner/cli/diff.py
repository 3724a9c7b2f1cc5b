"""``planner diff``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from planner.cli.errors import Exit, fail
from planner.cli.inputs import STDIN, Inputs
from planner.cli.output import emit, emit_text
from planner.cli.terminal import say
from planner.report.printable import plain


class Format(StrEnum):
    """How to print differences."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A document; - reads stdin.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another one of the same kind.")],
    output_format: Annotated[
        Format, typer.Option("--format", help="A line for each difference, JSON, or Markdown.")
    ] = Format.TEXT,
) -> None:
    """Show differences between two documents; exit 1 if any.

    Operators, groups and TaskManagers go by their names, wherever they are. Facts about the run
    that wrote a document are left out.

    \b
    Examples:
      planner diff old.placement.json new.placement.json
      planner compile job.yaml | planner diff job.profile.json -
      planner diff old.placement.json new.placement.json --format markdown
    """
    if old == new == STDIN:
        fail("only one of the documents can come from stdin")
    from planner import api

    inputs = Inputs()
    first, second = inputs.only_document(old), inputs.only_document(new)
    if first.kind != second.kind:
        fail(f"{old} is a {first.kind}, {new} is a {second.kind}; only documents of one kind can be compared")
    found = api.diff(first, second)
    if output_format is Format.JSON:
        emit(api.to_json([{"path": one.path, "old": one.old, "new": one.new} for one in found]))
    elif output_format is Format.MARKDOWN:
        from planner.report.markdown import difference_table, placement_table

        if isinstance(first, api.Placement) and isinstance(second, api.Placement):
            emit_text(placement_table(first, second))
        else:
            emit_text(difference_table(new, found))
    elif found:
        emit_text("".join(f"{plain(one.path)}: {_shown(one.old)} -> {_shown(one.new)}\n" for one in found))
    if found:
        raise typer.Exit(Exit.FINDINGS)
    say("planner: no difference")


def _shown(value: Any) -> str:
    import json

    if value is None:
        return "(none)"
    return plain(json.dumps(value, ensure_ascii=False), longest=200)

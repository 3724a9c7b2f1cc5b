"""``planner schema``."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.cli.common import OutputOption, emit, fail


def schema(
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help="job, resourceprofile, cluster, placement or recoveryplan."),
    ],
    output: OutputOption = None,
) -> None:
    """Print the JSON Schema (2020-12) of a document.

    \b
    Examples:
      planner schema job > job.schema.json
      planner schema Cluster -o cluster.schema.json
    """
    from planner.documents.load import KINDS
    from planner.documents.schema import json_schema
    from planner.documents.write import to_json

    wanted = kind.lower().replace("-", "").replace("_", "")
    aliases = {"profile": "resourceprofile", "recovery": "recoveryplan"}
    found = next((name for name in KINDS if name.lower() == aliases.get(wanted, wanted)), None)
    if found is None:
        fail(f"there is no document of kind {kind!r}; planner knows {', '.join(KINDS)}")
    emit(to_json(json_schema(found)), output)

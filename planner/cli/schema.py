"""``planner schema``."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.cli.errors import fail
from planner.cli.output import OutputOption, emit


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
    from planner import api

    try:
        emit(api.to_json(api.schema(kind)), output)
    except ValueError as error:
        fail(str(error))

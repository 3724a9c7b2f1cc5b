"""``planner show``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from planner.cli.inputs import Inputs, JobArgument
from planner.cli.output import OutputOption, emit_tables, emit_text


class Format(StrEnum):
    """How to draw a job."""

    TEXT = "text"
    MERMAID = "mermaid"


def show(
    job: JobArgument = None,
    output: OutputOption = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="Tables, or a Mermaid flowchart.")
    ] = Format.TEXT,
) -> None:
    """Show the job graph that Flink will run.

    \b
    Examples:
      planner show job.yaml
      planner show job.yaml --format mermaid >> README.md
    """
    from planner import api

    inputs = Inputs()
    document = inputs.job(job)
    inputs.require_valid()
    inputs.spare(output)
    profile, graph = api.compile_job(document)
    if output_format is Format.MERMAID:
        from planner.report.mermaid import flowchart

        emit_text(flowchart(profile, graph), output)
    else:
        from planner.report.tables import group_table, job_table

        emit_tables(job_table(profile, graph), group_table(profile), output=output)

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
    DOT = "dot"


def show(
    job: JobArgument = None,
    output: OutputOption = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="Tables, a Mermaid flowchart, or a graph for Graphviz.")
    ] = Format.TEXT,
) -> None:
    """Show the job graph that Flink will run.

    \b
    Examples:
      planner show job.yaml
      planner show job.yaml --format mermaid >> README.md
      planner show job.yaml --format dot | dot -Tsvg -o job.svg
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
    elif output_format is Format.DOT:
        from planner.report.dot import digraph

        emit_text(digraph(profile, graph), output)
    else:
        from planner.report.tables import group_table, job_table

        emit_tables(job_table(profile, graph), group_table(profile), output=output)

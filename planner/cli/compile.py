"""``planner compile``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from planner.cli.common import Inputs, JobArgument, OutputOption, default_job, emit, pick_job, say


class Format(StrEnum):
    """How to print a profile."""

    JSON = "json"
    TEXT = "text"


def compile_(
    job: JobArgument = None,
    output: OutputOption = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="json, or tables for people.")
    ] = Format.JSON,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say on stderr where every derived value comes from.")
    ] = False,
) -> None:
    r"""Compile a job to its stream graph and resource profile, as JSON.

    \b
    Examples:
      planner compile job.yaml -o job.profile.json
      planner compile job.yaml --format text --explain
      planner compile edited.profile.json -o edited.profile.json
    """
    inputs = Inputs()
    document = pick_job(inputs, default_job() if job is None else job)
    from planner import api
    from planner.documents.write import to_data

    inputs.stop_on(api.validate(inputs.loaded))
    profile, graph = api.compile_job(document)
    if explain:
        from planner.report.explain import explanation

        say(explanation(document, profile))
    if output_format is Format.TEXT:
        from planner.report.text import group_table, job_table, render

        emit(render(job_table(profile, graph), group_table(profile)), output)
    else:
        emit(api.to_json(to_data(profile)), output)

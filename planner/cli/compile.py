"""``planner compile``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.common import Inputs, JobArgument, OutputOption, default_job, emit, fail, pick_job, say

if TYPE_CHECKING:
    from planner.memory.offheap import Catalogue


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
    catalogue: Annotated[
        str | None,
        typer.Option(
            "--catalogue",
            metavar="FILE",
            help="Off-heap memory by kind of operator, before planner's own: kafka-source: 96 mb",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say on stderr where every derived value comes from.")
    ] = False,
) -> None:
    """Compile a job to its stream graph and resource profile, as JSON.

    \b
    Examples:
      planner compile job.yaml -o job.profile.json
      planner compile job.yaml --format text --explain
      planner compile edited.profile.json -o edited.profile.json
    """
    inputs = Inputs()
    document = pick_job(inputs, default_job() if job is None else job)
    from planner import api
    from planner.documents.job import Job
    from planner.documents.write import to_data

    inputs.stop_on(api.validate(inputs.loaded))
    entries = _catalogue(inputs, catalogue)
    if isinstance(document, Job) or output_format is Format.TEXT:  # an edited profile may be replaced
        inputs.keep(output)
    profile, graph = api.compile_job(document, entries)
    if explain:
        from planner.report.explain import explanation

        say(explanation(document, profile))
    if output_format is Format.TEXT:
        from planner.report.text import group_table, job_table, render

        emit(render(job_table(profile, graph), group_table(profile)), output)
    else:
        emit(api.to_json(to_data(profile)), output)


def _catalogue(inputs: Inputs, name: str | None) -> Catalogue | None:
    """Read a catalogue: a mapping from kinds of operators to sizes."""
    if name is None:
        return None
    from planner.memory.offheap import OffHeapUse
    from planner.units import parse_size_lenient

    data = inputs.read_source(name).data
    if not isinstance(data, dict):
        fail(f"{name} is no mapping from kinds to sizes, such as kafka-source: 96 mb")
    found = {}
    for kind, size in data.items():
        try:
            found[kind] = OffHeapUse(
                parse_size_lenient(str(size)), f"as {name} says for {kind}", name, "declared"
            )
        except ValueError as error:
            fail(f"{name}: {kind}: {error}")
    return found

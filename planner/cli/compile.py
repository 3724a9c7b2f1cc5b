"""``planner compile``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.common import Inputs, JobArgument, OutputOption, default_job, emit, fail, pick_job, say
from planner.cli.programs import (
    ArgumentsOption,
    ClassOption,
    HomeOption,
    PythonOption,
    SettingOption,
    compile_with_flink,
    is_program,
    program_of,
)

if TYPE_CHECKING:
    from planner.documents.profile import ResourceProfile
    from planner.memory.off_heap import Catalogue


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
    entry_class: ClassOption = None,
    arguments: ArgumentsOption = None,
    settings: SettingOption = None,
    previous: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FILE", help="Profile of an earlier compilation, whose edits are kept."
        ),
    ] = None,
    flink_home: HomeOption = None,
    python: PythonOption = "python3",
) -> None:
    """Compile a job to its stream graph and resource profile, as JSON.

    A JAR, a SQL script or a PyFlink program is compiled by Flink itself.

    \b
    Examples:
      planner compile job.yaml -o job.profile.json
      planner compile job.yaml --format text --explain
      planner compile edited.profile.json -o edited.profile.json
      planner compile job.jar --class com.example.Main --args "--rate 100"
      planner compile job.sql --from job.profile.json -o job.profile.json
      planner compile job.py --python venv/bin/python -D parallelism.default=4
    """
    from planner import api
    from planner.documents.job import Job
    from planner.documents.write import to_data

    inputs = Inputs()
    name = default_job() if job is None else job
    document: Job | ResourceProfile
    if is_program(name):
        before = _profile(inputs, previous)
        inputs.names = [name]  # the older profile may be replaced, the program not
        inputs.keep(output)
        program = program_of(name, entry_class, arguments, settings)
        document = compile_with_flink(program, before, flink_home, python)
    else:
        if entry_class or arguments or settings or previous or flink_home:
            fail("--class, --args, -D, --from and --flink-home are for a program: a .jar, .sql or .py file")
        document = pick_job(inputs, name)
    inputs.stop_on(api.validate(inputs.loaded))
    entries = _catalogue(inputs, catalogue)
    if isinstance(document, Job) or output_format is Format.TEXT:  # an edited profile may be replaced
        inputs.keep(output)
    profile, graph = api.compile_job(document, entries)
    if explain:
        from planner.report.explain import explanation

        say(explanation(document, profile))
    if output_format is Format.TEXT:
        from planner.report.tables import group_table, job_table, render

        emit(render(job_table(profile, graph), group_table(profile)), output)
    else:
        emit(api.to_json(to_data(profile)), output)


def _profile(inputs: Inputs, name: str | None) -> ResourceProfile | None:
    if name is None:
        return None
    from planner import api
    from planner.documents.profile import ResourceProfile

    document = pick_job(inputs, name)
    if not isinstance(document, ResourceProfile):
        fail(f"--from: {name} is a Job; name the profile of an earlier compilation")
    inputs.stop_on(api.validate(inputs.loaded))
    return document


def _catalogue(inputs: Inputs, name: str | None) -> Catalogue | None:
    """Read a catalogue: a mapping from kinds of operators to sizes."""
    if name is None:
        return None
    from planner.memory.off_heap import OffHeapUse
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

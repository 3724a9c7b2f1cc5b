"""``planner compile``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import fail
from planner.cli.inputs import (
    ArgumentsOption,
    ClassOption,
    HomeOption,
    Inputs,
    JarOption,
    JobIndexOption,
    KindOption,
    PythonOption,
    SettingOption,
    compile_with_flink,
    is_program,
    program,
)
from planner.cli.output import OutputOption, emit, emit_tables
from planner.cli.terminal import say

if TYPE_CHECKING:
    from planner.api import Catalogue, Job, ResourceProfile


class Format(StrEnum):
    """How to print a profile."""

    JSON = "json"
    TEXT = "text"


def compile_(
    jobs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="JOB",
            help="Job, ResourceProfile or program; several SQL scripts run in order; - reads stdin."
            " Default: *.profile.json or job.yaml here.",
        ),
    ] = None,
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
    kind: KindOption = None,
    jars: JarOption = None,
    job_index: JobIndexOption = None,
    previous: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FILE", help="Profile of an earlier compilation, whose edits are kept."
        ),
    ] = None,
    flink_home: HomeOption = None,
    python: PythonOption = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            min=1,
            max=86400,
            metavar="SECONDS",
            help="How long the main of a program may take to make its job. Default: 120.",
        ),
    ] = None,
) -> None:
    """Compile a job to its resource profile, as JSON.

    The profile is the stream graph with the resources of every slot. A JAR, a SQL script or a PyFlink
    program is compiled by Flink itself.

    \b
    Examples:
      planner compile job.yaml -o job.profile.json
      planner compile job.yaml --format text --explain
      planner compile edited.profile.json -o edited.profile.json
      planner compile job.jar --class com.example.Main --args "--rate 100"
      planner compile init.sql query.sql --jar flink-sql-connector-kafka.jar
      planner compile job.sql --from job.profile.json -o job.profile.json
      planner compile job.py --python venv/bin/python -D parallelism.default=4
    """
    from planner import api

    inputs = Inputs()
    document: Job | ResourceProfile
    names = jobs or []
    if kind is not None or any(map(is_program, names)):
        if not names:
            fail("--kind is of a program; name one, or - for stdin")
        before = None if previous is None else inputs.profile(previous, "--from")
        inputs.names = list(names)  # the older profile may be replaced, the program not
        inputs.spare(output)
        wanted = program(names, entry_class, arguments, settings, kind=kind, jars=jars, job_index=job_index)
        document = compile_with_flink(wanted, before, flink_home, python, seconds)
    else:
        if len(names) > 1:
            fail("name one job; several files are for SQL scripts that run in order")
        of_program = (
            entry_class,
            arguments,
            settings,
            jars,
            job_index,
            previous,
            flink_home,
            python,
            seconds,
        )
        if any(of_program):
            fail(
                "--class, --args, -D, --jar, --job-index, --from, --flink-home, --python and --time-limit are for a"
                " program:"
                " a .jar, .sql or .py file"
            )
        document = inputs.job(names[0] if names else None)
    inputs.require_valid()
    entries = None if catalogue is None else _catalogue(inputs, catalogue)
    if isinstance(document, api.Job) or output_format is Format.TEXT:  # an edited profile may be replaced
        inputs.spare(output)
    profile, graph = api.compile_job(document, entries)
    if explain:
        from planner.report.explain import explanation

        say(explanation(document, profile))
    if output_format is Format.TEXT:
        from planner.report.tables import group_table, job_table

        emit_tables(job_table(profile, graph), group_table(profile), output=output)
    else:
        emit(api.to_json(api.to_data(profile)), output)


def _catalogue(inputs: Inputs, name: str) -> Catalogue:
    """Read a catalogue: a mapping from kinds of operators to sizes."""
    from planner import api

    sizes = inputs.read_source(name).data
    if not isinstance(sizes, dict):
        fail(f"{name} is not a mapping from kinds to sizes, such as kafka-source: 96 mb")
    try:
        return api.as_catalogue(sizes, name)
    except ValueError as error:
        fail(f"{name}: {error}")

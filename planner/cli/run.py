"""``planner run``: a program under a placement."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.cluster import FolderOption
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
    quiet_bridge,
)
from planner.cli.inputs import program as program_of
from planner.cli.output import emit_tables, emit_text
from planner.cli.terminal import progress, say
from planner.cli.verify import ProfileOption, RestOption, as_planned, report_deviations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.api import Placement, Program, ResourceProfile

PlacementOption = Annotated[
    str | None, typer.Option("-p", "--placement", metavar="FILE", help="Default: *.placement.json here.")
]


def run(
    programs: Annotated[
        list[str],
        typer.Argument(
            metavar="PROGRAM",
            help="A .jar, .sql or .py file; several SQL scripts run in order; - reads stdin.",
        ),
    ],
    placement: PlacementOption = None,
    profile: ProfileOption = None,
    rest: RestOption = None,
    savepoint: Annotated[
        str | None,
        typer.Option(
            "--from-savepoint",
            metavar="PATH",
            help="Start from this savepoint or retained checkpoint, a path that the cluster can read.",
        ),
    ] = None,
    entry_class: ClassOption = None,
    arguments: ArgumentsOption = None,
    settings: SettingOption = None,
    kind: KindOption = None,
    jars: JarOption = None,
    job_index: JobIndexOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show changes without submitting.")] = False,
    seconds: Annotated[
        float,
        typer.Option(
            "--time-limit",
            min=1,
            max=86400,
            metavar="SECONDS",
            help="Maximum wait for the main of the program to end, and then for all subtasks to start.",
        ),
    ] = 120.0,
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            max=86400,
            metavar="SECONDS",
            help="Maximum wait for the JobManager to answer, and for TaskManagers to register.",
        ),
    ] = 0.0,
    folder: FolderOption = None,
    flink_home: HomeOption = None,
    python: PythonOption = None,
) -> None:
    """Run a program on a cluster as a placement says, and verify it.

    Parallelism, chaining and groups come from the profile, and every group asks for its quota. Flink
    and the program stay as they are.

    \b
    Examples:
      planner run job.sql -p job.placement.json
      planner run job.jar -p job.placement.json --rest http://host:8081
      planner run job.sql -p new.placement.json --from-savepoint /data/sp-5f2c
      planner run job.sql --dry-run
    """
    from planner import api

    wanted = program_of(programs, entry_class, arguments, settings, kind=kind, jars=jars, job_index=job_index)
    inputs = Inputs()
    planned = inputs.binding_placement(placement)
    document = inputs.profile_of(planned, profile)
    quiet_bridge()
    interpreter = python or "python3"
    if dry_run:
        _show_changes(wanted, planned, document, flink_home, interpreter, seconds)
        return
    try:
        with progress(f"running {wanted.file}") as note:
            done = api.run(
                wanted,
                planned,
                document,
                savepoint=savepoint and _absolute(savepoint),
                rest=rest,
                folder=folder or api.FOLDER,
                time_limit=seconds,
                wait=wait,
                flink_home=flink_home,
                python=interpreter,
                note=note,
            )
    except api.TimedOut as error:
        if isinstance(error.best, api.Run) and error.best.deviations:
            say("planner: the cluster lacks what was planned")
            for deviation in error.best.deviations:
                say(f"  {deviation}")
        raise
    say(f"planner: job {done.job} {'has finished' if done.finished else 'runs'} at {done.url}")
    emit_text(f"{done.job}\n")
    if rest is not None and any(tm.reserve for tm in planned.task_managers) and not done.finished:
        say("planner: the job runs; now start the TaskManagers that the placement keeps in reserve")
    say_lacking(done.url, done.lacking, planned)
    report_deviations(done.deviations)
    say(as_planned(done.plan.graph))


def say_lacking(url: str, lacking: Mapping[str, str | None], planned: Placement) -> None:
    """Say which options of a placement the JobManager at ``url`` was started without."""
    if lacking:
        say(f"planner: the JobManager at {url} was started without options that the placement has for it:")
    for key, value in (planned.flink_configuration or {}).items():
        if key in lacking:
            say(f"  {key}: {value} (there {lacking[key] or 'not set'})")


def _absolute(savepoint: str) -> str:
    """Return the path of a savepoint as any process finds it: a file of this machine from its root."""
    from planner import api

    return str(api.real(savepoint)) if "://" not in savepoint and os.path.exists(savepoint) else savepoint


def _show_changes(
    program: Program,
    placement: Placement,
    profile: ResourceProfile | None,
    flink_home: HomeOption,
    python: str,
    seconds: float,
) -> None:
    from planner import api
    from planner.report.tables import edit_lines, group_table, job_table

    with progress(f"compiling {program.file}") as note:
        plan = api.plan_run(
            program,
            placement,
            profile,
            flink_home=flink_home,
            python=python,
            time_limit=seconds,
            note=note,
        )
    changes = edit_lines([str(edit) for edit in plan.edits])
    emit_tables(job_table(plan.profile, plan.graph), group_table(plan.profile), changes)

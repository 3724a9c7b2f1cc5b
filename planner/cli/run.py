"""``planner run`` and ``planner verify``: a program under a plan, and whether the cluster keeps to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from planner.cli.cluster import FOLDER, FolderOption
from planner.cli.common import (
    PROFILE_PATTERN,
    Exit,
    Inputs,
    default_placement,
    emit,
    fail,
    pick_job,
    pick_placement,
    pick_plan,
    progress,
    say,
)
from planner.cli.programs import (
    ArgumentsOption,
    ClassOption,
    HomeOption,
    PythonOption,
    SettingOption,
    is_program,
    program_of,
    quiet_bridge,
)

if TYPE_CHECKING:
    from planner.cluster.errors import RestError
    from planner.cluster.rest import Rest
    from planner.cluster.run import Plan
    from planner.cluster.verify import Difference
    from planner.documents.placement import Placement
    from planner.documents.profile import ResourceProfile
    from planner.graph.job_graph import JobGraph

LOST_SECONDS = 60.0
"""How long TaskManagers may take to give up the slots of a job that no JobManager knows any more."""
PlacementOption = Annotated[
    str | None, typer.Option("-p", "--placement", metavar="FILE", help="Default: *.placement.json here.")
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="FILE", help="What the placement was made from. Default: found here."),
]
RestOption = Annotated[
    str | None,
    typer.Option("--rest", metavar="URL", help="REST address. Default: that of planner up."),
]


def run(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="A .jar, .sql or .py file.")],
    placement: PlacementOption = None,
    profile: ProfileOption = None,
    rest: RestOption = None,
    entry_class: ClassOption = None,
    arguments: ArgumentsOption = None,
    settings: SettingOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be changed of the program.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--time-limit", min=1, metavar="SECONDS", help="When every subtask has to run.")
    ] = 120.0,
    folder: FolderOption = FOLDER,
    flink_home: HomeOption = None,
    python: PythonOption = "python3",
) -> None:
    """Run a program on a cluster as a placement says, and verify that the cluster obeys.

    Parallelism, chaining and groups come from the profile, and every group asks for its quota. Flink
    and the program stay as they are.

    \b
    Examples:
      planner run job.sql -p job.placement.json
      planner run job.jar -p job.placement.json --rest http://host:8081
      planner run job.sql --dry-run
    """
    if not is_program(program):
        fail(f"{program} is no program; name a .jar, .sql or .py file")
    inputs = Inputs()
    name = default_placement() if placement is None else placement
    plan = pick_plan(inputs, name)
    document = _profile(inputs, profile, plan, Path(name).parent)
    wanted = program_of(program, entry_class, arguments, settings)
    if document is not None and document.planner and document.planner.program:
        given = document.planner.program
        wanted = wanted.model_copy(
            update={
                "entry_class": wanted.entry_class or given.entry_class,
                "arguments": wanted.arguments or given.arguments,
                "configuration": {**given.configuration, **wanted.configuration},
            }
        )
    from planner.cluster.errors import RestError, TimedOut
    from planner.cluster.run import execute, wait_until_running
    from planner.cluster.run import verify as verify_cluster
    from planner.flink.errors import FlinkMissing, NoFlinkHome, ProgramError
    from planner.flink.program import Toolchain
    from planner.memory.process import MemoryConfigurationError

    quiet_bridge()
    try:
        cluster = None if dry_run else rest_of(rest, folder)
        if cluster is not None and (found := verify_cluster(cluster, plan, None)):
            _report(found, f"the cluster at {cluster.url} is not the one that was planned")
        if cluster is not None and (other := _holder(cluster)):
            fail(
                f"job {other} holds slots of this plan at {cluster.url};"
                f" cancel it first: curl -X PATCH {cluster.url}/jobs/{other}",
                Exit.FINDINGS,
            )
        home = flink_home if flink_home or rest else _local_home(folder)
        with progress(f"running {program}") as tell:
            made, job = execute(wanted, document, plan, cluster, Toolchain(home, python), tell)
        if job is None or cluster is None:
            _print_plan(made)
            return
        with progress(f"job {job}") as tell:
            try:
                done = wait_until_running(cluster, job, seconds, tell)
            except TimedOut as error:
                _say_differences(verify_cluster(cluster, plan, None), "the cluster lacks what was planned")
                fail(str(error), Exit.TIME)
            found = verify_cluster(cluster, plan, job, made.profile, made.graph)
    except (FlinkMissing, NoFlinkHome, ProgramError) as error:
        fail(str(error))
    except RestError as error:
        fail_of(error)
    except MemoryConfigurationError as error:
        fail(f"{name}: the memory of a TaskManager does not work out: {error}")
    say(f"planner: job {job} {'has finished' if done.state == 'FINISHED' else 'runs'} at {cluster.url}")
    emit(f"{job}\n")
    _report(found, "the cluster does not do what was planned")
    say(_agreed(made.graph))


def fail_of(error: RestError) -> NoReturn:
    """End with what a cluster says: as unreadable input where it does not answer, else as a finding."""
    from planner.cluster.errors import NoAnswer

    fail(str(error), Exit.USAGE if isinstance(error, NoAnswer) else Exit.FINDINGS)


def verify(
    placement: Annotated[
        str | None, typer.Argument(metavar="[PLACEMENT]", help="Default: *.placement.json here.")
    ] = None,
    rest: RestOption = None,
    job: Annotated[
        str | None, typer.Option("--job", metavar="ID", help="Which job. Default: the only one that runs.")
    ] = None,
    profile: ProfileOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until Ctrl-C, and tell what changes.")
    ] = False,
    folder: FolderOption = FOLDER,
) -> None:
    """Check that a cluster does what a placement says; exit 1 where it does not.

    \b
    Examples:
      planner verify job.placement.json --rest http://host:8081
      planner verify --watch
    """
    inputs = Inputs()
    name = default_placement() if placement is None else placement
    plan = pick_placement(inputs, name)
    document = _profile(inputs, profile, plan, Path(name).parent)
    from planner import api
    from planner.cluster import run as execute
    from planner.cluster.errors import RestError
    from planner.memory.process import MemoryConfigurationError

    complete, graph = api.compile_job(document) if document is not None else (None, None)
    if graph is None:
        say("planner: no profile of this placement here; subtasks are not compared (--profile)")
    try:
        cluster = rest_of(rest, folder)
        if watch:
            _watch(lambda: execute.verify(cluster, plan, job or only_job(cluster), complete, graph))
        found = execute.verify(cluster, plan, job or only_job(cluster), complete, graph)
    except RestError as error:
        fail_of(error)
    except MemoryConfigurationError as error:
        fail(f"{name}: the memory of a TaskManager does not work out: {error}")
    _report(found, "the cluster does not do what was planned")
    say(_agreed(graph))


def _agreed(graph: JobGraph | None) -> str:
    from planner.documents.vocabulary import JobType

    if graph is not None and graph.type is JobType.BATCH:
        return "planner: every TaskManager, and what runs of this batch job now, is as planned"
    return "planner: every slot, subtask and TaskManager is as planned"


def _watch(look: Callable[[], list[Difference]]) -> None:
    from planner.cluster.errors import RestError

    before: list[str] | None = None
    try:
        while True:
            try:
                lines = [str(difference) for difference in look()]
            except RestError as error:
                lines = [str(error)]
            if lines != before:
                say(time.strftime("%H:%M:%S ") + ("as planned" if not lines else f"{len(lines)} differences"))
                for line in lines:
                    say(f"  {line}")
                before = lines
            time.sleep(1)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.FINDINGS if before else 0) from None


def _report(found: list[Difference], headline: str) -> None:
    """Say what is otherwise than planned, and end, if anything is."""
    _say_differences(found, headline)
    if found:
        raise typer.Exit(Exit.FINDINGS)


def _say_differences(found: list[Difference], headline: str) -> None:
    if found:
        say(f"planner: {headline}")
    for difference in found:
        say(f"  {difference}")


def _print_plan(made: Plan) -> None:
    import sys

    from planner.cli.common import wants_color
    from planner.report.tables import edit_lines, group_table, job_table, render

    tables = job_table(made.profile, made.graph), group_table(made.profile)
    shown = render(
        *tables, edit_lines([str(edit) for edit in made.edits]), color=wants_color(sys.stdout.isatty())
    )
    sys.stdout.write(shown)


def rest_of(rest: str | None, folder: Path) -> Rest:
    """Return the cluster that is named, else the local one."""
    from planner.cluster.errors import ClusterFailed, RestError
    from planner.cluster.rest import Rest
    from planner.cluster.standalone import read

    if rest is not None:
        try:
            return Rest.at(rest)
        except RestError as error:
            fail(f"--rest: {error}")
    try:
        local = read(folder.resolve())
    except ClusterFailed as error:
        fail(str(error))
    if local is None:
        fail(f"no cluster in {folder}; start one with planner up, or name one with --rest URL")
    return Rest(local.url)


def _local_home(folder: Path) -> Path | None:
    """Return the Flink distribution that the local cluster runs, None for that of the extra."""
    from planner.cluster.errors import ClusterFailed
    from planner.cluster.standalone import read

    try:
        local = read(folder.resolve())
    except ClusterFailed as error:
        fail(str(error))
    return local.home if local else None


def _holder(cluster: Rest) -> str | None:
    """Return a job that runs in slots with a quota, None where all are free.

    Slots of a job that has ended, or that the JobManager does not know because it was lost with the one
    before, are free as soon as their TaskManagers notice; that is waited for.
    """
    from planner.cluster.errors import RestError
    from planner.cluster.rest import ENDED, jobs, task_managers
    from planner.place.model.quotas import QUOTA

    until = time.monotonic() + LOST_SECONDS
    while True:
        held = {
            job
            for tm in task_managers(cluster).values()
            for job, slots in tm.slots.items()
            if any(name.startswith(QUOTA) for slot in slots for name in slot.external)
        }
        running = held & {job for job, state in jobs(cluster).items() if state not in ENDED}
        if running or not held:
            return min(running, default=None)
        if time.monotonic() > until:
            raise RestError(
                f"TaskManagers at {cluster.url} hold slots for job {min(held)}, which has ended or is lost;"
                " start them again"
            )
        time.sleep(1)


def only_job(cluster: Rest) -> str:
    """Return the only job that runs; end where there is none or more than one."""
    from planner.cluster.rest import ENDED, jobs

    running = [name for name, state in jobs(cluster).items() if state not in ENDED]
    if len(running) != 1:
        from planner.cluster.errors import RestError

        which = f"{len(running)} jobs run" if running else "no job runs"
        raise RestError(f"{which} at {cluster.url}" + ("; name one with --job ID" if running else ""))
    return running[0]


def _profile(inputs: Inputs, name: str | None, plan: Placement, beside: Path) -> ResourceProfile | None:
    """Return the profile that a placement was made from: the one named, or one here with its digest."""
    from planner import api
    from planner.documents.finding import Severity
    from planner.documents.profile import ResourceProfile
    from planner.documents.write import digest

    if name is not None:
        document = pick_job(inputs, name)
        if not isinstance(document, ResourceProfile):
            fail(f"--profile: {name} is a Job, not a ResourceProfile")
        inputs.stop_on(api.validate(inputs.loaded))
        return document
    for file in sorted({*Path().glob(PROFILE_PATTERN), *beside.glob(PROFILE_PATTERN)}):
        for entry in Inputs().read(str(file)):
            if not isinstance(entry.document, ResourceProfile):
                continue
            if any(finding.severity is Severity.ERROR for finding in api.validate([entry])):
                continue  # another's, which may be broken
            complete = api.compile_job(entry.document)[0]
            if digest(complete) == plan.inputs.profile:
                return entry.document
    return None

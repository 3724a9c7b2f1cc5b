"""``planner scale``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from planner.cli.cluster import FolderOption
from planner.cli.errors import Exit, fail
from planner.cli.import_ import say_held_back
from planner.cli.inputs import CLUSTER_NAMES, STDIN, Inputs, JobArgument, PythonOption, quiet_bridge
from planner.cli.output import Format, FormatOption, OutputOption, emit, emit_tables, is_json
from planner.cli.terminal import progress, say
from planner.cli.verify import RestOption, RunningJobOption, as_planned, report_deviations

if TYPE_CHECKING:
    from planner.api import Cluster, Job, Measured, Placement, ResourceProfile, ScalingPlan

N = TypeVar("N", int, float)
PROFILE_END = ".profile.json"


def scale(
    job: JobArgument = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            "-c",
            metavar="FILE",
            help="Cluster to place the candidates on. Default: cluster.yaml here, if there is one.",
        ),
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option("--placement", "-p", metavar="FILE", help="Present placement, to move few slots of."),
    ] = None,
    utilisation: Annotated[
        float,
        typer.Option(
            min=0.01, max=1, metavar="SHARE", help="How busy the fullest subtask may be: 0.7 of its time."
        ),
    ] = 0.7,
    rates: Annotated[
        list[str] | None,
        typer.Option(
            "--rate",
            metavar="SOURCE=RECORDS",
            help="Records a second that a source is to give, all its subtasks together. Default: as now.",
        ),
    ] = None,
    partitions: Annotated[
        list[str] | None,
        typer.Option("--partitions", metavar="SOURCE=N", help="How many partitions a source reads."),
    ] = None,
    fixed: Annotated[
        list[str] | None,
        typer.Option("--fixed", metavar="OPERATOR", help="Keep the parallelism of an operator; repeatable."),
    ] = None,
    candidate: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write this candidate of the table instead of the first."),
    ] = None,
    restart: Annotated[
        float | None,
        typer.Option(min=0, max=86400, metavar="SECONDS", help="How long a restart takes, for the catch-up."),
    ] = None,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Rescale the running job: while it runs under the adaptive scheduler, else by a savepoint.",
        ),
    ] = False,
    savepoints: Annotated[
        str | None,
        typer.Option(
            "--savepoint-dir",
            metavar="PATH",
            help="With --apply, where the savepoint goes. Default: beside the local cluster's logs.",
        ),
    ] = None,
    rest: RestOption = None,
    running: RunningJobOption = None,
    window: Annotated[
        float, typer.Option("--window", min=1, max=3600, metavar="SECONDS", help="How long to measure.")
    ] = 30.0,
    time_limit: Annotated[
        float,
        typer.Option(min=0.1, max=86400, metavar="SECONDS", help="For the placement of all candidates."),
    ] = 10.0,
    output: OutputOption = None,
    output_format: FormatOption = Format.AUTO,
    folder: FolderOption = None,
    python: PythonOption = None,
) -> None:
    """Find the least parallelism at which no subtask is too busy.

    Loads are those in the job, or measured on a running one (--rest, --job). The fullest subtask counts:
    the one with the most key groups or source partitions. The new profile goes to -o FILE; what is not
    about parallelism stays in it as it was written.

    --apply rescales the job that runs: under Flink's adaptive scheduler by its resource requirements;
    under a placement by a stop with savepoint, a new placement, and a start from the savepoint.

    \b
    Examples:
      planner scale job.yaml
      planner scale job.yaml -c cluster.yaml --rate clicks=900000 -o new.profile.json
      planner scale job.profile.json --rest http://host:8081 --utilisation 0.6
      planner scale job.yaml --partitions clicks=24 --fixed out --format json
      planner scale job.profile.json -p job.placement.json --apply -o new.profile.json
    """
    from planner import api

    if [job, cluster, placement].count(STDIN) > 1:
        fail("only one of the job, the cluster and the placement can come from stdin")
    inputs = Inputs()
    document = inputs.job(job)
    known = next((name for name in CLUSTER_NAMES if Path(name).exists()), None)
    places = inputs.cluster(cluster) if cluster is not None or known is not None else None
    before = None if placement is None else inputs.placement(placement)
    inputs.require_valid(fit=False)
    inputs.spare(output)
    where = Where(rest, folder or api.FOLDER, running)
    by_savepoint = apply and not api.adaptive(rest=where.rest, folder=where.folder)
    if by_savepoint:
        _refuse_what_cannot_be_applied(document, places, before, output, where)
    wanted, parts = _numbers("--rate", rates, float), _numbers("--partitions", partitions, int)
    measured, kept = None, [*(fixed or ())]
    known_parts = [] if restart is None else [api.RestartPart("restart", restart, "--restart")]
    if rest is not None or running is not None:
        kept += api.fixed_in(document)  # the profile that is measured does not tell
        document, measured = _measured(document, where, window)
        if say_held_back(measured):
            say(
                "planner: so the sources could give more than they do; name the rate that is offered with --rate"
            )
        known_parts = known_parts or list(api.restart_parts(rest=rest, folder=where.folder, job=running))
    with progress("scaling") as note:
        plan = api.scale(
            document,
            places,
            utilisation=utilisation,
            rates=wanted,
            partitions=parts,
            fixed=kept,
            measured=measured,
            restart=known_parts,
            previous=before,
            candidate=candidate,
            time_limit=time_limit,
            note=note,
        )
    _print(plan, output_format, output)
    if plan.chosen.reason:
        say(f"planner: {plan.chosen.name} does not fit the cluster: {plan.chosen.reason}")
        raise typer.Exit(Exit.INFEASIBLE)
    if apply and not plan.changed:
        say("planner: the job has the parallelism that it needs; nothing is changed")
    elif by_savepoint:
        assert places is not None
        assert before is not None
        assert output is not None
        _through_savepoint(plan, places, before, output, where, savepoints, python or "python3")
    elif apply:
        with progress("rescaling") as note:
            name = api.set_parallelism(plan, rest=rest, folder=where.folder, job=running, note=note)
        say(f"planner: job {name} runs with its new parallelism")


@dataclass(frozen=True)
class Where:
    """The running job that is measured or rescaled: its cluster by REST or in a folder, and its id."""

    rest: str | None
    folder: Path
    job: str | None


def _refuse_what_cannot_be_applied(
    document: Job | ResourceProfile,
    places: Cluster | None,
    before: Placement | None,
    output: Path | None,
    where: Where,
) -> None:
    """End before anything is changed where a job under a placement could not be started again."""
    from planner import api

    if where.rest is not None:
        fail(
            "--apply with --rest is for the adaptive scheduler; TaskManagers of a placement have to be started anew:"
            " planner scale -o, planner place, stop the job with a savepoint, start them, planner run"
            " --from-savepoint (docs/rescaling.md)"
        )
    if before is None or output is None or places is None:
        fail("--apply needs the placement that the job runs under (-p), the cluster (-c) and -o FILE")
    if not isinstance(document, api.ResourceProfile) or not (document.planner and document.planner.program):
        fail("--apply needs the profile of a program, which planner compile writes: the program is run again")
    if not api.made_from(before, document):
        fail("--apply: the placement (-p) was made from another profile than this one")
    if not output.name.endswith(PROFILE_END):
        fail(f"--apply writes the placement beside the profile: call it NAME{PROFILE_END}")
    api.options_beside(before, where.folder)


def _through_savepoint(
    plan: ScalingPlan,
    places: Cluster,
    before: Placement,
    output: Path,
    where: Where,
    savepoints: str | None,
    python: str,
) -> None:
    """Stop the job with a savepoint, and start it from there under a new placement."""
    from planner import api

    quiet_bridge()
    folder = where.folder
    options = api.options_beside(before, folder)
    with progress("placing") as note:
        placement = api.place(plan.profile, places, previous=before)
    file = output.with_name(output.name.removesuffix(PROFILE_END) + ".placement.json")
    emit(api.to_json(api.to_data(placement)), file)
    say(f"planner: the new placement is in {file}")
    program = plan.profile.planner.program if plan.profile.planner else None
    assert program is not None
    directory = savepoints or str(api.real(folder / "savepoints"))
    with progress("stopping the job") as note:
        savepoint = api.stop(plan.profile, folder=folder, job=where.job, savepoint_dir=directory, note=note)
    say(f"planner: the job is stopped, its savepoint is {savepoint}")
    try:
        with progress("starting the job") as note:
            api.down(folder)
            api.up(placement, folder=folder, options=options, note=note)
            done = api.run(
                program, placement, plan.profile, savepoint=savepoint, folder=folder, python=python, note=note
            )
    except (api.PlannerError, KeyboardInterrupt):
        say(
            f"planner: the job does not run; go on with planner up -p {file}, then planner run {program.file}"
            f" -p {file} --profile {output} --from-savepoint {savepoint}"
        )
        raise
    say(f"planner: job {done.job} runs at {done.url} from its savepoint")
    report_deviations(done.deviations)
    say(as_planned(done.plan.graph))


def _numbers(option: str, settings: list[str] | None, kind: Callable[[str], N]) -> dict[str, N]:
    """Return the numbers of ``NAME=NUMBER`` arguments."""
    found: dict[str, N] = {}
    for setting in settings or []:
        name, equals, text = setting.rpartition("=")
        try:
            number = kind(text)
            valid = bool(equals and name.strip()) and math.isfinite(number) and 0 <= number <= 1e15
        except (ValueError, OverflowError):
            valid = False
        if not valid or (kind is int and number == 0):
            fail(f"{option} {setting}: write {option} NAME=NUMBER, as in {option} clicks=24")
        found[name.strip()] = number
    return found


def _measured(
    document: Job | ResourceProfile, where: Where, window: float
) -> tuple[ResourceProfile, Measured]:
    from planner import api

    if not isinstance(document, api.ResourceProfile):
        document = api.compile(document)
    with progress("measuring") as note:
        return api.import_load(
            document, rest=where.rest, folder=where.folder, job=where.job, window=window, note=note
        )


def _print(plan: ScalingPlan, chosen: Format, output: Path | None) -> None:
    from planner import api
    from planner.report import scaling

    if output is not None:
        emit(api.to_json(api.to_data(plan.profile)), output)
    for remark in plan.remarks():
        say(f"planner: {remark}")
    if is_json(chosen):
        emit(api.to_json(plan.data()))
        return
    emit_tables(
        scaling.vertex_table(plan),
        scaling.slot_lines(plan),
        scaling.candidate_table(plan),
        scaling.restart_lines(plan.restart),
        scaling.option_lines(plan),
    )

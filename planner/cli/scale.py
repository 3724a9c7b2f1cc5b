"""``planner scale``."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from planner.cli.errors import Exit, fail
from planner.cli.inputs import CLUSTER_NAMES, STDIN, Inputs, JobArgument
from planner.cli.output import Format, FormatOption, OutputOption, emit, emit_tables, is_json
from planner.cli.terminal import progress, say
from planner.cli.verify import RestOption, RunningJobOption

if TYPE_CHECKING:
    from planner.api import Job, Measured, ResourceProfile, ScalingPlan

N = TypeVar("N", int, float)


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
) -> None:
    """Find the least parallelism at which no subtask is too busy.

    Loads are those in the job, or measured on a running one (--rest, --job). The fullest subtask counts:
    the one with the most key groups or source partitions. The new profile goes to -o FILE; what is not
    about parallelism stays in it as it was written.

    \b
    Examples:
      planner scale job.yaml
      planner scale job.yaml -c cluster.yaml --rate clicks=900000 -o new.profile.json
      planner scale job.profile.json --rest http://host:8081 --utilisation 0.6
      planner scale job.yaml --partitions clicks=24 --fixed out --format json
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
    wanted, parts = _numbers("--rate", rates, float), _numbers("--partitions", partitions, int)
    measured = None
    if rest is not None or running is not None:
        document, measured = _measured(document, rest, running, window)
    with progress("scaling") as note:
        plan = api.scale(
            document,
            places,
            utilisation=utilisation,
            rates=wanted,
            partitions=parts,
            fixed=fixed or (),
            measured=measured,
            restart=() if restart is None else (api.RestartPart("restart", restart, "--restart"),),
            previous=before,
            candidate=candidate,
            time_limit=time_limit,
            note=note,
        )
    _print(plan, output_format, output)
    if plan.chosen.reason:
        say(f"planner: {plan.chosen.name} does not fit the cluster: {plan.chosen.reason}")
        raise typer.Exit(Exit.INFEASIBLE)


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
    document: Job | ResourceProfile, rest: str | None, running: str | None, window: float
) -> tuple[ResourceProfile, Measured]:
    from planner import api

    if not isinstance(document, api.ResourceProfile):
        document = api.compile(document)
    with progress("measuring") as note:
        return api.import_load(document, rest=rest, folder=api.FOLDER, job=running, window=window, note=note)


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

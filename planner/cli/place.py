"""``planner place``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from planner.cli.common import (
    STDIN,
    Exit,
    Inputs,
    JobArgument,
    OutputOption,
    automatic_format,
    default_cluster,
    default_job,
    emit,
    fail,
    pick_cluster,
    pick_job,
    progress,
    say,
    wants_color,
)

if TYPE_CHECKING:
    from fractions import Fraction

    from planner.api import PlacementResult
    from planner.documents.job import Job
    from planner.documents.profile import ResourceProfile


class Format(StrEnum):
    """How to print a plan."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[
    Format, typer.Option("--format", help="Tables or JSON; auto is tables on a terminal.")
]
MetaOption = Annotated[
    bool,
    typer.Option("--meta/--no-meta", help="Keep facts about the run (seconds, seed) in the JSON."),
]


def place(
    job: JobArgument = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", "-c", metavar="FILE", help="Cluster document. Default: cluster.yaml here."),
    ] = None,
    output: OutputOption = None,
    balance: Annotated[
        bool,
        typer.Option(
            "--balance",
            show_default=False,
            help="Least highest CPU utilisation, then least spread: the default objective.",
        ),
    ] = True,
    time_limit: Annotated[
        float, typer.Option(min=0.1, max=86400, metavar="SECONDS", help="When to stop searching.")
    ] = 10.0,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, metavar="N", help="Seed of everything random.")
    ] = 1,
    workers: Annotated[
        int,
        typer.Option(min=1, max=256, metavar="N", help="Solver threads; 1 gives the same plan every time."),
    ] = 1,
    output_format: FormatOption = Format.AUTO,
    meta: MetaOption = True,
) -> None:
    """Place every slot of a job on a TaskManager so that CPU is balanced.

    \b
    Examples:
      planner place                                (job.yaml and cluster.yaml here)
      planner place job.yaml -c cluster.yaml -o job.placement.json
      planner place job.yaml -c cluster.yaml --format json --no-meta
    """
    del balance
    inputs = Inputs()
    if job == STDIN and cluster == STDIN:
        fail("only one of the job and the cluster can come from stdin")
    document = pick_job(inputs, default_job() if job is None else job)
    places = pick_cluster(inputs, default_cluster() if cluster is None else cluster)
    from planner import api

    inputs.stop_on([finding for finding in api.validate(inputs.loaded) if not finding.code.startswith("FIT")])
    inputs.keep(output)
    stop = api.Stop(seconds=time_limit, seed=seed, workers=workers)
    with progress("placing") as tell:

        def report(step: str, value: Fraction | None, bound: Fraction) -> None:
            best = f", best {float(value):.2%}" if value is not None else ""
            tell(f"placing: {step}{best}, bound {float(bound):.2%}")

        result = api.place(document, places, stop, report)
    if result.placement is None:
        no_placement(result, time_limit)
    _print(document, result, output_format, meta, output)


def no_placement(result: PlacementResult, time_limit: float) -> NoReturn:
    """Say why there is no placement, and end."""
    from planner.api import Status

    if result.status is not Status.INFEASIBLE:
        fail(
            f"found no placement and no proof that there is none in {time_limit:g} s; try a longer --time-limit",
            Exit.TIME,
        )
    say("planner: proven infeasible, no placement exists")
    if result.conflict is not None:
        conflict = result.conflict
        managers = ", ".join(conflict.task_managers[:6]) + (" ..." if len(conflict.task_managers) > 6 else "")
        say(f"  why:           {conflict.message}")
        say(f"  resource:      {conflict.resource}")
        groups = ", ".join(conflict.groups[:6]) + (" ..." if len(conflict.groups) > 6 else "")
        say(f"  groups:        {groups}")
        say(f"  TaskManagers:  {managers}")
        say(f"  what helps:    {conflict.change}")
    raise typer.Exit(Exit.INFEASIBLE)


def _print(
    document: Job | ResourceProfile,
    result: PlacementResult,
    chosen: Format,
    meta: bool,
    output: object,
) -> None:
    import sys
    from pathlib import Path

    from planner import api
    from planner.documents.write import to_data
    from planner.report import text

    placement = result.placement
    assert placement is not None
    written = placement if meta else placement.model_copy(update={"meta": None})
    kind = automatic_format(chosen)
    target = output if isinstance(output, Path) else None
    if target is not None or kind == "json":
        emit(api.to_json(to_data(written)), target)
    if target is None and kind == "json" and not sys.stderr.isatty():
        return
    profile, graph = api.compile_job(document)
    stream = sys.stdout if kind == "text" and target is None else sys.stderr
    shown = text.render(
        text.job_table(profile, graph),
        text.group_table(profile),
        text.placement_table(placement),
        text.balance_lines(placement),
        text.recovery_lines(api.recover(document, placement)),
        color=wants_color(stream.isatty()),
    )
    stream.write(shown)
    stream.flush()

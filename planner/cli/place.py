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
    begun,
    default_cluster,
    default_job,
    emit,
    fail,
    interruptible,
    pick_cluster,
    pick_job,
    pick_placement,
    progress,
    say,
    wants_color,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction
    from pathlib import Path

    from planner.api import PlacementResult, Point
    from planner.documents.job import Job
    from planner.documents.profile import ResourceProfile


class Strategy(StrEnum):
    """Who places: planner, or stock Flink under a value of taskmanager.load-balance.mode."""

    PLANNER = "planner"
    NONE = "flink-none"
    SLOTS = "flink-slots"
    TASKS = "flink-tasks"
    MIN_RESOURCES = "flink-min-resources"


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
    pack: Annotated[
        bool,
        typer.Option("--pack", show_default=False, help="Fewest TaskManagers, and only then balance."),
    ] = False,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="LEVELS",
            help="What to minimise, in this order: cpu, then any of spread, memory, traffic, deployments."
            " Default: all of them.",
        ),
    ] = None,
    previous: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Placement before: stay near it and list the moves."),
    ] = None,
    slack: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT",
            help="With --from, how far above the best value the plan may be for fewer moves. Default: 2%.",
        ),
    ] = None,
    pareto: Annotated[
        bool,
        typer.Option(
            "--pareto", show_default=False, help="With --from, print balance against moves, no plan."
        ),
    ] = False,
    strategy: Annotated[
        Strategy,
        typer.Option(help="Instead of a plan, one outcome of what Flink alone would do, computed."),
    ] = Strategy.PLANNER,
    time_limit: Annotated[
        float, typer.Option(min=0.1, max=86400, metavar="SECONDS", help="When to stop, start-up included.")
    ] = 10.0,
    gap_limit: Annotated[
        str,
        typer.Option(metavar="PERCENT", help="Stop when the plan is proven to be this near to the best."),
    ] = "0%",
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
      planner place job.yaml -c cluster.yaml --from old.placement.json --slack 1%
      planner place job.yaml -c cluster.yaml --from old.placement.json --pareto
      planner place job.yaml -c cluster.yaml --strategy flink-slots
    """
    start = begun()
    if strategy is not Strategy.PLANNER and (pack or objective or previous):
        fail("--strategy leaves placing to Flink; leave out --pack, --objective and --from")
    if pack and objective:
        fail("--pack has its own objective; leave out one of --pack and --objective")
    if previous is None and (slack is not None or pareto):
        fail(f"{'--pareto' if pareto else '--slack'} needs the placement before: --from FILE")
    if previous is not None and (pack or objective):
        fail("--from minimises moves; leave out --pack and --objective")
    inputs = Inputs()
    if [job, cluster, previous].count(STDIN) > 1:
        fail("only one of the job, the cluster and the placement can come from stdin")
    document = pick_job(inputs, default_job() if job is None else job)
    places = pick_cluster(inputs, default_cluster() if cluster is None else cluster)
    before = pick_placement(inputs, previous) if previous is not None else None
    from planner import api

    try:
        levels = api.PACK if pack else api.objectives(objective) if objective else api.BALANCE
    except ValueError as error:
        fail(f"--objective: {error}")
    inputs.stop_on([finding for finding in api.validate(inputs.loaded) if not finding.code.startswith("FIT")])
    inputs.keep(output)
    if strategy is not Strategy.PLANNER:
        mode = api.Mode[strategy.name]
        found_by_flink = api.place_like_flink(document, places, mode, seed)
        if found_by_flink is None:
            fail(
                f"Flink alone, with mode {mode.name}, finds no room for every slot in the order of TaskManagers"
                f" that seed {seed} draws; another --seed may",
                Exit.FINDINGS,
            )
        shown = api.PlacementResult(api.Status.FEASIBLE, found_by_flink)
        say(f"planner: one outcome of Flink's mode {mode.name}, computed with seed {seed}; it is no plan")
        _print(document, shown, output_format, meta, output)
        return
    with interruptible() as interrupted, progress("placing") as tell:
        stop = api.Stop(
            seconds=time_limit,
            gap=_share("--gap-limit", gap_limit),
            seed=seed,
            workers=workers,
            interrupted=interrupted,
        )

        def report(step: str, value: Fraction | None, bound: Fraction) -> None:
            best = f", best {float(value):.2%}" if value is not None else ""
            gap = f", gap {float(value / bound - 1):.2%}" if value is not None and bound else ""
            tell(f"placing: {step}{best}, bound {float(bound):.2%}{gap}")

        if pareto and before is not None:
            found = api.pareto(document, places, before, stop, report, start)
            if isinstance(found, list):
                _print_curve(found, output_format, output)
                return
            no_placement(found, time_limit, output_format)
        try:
            result = api.place(
                document,
                places,
                stop,
                report,
                objective=levels,
                previous=before,
                slack=_share("--slack", slack) if slack is not None else api.DEFAULT_SLACK,
                started=start,
            )
        except api.RefusedError as error:
            fail(f"a defect of planner: its checker refuses the placement ({error}); nothing is written")
        stopped = interrupted()
    if result.placement is None:
        if stopped:
            fail("interrupted before there was a placement", Exit.TIME)
        no_placement(result, time_limit, output_format)
    if stopped:
        say("planner: interrupted; this is the best placement so far")
    _print(document, result, output_format, meta, output)


def _share(option: str, text: str) -> float:
    """Return what ``2%`` or ``0.02`` is as a share."""
    number = text.strip()
    percent = number.endswith("%")
    try:
        value = float(number.removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10 or (not percent and value >= 1):  # 2 could be 2 % or 200 %
        fail(f"{option}: {text!r} is no share; write 2% or 0.02")
    return value


def _print_curve(points: Sequence[Point], chosen: Format, output: Path | None) -> None:
    import sys

    from planner import api
    from planner.report import tables as text

    kind = automatic_format(chosen)
    if kind == "json" or output is not None:
        emit(api.to_json({"pareto": [api.point_data(point) for point in points]}), output)
    if kind != "json" or output is not None:
        stream = sys.stdout if output is None else sys.stderr
        stream.write(text.render(text.pareto_table(points), color=wants_color(stream.isatty())))


def no_placement(result: PlacementResult, time_limit: float, output_format: Format = Format.AUTO) -> NoReturn:
    """Say why there is no placement, and end."""
    from planner import api
    from planner.report import tables as text

    if result.status is not api.Status.INFEASIBLE:
        fail(
            f"found no placement and no proof that there is none in {time_limit:g} s; try a longer --time-limit",
            Exit.TIME,
        )
    say("planner: proven infeasible, no placement exists")
    if result.explanation is not None:
        for line in text.infeasible_lines(result.explanation):
            say(line)
        if output_format is Format.JSON:
            emit(api.to_json(api.explanation_data(result.explanation)))
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
    from planner.report import tables as text

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
        text.recovery_lines(*api.restart_outline(profile, graph)),
        color=wants_color(stream.isatty()),
    )
    stream.write(shown)
    stream.flush()

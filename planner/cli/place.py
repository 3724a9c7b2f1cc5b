"""``planner place``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import Exit, fail
from planner.cli.inputs import STDIN, Inputs, JobsArgument
from planner.cli.output import (
    Format,
    FormatOption,
    OutputOption,
    emit,
    emit_result,
    emit_tables,
    is_json,
)
from planner.cli.terminal import begun, interruptible, progress, say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction
    from pathlib import Path

    from planner.api import Job, Placement, Point, Progress, ResourceProfile


SIMPLE, SIMPLE_SLACK = "cpu,deployments", "0.5%"
"""What ``--simple`` is: its objective, and how far above the best value CPU may be for it."""


class Strategy(StrEnum):
    """Who places: planner, or Flink's own scheduler under a value of taskmanager.load-balance.mode."""

    PLANNER = "planner"
    NONE = "flink-none"
    SLOTS = "flink-slots"
    TASKS = "flink-tasks"
    MIN_RESOURCES = "flink-min-resources"


def place(
    jobs: JobsArgument = None,
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
        typer.Option("--pack", show_default=False, help="Use as few TaskManagers as possible, then balance."),
    ] = False,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="LEVELS",
            help="What to minimise, in this order: cpu, then any of spread, memory, traffic, blast, deployments."
            " Default: all of them but blast.",
        ),
    ] = None,
    simple: Annotated[
        bool,
        typer.Option(
            "--simple",
            show_default=False,
            help="As few different quotas as possible, for people to read; CPU may be 0.5% above the best"
            " (see --slack).",
        ),
    ] = False,
    contents: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            metavar="COUNT",
            help="At most so many different quotas; CPU is as little above the best as that takes.",
        ),
    ] = None,
    previous: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="Previous placement: minimize changes and list them."),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Placement of jobs that run: their slots stay where they are, others are placed beside them.",
        ),
    ] = None,
    slack: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT",
            help="How far above the best value the highest CPU utilisation may be: with --from for fewer moves"
            " (default: 2%), with --objective for its later levels (default: 0%).",
        ),
    ] = None,
    pareto: Annotated[
        bool,
        typer.Option(
            "--pareto",
            show_default=False,
            help="Print balance against moves (with --from) or against a level (with --objective cpu,LEVEL),"
            " no placement.",
        ),
    ] = False,
    strategy: Annotated[
        Strategy,
        typer.Option(help="Simulate Flink's own scheduler instead of optimizing."),
    ] = Strategy.PLANNER,
    time_limit: Annotated[
        float, typer.Option(min=0.1, max=86400, metavar="SECONDS", help="When to stop, start-up included.")
    ] = 10.0,
    gap_limit: Annotated[
        str,
        typer.Option(metavar="PERCENT", help="Stop when proven within this gap of the optimum."),
    ] = "0%",
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, metavar="N", help="Seed of everything random.")
    ] = 1,
    workers: Annotated[
        int,
        typer.Option(
            min=1, max=256, metavar="N", help="Solver threads; 1 gives the same placement every time."
        ),
    ] = 1,
    output_format: FormatOption = Format.AUTO,
    meta: Annotated[
        bool,
        typer.Option("--meta/--no-meta", help="Keep facts about the run (seconds, seed) in the JSON."),
    ] = True,
) -> None:
    """Place the slots of one job or several, so that CPU is balanced.

    \b
    Examples:
      planner place                                (job.yaml and cluster.yaml here)
      planner place job.yaml -c cluster.yaml -o job.placement.json
      planner place job.yaml -c cluster.yaml --format json --no-meta
      planner place job.yaml -c cluster.yaml --from old.placement.json --slack 1%
      planner place job.yaml -c cluster.yaml --from old.placement.json --pareto
      planner place job.yaml -c cluster.yaml --objective cpu,blast --slack 5%
      planner place job.yaml -c cluster.yaml --simple
      planner place job.yaml -c cluster.yaml --contents 12
      planner place job.yaml -c cluster.yaml --strategy flink-slots
      planner place a.profile.json b.profile.json -c cluster.yaml -o all.json
      planner place c.profile.json --keep all.json -c cluster.yaml -o more.json
    """
    start = begun()
    if contents is not None:
        _refuse_with_few("--contents", pack, objective, previous, simple=simple, slack=slack)
        objective = SIMPLE
    if simple:
        _refuse_with_few("--simple", pack, objective, previous)
        objective, slack = SIMPLE, slack or SIMPLE_SLACK
    gap, share = _share("--gap-limit", gap_limit), None if slack is None else _share("--slack", slack)
    simulated = strategy is not Strategy.PLANNER
    _refuse_contradictions(simulated, pack, objective, previous, slack, pareto)
    inputs = Inputs()
    if [*(jobs or ()), cluster, previous, keep].count(STDIN) > 1:
        fail("only one of the jobs, the cluster and the placement can come from stdin")
    documents = [inputs.job(name) for name in jobs or (None,)]
    places = inputs.cluster(cluster)
    before = inputs.placement(previous) if previous is not None else None
    kept = inputs.binding_placement(keep) if keep is not None else None
    from planner import api
    from planner.report.text import text

    try:
        levels = api.PACK if pack else api.objectives(objective) if objective else api.BALANCE
    except ValueError as error:
        fail(f"--objective: {error}")
    if pareto and previous is None and len(levels) != 2:
        fail("--pareto compares balance with one level: --objective cpu,LEVEL")
    found = inputs.require_valid(fit=False)
    if kept is not None:
        documents += inputs.jobs_kept(kept, documents)
    inputs.spare(output)
    several = len(documents) > 1 or kept is not None or (before is not None and before.jobs is not None)
    if several and (simulated or pareto):
        fail(f"{'--strategy' if simulated else '--pareto'} is for one job; name only that")
    document = documents[0]
    if simulated:
        mode = api.Mode[strategy.name]
        simulation = api.simulate(document, places, mode, seed=seed)
        say(
            f"planner: one outcome of Flink's mode {mode.name}, simulated with seed {seed}; not a placement to run"
        )
        _print(document, simulation, output_format, meta, output)
        return
    if doubts := api.placement_warnings(found):
        say(text(doubts, inputs.texts))
    points: Sequence[Point] = ()
    placement: Placement | None = None
    try:
        with interruptible() as interrupted, progress("placing") as note:
            stop = api.Stop(time_limit, gap, seed, workers, interrupted)
            clock = api.Clock(stop, started=start)
            try:
                if pareto:
                    points = api.pareto(
                        document, places, before, objective=levels, progress=_steps(note), clock=clock
                    )
                elif several:
                    placement = api.place_jobs(
                        documents,
                        places,
                        objective=levels,
                        previous=before,
                        keep=kept,
                        slack=share,
                        contents=contents,
                        progress=_steps(note),
                        clock=clock,
                    )
                else:
                    placement = api.place(
                        document,
                        places,
                        objective=levels,
                        previous=before,
                        slack=share,
                        contents=contents,
                        progress=_steps(note),
                        clock=clock,
                    )
            except api.TimedOut:
                if interrupted():
                    fail("interrupted before there was a placement", Exit.TIME)
                raise
            stopped = interrupted()
    except api.Infeasible as error:
        if output_format is Format.JSON:
            emit(api.to_json(error.explanation.data()))
        raise
    if placement is None:
        if not points and levels[-1] == "traffic":
            fail("--pareto: the job declares no loads for traffic; see docs/placement.md")
        if not points:
            fail(f"there was no time for {levels[-1]}; try a longer time limit", Exit.TIME)
        _print_points(points, output_format, output)
        return
    if objective is not None and api.Objective.SPREAD in levels and placement.samples is not None:
        say("planner: the level spread is left out: what is even in one sample of the load is not in others")
    if stopped:
        say("planner: interrupted; this is the best placement so far")
    _print(document, placement, output_format, meta, output)


def _refuse_with_few(
    option: str,
    pack: bool,
    objective: str | None,
    previous: str | None,
    *,
    simple: bool = False,
    slack: str | None = None,
) -> None:
    given = {
        "--pack": pack,
        "--objective": objective,
        "--from": previous,
        "--simple": simple,
        "--slack": slack,
    }
    for other in (name for name, value in given.items() if value):
        fail(f"{option} has its own objective, {SIMPLE}; leave out one of {option} and {other}")


def _refuse_contradictions(
    simulated: bool,
    pack: bool,
    objective: str | None,
    previous: str | None,
    slack: str | None,
    pareto: bool,
) -> None:
    if simulated and (pack or objective or previous):
        fail("--strategy leaves placing to Flink; leave out --pack, --objective, --simple and --from")
    if pack and objective:
        fail("--pack has its own objective; leave out one of --pack and --objective")
    if previous is None and objective is None and (slack is not None or pareto):
        option = "--pareto" if pareto else "--slack"
        fail(f"{option} needs the previous placement, --from FILE, or a level: --objective cpu,LEVEL")
    if previous is not None and (pack or objective):
        fail("--from minimises moves; leave out --pack and --objective")


def _share(option: str, text: str) -> float:
    """Return what ``2%`` or ``0.02`` is as a share."""
    number = text.strip()
    percent = number.endswith("%")
    try:
        value = float(number.removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10 or (not percent and value >= 1):  # 2 could be 2 % or 200 %
        fail(f"{option}: {text!r} is not a percentage; use 2%")
    return value


def _steps(note: Callable[[str], None]) -> Progress:
    def step(what: str, value: Fraction | None, bound: Fraction) -> None:
        best = f", best {float(value):.2%}" if value is not None else ""
        gap = f", gap {float(value / bound - 1):.2%}" if value is not None and bound else ""
        note(f"placing: {what}{best}, bound {float(bound):.2%}{gap}")

    return step


def _print_points(points: Sequence[Point], chosen: Format, output: Path | None) -> None:
    from planner import api
    from planner.report.tables import pareto_table

    if is_json(chosen) or output is not None:
        emit(api.to_json({"pareto": [point.data() for point in points]}), output)
    if not is_json(chosen) or output is not None:
        emit_tables(pareto_table(points), to_stderr=output is not None)


def _print(
    document: Job | ResourceProfile, placement: Placement, chosen: Format, meta: bool, output: Path | None
) -> None:
    from planner import api
    from planner.report import tables

    written = placement if meta else placement.model_copy(update={"meta": None})
    for line in tables.planned_lines(placement):
        say(f"planner: {line}")
    if placement.jobs is not None:
        emit_result(
            api.to_json(api.to_data(written)),
            [
                tables.jobs_table(placement.jobs),
                tables.placement_table(placement),
                tables.balance_lines(placement),
            ],
            chosen,
            output,
        )
        return
    profile, graph = api.as_planned(document, placement)
    emit_result(
        api.to_json(api.to_data(written)),
        [
            tables.job_table(profile, graph),
            tables.group_table(profile),
            tables.placement_table(placement),
            tables.balance_lines(placement),
            tables.recovery_lines(*api.restart_outline(profile, graph)),
        ],
        chosen,
        output,
    )

"""``planner size``."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import fail
from planner.cli.inputs import STDIN, Inputs, JobArgument, file_content
from planner.cli.output import Format, FormatOption, OutputOption, as_file, emit, emit_tables, is_json
from planner.cli.terminal import interruptible, progress, say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from planner.api import Job, ResourceProfile, SizingPlan


def size(
    job: JobArgument = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            "-c",
            metavar="FILE",
            help="Classes of TaskManagers with price and max. Default: cluster.yaml here.",
        ),
    ] = None,
    utilisation: Annotated[
        float,
        typer.Option(min=0.01, max=1, metavar="SHARE", help="The highest CPU utilisation of a TaskManager."),
    ] = 0.8,
    time_limit: Annotated[
        float, typer.Option(min=0.1, max=86400, metavar="SECONDS", help="When to stop.")
    ] = 20.0,
    seed: Annotated[
        int, typer.Option(min=0, max=2**31 - 1, metavar="N", help="Seed of everything random.")
    ] = 1,
    nodes: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Nodes that the pods have to fit on: kubectl get nodes -o yaml."),
    ] = None,
    quota: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Quota that they have to be within: kubectl get resourcequota -o yaml."
        ),
    ] = None,
    what_if: Annotated[
        list[float] | None,
        typer.Option(
            min=0.01, max=1000, metavar="FACTOR", help="And with every parallelism so many times; repeatable."
        ),
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option(
            "--placement", "-p", metavar="FILE", help="Place the job on them, and write the placement."
        ),
    ] = None,
    output: OutputOption = None,
    output_format: FormatOption = Format.AUTO,
) -> None:
    """Find the cheapest TaskManagers for a job.

    The cluster offers min to max TaskManagers of each class, at a price; where no class has one, the fewest
    TaskManagers are found. Every slot fits, whatever else a placement has to keep to, and the price has a
    bound. The cluster with so many of each goes to -o FILE, for planner place.

    \b
    Examples:
      planner size job.yaml -c offers.yaml -o cluster.yaml -p job.placement.json
      planner size job.profile.json -c offers.yaml --utilisation 0.6
      planner size job.yaml -c offers.yaml --nodes nodes.yaml --quota quota.yaml
      planner size job.yaml -c offers.yaml --what-if 2
    """
    from planner import api

    if [job, cluster, nodes, quota].count(STDIN) > 1:
        fail("only one file can come from stdin")
    inputs = Inputs()
    document, offers = inputs.job(job), inputs.cluster(cluster)
    inputs.require_valid(fit=False)
    inputs.spare(output)
    placed = None if placement is None else as_file(placement)
    inputs.spare(placed)
    known_nodes = api.load_nodes(file_content(nodes), nodes) if nodes is not None else []
    known_quota = api.load_quota(file_content(quota), quota) if quota is not None else None
    # a factor that is too large is said before the search, not after it
    bigger = {factor: api.multiplied(document, Fraction(str(factor))) for factor in what_if or ()}
    try:
        with interruptible() as interrupted, progress("sizing") as note:

            def sized(one: Job | ResourceProfile) -> SizingPlan:
                return api.size(
                    one,
                    offers,
                    utilisation=utilisation,
                    time_limit=time_limit,
                    seed=seed,
                    nodes=known_nodes,
                    quota=known_quota,
                    interrupted=interrupted,
                    note=note,
                )

            plan = sized(document)
            others: dict[float, SizingPlan | str] = {}
            for factor, more in bigger.items():
                try:
                    others[factor] = sized(more)
                except api.Infeasible:
                    others[factor] = "all TaskManagers that there may be cannot hold it"
                except (api.NotSizable, api.TimedOut) as error:
                    others[factor] = str(error)
            stopped = interrupted()
    except api.ClusterError as error:
        fail(f"{inputs.where(offers, error.path)}{error}")
    if stopped:
        say("planner: interrupted; these are the cheapest TaskManagers so far")
    _print(plan, others, output_format, output)
    if placed is not None:
        with interruptible() as interrupted, progress("placing"):
            clock = api.Clock(api.Stop(time_limit / 2, seed=seed, interrupted=interrupted))
            found = api.place(document, plan.cluster, sized=plan, clock=clock)
        emit(api.to_json(api.to_data(found)), placed)


def _print(
    plan: SizingPlan, others: Mapping[float, SizingPlan | str], chosen: Format, output: Path | None
) -> None:
    from planner import api
    from planner.report import sizing

    if output is not None:
        emit(api.to_yaml(api.as_written(plan.cluster)), output)
    if is_json(chosen):
        found = {
            f"{factor:g}": {"problem": one} if isinstance(one, str) else one.data()
            for factor, one in others.items()
        }
        emit(api.to_json({**plan.data(), **({"whatIf": found} if found else {})}))
        return
    lines = (
        sizing.price_lines(plan)
        + sizing.unit_line(plan)
        + "".join(sizing.what_if_line(factor, one, plan) for factor, one in others.items())
    )
    emit_tables(sizing.class_table(plan), lines)

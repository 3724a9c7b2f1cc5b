"""``planner size``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import fail
from planner.cli.inputs import STDIN, Inputs, JobArgument
from planner.cli.output import Format, FormatOption, OutputOption, emit, emit_tables, is_json
from planner.cli.terminal import interruptible, progress, say

if TYPE_CHECKING:
    from pathlib import Path

    from planner.api import SizingPlan


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
    output: OutputOption = None,
    output_format: FormatOption = Format.AUTO,
) -> None:
    """Find the cheapest TaskManagers for a job.

    The cluster offers min to max TaskManagers of each class, at a price; where no class has one, the fewest
    TaskManagers are found. Every slot fits, whatever else a placement has to keep to, and the price has a
    bound. The cluster with so many of each goes to -o FILE, for planner place.

    \b
    Examples:
      planner size job.yaml -c offers.yaml -o cluster.yaml
      planner size job.profile.json -c offers.yaml --utilisation 0.6
      planner size job.yaml -c offers.yaml --format json
    """
    from planner import api

    if [job, cluster].count(STDIN) > 1:
        fail("only one of the job and the cluster can come from stdin")
    inputs = Inputs()
    document, offers = inputs.job(job), inputs.cluster(cluster)
    inputs.require_valid(fit=False)
    inputs.spare(output)
    try:
        with interruptible() as interrupted, progress("sizing") as note:
            plan = api.size(
                document,
                offers,
                utilisation=utilisation,
                time_limit=time_limit,
                seed=seed,
                interrupted=interrupted,
                note=note,
            )
            stopped = interrupted()
    except api.ClusterError as error:
        fail(f"{inputs.where(offers, error.path)}{error}")
    if stopped:
        say("planner: interrupted; these are the cheapest TaskManagers so far")
    _print(plan, output_format, output)


def _print(plan: SizingPlan, chosen: Format, output: Path | None) -> None:
    from planner import api
    from planner.report import sizing

    if output is not None:
        emit(api.to_yaml(api.as_written(plan.cluster)), output)
    if is_json(chosen):
        emit(api.to_json(plan.data()))
        return
    emit_tables(sizing.class_table(plan), sizing.price_lines(plan))

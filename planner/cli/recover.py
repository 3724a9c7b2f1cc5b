"""``planner recover``."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.cli.inputs import Inputs, JobArgument
from planner.cli.output import Format, FormatOption, OutputOption, emit_result
from planner.cli.terminal import say


def recover(
    job: JobArgument = None,
    placement: Annotated[
        str | None,
        typer.Option(
            "--placement",
            "-p",
            metavar="FILE",
            help="Placement document. Default: the job is placed first.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            "-c",
            metavar="FILE",
            help="Cluster to place on where there is no placement.",
        ),
    ] = None,
    output: OutputOption = None,
    output_format: FormatOption = Format.AUTO,
) -> None:
    """Show what restarts if a TaskManager is lost.

    \b
    Examples:
      planner recover job.yaml --placement job.placement.json
      planner recover job.yaml --cluster cluster.yaml --format json
    """
    from planner import api
    from planner.report import tables

    inputs = Inputs()
    document = inputs.job(job)
    if placement is not None:
        planned = inputs.placement(placement)
        inputs.require_valid()
        other_version = not api.made_from(planned, document)
    else:
        places = inputs.cluster(cluster)
        inputs.require_valid(fit=False)
        planned, other_version = api.place(document, places), False
    inputs.spare(output)
    plan = api.recover(document, planned)
    if other_version:
        say(f"planner: {placement} was made from another version of this job; planner place makes a new one")
    sizes = [region.size for region in plan.regions]
    emit_result(
        api.to_json(api.to_data(plan)),
        [tables.recovery_lines(sizes, plan.restart_strategy), tables.failure_table(plan)],
        output_format,
        output,
    )

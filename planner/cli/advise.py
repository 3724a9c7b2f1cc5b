"""``planner advise``."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.cli.errors import fail
from planner.cli.inputs import STDIN, Inputs, JobArgument
from planner.cli.output import Format, FormatOption, emit, emit_tables, is_json
from planner.cli.terminal import interruptible, progress


def advise(
    job: JobArgument = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", "-c", metavar="FILE", help="Cluster. Default: cluster.yaml here."),
    ] = None,
    time_limit: Annotated[
        float, typer.Option(min=0.1, max=86400, metavar="SECONDS", help="When to stop placing.")
    ] = 10.0,
    output_format: FormatOption = Format.AUTO,
) -> None:
    """Advise how to run a job, from figures.

    That is on which kind of cluster, on whose TaskManagers, and in which of Flink's modes without quotas.

    The job is placed, and the figures are compared with those of Flink's own scheduler on the same
    TaskManagers, which are simulated. Options are those of the job's version of Flink.

    \b
    Examples:
      planner advise job.yaml -c cluster.yaml
      planner advise job.profile.json --format json
    """
    from planner import api

    if [job, cluster].count(STDIN) > 1:
        fail("only one of the job and the cluster can come from stdin")
    inputs = Inputs()
    document, place = inputs.job(job), inputs.cluster(cluster)
    inputs.require_valid()
    with interruptible() as interrupted, progress("placing"):
        found = api.advise(document, place, time_limit=time_limit, interrupted=interrupted)
    if is_json(output_format):
        emit(api.to_json(found.data()))
        return
    from planner.report import advice

    emit_tables(advice.way_table(found), advice.choice_lines(found))

"""``planner recover``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from planner.cli.common import (
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
    say,
    wants_color,
)
from planner.cli.place import Format, FormatOption, no_placement


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
    """Tell what the loss of each TaskManager restarts.

    \b
    Examples:
      planner recover job.yaml --placement job.placement.json
      planner recover job.yaml --cluster cluster.yaml --format json
    """
    inputs = Inputs()
    document = pick_job(inputs, default_job() if job is None else job)
    from planner import api
    from planner.documents.placement import Placement
    from planner.documents.write import digest, to_data
    from planner.report import tables as text

    if placement is not None:
        loaded = inputs.read(placement)
        inputs.stop_on([*inputs.findings, *api.validate(inputs.loaded)])
        found = [entry.document for entry in loaded if isinstance(entry.document, Placement)]
        if len(found) != 1:
            fail(f"{placement} holds no Placement")
        plan = found[0]
        if plan.inputs.profile != digest(api.compile_job(document)[0]):
            say(
                f"planner: {placement} was made from another version of this job; planner place makes a new one"
            )
    else:
        places = pick_cluster(inputs, default_cluster() if cluster is None else cluster)
        inputs.stop_on(
            [finding for finding in api.validate(inputs.loaded) if not finding.code.startswith("FIT")]
        )
        result = api.place(document, places, api.Stop())
        if result.placement is None:
            no_placement(result, api.Stop().seconds)
        plan = result.placement
    inputs.keep(output)
    try:
        recovery = api.recover(document, plan)
    except api.PlacementMismatchError as error:
        fail(f"the placement is not of this job: {error}")
    kind = automatic_format(output_format)
    if output is not None or kind == "json":
        emit(api.to_json(to_data(recovery)), output)
    if output is None and kind == "json":
        return
    stream = sys.stdout if output is None else sys.stderr
    stream.write(
        text.render(
            text.recovery_lines([region.size for region in recovery.regions], recovery.restart_strategy),
            text.failure_table(recovery),
            color=wants_color(stream.isatty()),
        )
    )

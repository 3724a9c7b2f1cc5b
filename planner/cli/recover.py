"""``planner recover``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import fail
from planner.cli.inputs import Inputs, JobArgument
from planner.cli.output import Format, FormatOption, OutputOption, emit_result, emit_text
from planner.cli.terminal import say

if TYPE_CHECKING:
    from planner.documents.recovery import RecoveryPlan, Scope


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
    task: Annotated[
        str | None, typer.Option("--task", metavar="NAME", help="Only what restarts when this task fails.")
    ] = None,
    task_manager: Annotated[
        str | None, typer.Option("--task-manager", metavar="ID", help="Only the loss of this TaskManager.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", metavar="NAME", help="Only the loss of all slots of a group.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option("--zone", metavar="NAME", help="Only the loss of a zone; needs --cluster.")
    ] = None,
    output: OutputOption = None,
    output_format: FormatOption = Format.AUTO,
) -> None:
    """Show what restarts if a part is lost, and for how long.

    \b
    Examples:
      planner recover job.yaml --placement job.placement.json
      planner recover job.yaml --cluster cluster.yaml --format json
      planner recover --task enrich
      planner recover --zone b --cluster cluster.yaml
    """
    from planner import api
    from planner.report import tables

    inputs = Inputs()
    document = inputs.job(job)
    places = None
    if placement is not None:
        planned = inputs.placement(placement)
        places = inputs.cluster(cluster) if cluster is not None else None
        inputs.require_valid(fit=False)
        planned, document = api.job_of(planned, document)
        other_version = not api.made_from(planned, document)
    else:
        places = inputs.cluster(cluster)
        inputs.require_valid(fit=False)
        planned, other_version = api.place(document, places), False
    inputs.spare(output)
    plan = api.recover(document, planned, places)
    if other_version:
        say(f"planner: {placement} was made from another version of this job; planner place makes a new one")
    scopes = [
        scope
        for kind, name in (("task", task), ("slotSharingGroup", group), ("zone", zone))
        if name is not None
        for scope in _scopes(plan, kind, name)
    ]
    if scopes:
        plan = plan.model_copy(update={"scopes": scopes})
    if task_manager is not None:
        plan = plan.model_copy(
            update={"failures": [one for one in plan.failures if one.task_manager == task_manager]}
        )
        if not plan.failures:
            fail(f"the placement has no TaskManager {task_manager!r}")
    if scopes and output is None and output_format is not Format.JSON:
        emit_text(tables.scope_lines(plan))
        return
    sizes = [region.size for region in plan.regions]
    emit_result(
        api.to_json(api.to_data(plan)),
        [tables.scope_lines(plan)]
        if scopes
        else [
            tables.recovery_lines(sizes, plan.restart_strategy),
            *([tables.region_table(plan)] if len(sizes) > 1 else []),
            "\n".join([*tables.reserve_lines(plan), ""]),
            tables.downtime_table(plan),
            "\n".join([*tables.downtime_lines(plan), ""]),
            tables.failure_table(plan),
        ],
        output_format,
        output,
    )


def _scopes(plan: RecoveryPlan, kind: str, name: str) -> list[Scope]:
    """Return the parts of a job of that kind and name, tasks whose name has it; end where there is none."""
    found = [
        one
        for one in plan.scopes
        if one.kind == kind
        and (
            name and name in one.name
            if kind == "task"
            else one.name in (name, f"{plan.metadata.name}/{name}")  # a group of one of several jobs
        )
    ]
    if not found:
        what = {"task": "task", "slotSharingGroup": "slot sharing group", "zone": "zone"}[kind]
        fail(
            f"there is no {what} {name!r}"
            + ("; zones are those of the cluster that --cluster names" if kind == "zone" else "")
        )
    return found

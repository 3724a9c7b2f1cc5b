"""``planner up``, ``planner status`` and ``planner down``: a local cluster as a placement describes it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.errors import Exit
from planner.cli.inputs import HomeOption, Inputs, options, quiet_bridge
from planner.cli.output import emit_tables
from planner.cli.terminal import progress, say

FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--dir", metavar="DIR", help="Where the cluster keeps its state and logs. Default: .planner"
    ),
]


def up(
    cluster: Annotated[
        str | None,
        typer.Argument(
            metavar="CLUSTER", help="Start it without a placement, or check that the placement is for it."
        ),
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option(
            "-p",
            "--placement",
            metavar="FILE",
            help="Default: *.placement.json here, unless CLUSTER is given.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "-D",
            metavar="KEY=VALUE",
            help="A Flink option for all processes; secrets as KEY=@FILE or KEY=@env:NAME.",
        ),
    ] = None,
    folder: FolderOption = None,
    seconds: Annotated[
        float, typer.Option("--time-limit", min=1, max=86400, metavar="SECONDS", help="When to give up.")
    ] = 120.0,
    flink_home: HomeOption = None,
) -> None:
    """Start a local cluster with the TaskManagers of a placement.

    JobManager and TaskManagers are real processes with the memory and quotas of the placement, and
    with no more CPU than that where control groups can be made. They stay up until planner down.
    Called again, it starts any processes that are not running. Those in reserve start with planner run,
    or when called again while the job runs: before, Flink would put slots there.

    \b
    Examples:
      planner up -p job.placement.json
      planner run job.sql -p job.placement.json
      planner down
      planner up cluster.yaml -D taskmanager.load-balance.mode=TASKS
    """
    from planner import api

    folder = folder or api.FOLDER
    inputs = Inputs()
    there = None if cluster is None else inputs.cluster(cluster)
    inputs.require_valid()
    planned = inputs.binding_placement(placement) if there is None or placement is not None else None
    try:
        quiet_bridge()
        with progress("starting the cluster") as note:
            started = api.up(
                planned,
                there,
                folder=folder,
                options=options(settings),
                time_limit=seconds,
                flink_home=flink_home,
                note=note,
            )
    except KeyboardInterrupt:
        say("planner: interrupted; planner up goes on from here, planner down ends what was started")
        raise
    running = started.running().keys() - {"jobmanager"}
    waiting = sum(1 for name in started.spares if started.process(name) not in running)
    count = f"{len(running)} TaskManager{'s' if len(running) != 1 else ''}"
    more = f", {waiting} in reserve when the job runs" if waiting else ""
    say(f"planner: {count} at {started.url}{more}, logs in {folder / 'log'}")
    if started.control_group is None:
        say("planner: their CPU is not limited, since control groups cannot be made here")


def status(folder: FolderOption = None) -> None:
    """Show the processes of the local cluster; exit 1 if incomplete.

    \b
    Examples:
      planner status
    """
    from planner import api
    from planner.report.tables import cluster_table

    folder = folder or api.FOLDER
    cluster = api.status(folder)
    if cluster is None:
        say(f"planner: no cluster in {folder}")
        raise typer.Exit(Exit.FINDINGS)
    rows = [
        (
            name,
            "" if pid is None else str(pid),
            _state(pid is not None, name in cluster.registered, name in cluster.spares),
        )
        for name, pid in cluster.processes.items()
    ]
    emit_tables(cluster_table(cluster.url, rows))
    if not cluster.complete:
        raise typer.Exit(Exit.FINDINGS)


def _state(runs: bool, registered: bool, spare: bool) -> str:
    if not runs:
        return "in reserve, starts when a job runs" if spare else "not running"
    return ("registered" if registered else "up") + (", in reserve" if spare else "")


def down(folder: FolderOption = None) -> None:
    """End every process of the local cluster.

    \b
    Examples:
      planner down
    """
    from planner import api

    folder = folder or api.FOLDER
    with progress("ending the cluster"):
        ended = api.down(folder)
    if ended is None:
        say(f"planner: no cluster in {folder}, nothing to end")
    else:
        say(f"planner: ended {len(ended)} process{'es' if len(ended) != 1 else ''}")

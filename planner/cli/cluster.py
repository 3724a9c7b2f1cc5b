"""``planner up``, ``planner status`` and ``planner down``: a local cluster as a placement describes it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.common import (
    Exit,
    Inputs,
    default_placement,
    fail,
    pick_cluster,
    pick_plan,
    progress,
    say,
)
from planner.cli.programs import HomeOption, options_of

if TYPE_CHECKING:
    from planner.cluster.launches import Launch
    from planner.cluster.standalone import Standalone

FOLDER = Path(".planner")

FolderOption = Annotated[
    Path, typer.Option("--dir", metavar="DIR", help="Where the cluster keeps its state and logs.")
]


def up(
    cluster: Annotated[
        str | None,
        typer.Argument(
            metavar="[CLUSTER]", help="Start it without a plan, or check that the plan is for it."
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
        list[str] | None, typer.Option("-D", metavar="KEY=VALUE", help="A Flink option for all processes.")
    ] = None,
    folder: FolderOption = FOLDER,
    seconds: Annotated[
        float, typer.Option("--time-limit", min=1, metavar="SECONDS", help="When to give up.")
    ] = 120.0,
    flink_home: HomeOption = None,
) -> None:
    """Start a local cluster with the TaskManagers of a placement, or what is missing of it.

    JobManager and TaskManagers are real processes with the memory and quotas that were planned, and
    with no more CPU than that where control groups can be made. They stay up until planner down.

    \b
    Examples:
      planner up -p job.placement.json
      planner run job.sql -p job.placement.json
      planner down
      planner up cluster.yaml -D taskmanager.load-balance.mode=TASKS   # stock Flink
    """
    wanted = _launches(cluster, placement, options_of(settings))
    from planner.cluster import standalone
    from planner.cluster.errors import ClusterFailed, TimedOut
    from planner.flink.errors import FlinkMissing, NoFlinkHome

    try:
        with progress("starting the cluster") as tell:
            started = standalone.up(folder, wanted, seconds, flink_home, tell)
    except KeyboardInterrupt:
        say("planner: interrupted; planner up goes on from here, planner down ends what was started")
        raise
    except TimedOut as error:
        fail(str(error), Exit.TIME)
    except ClusterFailed as error:
        fail(str(error), Exit.FINDINGS)
    except (FlinkMissing, NoFlinkHome) as error:
        fail(str(error))
    count = len(started.launches) - 1
    say(f"planner: {count} TaskManager{'s' if count != 1 else ''} at {started.url}, logs in {folder / 'log'}")
    if started.control_group is None:
        say("planner: their CPU is not limited, since control groups cannot be made here")


def _launches(cluster: str | None, placement: str | None, options: dict[str, str]) -> dict[str, Launch]:
    """Return how the processes of a placement are started, or of a cluster without one."""
    inputs = Inputs()
    there = None if cluster is None else pick_cluster(inputs, cluster)
    if there is not None:
        from planner import api

        inputs.stop_on(api.validate(inputs.loaded))
    plan = None
    if there is None or placement is not None:
        plan = pick_plan(inputs, default_placement() if placement is None else placement)
    from planner.cluster.errors import ClusterFailed
    from planner.cluster.launches import launches, stock_launches, too_large
    from planner.documents.write import digest
    from planner.memory.process import MemoryConfigurationError
    from planner.place.model.task_managers import ClusterError

    if there is not None and plan is not None and digest(there) != plan.inputs.cluster:
        fail(f"{placement} was made for another cluster than {cluster}; place again")
    try:
        if plan is not None:
            found = launches(plan, options)
        else:
            assert there is not None
            found = stock_launches(there, options)
        reason = too_large(found, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ClusterFailed, ClusterError, MemoryConfigurationError) as error:
        fail(str(error))
    if reason is not None:
        fail(f"not a cluster for this machine: {reason}", Exit.FINDINGS)
    return found


def status(folder: FolderOption = FOLDER) -> None:
    """Show the processes of the local cluster; exit 1 if one is missing.

    \b
    Examples:
      planner status
    """
    from planner.cluster.errors import ClusterFailed
    from planner.cluster.standalone import read, registered

    try:
        cluster = read(folder.resolve())
    except ClusterFailed as error:
        fail(str(error))
    if cluster is None:
        say(f"planner: no cluster in {folder}")
        raise typer.Exit(Exit.FINDINGS)
    running, known = cluster.running(), set(registered(cluster))
    _print_status(cluster, running, known)
    task_managers = set(cluster.launches) - {"jobmanager"}
    if set(cluster.launches) - set(running) or task_managers - known:
        raise typer.Exit(Exit.FINDINGS)


def _print_status(cluster: Standalone, running: dict[str, int], known: set[str]) -> None:
    import sys

    from planner.cli.common import wants_color
    from planner.report.tables import cluster_table, render

    rows = [
        (
            name,
            str(running.get(name, "")),
            "not running" if name not in running else "registered" if name in known else "up",
        )
        for name in cluster.launches
    ]
    sys.stdout.write(render(cluster_table(cluster.url, rows), color=wants_color(sys.stdout.isatty())))


def down(folder: FolderOption = FOLDER) -> None:
    """End every process of the local cluster.

    \b
    Examples:
      planner down
    """
    from planner.cluster.errors import ClusterFailed
    from planner.cluster.standalone import down as end

    try:
        with progress("ending the cluster"):
            ended = end(folder)
    except ClusterFailed as error:
        fail(str(error))
    if ended is None:
        say(f"planner: no cluster in {folder}, nothing to end")
    else:
        say(f"planner: ended {len(ended)} process{'es' if len(ended) != 1 else ''}")

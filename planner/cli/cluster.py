"""``planner up``, ``planner status`` and ``planner down``: a local cluster as a placement describes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.common import Exit, Inputs, default_placement, fail, pick_placement, progress, say
from planner.cli.programs import HomeOption

if TYPE_CHECKING:
    from planner.flink.standalone import Standalone

FOLDER = Path(".planner")

FolderOption = Annotated[
    Path, typer.Option("--dir", metavar="DIR", help="Where the cluster keeps its state and logs.")
]


def up(
    placement: Annotated[
        str | None,
        typer.Option("-p", "--placement", metavar="FILE", help="Default: *.placement.json here."),
    ] = None,
    folder: FolderOption = FOLDER,
    seconds: Annotated[
        float, typer.Option("--time-limit", min=1, metavar="SECONDS", help="When to give up.")
    ] = 120.0,
    flink_home: HomeOption = None,
) -> None:
    """Start a local cluster with the TaskManagers of a placement, or what is missing of it.

    JobManager and TaskManagers are real processes with the memory and quotas that were planned. They
    stay up until planner down.

    \b
    Examples:
      planner up -p job.placement.json
      planner run job.sql -p job.placement.json
      planner down
    """
    inputs = Inputs()
    document = pick_placement(inputs, default_placement() if placement is None else placement)
    from planner.flink import standalone
    from planner.flink.errors import ClusterFailed, FlinkMissing, NoFlinkHome, TimedOut
    from planner.flink.execute import launches

    try:
        with progress("starting the cluster") as tell:
            cluster = standalone.up(folder, launches(document), seconds, flink_home, tell)
    except TimedOut as error:
        fail(str(error), Exit.TIME)
    except ClusterFailed as error:
        fail(str(error), Exit.FINDINGS)
    except (FlinkMissing, NoFlinkHome) as error:
        fail(str(error))
    say(f"planner: {len(cluster.launches) - 1} TaskManagers at {cluster.url}, logs in {folder / 'log'}")


def status(folder: FolderOption = FOLDER) -> None:
    """Show the processes of the local cluster; exit 1 if one is missing.

    \b
    Examples:
      planner status
    """
    from planner.flink.errors import ClusterFailed
    from planner.flink.standalone import read, registered

    try:
        cluster = read(folder.resolve())
    except ClusterFailed as error:
        fail(str(error))
    if cluster is None:
        say(f"planner: no cluster in {folder}")
        raise typer.Exit(Exit.FINDINGS)
    running, known = cluster.running(), set(registered(cluster))
    _print_status(cluster, running, known)
    managers = set(cluster.launches) - {"jobmanager"}
    if set(cluster.launches) - set(running) or managers - known:
        raise typer.Exit(Exit.FINDINGS)


def _print_status(cluster: Standalone, running: dict[str, int], known: set[str]) -> None:
    import sys

    from planner.cli.common import wants_color
    from planner.report.text import cluster_table, render

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
    from planner.flink.errors import ClusterFailed
    from planner.flink.standalone import down as end

    try:
        with progress("ending the cluster"):
            ended = end(folder)
    except ClusterFailed as error:
        fail(str(error))
    if ended is None:
        say(f"planner: no cluster in {folder}, nothing to end")
    else:
        say(f"planner: ended {len(ended)} process{'es' if len(ended) != 1 else ''}")

"""``planner supervise``: one TaskManager of a placement, restarted in place."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.cluster import FolderOption
from planner.cli.errors import fail
from planner.cli.inputs import Inputs
from planner.cli.output import emit
from planner.cli.run import PlacementOption
from planner.cli.terminal import progress, say


class Adjust(StrEnum):
    """What happens when memory runs out."""

    OFF = "off"
    PROPOSE = "propose"
    APPLY = "apply"


class Part(StrEnum):
    """What is printed instead of run."""

    SPEC = "spec"
    PYTHON = "python"
    SHELL = "shell"


def supervise(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND",
            help="What starts a TaskManager. Default: the one of planner up's cluster.",
        ),
    ] = None,
    task_manager: Annotated[
        str | None, typer.Option("--taskmanager", "-t", metavar="ID", help="Which TaskManager.")
    ] = None,
    placement: PlacementOption = None,
    rest: Annotated[
        str | None,
        typer.Option(
            "--rest",
            metavar="URL",
            help="The JobManager's REST address: to see cancellations and leaks in the JVM.",
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", metavar="FILE", help="Every decision. Default: ID.supervise.jsonl"),
    ] = None,
    cancel_limit: Annotated[
        float,
        typer.Option(
            "--cancel-limit", min=1, max=86400, metavar="SECONDS", help="How long cancelling may take."
        ),
    ] = 60.0,
    grace: Annotated[
        float, typer.Option("--grace", min=0, max=86400, metavar="SECONDS", help="From SIGTERM to SIGKILL.")
    ] = 25.0,
    window: Annotated[
        float,
        typer.Option("--window", min=1, max=86400, metavar="SECONDS", help="How long a leak is watched."),
    ] = 300.0,
    restarts: Annotated[
        int,
        typer.Option(
            "--restarts", min=0, max=2**31 - 1, metavar="N", help="Restarts in an hour before it gives up."
        ),
    ] = 10,
    adjust: Annotated[
        Adjust | None,
        typer.Option(
            help="When memory runs out: say which change within the process of the placement would help, or"
            " make it with the next start. Default: propose, where there is a placement."
        ),
    ] = None,
    part: Annotated[
        Part | None,
        typer.Option(
            "--print", help="Print what would run, or the program in Python or POSIX shell, for other images."
        ),
    ] = None,
    folder: FolderOption = None,
) -> None:
    """Run a TaskManager of a placement and restart it in place.

    It is started with the memory and quotas of the placement, and again when it ends unasked, when a
    cancellation takes too long, or when it leaks. Signals are passed on. Nothing of planner stays in
    memory. It ends with the exit code of the TaskManager, or with 70 after too many restarts.

    \b
    Examples:
      planner supervise -t tm-1 -- taskmanager.sh start-foreground
      planner supervise -t tm-1 --rest http://jm:8081 -- bin/my-start
      planner supervise -t large-0
      planner supervise -t large-0 -p job.placement.json --adjust apply
      planner supervise --print shell > supervisor.sh
    """
    from planner import api

    if part in (Part.PYTHON, Part.SHELL):
        emit(api.supervisor_program(shell=part is Part.SHELL))
        return
    if task_manager is None:
        fail("name a TaskManager of the placement: --taskmanager ID")
    settings = {
        "cancelLimit": cancel_limit,
        "grace": grace,
        "window": window,
        "restarts": float(restarts),
    }
    if command:
        inputs = Inputs()
        planned = inputs.binding_placement(placement)
        found = api.supervise(
            planned,
            task_manager,
            command,
            rest=rest,
            journal=None if journal is None else str(journal),
            settings=settings,
            adjust=adjust or Adjust.PROPOSE,
        )
        for key in found.left_out:
            say(f"planner: {key} holds a secret; the Flink configuration of this image has to have it")
    elif rest is not None or journal is not None:
        fail("--rest and --journal are for a COMMAND; planner up's cluster has its own")
    elif part is not None:
        fail("--print spec needs a COMMAND, as in -- taskmanager.sh start-foreground")
    elif placement is None and adjust not in (None, Adjust.OFF):
        fail(f"--adjust {adjust} needs the placement of the cluster, which says what is free: -p FILE")
    else:
        of_cluster = None if placement is None else Inputs().binding_placement(placement)
        with progress(f"ending {task_manager}") as note:
            found = api.supervise_local(
                task_manager,
                folder=folder or api.FOLDER,
                settings=settings,
                note=note,
                placement=of_cluster,
                adjust=adjust or Adjust.PROPOSE,
            )
    if part is Part.SPEC:
        emit(json.dumps(found.spec, indent=2) + "\n")
        return
    try:
        api.become_supervisor(found)
    except OSError as error:
        fail(f"cannot run the supervisor: {error.strerror or error}")

"""``planner ui``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.errors import fail
from planner.cli.inputs import CLUSTER_NAMES, STDIN, Inputs, default_job, is_program
from planner.cli.terminal import say

if TYPE_CHECKING:
    from planner.documents.placement import Placement


def ui(
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="JOB",
            help="Job or ResourceProfile to edit. Default: *.profile.json or job.yaml here.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster", "-c", metavar="FILE", help="Cluster to place on. Default: cluster.yaml here."
        ),
    ] = None,
    placement: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Placement to show, and where it is saved. Without it none is written."
        ),
    ] = None,
    rest: Annotated[
        str | None,
        typer.Option(
            "--rest", metavar="URL", help="REST address of the cluster that runs it, to compare with."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=1024, max=65535, metavar="N", help="Port on this machine. Default: 8719, or one that is free."
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = True,
) -> None:
    """Edit a job or profile in the browser, and see its placement.

    The address that it prints works once, on this machine. Ctrl-C ends it.

    \b
    Examples:
      planner ui
      planner ui job.yaml -c cluster.yaml --placement job.placement.json
      planner ui job.profile.json --rest http://localhost:8081
      planner ui job.yaml --no-open --port 9000
    """
    name = default_job() if job is None else job
    if name == STDIN or is_program(name):
        fail("name a Job or ResourceProfile in a file; planner compile makes one of a program")
    inputs = Inputs()
    inputs.job(name)
    there = next((one for one in CLUSTER_NAMES if Path(one).exists()), None)
    places = inputs.cluster(cluster or there) if cluster or there else None
    shown = _placement(inputs, placement)
    try:
        from planner.ui.server import listen, serve
        from planner.ui.workspace import Workspace
    except ModuleNotFoundError as error:
        fail(f"planner ui needs {error.name}; pip install 'flink-resource-planner[ui]'")
    from planner.ui.browser import opened

    workspace = Workspace(Path(name), places, placement, rest)
    if shown is not None and placement is not None:
        workspace.add(placement.name, shown, of_file=True)
    if places is None:
        say("planner: there is no cluster.yaml here, so nothing can be placed; name one with --cluster FILE")

    def ready(address: str) -> None:
        say(f"planner: {name} is at {address}")
        say("planner: Ctrl-C ends it")
        if browser:
            opened(address)

    serve(workspace, listen(port), ready)


def _placement(inputs: Inputs, path: Path | None) -> Placement | None:
    """Return the placement in a file, None where it is to be made."""
    if path is None:
        return None
    if not path.exists():
        if not path.parent.is_dir():
            fail(f"{path}: there is no folder {path.parent}")
        return None
    inputs.spare(path)
    found = inputs.placement(str(path))
    if sum(one.source.name == inputs.loaded[-1].source.name for one in inputs.loaded) > 1:
        fail(
            f"{path} holds other documents too, which saving would lose; name a file for the placement alone"
        )
    inputs.require_valid(fit=False)
    if found.jobs is not None:
        fail(f"{path} is a placement of several jobs ({', '.join(found.jobs)}), this takes that of one")
    return found

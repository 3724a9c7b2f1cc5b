"""``planner verify``: whether a cluster keeps to a placement."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.cluster import FolderOption
from planner.cli.errors import Exit
from planner.cli.inputs import Inputs
from planner.cli.terminal import progress, say

if TYPE_CHECKING:
    from planner.api import Deviation, JobGraph

ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", metavar="FILE", help="What the placement was made from. Default: found here."),
]
RestOption = Annotated[
    str | None,
    typer.Option(
        "--rest",
        metavar="URL",
        help="REST address. Default: that of planner up. Credentials: PLANNER_REST_USER, PLANNER_REST_TOKEN.",
    ),
]
RunningJobOption = Annotated[
    str | None, typer.Option("--job", metavar="ID", help="Which job. Default: the only one that runs.")
]


def verify(
    placement: Annotated[
        str | None, typer.Argument(metavar="PLACEMENT", help="Default: *.placement.json here.")
    ] = None,
    rest: RestOption = None,
    job: RunningJobOption = None,
    profile: ProfileOption = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until Ctrl-C, and report what changes.")
    ] = False,
    folder: FolderOption = None,
) -> None:
    """Check that a cluster does what a placement says; exit 1 if not.

    \b
    Examples:
      planner verify job.placement.json --rest http://host:8081
      planner verify --watch
    """
    from planner import api

    inputs = Inputs()
    planned = inputs.placement(placement)
    inputs.require_valid()
    document = inputs.profile_of(planned, profile)
    if document is None:
        say("planner: no profile of this placement here; subtasks are not compared (--profile)")

    def look(note: api.Note = lambda _: None) -> Sequence[Deviation]:
        return api.verify(planned, document, rest=rest, folder=folder or api.FOLDER, job=job, note=note)

    if watch:
        _watch(look)
    with progress("asking the cluster") as note:
        found = look(note)
    report_deviations(found)
    say(as_planned(api.compile_job(document)[1] if document is not None else None))


def as_planned(graph: JobGraph | None) -> str:
    """Return what to say of a cluster that does what was planned."""
    from planner.documents.vocabulary import JobType

    if graph is not None and graph.type is JobType.BATCH:
        return "planner: every TaskManager, and what runs of this batch job now, is as planned"
    return "planner: every slot, subtask and TaskManager is as planned"


def report_deviations(deviations: Sequence[Deviation]) -> None:
    """Say what is otherwise than planned, and end, if anything is."""
    if not deviations:
        return
    if all(deviation.covered for deviation in deviations):
        say("planner: the job runs on TaskManagers in reserve, as the placement provides for a loss")
    else:
        say("planner: the cluster does not do what was planned")
    for deviation in deviations:
        say(f"  {deviation}")
    raise typer.Exit(Exit.FINDINGS)


def _watch(look: Callable[[], Sequence[Deviation]]) -> None:
    from planner import api

    before: list[str] | None = None
    try:
        while True:
            try:
                lines = [str(deviation) for deviation in look()]
            except api.RestError as error:
                lines = [str(error)]
            if lines != before:
                say(time.strftime("%H:%M:%S ") + ("as planned" if not lines else f"{len(lines)} deviations"))
                for line in lines:
                    say(f"  {line}")
                before = lines
            time.sleep(1)
    except KeyboardInterrupt:
        raise typer.Exit(Exit.FINDINGS if before else Exit.OK) from None

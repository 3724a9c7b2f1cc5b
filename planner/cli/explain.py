"""``planner explain``."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.cli.errors import fail
from planner.cli.inputs import Inputs
from planner.cli.output import emit_tables, emit_text

MEMORY = "memory"


def explain(
    subject: Annotated[
        str | None,
        typer.Argument(
            metavar="CODE|memory", help="Code of a finding, or memory; without it all codes are listed."
        ),
    ] = None,
    placement: Annotated[
        str | None, typer.Argument(metavar="PLACEMENT", help="With memory: the placement document.")
    ] = None,
    taskmanager: Annotated[
        str | None,
        typer.Option(
            "--taskmanager",
            "-t",
            metavar="ID",
            help="With memory: which TaskManager. Default: the first with slots.",
        ),
    ] = None,
) -> None:
    """Explain a finding, or the memory of a placed TaskManager.

    \b
    Examples:
      planner explain GRA301
      planner explain memory job.placement.json --taskmanager large-0
      planner explain
    """
    if subject == MEMORY:
        _memory(placement, taskmanager)
        return
    if placement is not None or taskmanager is not None:
        fail("a placement and --taskmanager go with: planner explain memory PLACEMENT")
    from planner.report.pages import listing, page

    if subject is None:
        emit_text(listing())
        return
    text = page(subject.strip().upper())
    if text is None:
        fail(f"there is no rule {subject!r}; planner explain lists all of them")
    emit_text(text)


def _memory(name: str | None, wanted: str | None) -> None:
    if name is None:
        fail("name a placement: planner explain memory job.placement.json --taskmanager ID")
    from planner.report.budget import budget

    inputs = Inputs()
    placement = inputs.placement(name)
    task_managers = {tm.id: tm for tm in placement.task_managers}
    chosen = wanted or next((tm.id for tm in placement.task_managers if tm.slots), None)
    if chosen not in task_managers:
        known = ", ".join(list(task_managers)[:8]) + (" ..." if len(task_managers) > 8 else "")
        fail(f"there is no TaskManager {chosen!r} in {name}; there are {known}")
    try:
        profile = inputs.profile_of(placement, None)
        emit_tables(*budget(task_managers[chosen], profile))
    except ValueError as error:
        fail(str(error))

"""``planner report``."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from planner.cli.errors import fail
from planner.cli.inputs import Inputs
from planner.cli.output import OutputOption, emit


class Format(StrEnum):
    """What a report is."""

    HTML = "html"
    SVG = "svg"


def report(
    placements: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PLACEMENT",
            help="Placement documents, oldest first: the last is shown, the others are its history."
            " Default: *.placement.json here.",
        ),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option(
            "--job",
            metavar="FILE",
            help="What the placement was made from. Default: the profile or job beside it.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", "-c", metavar="FILE", help="Cluster of the placement, for its zones."),
    ] = None,
    output: OutputOption = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="One HTML file, or one picture of the placement.")
    ] = Format.HTML,
) -> None:
    """Write a placement, its graph and its recovery as one HTML file.

    \b
    Examples:
      planner report -o report.html
      planner report job.placement.json --job job.yaml -c cluster.yaml -o report.html
      planner report old.placement.json new.placement.json -o report.html
      planner report job.placement.json --format svg -o placement.svg
    """
    from planner import api
    from planner.report.html import page

    inputs = Inputs()
    before, shown = (placements[:-1], placements[-1]) if placements else ([], None)
    earlier = {_label(name, before): inputs.placement(name) for name in before}
    placement = inputs.placement(shown)
    if output_format is Format.SVG:
        from planner.report.picture import picture

        inputs.require_valid(fit=False)
        inputs.spare(output)
        emit(picture(placement), output)
        return
    document = inputs.origin_of(placement, job)
    if document is None:
        fail(
            "neither here nor beside the placement is the profile or job that it was made from; use --job FILE"
        )
    places = inputs.cluster(cluster) if cluster is not None else None
    inputs.require_valid(fit=False)
    inputs.spare(output)
    data = api.report(document, placement, places, earlier=earlier)
    emit(page(data, placement.outline()), output)


def _label(name: str, names: Sequence[str]) -> str:
    """Return what to call a placement in the history: its file's name where no other one has that."""
    short = Path(name).name
    return short if sum(Path(other).name == short for other in names) == 1 else name

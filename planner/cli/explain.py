"""``planner explain``."""

from __future__ import annotations

from typing import Annotated

import typer

from planner.cli.common import emit, fail


def explain(
    code: Annotated[
        str | None,
        typer.Argument(metavar="[CODE]", help="Code of a finding; without it all are listed."),
    ] = None,
) -> None:
    r"""Explain a finding: what it means, why it matters, what to do.

    \b
    Examples:
      planner explain GRA301
      planner explain
    """
    from planner.report.rules import listing, page

    if code is None:
        emit(listing())
        return
    text = page(code.strip().upper())
    if text is None:
        fail(f"there is no rule {code!r}; planner explain lists all of them")
    emit(text)

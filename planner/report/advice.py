"""Advice for people: the figures it follows from, and what it comes to."""

from __future__ import annotations

import textwrap

from rich.table import Table

from planner.report.screen import WIDTH
from planner.report.tables import _table
from planner.targets.advice import Advice

INDENT = 17


def way_table(advice: Advice) -> Table:
    """Return the highest CPU utilisation of every way to run the job."""
    title = f"Ways to run {advice.name} on the same TaskManagers"
    table = _table(title, "way", "highest CPU", "range", right=("highest CPU", "range"), wrap="way")
    for one in advice.ways:
        median = "no room" if one.median is None else f"{one.median:.1%}"
        spread = (
            ""
            if one.lowest is None or one.lowest == one.highest
            else f"{one.lowest:.1%} to {one.highest:.1%}"
        )
        table.add_row(one.name, median, spread)
    return table


def choice_lines(advice: Advice) -> str:
    """Return what is advised, why, and the options that it takes."""
    lines = ["Flink's own scheduler is simulated; it uses TaskManagers in reserve as well.", ""]
    for one in advice.choices:
        said = f"{one.answer}. {one.reason[0].upper()}{one.reason[1:]}."
        text = textwrap.wrap(said, WIDTH - INDENT, break_on_hyphens=False)
        name = one.question[0].upper() + one.question[1:]
        lines += [f"{name.ljust(INDENT)}{text[0]}", *(" " * INDENT + more for more in text[1:])]
        lines += [" " * INDENT + f"{key}: {value}" for key, value in one.options.items()]
    return "\n".join(lines) + "\n"

"""A rescaling for people: what each vertex needs and why, slots, candidates, what other tools take."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from fractions import Fraction

from rich.table import Table

from planner.graph.from_profile import OVERRIDES
from planner.recover.candidates import Candidate, RestartPart
from planner.recover.rescaling import group_slots, overrides
from planner.recover.scaling_plan import ScalingPlan
from planner.report.screen import WIDTH
from planner.report.tables import ROWS, _short, _table


def vertex_table(plan: ScalingPlan) -> Table:
    """Return the parallelism of every vertex, what its fullest subtask gets, and what decides."""
    columns = ("parallelism", "fullest subtask", "busy", "decided by")
    title = f"Rescaling of {plan.name}: no subtask busier than {float(plan.scaling.target):.0%}"
    table = _table(title, "task", *columns, right=("parallelism", "busy"), wrap="task")
    for one in plan.scaling.vertices[:ROWS]:
        table.add_row(
            one.vertex.name,
            _change(str(one.present), str(one.parallelism)),
            one.demand.shares.spell(one.parallelism),
            _change(_share(one.busy_now), _share(one.busy)),
            str(one.bound),
        )
    if len(plan.scaling.vertices) > ROWS:
        table.add_row(f"... {len(plan.scaling.vertices) - ROWS} more", *[""] * len(columns))
    return table


def _change(now: str, new: str) -> str:
    return now if now == new else f"{now} -> {new}"


def _share(share: Fraction | None) -> str:
    return "?" if share is None else f"{float(share):.0%}"


def slot_lines(plan: ScalingPlan) -> str:
    """Return the slots of each group now and then."""
    slots = group_slots(plan.scaling)
    parts = [f"{_short(group)} {_change(str(now), str(new))}" for group, (now, new) in slots.items()]
    text = ", ".join(parts[:ROWS]) + (f" and {len(parts) - ROWS} more" if len(parts) > ROWS else "")
    return wrapped("Slots            ", text)


def wrapped(label: str, text: str) -> str:
    """Return a label and lines of text beside it, as wide as a table."""
    return textwrap.fill(text, WIDTH, initial_indent=label, subsequent_indent=" " * len(label)) + "\n"


def candidate_table(plan: ScalingPlan) -> Table:
    """Return the ways to rescale the job side by side; a star marks those that none of the others beats."""
    columns = ("TMs", "slots", "subtasks", "cpu", "busiest", "moved", "catch-up")
    title = "Candidates (* none of the others is as good in everything)"
    table = _table(title, "  candidate", *columns, right=columns)
    for one in plan.candidates:
        table.add_row(
            f"{'*' if one.efficient else ' '} {one.name}",
            ("no room" if one.reason else "-") if one.task_managers is None else str(one.task_managers),
            str(one.slots),
            str(one.subtasks),
            "-" if one.highest_cpu is None else f"{one.highest_cpu:.1%}",
            _share(one.scaling.highest or None),
            "-" if one.moved is None else str(one.moved),
            _catch_up(one),
        )
    return table


def _catch_up(one: Candidate) -> str:
    if one.catch_up is None:
        return "?"
    return "never" if one.catch_up == float("inf") else f"{one.catch_up:.0f} s"


def restart_lines(parts: Sequence[RestartPart]) -> str:
    """Return how long the job stands still, part by part."""
    if not parts:
        return "Restart          not known; measure it (--rest) or say it (--restart SECONDS)\n"
    lines = [f"Restart          {sum(part.seconds for part in parts):.1f} s, every subtask restarts"]
    lines += [f"                 {part.name} {part.seconds:.1f} s ({part.source})" for part in parts]
    return "\n".join(lines) + "\n"


def option_lines(plan: ScalingPlan) -> str:
    """Return what the Kubernetes operator takes, and where the whole of it is for programs."""
    lines = [f"{OVERRIDES}:", *(f"  {pair}" for pair in overrides(plan.scaling).split(",")[:ROWS])]
    body = "" if plan.fine_grained else ", and the body of PUT /jobs/:id/resource-requirements"
    lines.append(f"  (--format json has it as one value{body})")
    return "\n".join(lines) + "\n"

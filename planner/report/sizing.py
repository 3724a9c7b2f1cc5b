"""A sizing for people: how many TaskManagers of each class, what they cost, and what one class alone would."""

from __future__ import annotations

import math
from fractions import Fraction

from rich.table import Table

from planner.place.model.task_managers import task_managers_of
from planner.place.pods import pod_of
from planner.place.sizing_plan import Sizing, SizingPlan
from planner.report.tables import _table
from planner.units import CORE, GIB, cpu_number


def class_table(plan: SizingPlan) -> Table:
    """Return how many of each class there are, and what the job would cost on it alone."""
    assert plan.sizing.counts is not None
    columns = ("cpu", "price", "TaskManagers", "cost", "alone")
    title = f"Sizing of {plan.name}: no TaskManager above {float(plan.target):.0%} of its CPU"
    table = _table(title, "class", *columns, right=columns, wrap="class")
    for entry, count in zip(plan.cluster.spec.task_manager_classes, plan.sizing.counts, strict=True):
        price = entry.price if plan.priced else None
        table.add_row(
            entry.name,
            f"{cpu_number(entry.cpu):g}",
            "-" if price is None else f"{price:g}",
            str(count),
            "-" if price is None else f"{price * count:g}",
            _alone(plan.alone.get(entry.name)),
        )
    return table


def _alone(sizing: Sizing | None) -> str:
    if sizing is None:
        return "-"
    if sizing.counts is None:
        return "too few" if sizing.impossible else "?"
    return f"{float(sizing.price):g}"


def price_lines(plan: SizingPlan) -> str:
    """Return the price of all, and what is proven of it."""
    price, bound = plan.sizing.price, plan.sizing.bound
    what = "Price            " if plan.priced else "TaskManagers     "
    lines = [f"{what}{float(price):g}"]
    if plan.sizing.optimal:
        lines.append(
            "Proof            optimal, nothing costs less"
            if plan.priced
            else "Proof            optimal, fewer are not enough"
        )
    else:
        gap = float(price / bound - 1) if bound else 0.0
        lines.append(f"Proof            at least {float(bound):g}, {gap:.1%} below")
    return "\n".join(lines) + "\n"


def unit_line(plan: SizingPlan) -> str:
    """Return what vendors would count for these TaskManagers, a core and 4 GiB each.

    Alibaba Cloud counts CU by TaskManager, in quarters; Amazon whole KPU of an application.
    """
    pods = [pod_of(tm) for tm in task_managers_of(plan.cluster)]
    sizes = [max(Fraction(pod.cpu, CORE), Fraction(pod.memory, 4 * GIB)) for pod in pods]
    quarters = sum(math.ceil(4 * size) for size in sizes)
    cores, memory = sum(pod.cpu for pod in pods), sum(pod.memory for pod in pods)
    whole = math.ceil(max(Fraction(cores, CORE), Fraction(memory, 4 * GIB)))
    return f"Vendor units     {quarters / 4:g} CU, or {whole} KPU: a core and 4 GiB each\n"


def what_if_line(factor: float, other: SizingPlan | str, plan: SizingPlan) -> str:
    """Return what a job with ``factor`` times the parallelism costs, or why it is not known."""
    start = f"Parallelism x {factor:g}".ljust(17)
    if isinstance(other, str):
        return f"{start}{other}\n"
    assert other.sizing.counts is not None
    classes = other.cluster.spec.task_manager_classes
    bought = ", ".join(
        f"{count} {entry.name}" for entry, count in zip(classes, other.sizing.counts, strict=True) if count
    )
    share = f" ({float(other.sizing.price / plan.sizing.price - 1):+.0%})" if plan.sizing.price else ""
    proof = "" if other.sizing.optimal else f"; at least {float(other.sizing.bound):g}"
    return f"{start}{float(other.sizing.price):g}{share}: {bought}{proof}\n"

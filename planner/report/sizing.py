"""A sizing for people: how many TaskManagers of each class, what they cost, and what one class alone would."""

from __future__ import annotations

from rich.table import Table

from planner.place.sizing_plan import Sizing, SizingPlan
from planner.report.tables import _table
from planner.units import cpu_number


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

"""CP-SAT as one writes it first: a boolean for every slot on every TaskManager."""

from __future__ import annotations

from typing import Any

from common import Counts, counts, main, slots
from ortools.sat.python import cp_model

SCALE = 10_000


def solve(instance: dict[str, Any], seconds: float) -> Counts | None:
    """Minimise the highest utilisation in steps of a ten-thousandth."""
    types, task_managers, order = instance["types"], instance["task_managers"], slots(instance)
    model = cp_model.CpModel()
    on = [[model.new_bool_var("") for _ in task_managers] for _ in order]
    for row in on:
        model.add_exactly_one(row)
    top = model.new_int_var(0, 100 * SCALE, "top")
    for m, tm in enumerate(task_managers):
        column = [row[m] for row in on]
        for r, limit in enumerate(tm["limits"]):
            needs = [types[t]["demand"][r] for t in order]
            if limit is not None and any(needs):
                model.add(cp_model.LinearExpr.weighted_sum(column, needs) <= limit)
        loads = [types[t]["load"] * SCALE for t in order]
        model.add(cp_model.LinearExpr.weighted_sum(column, loads) <= tm["cpu"] * top)
    model.minimize(top)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 2
    if solver.solve(model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return counts(instance, [next(m for m, x in enumerate(row) if solver.value(x)) for row in on])


if __name__ == "__main__":
    main(solve)

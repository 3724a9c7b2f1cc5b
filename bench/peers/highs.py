"""HiGHS: whole numbers of slots of each type on each TaskManager."""

from __future__ import annotations

from typing import Any

import highspy
from common import Counts, limits, main


def solve(instance: dict[str, Any], seconds: float) -> Counts | None:
    """Minimise the highest utilisation."""
    types, task_managers = instance["types"], instance["task_managers"]
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("time_limit", seconds)
    top = solver.addVariable(lb=0)
    x = [[solver.addIntegral(lb=0, ub=entry["count"]) for entry in types] for _ in task_managers]
    for t, entry in enumerate(types):
        solver.addConstr(solver.qsum([row[t] for row in x]) == entry["count"])
    for tm, row in zip(task_managers, x, strict=True):
        for needs, limit in limits(instance, tm):
            terms = [v * (n / max(limit, 1)) for v, n in zip(row, needs, strict=True) if n]
            solver.addConstr(solver.qsum(terms) <= (1 if limit else 0))
        load = [v * (entry["load"] / tm["cpu"]) for v, entry in zip(row, types, strict=True)]
        solver.addConstr(solver.qsum(load) <= top)
    solver.minimize(top)
    if solver.getInfo().primal_solution_status != 2:
        return None
    value = solver.getSolution().col_value
    return [[round(value[v.index]) for v in row] for row in x]


if __name__ == "__main__":
    main(solve)

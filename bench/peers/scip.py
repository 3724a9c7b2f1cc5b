"""SCIP: whole numbers of slots of each type on each TaskManager."""

from __future__ import annotations

from typing import Any

from common import Counts, limits, main
from pyscipopt import Model, quicksum


def solve(instance: dict[str, Any], seconds: float) -> Counts | None:
    """Minimise the highest utilisation."""
    types, task_managers = instance["types"], instance["task_managers"]
    model = Model()
    model.hideOutput()
    model.setParam("limits/time", seconds)
    top = model.addVar(lb=0)
    x = [[model.addVar(vtype="I", lb=0, ub=entry["count"]) for entry in types] for _ in task_managers]
    for t, entry in enumerate(types):
        model.addCons(quicksum(row[t] for row in x) == entry["count"])
    for tm, row in zip(task_managers, x, strict=True):
        for needs, limit in limits(instance, tm):
            terms = (v * (n / max(limit, 1)) for v, n in zip(row, needs, strict=True) if n)
            model.addCons(quicksum(terms) <= (1 if limit else 0))
        load = (v * (entry["load"] / tm["cpu"]) for v, entry in zip(row, types, strict=True))
        model.addCons(quicksum(load) <= top)
    model.setObjective(top, "minimize")
    model.optimize()
    if model.getNSols() == 0:
        return None
    best = model.getBestSol()
    return [[round(best[v]) for v in row] for row in x]


if __name__ == "__main__":
    main(solve)

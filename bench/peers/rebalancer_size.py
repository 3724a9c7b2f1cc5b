"""Rebalancer of Meta: the cheapest TaskManagers of which those that hold nothing cost nothing.

Its wheels are for Python 3.12 and 3.13: `make bench-sizing` makes an environment. The instance holds
``types`` (load, demand by resource, count), ``task_managers`` (cpu, limit by resource or null, price), the
``utilisation`` allowed, and ``start``, counts by TaskManager to begin with.
"""

from __future__ import annotations

from typing import Any

from common import Counts, main
from rebalancer import ProblemSolver

LOAD = "load"


def solve(instance: dict[str, Any], seconds: float) -> Counts | None:
    """Let its local search move slots until TaskManagers are empty, the dearest ones above all."""
    types, task_managers = instance["types"], instance["task_managers"]
    kinds: dict[str, int] = {}
    where: dict[str, list[str]] = {}
    for m, row in enumerate(instance["start"]):
        where[f"m{m}"] = []
        for t, count in enumerate(row):
            for _ in range(count):
                name = f"s{len(kinds)}"
                kinds[name] = t
                where[f"m{m}"].append(name)
    solver = ProblemSolver(service_name="bench", service_scope="bench")
    solver.set_container_name("taskManager")
    solver.set_object_name("slot")
    solver.set_log_level("ERR")
    solver.set_assignment(where)
    rows = {
        LOAD: (
            [float(entry["load"]) for entry in types],
            [instance["utilisation"] * tm["cpu"] for tm in task_managers],
        )
    }
    for r in range(len(task_managers[0]["limits"])):
        needs = [entry["demand"][r] for entry in types]
        tops = [tm["limits"][r] for tm in task_managers]
        if any(needs) and None not in tops:
            rows[f"resource{r}"] = [need / max(tops) for need in needs], [top / max(tops) for top in tops]
    for name, (needs, tops) in rows.items():
        solver.add_object_dimension(name, {slot: needs[t] for slot, t in kinds.items()})
        solver.add_container_dimension(name, {f"m{m}": top for m, top in enumerate(tops)})
        solver.add_constraint({"capacitySpec": {"name": name, "scope": "taskManager", "dimension": name}})
    costs = {f"m{m}": tm["price"] for m, tm in enumerate(task_managers)}
    spec = {"name": "price", "scope": "taskManager", "dimension": LOAD, "containerCosts": costs}
    solver.add_goal({"minimizeContainersSpec": spec})
    ways = [
        {"singleMoveTypeSpec": {}},
        {"swapFullWithEmptyContainersMoveTypeSpec": {}},
        {"swapMoveTypeSpec": {}},
        {"klSearchMoveTypeSpec": {}},
    ]
    solver.add_solver({"localSearchSolverSpec": {"solveTime": int(seconds), "moveTypeList": ways}})
    found = solver.solve()["assignment"]
    counts = [[0] * len(types) for _ in task_managers]
    for slot, container in found.items():
        counts[int(container[1:])][kinds[slot]] += 1
    return counts


if __name__ == "__main__":
    main(solve)

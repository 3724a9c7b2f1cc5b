"""A placement problem in the terms of Rebalancer of Meta: slots are objects, TaskManagers are containers.

Its wheels are for Python 3.12 and 3.13: `make .venv-rebalancer/.installed` makes an environment.
"""

from __future__ import annotations

from typing import Any

from common import Counts
from rebalancer import ProblemSolver

LOAD = "load"
WAYS = [{"singleMoveTypeSpec": {}}, {"swapMoveTypeSpec": {}}, {"klSearchMoveTypeSpec": {}}]


def model(instance: dict[str, Any], start: Counts, utilisation: float) -> tuple[Any, dict[str, int]]:
    """Return a solver that begins with ``start`` and keeps every limit, and the type of each slot by name.

    Load may be ``utilisation`` of a TaskManager's CPU at most.
    """
    types, task_managers = instance["types"], instance["task_managers"]
    kinds: dict[str, int] = {}
    where: dict[str, list[str]] = {}
    for m, row in enumerate(start):
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
        LOAD: ([float(entry["load"]) for entry in types], [utilisation * tm["cpu"] for tm in task_managers])
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
    return solver, kinds


def solved(
    solver: Any, kinds: dict[str, int], instance: dict[str, Any], seconds: float, ways: list[dict[str, Any]]
) -> Counts:
    """Return what its local search comes to within the seconds."""
    solver.add_solver({"localSearchSolverSpec": {"solveTime": int(seconds), "moveTypeList": ways}})
    found = solver.solve()["assignment"]
    counts = [[0] * len(instance["types"]) for _ in instance["task_managers"]]
    for slot, container in found.items():
        counts[int(container[1:])][kinds[slot]] += 1
    return counts

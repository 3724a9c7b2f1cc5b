"""Rebalancer of Meta: the cheapest TaskManagers of which those that hold nothing cost nothing.

The instance holds ``types`` (load, demand by resource, count), ``task_managers`` (cpu, limit by resource or
null, price), the ``utilisation`` allowed, and ``start``, counts by TaskManager to begin with.
"""

from __future__ import annotations

from typing import Any

from common import Counts, main
from rebalancer_model import LOAD, WAYS, model, solved


def solve(instance: dict[str, Any], seconds: float) -> Counts | None:
    """Let its local search move slots until TaskManagers are empty, the dearest ones above all."""
    solver, kinds = model(instance, instance["start"], instance["utilisation"])
    costs = {f"m{m}": tm["price"] for m, tm in enumerate(instance["task_managers"])}
    spec = {"name": "price", "scope": "taskManager", "dimension": LOAD, "containerCosts": costs}
    solver.add_goal({"minimizeContainersSpec": spec})
    one, *others = WAYS
    ways = [one, {"swapFullWithEmptyContainersMoveTypeSpec": {}}, *others]
    return solved(solver, kinds, instance, seconds, ways)


if __name__ == "__main__":
    main(solve)

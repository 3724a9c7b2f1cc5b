"""Rebalancer of Meta: the lowest highest utilisation, from slots put where there is most CPU left.

Its formula IDEAL lowers the highest utilisation, then the second, and so on: its documentation recommends it
for containers of unequal capacity.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from common import Counts, counts, main, slots
from rebalancer_model import LOAD, WAYS, model, solved

IDEAL = 4
"""Among Rebalancer's BalanceSpecFormula."""


def solve(instance: dict[str, Any], seconds: float) -> Counts | None:
    """Let its local search balance; limits that are broken at first it mends before."""
    solver, kinds = model(instance, _start(instance), 1.0)
    spec = {"name": "cpu", "scope": "taskManager", "dimension": LOAD, "formula": IDEAL}
    solver.add_goal({"balanceSpec": spec})
    return solved(solver, kinds, instance, seconds, WAYS)


def _start(instance: dict[str, Any]) -> Counts:
    """Put the slots in order of load, each where the utilisation is lowest then, whatever the limits are."""
    loads = [entry["load"] for entry in instance["types"]]
    kinds = slots(instance)
    used = [0] * len(instance["task_managers"])
    place = [0] * len(kinds)
    for slot in sorted(range(len(kinds)), key=lambda s: -loads[kinds[s]]):
        load = loads[kinds[slot]]
        best = min(
            range(len(used)), key=lambda m: Fraction(used[m] + load, instance["task_managers"][m]["cpu"])
        )
        used[best] += load
        place[slot] = best
    return counts(instance, place)


if __name__ == "__main__":
    main(solve)

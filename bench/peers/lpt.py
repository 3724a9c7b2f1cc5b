"""Longest processing time first: the heaviest slot goes where the utilisation afterwards is least."""

from __future__ import annotations

from typing import Any

from common import Counts, counts, main, slots


def solve(instance: dict[str, Any], seconds: float) -> Counts | None:
    """Place greedily, in milliseconds."""
    del seconds
    types, task_managers = instance["types"], instance["task_managers"]
    used = [[0] * len(tm["limits"]) for tm in task_managers]
    loads = [0] * len(task_managers)
    order = slots(instance)
    places = [0] * len(order)
    for number in sorted(range(len(order)), key=lambda n: -types[order[n]]["load"]):
        entry = types[order[number]]
        fitting = [
            m
            for m, tm in enumerate(task_managers)
            if all(
                top is None or u + need <= top
                for u, need, top in zip(used[m], entry["demand"], tm["limits"], strict=True)
            )
        ]
        if not fitting:
            return None
        best = min(fitting, key=lambda m: (loads[m] + entry["load"]) / task_managers[m]["cpu"])
        loads[best] += entry["load"]
        used[best] = [u + need for u, need in zip(used[best], entry["demand"], strict=True)]
        places[number] = best
    return counts(instance, places)


if __name__ == "__main__":
    main(solve)

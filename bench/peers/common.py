"""What every peer reads and writes: a placement problem in integers, and counts by TaskManager.

A peer is run as ``python PEER.py SECONDS < instance.json > answer.json``. The instance holds ``types``
(load, demand by resource, count) and ``task_managers`` (cpu, limit by resource or null); the answer is a
list of counts by type for every TaskManager, or null.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

Counts = list[list[int]]


def main(solve: Callable[[dict[str, Any], float], Counts | None]) -> None:
    """Solve the instance on stdin within the seconds of the first argument."""
    output, sys.stdout = sys.stdout, sys.stderr  # solvers print
    answer = solve(json.load(sys.stdin), float(sys.argv[1]))
    json.dump(answer, output)


def slots(instance: dict[str, Any]) -> list[int]:
    """Return the type of every single slot."""
    return [t for t, entry in enumerate(instance["types"]) for _ in range(entry["count"])]


def counts(instance: dict[str, Any], task_managers: list[int]) -> Counts:
    """Return the counts where slot after slot (see :func:`slots`) stands on the TaskManager given."""
    found = [[0] * len(instance["types"]) for _ in instance["task_managers"]]
    for kind, tm in zip(slots(instance), task_managers, strict=True):
        found[tm][kind] += 1
    return found


def limits(instance: dict[str, Any], tm: dict[str, Any]) -> list[tuple[list[int], int]]:
    """Return the rows of a TaskManager's knapsack: what each type needs, and the limit."""
    return [
        ([entry["demand"][r] for entry in instance["types"]], limit)
        for r, limit in enumerate(tm["limits"])
        if limit is not None and any(entry["demand"][r] for entry in instance["types"])
    ]

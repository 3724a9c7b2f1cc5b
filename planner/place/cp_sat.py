"""CP-SAT as the engine uses it: repeatable and interruptible, and the knapsack of one TaskManager."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

from ortools.sat.python import cp_model

from planner.place.clock import Clock, never
from planner.place.model.problem import Problem, TaskManagerClass
from planner.place.parameters import PARAMETERS

SOLVED = (cp_model.OPTIMAL, cp_model.FEASIBLE)
"""What a solver says when there is a solution."""


def new_solver(clock: Clock, seconds: float, seed: int) -> cp_model.CpSolver:
    """Return a solver that works for ``seconds`` at most, the same way each time."""
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = seconds / PARAMETERS.work_of_cp_sat
    # a clock of the wall would end it at another point each time where the machine is busy
    wall = clock.seconds() if clock.stop.workers == 1 else min(2 * seconds, clock.seconds())
    solver.parameters.max_time_in_seconds = max(wall, 0.01)
    solver.parameters.num_workers = clock.stop.workers
    solver.parameters.random_seed = seed
    solver.parameters.catch_sigint_signal = False
    return solver


def run(
    solver: cp_model.CpSolver,
    model: cp_model.CpModel,
    clock: Clock,
    way: cp_model.CpSolverSolutionCallback | None = None,
) -> cp_model.CpSolverStatus:
    """Solve ``model`` and charge the work; an interrupt ends the search with what there is.

    ``way`` is called for every solution that is found.
    """
    done = threading.Event()

    def watch() -> None:
        while not done.wait(PARAMETERS.interrupt_poll_seconds):
            if clock.stop.interrupted():
                solver.stop_search()
                return

    if clock.stop.interrupted is not never:
        threading.Thread(target=watch, daemon=True).start()
    try:
        status = solver.solve(model, way)
    finally:
        done.set()
    clock.charge(solver.response_proto.deterministic_time * PARAMETERS.work_of_cp_sat)
    return status


def is_small(problem: Problem, most: int = PARAMETERS.exact_variables) -> bool:
    """Tell whether CP-SAT can be expected to solve a problem whole: few counts to decide."""
    return len(problem.usable) * len(problem.types) <= most


@dataclass(frozen=True)
class _Knapsack:
    """A class's limits as rows of a knapsack: capacity and needs, divided by what all needs share."""

    rows: list[tuple[int, list[int]]]
    most: list[int]


def _knapsack(problem: Problem, entry: TaskManagerClass, cap: int | None) -> _Knapsack:
    raw = [
        (limit, [slot.demand[r] for slot in problem.types])
        for r, limit in enumerate(entry.limits)
        if limit is not None
    ]
    if cap is not None:
        raw.append((cap, [slot.load for slot in problem.types]))
    rows = []
    for limit, needs in raw:
        if any(needs):
            common = math.gcd(*needs)
            rows.append((limit // common, [need // common for need in needs]))
    most = [
        min([slot.count, *(limit // needs[t] for limit, needs in rows if needs[t])])
        for t, slot in enumerate(problem.types)
    ]
    return _Knapsack(rows, most)


def add_knapsack(
    model: cp_model.CpModel, problem: Problem, entry: TaskManagerClass, cap: int | None
) -> list[cp_model.IntVar]:
    """Add the content of one TaskManager of a class to ``model`` and return its counts by type."""
    knapsack = _knapsack(problem, entry, cap)
    counts = [model.new_int_var(0, most, "") for most in knapsack.most]
    for limit, needs in knapsack.rows:
        model.add(sum(x * need for x, need in zip(counts, needs, strict=True) if need) <= limit)
    if problem.rivals:
        present = {t: model.new_bool_var("") for pair in problem.rivals for t in pair}
        for t, here in present.items():
            model.add(counts[t] <= knapsack.most[t] * here)
        for first, second in problem.rivals:
            model.add(present[first] + present[second] <= 1)
    return counts

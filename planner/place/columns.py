"""Contents: what one TaskManager of a class can hold, as CP-SAT sees it and one by one."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ortools.sat.python import cp_model

from planner.place.problem import Problem, TaskManagerClass
from planner.place.state import State
from planner.place.stop import Clock, never

Content = tuple[int, ...]
"""How many slots of each type."""
POLL_SECONDS = 0.1
NODES = 200_000
MAX_CONTENTS = 20_000
WORK_OF_NODE = 1.5e-6
WORK_OF_CP_SAT = 2.5
"""Seconds of work for one unit of CP-SAT's deterministic time."""


def new_solver(clock: Clock, seconds: float, seed: int) -> cp_model.CpSolver:
    """Return a solver that works for ``seconds`` at most, the same way each time."""
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = seconds / WORK_OF_CP_SAT
    # a clock of the wall would end it at another point each time where the machine is busy
    wall = clock.seconds() if clock.stop.workers == 1 else min(2 * seconds, clock.seconds())
    solver.parameters.max_time_in_seconds = max(wall, 0.01)
    solver.parameters.num_workers = clock.stop.workers
    solver.parameters.random_seed = seed
    solver.parameters.catch_sigint_signal = False
    return solver


def run(solver: cp_model.CpSolver, model: cp_model.CpModel, clock: Clock) -> cp_model.CpSolverStatus:
    """Solve ``model`` and charge the work; an interrupt ends the search with what there is."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(POLL_SECONDS):
            if clock.stop.interrupted():
                solver.stop_search()
                return

    if clock.stop.interrupted is not never:
        threading.Thread(target=watch, daemon=True).start()
    try:
        status = solver.solve(model)
    finally:
        done.set()
    clock.charge(solver.response_proto.deterministic_time * WORK_OF_CP_SAT)
    return status


@dataclass(frozen=True)
class _Knapsack:
    """A class's limits as rows of a knapsack: capacity and needs, divided by what all needs share."""

    rows: list[tuple[int, list[int]]]
    most: list[int]

    @classmethod
    def of(cls, problem: Problem, entry: TaskManagerClass, cap: int | None) -> _Knapsack:
        limits = list(zip(entry.limits, range(len(entry.limits)), strict=True))
        raw = [
            (limit, [slot.demand[r] for slot in problem.types]) for limit, r in limits if limit is not None
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
        return cls(rows, most)


def add_knapsack(
    model: cp_model.CpModel, problem: Problem, entry: TaskManagerClass, cap: int | None
) -> list[cp_model.IntVar]:
    """Add the content of one TaskManager of a class to ``model`` and return its counts by type."""
    knapsack = _Knapsack.of(problem, entry, cap)
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


@dataclass
class Pool:
    """Contents by class; ``complete`` when there are no others that could matter."""

    contents: list[dict[Content, None]]
    complete: bool = False

    @classmethod
    def empty(cls, problem: Problem) -> Pool:
        """Return a pool without contents."""
        return cls([{} for _ in problem.classes])

    def add_state(self, state: State, caps: Sequence[int | None]) -> None:
        """Add what stands on TaskManagers now, where it keeps to the caps and limits."""
        good = state.within_limits()
        for row, host in enumerate(state.hosts):
            index = state.problem.class_of[host]
            cap = caps[index]
            if good[row] and (cap is None or state.load[row] <= cap):
                self.contents[index][tuple(state.counts[row].tolist())] = None


def every_content(problem: Problem, caps: Sequence[int], clock: Clock) -> Pool | None:
    """Return all contents that a solution within ``caps`` may use, None if they are too many.

    What all TaskManagers leave free together is known, so none of them can leave more than that.
    """
    free = (
        sum(cap * len(entry.members) for cap, entry in zip(caps, problem.classes, strict=True))
        - problem.total_load
    )
    pool = Pool.empty(problem)
    nodes = NODES
    for index, (entry, cap) in enumerate(zip(problem.classes, caps, strict=True)):
        search = _Contents(problem, entry, cap, cap - free, nodes)
        for content in search:
            pool.contents[index][content] = None
            if len(pool.contents[index]) > MAX_CONTENTS:
                search.nodes = 0
        clock.charge((nodes - search.nodes) * WORK_OF_NODE)
        nodes = search.nodes
        if nodes <= 0:
            return None
    pool.complete = True
    return pool


@dataclass
class _Contents:
    """All contents of a class with a load between two figures, depth first, heaviest types first."""

    problem: Problem
    entry: TaskManagerClass
    cap: int
    low: int
    nodes: int
    _current: list[int] = field(default_factory=list)

    def __iter__(self) -> Iterator[Content]:
        types = self.problem.types
        self._order = sorted(range(len(types)), key=lambda t: -types[t].load)
        self._limited = [r for r, limit in enumerate(self.entry.limits) if limit is not None]
        self._current = [0] * len(types)
        self._rivals = {t: set[int]() for t in range(len(types))}
        for first, second in self.problem.rivals:
            self._rivals[first].add(second)
            self._rivals[second].add(first)
        room = [self.entry.limits[r] or 0 for r in self._limited]
        yield from self._deeper(0, self.cap, room)

    def _deeper(self, start: int, left: int, room: list[int]) -> Iterator[Content]:
        if self.cap - left >= self.low:
            yield tuple(self._current)
        for position in range(start, len(self._order)):
            t = self._order[position]
            slot = self.problem.types[t]
            if self._current[t] >= slot.count or slot.load > left:
                continue
            if any(self._current[other] for other in self._rivals[t]):
                continue
            self.nodes -= 1
            if self.nodes <= 0:
                return
            rest = [free - slot.demand[r] for free, r in zip(room, self._limited, strict=True)]
            if rest and min(rest) < 0:
                continue
            self._current[t] += 1
            yield from self._deeper(position, left - slot.load, rest)
            self._current[t] -= 1

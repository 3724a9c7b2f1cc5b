"""Whole contents of TaskManagers as columns: a model whose size does not depend on how many there are.

At a fixed utilisation a content is feasible for a class or not. A linear program over contents, grown by
pricing, either finds enough of them or yields prices that refute the utilisation; an integer master then
puts contents together. See Gilmore and Gomory (1961), Farley (1990).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

import numpy as np
from ortools.linear_solver import pywraplp
from ortools.sat.python import cp_model

from planner.place.columns import Content, Pool, add_knapsack, new_solver, run
from planner.place.problem import Problem, TaskManagerClass
from planner.place.state import Floats, State
from planner.place.stop import Clock

PRICE_SCALE = 10**6
PRICING_WORK = 1.0
WORK_OF_LP = 2e-3


class Verdict(Enum):
    """What the linear program says of a utilisation."""

    POSSIBLE = "possible"
    REFUTED = "refuted"
    OPEN = "open"


class _Pricing:
    """The best content of a class at given prices; the model is built once."""

    def __init__(self, problem: Problem, entry: TaskManagerClass, cap: int | None) -> None:
        self.model = cp_model.CpModel()
        self.counts = add_knapsack(self.model, problem, entry, cap)

    def best(self, prices: Sequence[int], clock: Clock) -> tuple[Content, int] | None:
        """Return a content of high price and an upper bound of the highest price."""
        self.model.maximize(sum(x * price for x, price in zip(self.counts, prices, strict=True) if price))
        solver = new_solver(clock, PRICING_WORK, clock.stop.seed)
        solver.parameters.num_workers = 1
        status = run(solver, self.model, clock)
        clock.charge(WORK_OF_LP)
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        content = tuple(solver.value(x) for x in self.counts)
        return content, math.floor(solver.best_objective_bound + 1e-6)


class _Master:
    """The linear program: least load left over by at most as many contents as there are TaskManagers."""

    def __init__(self, problem: Problem, weights: Sequence[int]) -> None:
        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        infinity = self.solver.infinity()
        self.cover = [self.solver.Constraint(slot.count, infinity) for slot in problem.types]
        self.room = [self.solver.Constraint(-infinity, len(entry.members)) for entry in problem.classes]
        objective = self.solver.Objective()
        objective.SetMinimization()
        for constraint, weight, slot in zip(self.cover, weights, problem.types, strict=True):
            missing = self.solver.NumVar(0, slot.count, "")
            constraint.SetCoefficient(missing, 1)
            objective.SetCoefficient(missing, weight)

    def add(self, index: int, content: Content) -> None:
        """Add a column."""
        column = self.solver.NumVar(0, self.solver.infinity(), "")
        self.room[index].SetCoefficient(column, 1)
        for constraint, count in zip(self.cover, content, strict=True):
            if count:
                constraint.SetCoefficient(column, count)

    def solve(self) -> tuple[float, list[float]]:
        """Return what is left over and the price of one slot of each type."""
        self.solver.Solve()
        return self.solver.Objective().Value(), [max(row.dual_value(), 0.0) for row in self.cover]


def judge(problem: Problem, caps: Sequence[int | None], pool: Pool, clock: Clock) -> Verdict:
    """Tell whether fractions of contents can hold all slots, growing ``pool`` on the way.

    ``caps`` is the highest load of each class, None for any. A refutation is exact: for whole prices
    p the slots are worth more than all TaskManagers can hold, sum(n_t p_t) > sum(K_c max p(content)).
    """
    if any(cap is not None and cap < 0 for cap in caps):
        return Verdict.REFUTED
    weights = [max(slot.load, 1) for slot in problem.types]
    master = _Master(problem, weights)
    pricing = [_Pricing(problem, entry, cap) for entry, cap in zip(problem.classes, caps, strict=True)]
    for index, contents in enumerate(pool.contents):
        for content in contents:
            master.add(index, content)
    enough = 1e-7 * sum(weight * slot.count for weight, slot in zip(weights, problem.types, strict=True))
    while not clock.expired():
        left, duals = master.solve()
        clock.charge(WORK_OF_LP)
        if left <= enough:
            return Verdict.POSSIBLE
        prices = [round(dual * PRICE_SCALE / max(weights)) for dual in duals]
        worth = sum(price * slot.count for price, slot in zip(prices, problem.types, strict=True))
        grown = False
        for index, entry in enumerate(problem.classes):
            found = pricing[index].best(prices, clock)
            if found is None:
                return Verdict.OPEN
            content, bound = found
            worth -= bound * len(entry.members)
            if content not in pool.contents[index]:
                pool.contents[index][content] = None
                master.add(index, content)
                grown = True
        if worth > 0:
            return Verdict.REFUTED
        if not grown:
            return Verdict.OPEN
    return Verdict.OPEN


def assemble_exactly(
    problem: Problem, pool: Pool, cap: Floats, clock: Clock, seconds: float
) -> tuple[State | None, Verdict]:
    """Put contents of a complete pool together so that every slot is held exactly once.

    ``seconds`` limits the work. Where the contents cannot do that, nothing keeps to the pool's caps.
    """
    model = cp_model.CpModel()
    chosen, held = _columns(model, problem, pool)
    for slot, parts in zip(problem.types, held, strict=True):
        model.add(sum(parts) == slot.count)
    solver = new_solver(clock, seconds, clock.stop.seed)
    # few contents fit together: the relaxation leads to them
    solver.parameters.linearization_level = 2
    status = run(solver, model, clock)
    if status == cp_model.INFEASIBLE:
        return None, Verdict.REFUTED
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, Verdict.OPEN
    return _filled(problem, _picked(solver, chosen), cap), Verdict.POSSIBLE


def assemble(
    problem: Problem, pool: Pool, cap: Floats, clock: Clock, seconds: float, seed: int
) -> State | None:
    """Put contents together so that least load is left over; place the rest where it overflows least.

    ``seconds`` limits the work.
    """
    model = cp_model.CpModel()
    chosen, held = _columns(model, problem, pool)
    left = [model.new_int_var(0, slot.count, "") for slot in problem.types]
    for slot, parts, missing in zip(problem.types, held, left, strict=True):
        model.add(cp_model.LinearExpr.sum([*parts, missing]) >= slot.count)
    model.minimize(
        sum(missing * max(slot.load, 1) for missing, slot in zip(left, problem.types, strict=True))
    )
    solver = new_solver(clock, seconds, seed)
    status = run(solver, model, clock)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return _filled(problem, _picked(solver, chosen), cap)


_Chosen = list[tuple[int, Content, cp_model.IntVar]]


def _columns(
    model: cp_model.CpModel, problem: Problem, pool: Pool
) -> tuple[_Chosen, list[list[cp_model.LinearExprT]]]:
    """Add how often each content is used; return that, and what holds the slots of each type."""
    held: list[list[cp_model.LinearExprT]] = [[] for _ in problem.types]
    chosen: _Chosen = []
    for index, entry in enumerate(problem.classes):
        mine = []
        for content in pool.contents[index]:
            some = [-(-problem.types[t].count // n) for t, n in enumerate(content) if n]
            if not some:
                continue
            times = model.new_int_var(0, min(len(entry.members), *some), "")
            mine.append(times)
            chosen.append((index, content, times))
            for t, count in enumerate(content):
                if count:
                    held[t].append(times * count)
        model.add(sum(mine) <= len(entry.members))
    return chosen, held


def _picked(solver: cp_model.CpSolver, chosen: _Chosen) -> list[tuple[int, Content, int]]:
    return [(index, content, solver.value(times)) for index, content, times in chosen]


def _filled(problem: Problem, picked: Sequence[tuple[int, Content, int]], cap: Floats) -> State:
    """Return the state of contents on TaskManagers, with no slot twice and those left over added."""
    state = State(problem)
    row_of = {host: row for row, host in enumerate(state.hosts)}
    empty = [[row_of[host] for host in reversed(entry.members)] for entry in problem.classes]
    left = state.copies.copy()
    for index, content, times in picked:
        for _ in range(times):
            row = empty[index].pop()
            for t, count in enumerate(content):
                count = min(count, int(left[t]))
                if count:
                    state.change(row, t, count)
                    left[t] -= count
    for t in np.argsort(-state.loads_of, kind="stable"):
        for _ in range(int(left[t])):
            over = np.maximum(0.0, state.load + state.loads_of[t] - cap) + 1e9 * ~state.fits(int(t))
            state.change(int(over.argmin()), int(t), 1)
    return state

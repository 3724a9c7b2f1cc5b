"""Whole contents of TaskManagers as columns: a model whose size does not depend on how many there are.

At a fixed utilisation a content is feasible for a class or not. A linear program over contents, grown by
pricing, either finds enough of them or yields prices that refute the utilisation (`search/assemble.py` then
puts contents together). See Gilmore and Gomory (1961), Farley (1990).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

from ortools.linear_solver import pywraplp
from ortools.sat.python import cp_model

from planner.place.clock import Clock
from planner.place.cp_sat import SOLVED, add_knapsack, new_solver, run
from planner.place.model.contents import Content, Pool
from planner.place.model.problem import Problem, TaskManagerClass
from planner.place.parameters import PARAMETERS


class Verdict(Enum):
    """What the linear program says of a utilisation."""

    POSSIBLE = "possible"
    REFUTED = "refuted"
    OPEN = "open"


class Pricing:
    """The best content of a class at given prices; the model is built once."""

    def __init__(self, problem: Problem, entry: TaskManagerClass, cap: int | None) -> None:
        self.model = cp_model.CpModel()
        self.counts = add_knapsack(self.model, problem, entry, cap)

    def best(
        self,
        prices: Sequence[int],
        clock: Clock,
        gap: float = 0.0,
        work: float = PARAMETERS.pricing_work,
    ) -> tuple[list[Content], int] | None:
        """Return contents of high price, the best first, and an upper bound of the highest price.

        The best is within ``gap`` of that where ``work`` seconds are enough; the others came on the way.
        """
        self.model.maximize(sum(x * price for x, price in zip(self.counts, prices, strict=True) if price))
        solver = new_solver(clock, work, clock.stop.seed)
        solver.parameters.num_workers = 1
        solver.parameters.relative_gap_limit = gap
        # one knapsack is solved as soon as it would be probed
        solver.parameters.cp_model_probing_level = 0
        solver.parameters.symmetry_level = 0
        way = _Way(self.counts)
        status = run(solver, self.model, clock, way)
        clock.charge(PARAMETERS.work_of_lp)
        if status not in SOLVED:
            return None
        return way.found[: -PARAMETERS.priced_contents - 1 : -1], math.floor(
            solver.best_objective_bound + 1e-6
        )


class _Way(cp_model.CpSolverSolutionCallback):
    """Keeps every content that a solver finds, the best one last."""

    def __init__(self, counts: Sequence[cp_model.IntVar]) -> None:
        super().__init__()
        self.counts = counts
        self.found: list[Content] = []

    def on_solution_callback(self) -> None:
        """Keep a content."""
        self.found.append(tuple(map(self.value, self.counts)))


class Master:
    """A linear program over contents: the least price of slots left over and of what is bought.

    ``room`` is how many TaskManagers of each class there are, ``missing`` what a slot of each type costs that
    no content holds.
    """

    def __init__(self, problem: Problem, room: Sequence[int], missing: Sequence[float]) -> None:
        self.solver = pywraplp.Solver.CreateSolver("GLOP")
        infinity = self.solver.infinity()
        self.cover = [self.solver.Constraint(slot.count, infinity) for slot in problem.types]
        self.room = [self.solver.Constraint(-infinity, number) for number in room]
        self.columns: list[tuple[int, Content, pywraplp.Variable]] = []
        self.solver.Objective().SetMinimization()
        for constraint, price, slot in zip(self.cover, missing, problem.types, strict=True):
            left = self.solver.NumVar(0, slot.count, "")
            constraint.SetCoefficient(left, 1)
            self.solver.Objective().SetCoefficient(left, price)

    def buy(self, index: int, most: int, price: float) -> None:
        """Let there be up to ``most`` more TaskManagers of a class, at a price each."""
        more = self.solver.NumVar(0, most, "")
        self.room[index].SetCoefficient(more, -1)
        self.solver.Objective().SetCoefficient(more, price)

    def add(self, index: int, content: Content) -> None:
        """Add a column."""
        column = self.solver.NumVar(0, self.solver.infinity(), "")
        self.room[index].SetCoefficient(column, 1)
        for constraint, count in zip(self.cover, content, strict=True):
            if count:
                constraint.SetCoefficient(column, count)
        self.columns.append((index, content, column))

    def used(self) -> list[tuple[int, Content, float]]:
        """Return how often each content is used, after it was solved."""
        return [(index, content, column.solution_value()) for index, content, column in self.columns]

    def solve(self) -> tuple[float, list[float], list[float]] | None:
        """Return the least price, that of one slot of each type, and of one TaskManager of each class.

        None where the solver comes to no end, as GLOP at times does for numbers that it finds awkward.
        """
        if self.solver.Solve() != pywraplp.Solver.OPTIMAL:
            return None
        slots = [max(row.dual_value(), 0.0) for row in self.cover]
        return self.solver.Objective().Value(), slots, [max(-row.dual_value(), 0.0) for row in self.room]


def judge(problem: Problem, caps: Sequence[int | None], pool: Pool, clock: Clock) -> Verdict:
    """Tell whether fractions of contents can hold all slots, growing ``pool`` on the way.

    ``caps`` is the highest load of each class, None for any. A refutation is exact: for whole prices
    p the slots are worth more than all TaskManagers can hold, sum(n_t p_t) > sum(K_c max p(content)).
    """
    return weigh(problem, caps, pool, clock)[0]


def refutes(problem: Problem, caps: Sequence[int], prices: Sequence[int], clock: Clock) -> bool:
    """Tell whether whole ``prices`` refute that contents within ``caps`` can hold all slots."""
    worth = sum(price * slot.count for price, slot in zip(prices, problem.types, strict=True))
    for entry, cap in zip(problem.classes, caps, strict=True):
        found = Pricing(problem, entry, cap).best(prices, clock, PARAMETERS.pricing_gap)
        if found is None:
            return False
        worth -= found[1] * len(entry.members)
    return worth > 0


def weigh(
    problem: Problem, caps: Sequence[int | None], pool: Pool, clock: Clock
) -> tuple[Verdict, Sequence[int]]:
    """Do what `judge` does, and return the prices that refute besides, none where nothing is refuted."""
    if any(cap is not None and cap < 0 for cap in caps):
        return Verdict.REFUTED, ()
    weights = [max(slot.load, 1) for slot in problem.types]
    master = Master(problem, [len(entry.members) for entry in problem.classes], weights)
    pricing = [Pricing(problem, entry, cap) for entry, cap in zip(problem.classes, caps, strict=True)]
    for index, contents in enumerate(pool.contents):
        for content in contents:
            master.add(index, content)
    enough = 1e-7 * sum(weight * slot.count for weight, slot in zip(weights, problem.types, strict=True))
    gap = PARAMETERS.pricing_gap
    while not clock.expired():
        solved = master.solve()
        clock.charge(PARAMETERS.work_of_lp)
        if solved is None:
            return Verdict.OPEN, ()
        left, duals, _ = solved
        if left <= enough:
            return Verdict.POSSIBLE, ()
        prices = [round(dual * PARAMETERS.price_scale / max(weights)) for dual in duals]
        worth = sum(price * slot.count for price, slot in zip(prices, problem.types, strict=True))
        grown = False
        for index, entry in enumerate(problem.classes):
            found = None if clock.expired() else pricing[index].best(prices, clock, gap)
            if found is None:
                return Verdict.OPEN, ()
            good, bound = found
            worth -= bound * len(entry.members)
            grown |= good[0] not in pool.contents[index]
            for content in good:
                if content not in pool.contents[index]:
                    pool.contents[index][content] = None
                    master.add(index, content)
        if worth > 0:
            return Verdict.REFUTED, prices
        if not grown and not gap:
            return Verdict.OPEN, ()
        if not grown:
            gap = 0.0
    return Verdict.OPEN, ()

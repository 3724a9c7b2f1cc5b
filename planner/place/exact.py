"""CP-SAT over integer counts: closes what the search leaves open and proves what it can."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from ortools.sat.python import cp_model

from planner.place.problem import Problem, Solution

INT_LIMIT = 2**52


@dataclass(frozen=True)
class Limits:
    """When to stop, and how to be reproducible. Time in seconds."""

    seconds: float
    seed: int
    workers: int


@dataclass(frozen=True)
class Outcome:
    """What CP-SAT found: a solution if any, a bound if any, and whether it is a proof."""

    solution: Solution | None
    bound: Fraction | None
    infeasible: bool = False


class _Model:
    """The counts as variables with every resource as a hard constraint."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.model = cp_model.CpModel()
        self.counts: dict[int, list[cp_model.IntVar]] = {}
        for host in problem.usable:
            entry = problem.classes[problem.class_of[host]]
            row = []
            for index, slot in enumerate(problem.types):
                fitting = [
                    limit // need
                    for need, limit in zip(slot.demand, entry.limits, strict=True)
                    if need and limit is not None
                ]
                row.append(self.model.new_int_var(0, min([slot.count, *fitting]), f"x{host}_{index}"))
            self.counts[host] = row
            for r, limit in enumerate(entry.limits):
                needs = [slot.demand[r] for slot in problem.types]
                if limit is None or not any(needs):
                    continue
                common = math.gcd(*needs)
                self.model.add(
                    sum(x * (n // common) for x, n in zip(row, needs, strict=True) if n) <= limit // common
                )
        for index, slot in enumerate(problem.types):
            self.model.add(sum(row[index] for row in self.counts.values()) == slot.count)

    def load(self, host: int) -> cp_model.LinearExpr | int:
        """Return the load of a TaskManager as an expression."""
        return sum(x * slot.load for x, slot in zip(self.counts[host], self.problem.types, strict=True))

    def hint(self, solution: Solution) -> None:
        for host, row in self.counts.items():
            for x, count in zip(row, solution.counts[host], strict=True):
                self.model.add_hint(x, count)

    def solve(self, limits: Limits) -> tuple[cp_model.CpSolverStatus, cp_model.CpSolver]:
        solver = cp_model.CpSolver()
        solver.parameters.max_time_in_seconds = max(limits.seconds, 0.01)
        solver.parameters.max_deterministic_time = max(limits.seconds, 0.01)
        solver.parameters.random_seed = limits.seed
        solver.parameters.num_workers = limits.workers
        return solver.solve(self.model), solver

    def extract(self, solver: cp_model.CpSolver) -> Solution:
        return Solution({host: tuple(solver.value(x) for x in row) for host, row in self.counts.items()})


def _scale(problem: Problem) -> int:
    """Return what a utilisation of 1 is as an integer: exact where the sizes allow it."""
    exact = math.lcm(*(entry.cpu for entry in problem.classes))
    heaviest = max(problem.total_load, max(entry.cpu for entry in problem.classes), 1)
    return exact if exact * heaviest < INT_LIMIT else max(INT_LIMIT // heaviest, 1)


def _rounding(problem: Problem, scale: int) -> int:
    """Return by how many steps of 1/scale a solver's integer may differ from the true utilisation."""
    return 0 if scale % math.lcm(*(entry.cpu for entry in problem.classes)) == 0 else 1


def minimise_maximum(problem: Problem, hint: Solution | None, bound: Fraction, limits: Limits) -> Outcome:
    """Minimise the highest utilisation, given a lower bound that is proven already."""
    scale = _scale(problem)
    build = _Model(problem)
    low = bound.numerator * scale // bound.denominator
    high = 2 * scale + low
    if hint is not None:
        best = hint.max_utilisation(problem)
        high = -(-best.numerator * scale // best.denominator)
        build.hint(hint)
    top = build.model.new_int_var(low, max(high, low), "top")
    for host in problem.usable:
        cpu = problem.classes[problem.class_of[host]].cpu
        common = math.gcd(scale, cpu)
        build.model.add(build.load(host) * (scale // common) <= top * (cpu // common))
    if hint is not None:
        build.model.add_hint(top, high)
    build.model.minimize(top)
    status, solver = build.solve(limits)
    if status == cp_model.INFEASIBLE:
        return Outcome(None, None, infeasible=hint is None)
    if status == cp_model.UNKNOWN:
        return Outcome(None, None)
    proven = Fraction(
        max(math.ceil(solver.best_objective_bound - 1e-6) - _rounding(problem, scale), 0), scale
    )
    return Outcome(build.extract(solver), max(proven, bound))


def maximise_minimum(problem: Problem, hint: Solution, ceiling: Fraction, limits: Limits) -> Outcome:
    """Raise the lowest utilisation while the highest stays at most ``ceiling``.

    The outcome's bound is an upper bound of the lowest utilisation.
    """
    scale = _scale(problem)
    build = _Model(problem)
    build.hint(hint)
    mean = Fraction(problem.total_load, problem.total_cpu)
    lowest = min(hint.utilisations(problem).values())
    start = lowest.numerator * scale // lowest.denominator
    bottom = build.model.new_int_var(start, mean.numerator * scale // mean.denominator, "bottom")
    for host in problem.usable:
        cpu = problem.classes[problem.class_of[host]].cpu
        build.model.add(build.load(host) <= ceiling.numerator * cpu // ceiling.denominator)
        common = math.gcd(scale, cpu)
        build.model.add(build.load(host) * (scale // common) >= bottom * (cpu // common))
    build.model.add_hint(bottom, start)
    build.model.maximize(bottom)
    status, solver = build.solve(limits)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Outcome(None, None)
    return Outcome(
        build.extract(solver),
        Fraction(math.floor(solver.best_objective_bound + 1e-6) + _rounding(problem, scale), scale),
    )


def feasible(problem: Problem, limits: Limits) -> bool | None:
    """Tell whether any placement exists: None when the time was too short to know."""
    build = _Model(problem)
    status, _ = build.solve(limits)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return True
    return False if status == cp_model.INFEASIBLE else None

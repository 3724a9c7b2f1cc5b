"""Problem to result: bounds, construction, improvement, proof, in that order."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from planner.place.bounds import Bound, lower_bound
from planner.place.problem import Problem, Solution

SPREAD_VARIABLES = 4000
SPREAD_SECONDS = 0.5
ROUNDS = 20_000
Progress = Callable[[str, Fraction | None, Fraction], None]
"""Called with what is done, the best value so far and the bound."""


class Status(StrEnum):
    """What is known of a result."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Stop:
    """When to stop and how to be reproducible: seconds, random seed, solver threads."""

    seconds: float = 10.0
    seed: int = 1
    workers: int = 1


@dataclass(frozen=True)
class Result:
    """A solution, if there is one, with how good it is.

    ``bound`` is a lower bound of the highest utilisation; ``lowest_bound`` an upper bound of the
    lowest one among placements with the same highest.
    """

    status: Status
    solution: Solution | None
    bound: Bound
    lowest_bound: Fraction | None
    seconds: float


def solve(problem: Problem, stop: Stop, progress: Progress = lambda *_: None) -> Result:
    """Place the slots of ``problem`` so that the highest CPU utilisation is least, then the spread."""
    started = time.monotonic()

    def left() -> float:
        return stop.seconds - (time.monotonic() - started)

    bound = lower_bound(problem)
    if not problem.usable:
        status = Status.INFEASIBLE if problem.types else Status.OPTIMAL
        return Result(status, None, bound, None, 0.0)
    from planner.place.search import construct, improve  # numpy loads only where it is needed

    progress("greedy", None, bound.value)
    best = construct(problem)
    if best is not None:
        progress("moves and swaps", best.max_utilisation(problem), bound.value)
        best = improve(problem, best, bound.value, random.Random(stop.seed), ROUNDS)
    if best is None or best.max_utilisation(problem) > bound.value:
        from planner.place import exact

        progress("CP-SAT", best.max_utilisation(problem) if best else None, bound.value)
        outcome = exact.minimise_maximum(
            problem, best, bound.value, exact.Limits(left(), stop.seed, stop.workers)
        )
        if outcome.infeasible:
            return Result(Status.INFEASIBLE, None, bound, None, time.monotonic() - started)
        if outcome.solution is not None and (
            best is None or outcome.solution.max_utilisation(problem) <= best.max_utilisation(problem)
        ):
            best = outcome.solution
        if outcome.bound is not None and outcome.bound > bound.value:
            bound = Bound(outcome.bound, "cp-sat")
    if best is None:
        return Result(Status.UNKNOWN, None, bound, None, time.monotonic() - started)
    best, lowest = _even_out(problem, best, stop, left())
    proven = best.max_utilisation(problem) <= bound.value
    status = Status.OPTIMAL if proven else Status.FEASIBLE
    return Result(status, best, bound, lowest, time.monotonic() - started)


def _even_out(problem: Problem, best: Solution, stop: Stop, left: float) -> tuple[Solution, Fraction | None]:
    """Raise the lowest utilisation where the problem is small enough for an answer at once."""
    if len(problem.usable) * len(problem.types) > SPREAD_VARIABLES or left <= 0:
        return best, None
    from planner.place import exact

    limits = exact.Limits(min(left, SPREAD_SECONDS), stop.seed, stop.workers)
    outcome = exact.maximise_minimum(problem, best, best.max_utilisation(problem), limits)
    return outcome.solution or best, outcome.bound

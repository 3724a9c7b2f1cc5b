"""The fewest moves within a slack of the best value."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from planner.place.clock import Clock
from planner.place.model.objective import CPU_LEVEL
from planner.place.moves.move_list import MoveList, Previous, move_list
from planner.place.moves.replacement import quotas_before, relabelled, replace_within
from planner.place.result import Level, Result, Status


def least_moves(result: Result, previous: Previous, slack: float, clock: Clock) -> tuple[Result, MoveList]:
    """Return a result within ``slack`` of the best value with the least moves found, and those moves."""
    problem, best = result.problem, result.solution
    assert best is not None
    start = relabelled(problem, best, quotas_before(problem, previous))
    limit = result.levels[0].value * (1 + Fraction(slack).limit_denominator(10**6))
    found = replace_within(problem, previous, limit, clock, [start])
    solution = found.solution or start
    value = solution.max_utilisation(problem)
    moves = move_list(problem, solution, previous, slack)
    first = Level(CPU_LEVEL, value, result.levels[0].bound)
    levels = (first, Level("moves", moves.weight))
    status = Status.OPTIMAL if first.optimal else Status.FEASIBLE
    return replace(result, solution=solution, levels=levels, status=status), moves

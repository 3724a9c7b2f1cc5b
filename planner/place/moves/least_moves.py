"""The fewest moves within a slack of the best value."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from planner.place.clock import Clock
from planner.place.model.objective import CPU_LEVEL
from planner.place.model.problem import Problem
from planner.place.moves.move_list import MoveList, Previous, move_list
from planner.place.moves.replacement import quotas_before, relabelled, replace_within, replacement
from planner.place.result import Level, Result, Status


def least_moves(
    whole: Problem, result: Result, previous: Previous, slack: float, clock: Clock
) -> tuple[Result, MoveList]:
    """Return a result within ``slack`` of the best value with the least moves found, and those moves.

    ``result`` is of ``whole``, or of what is left of it when a choice is made.
    """
    problem, best = result.problem, result.solution
    assert best is not None
    same = relabelled(problem, best, quotas_before(problem, previous))
    limit = result.levels[0].value * (1 + Fraction(slack).limit_denominator(10**6))
    start = replacement(problem.within(limit), same, previous)
    found = replace_within(whole.within(limit), previous, limit, clock, [start])
    value = found.solution.max_utilisation(found.problem)
    first = Level(CPU_LEVEL, value, result.levels[0].bound)
    levels = (first, Level("moves", found.weight, found.bound))
    status = Status.OPTIMAL if first.optimal else Status.FEASIBLE
    moves = move_list(found.problem, found.solution, previous, slack)
    return replace(
        result, problem=found.problem, solution=found.solution, levels=levels, status=status
    ), moves

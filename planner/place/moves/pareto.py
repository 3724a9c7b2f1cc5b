"""How balance goes with moves: the placements that no other one beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from planner.place.clock import Clock
from planner.place.model.problem import Problem
from planner.place.moves.move_list import Point, Previous, move_list
from planner.place.moves.replacement import quotas_before, relabelled, replace_within, replacement
from planner.place.parameters import PARAMETERS
from planner.place.result import Progress, Result


def curve(
    whole: Problem, result: Result, previous: Previous, clock: Clock, progress: Progress
) -> list[Point]:
    """Return the placements of which none has both fewer moves and a lower maximum, fewest moves first.

    ``result`` is of ``whole``, or of what is left of it when a choice is made.
    """
    problem, best = result.problem, result.solution
    assert best is not None
    before = quotas_before(problem, previous)
    known = [replacement(problem, relabelled(problem, best, before), previous)]
    for number, slack in enumerate(PARAMETERS.pareto_slacks):
        progress(f"moves within {float(slack):.1%}", result.levels[0].value, result.bound.value)
        limit = result.levels[0].value * (1 + slack)
        share = clock.share(1 / (len(PARAMETERS.pareto_slacks) - number))
        starts = [replace(one, problem=problem.within(limit)) for one in known]
        known.append(replace_within(whole.within(limit), previous, limit, share, starts))
        if not known[-1].weight:
            break
    points = []
    for one in known:
        moves = move_list(one.problem, one.solution, previous, 0.0)
        points.append(Point(one.solution.max_utilisation(one.problem), moves.weight, moves.moved))
    return unbeaten(points)


def unbeaten(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other one beats in both, least weight first, with the knee marked."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (point.weight, point.maximum, point.moved or 0)):
        if not kept or point.maximum < kept[-1].maximum:
            kept.append(point)
    return _with_knee(kept)


def _with_knee(points: Sequence[Point]) -> list[Point]:
    """Mark the point that lies farthest below the line between the ends, both axes from 0 to 1."""
    if len(points) < 3:
        return list(points)
    first, last = points[0], points[-1]

    def below(point: Point) -> Fraction:
        along = (point.weight - first.weight) / (last.weight - first.weight)
        down = (first.maximum - point.maximum) / (first.maximum - last.maximum)
        return down - along

    best = max(points, key=below)
    return [replace(point, knee=point is best) for point in points]

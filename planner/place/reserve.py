"""A placement with a reserve: as few TaskManagers as cover what may be lost, and what each of them offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from planner.documents.vocabulary import Cover
from planner.place.choose import choose_and_solve
from planner.place.clock import Clock
from planner.place.infeasible.counting import counting_conflict
from planner.place.model.choices import choices, settle
from planner.place.model.constraints import zone_of
from planner.place.model.objective import BALANCE, CPU_LEVEL, Objective
from planner.place.model.problem import Problem, Solution
from planner.place.result import Progress, Result, Status
from planner.place.solve import solve
from planner.place.spares import Spares, spares_of


def place_with_reserve(
    problem: Problem,
    clock: Clock,
    progress: Progress = lambda *_: None,
    objective: Sequence[Objective] = BALANCE,
    start: Solution | None = None,
) -> tuple[Result, Spares]:
    """Place the slots of ``problem``, and return what the TaskManagers in reserve offer.

    ``start`` is a solution to begin with, where there is neither a reserve nor a choice.

    Where they are for a cover, one more is kept in reserve until no loss is uncovered.
    """
    if problem.cover is None:
        result = choose_and_solve(problem, clock, progress, objective, start)
        return result, spares_of(problem, result, clock)
    first: Result | None = None
    proven = True
    for count in range(_least(problem), max(len(problem.usable), problem.reserve + 1)):
        tried = replace(problem, reserve=count)
        result = choose_and_solve(tried, clock.part(clock.left() / 2), progress, objective)
        spares = spares_of(tried, result, clock)
        if result.solution is not None and not spares.uncovered:
            return result, spares
        if result.status is not Status.INFEASIBLE:
            other = _other_choice(tried, result, clock, progress, objective)
            if other is not None:
                return other
        first = first or result
        proven &= result.status is Status.INFEASIBLE
        if clock.expired():
            proven = False
            break
    assert first is not None
    status = Status.INFEASIBLE if proven else Status.UNKNOWN
    return replace(first, status=status, solution=None, levels=()), Spares({})


def _other_choice(
    problem: Problem, best: Result, clock: Clock, progress: Progress, objective: Sequence[Objective]
) -> tuple[Result, Spares] | None:
    """Return the best placement whose losses are covered, where those of the best choice are not all.

    The bound of ``best`` holds for it as well: it is of all placements with as many in reserve.
    """
    found: tuple[Result, Spares] | None = None
    ways = [settle(problem, choice) for choice in choices(problem)[0]]
    for number, way in enumerate(ways):
        if clock.expired():
            break
        if counting_conflict(way) is not None:
            continue
        result = solve(way, clock.part(clock.left() / (len(ways) - number)), progress, objective)
        if result.solution is None or (found is not None and not result.better_than(found[0])):
            continue
        spares = spares_of(problem, result, clock)
        if not spares.uncovered:
            found = result, spares
    if found is None:
        return None
    result, spares = found
    levels = [
        replace(level, bound=best.bound if level.name == CPU_LEVEL else None) for level in result.levels
    ]
    status = Status.OPTIMAL if levels and levels[0].optimal else Status.FEASIBLE
    return replace(result, status=status, bound=best.bound, levels=tuple(levels)), spares


def _least(problem: Problem) -> int:
    """Return how many TaskManagers a cover takes at least.

    What stands in a zone has to fit on those in reserve elsewhere, and some zone holds its share of all.
    """
    if problem.cover is not Cover.ANY_ZONE:
        return problem.reserve
    zones = {zone_of(problem.task_managers[tm]) for tm in problem.usable}
    most = problem.reserve
    for r, name in enumerate(problem.resources):
        limits = [problem.classes[problem.class_of[tm]].limits[r] for tm in problem.usable]
        if name in problem.reasons or None in limits:
            continue
        share = -(-sum(slot.demand[r] * slot.count for slot in problem.types) // len(zones))
        room, count = 0, 0
        for limit in sorted((limit or 0 for limit in limits), reverse=True):
            if room >= share:
                break
            room, count = room + limit, count + 1
        most = max(most, count)
    return min(most, max(len(problem.usable) - 1, 1))

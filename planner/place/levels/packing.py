"""Fewest TaskManagers: the largest first, as many as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from planner.place.bounds.area import Bound, lower_bound
from planner.place.clock import Clock
from planner.place.cp_sat import is_small
from planner.place.model.problem import Problem, Solution
from planner.place.parameters import PARAMETERS
from planner.place.result import PACKED, Level
from planner.place.search import counts
from planner.place.search.feasibility import find_feasible

LOAD = "cpuLoad"


@dataclass(frozen=True)
class Packing:
    """A problem with few TaskManagers, how few are needed, and a placement on them where one is at hand."""

    problem: Problem
    level: Level
    start: Solution | None


def pack(problem: Problem, clock: Clock) -> Packing:
    """Return the fewest TaskManagers found that hold everything: all of them, unproven, where none are found.

    The largest are tried first; where sizes cannot be compared CP-SAT looks for fewer, if there are few.

    Loads stay under the CPU that there is where that is possible; where that is not known, there is no bound.
    It takes every resource for itself: so many of the TaskManagers that have most of it have enough.
    """
    known = True
    for loaded in (_with_load(problem), problem):
        order = sorted(problem.usable, key=lambda tm: (*_size(loaded, tm), tm))
        bound, high = _fewest(loaded), len(order)
        if bound > high:
            continue
        whole = find_feasible(only(loaded, order), clock.part(PARAMETERS.trial_work))
        if whole.state is None:
            known &= whole.impossible
            continue
        low = max(bound, 1)
        start: Solution | None = whole.state.solution()
        while low < high and not clock.expired():
            middle = (low + high) // 2
            found = find_feasible(only(loaded, order[:middle]), clock.part(PARAMETERS.trial_work)).state
            if found is not None:
                high, start = middle, found.solution()
            else:
                low = middle + 1
        packed, least = only(problem, order[:high]), Bound(Fraction(bound), "area")
        if high > bound and is_small(loaded) and not clock.expired():
            fewest = counts.fewest_task_managers(loaded, bound, clock, clock.left() / 2)
            if fewest is not None:
                least = Bound(Fraction(max(fewest[1], bound)), "cp-sat")
            if fewest is not None and len(fewest[0]) < high:
                packed, start = only(problem, sorted(fewest[0])), None
        level = Level(PACKED, Fraction(len(packed.usable)), least if known else None)
        return Packing(packed, level, start)
    return Packing(problem, Level(PACKED, Fraction(len(problem.usable)), None), None)


def overloaded(problem: Problem, clock: Clock) -> bool:
    """Tell whether it is proven that loads cannot stay under the CPU that there is."""
    loaded = _with_load(problem)
    return _fewest(loaded) > len(problem.usable) or find_feasible(loaded, clock).impossible


def _with_load(problem: Problem) -> Problem:
    """Return the problem with the load as one more resource, of which there is as much as CPU."""
    problem = problem.within(Fraction(1))
    return replace(
        problem,
        resources=(*problem.resources, LOAD),
        types=tuple(replace(slot, demand=(*slot.demand, slot.load)) for slot in problem.types),
        classes=tuple(replace(entry, limits=(*entry.limits, entry.cpu)) for entry in problem.classes),
    )


def _size(problem: Problem, tm: int) -> tuple[float, ...]:
    """Return what sorts the largest TaskManager first: its share of all resources, CPU before others."""
    entry = problem.classes[problem.class_of[tm]]
    memory = entry.limits[problem.resources.index("memory")] or 0
    return -entry.cpu, -memory, -(entry.limits[problem.resources.index("slots")] or 10**9)


def _fewest(problem: Problem) -> int:
    fewest = 1 if problem.types else 0
    for index in range(len(problem.resources)):
        total = sum(slot.demand[index] * slot.count for slot in problem.types)
        limits = [
            limit
            for entry in problem.classes
            for limit in [entry.limits[index]] * len(entry.members)
            if limit is not None
        ]
        if len(limits) < len(problem.usable):
            continue
        count = 0
        for limit in sorted(limits, reverse=True):
            if total <= 0:
                break
            total -= limit
            count += 1
        fewest = max(fewest, count if total <= 0 else len(limits) + 1)
    return fewest


def packed_bound(problem: Problem, count: int) -> Bound:
    """Return a bound of the highest utilisation on any ``count`` of a problem's TaskManagers."""
    largest = sorted((problem.cpu(tm) for tm in problem.usable), reverse=True)[:count]
    area = Bound(Fraction(problem.total_load, max(sum(largest), 1)), "area")
    return max(lower_bound(problem), area, key=lambda bound: bound.value)


def best_packed(problem: Problem, packing: Packing, clock: Clock) -> tuple[Packing, Bound] | None:
    """Return as many TaskManagers that balance best, and a bound of it, where CP-SAT finds that out."""
    if not is_small(problem):
        return None
    count = len(packing.problem.usable)
    least = packed_bound(problem, count).value
    found = counts.minimise_maximum(problem, None, least, clock, clock.left(), count)
    if found.solution is None or found.bound is None:
        return None
    chosen = [tm for tm in problem.usable if any(found.solution.counts[tm])]
    return Packing(only(problem, chosen), packing.level, found.solution), Bound(found.bound, "cp-sat")


def only(problem: Problem, task_managers: Sequence[int]) -> Problem:
    """Return the problem with only some TaskManagers; the others stay empty."""
    chosen = set(task_managers)
    classes = tuple(
        replace(entry, members=members)
        for entry in problem.classes
        if (members := tuple(tm for tm in entry.members if tm in chosen))
    )
    spare = tuple(sorted({*problem.spare, *(tm for tm in problem.usable if tm not in chosen)}))
    return replace(problem, classes=classes, spare=spare)

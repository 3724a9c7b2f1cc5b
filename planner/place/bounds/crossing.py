"""A bound of the traffic between TaskManagers: how much of each flow can stay on one of them at most."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ortools.linear_solver import pywraplp

from planner.place.bounds.holders import most_alone
from planner.place.clock import Clock
from planner.place.model.problem import Problem, SlotType, TaskManagerClass
from planner.place.parameters import PARAMETERS

Pair = tuple[int, int]
"""How many slots of the two groups of a flow a TaskManager holds."""


def crossing_bound(problem: Problem, caps: Sequence[int], clock: Clock) -> Fraction:
    """Return the bytes a second that cross between TaskManagers at least.

    ``caps`` are the highest loads by class. Of a flow between groups of N and M slots the share
    sum(n m) / (N M) stays, over TaskManagers that hold n and m slots. Each flow is taken as if all
    TaskManagers were there for its two groups alone. One for which there is no time counts nothing.
    """
    total = Fraction(0)
    for source, target, rate in problem.flows:
        if not clock.expired():
            ways = problem.group_slots[source] * problem.group_slots[target]
            near = _together(problem, caps, source, target, clock) / ways
            total += rate * max(1 - near, Fraction(0))
    return total


def _together(problem: Problem, caps: Sequence[int], source: int, target: int, clock: Clock) -> Fraction:
    """Return a bound of sum(n m), by prices x and y of a slot: N x + M y + sum(max(n m - n x - m y)).

    Any prices give one; these are those of the linear program over what TaskManagers can hold.
    """
    slots = problem.group_slots[source], problem.group_slots[target]
    pairs = [
        _pairs(problem, entry, cap, source, target) for entry, cap in zip(problem.classes, caps, strict=True)
    ]
    members = [len(entry.members) for entry in problem.classes]
    prices = _prices(pairs, members, slots)
    clock.charge(PARAMETERS.work_of_lp)
    of_slots = sum((price * count for price, count in zip(prices, slots, strict=True)), Fraction(0))
    first, second = prices
    of_task_managers = [
        number * max([Fraction(0), *(n * m - n * first - m * second for n, m in of_class)])
        for number, of_class in zip(members, pairs, strict=True)
    ]
    return of_slots + sum(of_task_managers, Fraction(0))


def _pairs(problem: Problem, entry: TaskManagerClass, cap: int, source: int, target: int) -> list[Pair]:
    """Return for each number of slots of the source how many of the target there can be beside them.

    Fewer of the target are never worth more at prices under which more are not.
    """
    names = problem.groups[source], problem.groups[target]
    alone = [most_alone(problem, entry, cap, name) for name in names]
    if source == target:
        return [(n, n) for n in range(1, alone[0] + 1)]
    first, second = ([slot for slot in problem.types if slot.group == name] for name in names)
    if _rivals(problem, first, second):
        return []
    rows = [(cap, min(slot.load for slot in first), min(slot.load for slot in second))] + [
        (limit, min(slot.demand[r] for slot in first), min(slot.demand[r] for slot in second))
        for r, limit in enumerate(entry.limits)
        if limit is not None
    ]
    return [
        (n, max(min([alone[1], *((limit - n * need) // other for limit, need, other in rows if other)]), 0))
        for n in range(1, alone[0] + 1)
    ]


def _rivals(problem: Problem, first: Sequence[SlotType], second: Sequence[SlotType]) -> bool:
    """Tell whether no slot of the one may share a TaskManager with one of the other."""
    apart = {frozenset(pair) for pair in problem.rivals}
    number = {slot.key: index for index, slot in enumerate(problem.types)}
    return all(frozenset((number[a.key], number[b.key])) in apart for a in first for b in second)


def _prices(
    pairs: Sequence[Sequence[Pair]], members: Sequence[int], slots: tuple[int, int]
) -> tuple[Fraction, Fraction]:
    """Return what a slot of each group is worth where as much as can be stays on TaskManagers."""
    solver = pywraplp.Solver.CreateSolver("GLOP")
    held = [solver.Constraint(-solver.infinity(), count) for count in slots]
    solver.Objective().SetMaximization()
    for number, of_class in zip(members, pairs, strict=True):
        room = solver.Constraint(-solver.infinity(), number)
        for pair in of_class:
            column = solver.NumVar(0, solver.infinity(), "")
            room.SetCoefficient(column, 1)
            for row, count in zip(held, pair, strict=True):
                row.SetCoefficient(column, count)
            solver.Objective().SetCoefficient(column, pair[0] * pair[1])
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        return Fraction(0), Fraction(0)
    first, second = (Fraction(max(row.dual_value(), 0.0)).limit_denominator(10**6) for row in held)
    return first, second

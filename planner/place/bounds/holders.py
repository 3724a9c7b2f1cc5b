"""A bound of what losses restart: the slots of a group stand on some TaskManagers, at best on the largest."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from planner.place.model.problem import Problem, TaskManagerClass


def expected_restarts_bound(problem: Problem, caps: Sequence[int]) -> Fraction:
    """Return what the losses of all TaskManagers restart at least, one after the other, added up.

    ``caps`` are the highest loads by class. The chance that a loss restarts a subtask grows ever more slowly
    with the slots that are lost of a group, so that all losses together restart it least where the slots of
    the group are on as few TaskManagers as hold them: the largest first. Of the groups that restart it the
    one for which that is most counts.
    """
    most = [
        [
            (most_alone(problem, entry, cap, group), len(entry.members))
            for entry, cap in zip(problem.classes, caps, strict=True)
        ]
        for group in problem.groups
    ]
    slots = problem.group_slots
    return sum(
        (
            one.weight
            * max(_least(slots[group], hits, sorted(most[group], reverse=True)) for group, hits in one.slots)
            for one in problem.restarts
        ),
        Fraction(0),
    )


def most_alone(problem: Problem, entry: TaskManagerClass, cap: int, group: str) -> int:
    """Return how many slots of a group a TaskManager of a class can hold at most, alone."""
    types = [slot for slot in problem.types if slot.group == group]
    limits = [(cap, min(slot.load for slot in types))] + [
        (limit, min(slot.demand[r] for slot in types))
        for r, limit in enumerate(entry.limits)
        if limit is not None
    ]
    return min([sum(slot.count for slot in types), *(limit // need for limit, need in limits if need)])


def _least(slots: int, hits: int, most: Sequence[tuple[int, int]]) -> Fraction:
    """Return the least sum of chances to lose one of ``hits`` among ``slots``, over all TaskManagers."""
    total, left = Fraction(0), slots
    for each, members in most:
        if not left or not each:
            break
        full = min(members, left // each)
        total += full * _chance(slots, hits, each)
        left -= full * each
        if full < members and left:
            total += _chance(slots, hits, left)
            left = 0
    return total


def _chance(slots: int, hits: int, lost: int) -> Fraction:
    """Return the chance that at least one of ``hits`` is among ``lost`` of ``slots``, drawn at random."""
    few, many = sorted((hits, lost))
    return 1 - prod((Fraction(max(slots - many - i, 0), slots - i) for i in range(few)), start=Fraction(1))

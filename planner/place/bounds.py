"""Lower bounds on the highest CPU utilisation that any placement can reach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from planner.place.problem import Problem, SlotType, TaskManagerClass


@dataclass(frozen=True, slots=True)
class Bound:
    """A proven lower bound, and which argument proves it."""

    value: Fraction
    kind: str


def lower_bound(problem: Problem) -> Bound:
    """Return the best of the bounds that need no solver."""
    bounds = [item_bound(problem), rounded_area_bound(problem)]
    return max(bounds, key=lambda bound: bound.value)


def item_bound(problem: Problem) -> Bound:
    """Every slot stands somewhere: the heaviest one on the TaskManager where it weighs least."""
    values = (
        min(
            (Fraction(slot.load, entry.cpu) for entry in problem.classes if fits_alone(slot, entry)),
            default=Fraction(0),
        )
        for slot in problem.types
    )
    return Bound(max(values, default=Fraction(0)), "item")


def fits_alone(slot: SlotType, entry: TaskManagerClass) -> bool:
    """Tell whether an empty TaskManager of a class can hold one slot."""
    return all(limit is None or need <= limit for need, limit in zip(slot.demand, entry.limits, strict=True))


def rounded_area_bound(problem: Problem) -> Bound:
    """All load stands somewhere, in whole grains: at utilisation u a TaskManager carries at most
    ``grain * floor(u * cpu / grain)``. The smallest u at which that covers the total is a bound.
    """  # noqa: D205
    total = problem.total_load
    if not total or not problem.classes:
        return Bound(Fraction(0), "rounded-area")
    grain = reduce(math.gcd, (slot.load for slot in problem.types), 0) or 1
    steps = total // grain

    def carried(u: Fraction) -> int:
        return sum(len(c.members) * (u.numerator * c.cpu // (u.denominator * grain)) for c in problem.classes)

    # the answer is k * grain / cpu for some class and whole k; walk up from the area bound
    area = Fraction(total, problem.total_cpu)
    candidates = [-(-(area.numerator * c.cpu) // (area.denominator * grain)) for c in problem.classes]
    while True:
        index = min(
            range(len(candidates)),
            key=lambda i: Fraction(candidates[i] * grain, problem.classes[i].cpu),
        )
        value = Fraction(candidates[index] * grain, problem.classes[index].cpu)
        if carried(value) >= steps:
            return Bound(value, "rounded-area")
        candidates[index] += 1

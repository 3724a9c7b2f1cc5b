"""Lower bounds on the highest CPU utilisation that any placement can reach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from planner.place.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Bound:
    """A proven lower bound, and which argument proves it."""

    value: Fraction
    kind: str


def lower_bound(problem: Problem) -> Bound:
    """Return the best of the bounds that need no solver."""
    ones = every_sample(problem)
    bounds = [*map(item_bound, ones), *map(rounded_area_bound, ones)]
    return max(bounds, key=lambda bound: bound.value)


def every_sample(problem: Problem) -> list[Problem]:
    """Return the problems of the samples of the load alone, each of which bounds the whole."""
    return [problem] if problem.samples == 1 else [*map(problem.in_sample, range(problem.samples))]


def heaviest_samples(problem: Problem, most: int) -> list[Problem]:
    """Return the problems of up to so many samples alone, those in which all slots together load most."""
    return sorted(every_sample(problem), key=lambda one: -one.total_load)[:most]


def item_bound(problem: Problem) -> Bound:
    """Every slot stands somewhere: the heaviest one on the TaskManager where it weighs least.

    Slots that stay are there already, on that TaskManager and on all others.
    """
    standing = {entry.members: problem.standing(entry) for entry in problem.classes}
    values = [
        min(
            (
                Fraction(slot.load + standing[entry.members], entry.cpu)
                for entry in problem.classes
                if entry.can_hold(slot)
            ),
            default=Fraction(0),
        )
        for number, slot in enumerate(problem.types)
        if number not in problem.staying
    ]
    values += [Fraction(standing[entry.members], entry.cpu) for entry in problem.classes]
    return Bound(max(values, default=Fraction(0)), "item")


def rounded_area_bound(problem: Problem) -> Bound:
    """Return the least utilisation at which all load stands somewhere, in whole grains.

    At utilisation u a TaskManager carries at most ``grain * floor(u * cpu / grain)``.
    """
    if not problem.total_load or not problem.classes:
        return Bound(Fraction(0), "rounded-area")
    value = next_level(problem, Fraction(problem.total_load, problem.total_cpu))
    while carried(problem, value) < problem.total_load:
        value = next_level(problem, value, above=True)
    return Bound(value, "rounded-area")


def carried(problem: Problem, utilisation: Fraction) -> int:
    """Return what all TaskManagers carry at most at a utilisation, in whole grains."""
    grain = load_grain(problem)
    return sum(
        len(entry.members) * (utilisation.numerator * entry.cpu // (utilisation.denominator * grain)) * grain
        for entry in problem.classes
    )


def load_grain(problem: Problem) -> int:
    """Return what all loads of all samples are multiples of."""
    return reduce(math.gcd, (load for slot in problem.types for load in slot.samples), 0) or 1


def next_level(problem: Problem, utilisation: Fraction, *, above: bool = False, steps: int = 1) -> Fraction:
    """Return the least utilisation that a TaskManager can have with whole grains: at least the one given.

    With ``above`` it is more than that, the ``steps``-th one on the TaskManagers with the finest steps.
    """
    grain = load_grain(problem)
    values = []
    for entry in problem.classes:
        whole, rest = divmod(utilisation.numerator * entry.cpu, utilisation.denominator * grain)
        if above:
            whole += steps
        elif rest:
            whole += 1
        values.append(Fraction(whole * grain, entry.cpu))
    return min(values)


def level_at_most(problem: Problem, utilisation: Fraction) -> Fraction:
    """Return the highest utilisation that a TaskManager can have with whole grains, up to the one given."""
    grain = load_grain(problem)
    return max(
        Fraction(utilisation.numerator * entry.cpu // (utilisation.denominator * grain) * grain, entry.cpu)
        for entry in problem.classes
    )

"""A lower bound from dual feasible functions: steps that most loads keep to, although not all do.

For a step g and a shift f, 0 <= f < g, ``phi(x) = floor(x / g) (g - f) + max(0, x mod g - f)`` never falls
and is superadditive: what a TaskManager carries is worth no more than phi of the highest load that it may
have. A utilisation is refuted where all slots together are worth more than that over all TaskManagers.
See Fekete and Schepers (2001), Clautiaux, Alves and Valério de Carvalho (2010).
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.place.bounds.area import Bound, heaviest_samples, load_grain, lower_bound, next_level
from planner.place.model.problem import Problem
from planner.place.parameters import PARAMETERS

Ints = NDArray[np.int64]
KIND = "dual-feasible"


def dual_feasible_bound(problem: Problem, least: Fraction) -> Bound:
    """Return the least utilisation from ``least`` on that no function refutes.

    ``least`` is a bound that is proven already. What one function refutes it refutes for all below. Of
    several samples of the load, it is the best bound of the heaviest ones.
    """
    if problem.samples == 1:
        return _bound(problem, least)
    # what may be reached in one sample says nothing of another one, so each begins with its own bound
    ones = heaviest_samples(problem, PARAMETERS.bounded_samples)
    return Bound(max(least, *(_bound(one, lower_bound(one).value).value for one in ones)), KIND)


def _bound(problem: Problem, least: Fraction) -> Bound:
    """Return the bound of a problem with one sample."""
    if not problem.total_load or not problem.classes:
        return Bound(least, KIND)
    functions = _Functions(problem)
    low, high, steps = None, next_level(problem, least), 1
    while functions.refute(high):
        low, high = high, next_level(problem, high, above=True, steps=steps)
        steps *= 2
    while low is not None and (after := next_level(problem, low, above=True)) < high:
        middle = max(next_level(problem, (low + high) / 2), after)
        if middle >= high:
            middle = after
        if functions.refute(middle):
            low = middle
        else:
            high = middle
    return Bound(high, KIND)


def worth(values: ArrayLike, step: int, shifts: ArrayLike) -> Ints:
    """Return phi of whole numbers that are not negative: (shifts, values)."""
    whole, rest = np.divmod(np.asarray(values, dtype=np.int64), step)
    over = np.asarray(shifts, dtype=np.int64)[:, None]
    return whole * (step - over) + np.maximum(rest - over, 0)


class _Functions:
    """The functions that are tried on a problem, in units of what all its loads are multiples of."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.unit = load_grain(problem)
        self.loads = [slot.load // self.unit for slot in problem.types]
        self.counts = np.array([slot.count for slot in problem.types], dtype=np.int64)
        self.members = np.array([len(entry.members) for entry in problem.classes], dtype=np.int64)

    @cached_property
    def steps(self) -> list[int]:
        """The small steps, and those that all loads but one share."""
        before = itertools.accumulate(self.loads, math.gcd, initial=0)
        after = [*itertools.accumulate(reversed(self.loads), math.gcd, initial=0)][-2::-1]
        others = map(math.gcd, before, after)
        return sorted({*range(2, PARAMETERS.dual_feasible_steps + 1), *(g for g in others if g > 1)})

    def refute(self, utilisation: Fraction) -> bool:
        """Tell whether a function proves that no placement is as low as ``utilisation``.

        Between the rests of loads and of what TaskManagers may carry, what is compared is linear in the
        shift: only those rests have to be tried, of very many some.
        """
        caps = [
            utilisation.numerator * entry.cpu // (utilisation.denominator * self.unit)
            for entry in self.problem.classes
        ]
        values = np.array([*self.loads, *caps], dtype=np.int64)
        signs = np.concatenate([self.counts, -self.members])
        for step in self.steps:
            shifts = np.unique(values % step)
            shifts = shifts[:: 1 + len(shifts) // (2 * PARAMETERS.dual_feasible_steps)]
            if (worth(values, step, shifts) @ signs > 0).any():
                return True
        return False

"""What a search found: how good it is, and what proves that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from planner.place.bounds.area import Bound
from planner.place.model.objective import CPU_LEVEL
from planner.place.model.problem import Problem, Solution

Progress = Callable[[str, Fraction | None, Fraction], None]
"""Called with what is done, the best value so far and the bound."""


PACKED = "taskManagers"
"""The name that documents have for how many TaskManagers hold slots."""

DIGITS = 6
"""Decimals of ratios in documents: a definition that the checker's tolerance (check/figures.py) goes by."""


def rounded(value: Fraction | float) -> float:
    """Return a ratio as documents hold it: six decimals."""
    return round(float(value), DIGITS)


class Status(StrEnum):
    """What is known of a result."""

    OPTIMAL = "optimal"
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the objective: its value, and the bound that proves how good it is, if there is one.

    Every level is better when lower. A level's bound is among placements as good on the levels before it.
    """

    name: str
    value: Fraction
    bound: Bound | None = None

    @property
    def optimal(self) -> bool:
        """Tell whether the bound proves that there is nothing better."""
        return self.bound is not None and self.value <= self.bound.value


@dataclass(frozen=True)
class Result:
    """A solution, if there is one, with the levels of its objective in order.

    ``problem`` is the one that was solved: with ``pack`` it has only the TaskManagers in use.
    """

    status: Status
    problem: Problem
    solution: Solution | None
    bound: Bound
    levels: tuple[Level, ...]
    seconds: float
    seed: int

    @property
    def overloaded(self) -> bool:
        """Tell whether a load is above the CPU that there is."""
        return any(level.name == CPU_LEVEL and level.value > 1 for level in self.levels)

    def better_than(self, other: Result) -> bool:
        """Tell whether this one is a solution with lower levels.

        Fewer TaskManagers are no better where they are overloaded and the others are not.
        """
        if self.solution is None or other.solution is None:
            return other.solution is None and self.status is not Status.INFEASIBLE
        return self._values() < other._values()

    def _values(self) -> list[Fraction]:
        packed = any(level.name == PACKED for level in self.levels)
        return [Fraction(packed and self.overloaded), *(level.value for level in self.levels)]

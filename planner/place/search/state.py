"""A placement as arrays that change in place, and everything that can leave a TaskManager in one step."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from planner.place.model.problem import NO_LIMIT, Problem, Solution
from planner.place.model.task_managers import PARTS
from planner.place.parameters import PARAMETERS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MEMORY = ("memory", *PARTS)


class Bundles:
    """Sets of at most two slots, by type: what one swap may carry. The last one is empty.

    Slots of ``staying`` types are in none. ``first`` and ``second`` are types; the number after the last type
    stands for no slot.
    """

    def __init__(
        self, loads: Floats, demand: Floats, task_managers: int, staying: Collection[int] = ()
    ) -> None:
        types = len(loads)
        free = np.array([t for t in range(types + 1) if t not in staying], dtype=np.intp)
        pairs = len(free) * (len(free) + 1) // 2
        if pairs <= PARAMETERS.most_bundles and pairs * task_managers <= PARAMETERS.most_available:
            first, second = np.triu_indices(len(free))
            self.first, self.second = free[first], free[second]
        else:
            self.first, self.second = free, np.full(len(free), types)
        loads = np.append(loads, 0.0)
        demand = np.vstack([demand, np.zeros((1, demand.shape[1]))])
        self.load: Floats = loads[self.first] + loads[self.second]
        self.demand: Floats = demand[self.first] + demand[self.second]
        self.twice = (self.first == self.second) & (self.first < types)

    def counts(self, bundles: NDArray[np.intp], types: int) -> Ints:
        """Return how many slots of each type ``bundles`` hold: (bundles, types)."""
        found: Ints = np.zeros((len(bundles), types + 1), dtype=np.int64)
        rows = np.arange(len(bundles))
        np.add.at(found, (rows, self.first[bundles]), 1)
        np.add.at(found, (rows, self.second[bundles]), 1)
        return found[:, :types]


class State:
    """What is where, as arrays with one row a TaskManager that the placement uses.

    ``counts`` is (rows, types); ``used`` and ``limits`` are (rows, resources), only of resources that
    could ever be short, and of memory (``resources``, by number). Whole numbers as floats are exact
    here: they stay under 2**53.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.task_managers = problem.usable
        self.types = len(problem.types)
        rows = [problem.classes[problem.class_of[tm]] for tm in self.task_managers]
        self.cpu: Floats = np.array([row.cpu for row in rows], dtype=np.float64)
        limits = np.array(
            [[NO_LIMIT if limit is None else limit for limit in row.limits] for row in rows], dtype=np.float64
        ).reshape(len(rows), len(problem.resources))
        demand = np.array([entry.demand for entry in problem.types], dtype=np.float64).reshape(
            self.types, len(problem.resources)
        )
        self.copies: Ints = np.array([entry.count for entry in problem.types], dtype=np.int64)
        total = self.copies @ demand
        self.resources = [
            r
            for r, name in enumerate(problem.resources)
            if (limits[:, r] < total[r]).any() or (name in MEMORY and (limits[:, r] < NO_LIMIT).all())
        ]
        self.limits: Floats = limits[:, self.resources]
        self.demand: Floats = demand[:, self.resources]
        self.loads_of: Floats = np.array([entry.load for entry in problem.types], dtype=np.float64)
        self._samples: Floats = np.array([entry.samples for entry in problem.types], dtype=np.float64)
        self.rivals: tuple[tuple[int, int], ...] = problem.rivals
        # one column more stands for "no slot", of which there is always enough
        self._counts: Ints = np.zeros((len(rows), self.types + 1), dtype=np.int64)
        self._counts[:, -1] = 2
        self.load: Floats = np.zeros(len(rows))
        self.used: Floats = np.zeros_like(self.limits)
        self.bundles = Bundles(self.loads_of, self.demand, len(rows), problem.staying)
        self._available: NDArray[np.bool_] | None = None

    @property
    def counts(self) -> Ints:
        """How many slots of each type every TaskManager holds."""
        return self._counts[:, : self.types]

    @property
    def available(self) -> NDArray[np.bool_]:
        """Which bundles every TaskManager could give away: (rows, bundles)."""
        if self._available is None:
            self._available = np.empty((len(self.cpu), len(self.bundles.load)), dtype=np.bool_)
            for row in range(len(self.cpu)):
                self._refresh(row)
        return self._available

    def _refresh(self, row: int) -> None:
        assert self._available is not None
        counts, bundles = self._counts[row], self.bundles
        self._available[row] = (counts[bundles.first] > 0) & (counts[bundles.second] > bundles.twice)

    def change(self, row: int, slot_type: int, by: int) -> None:
        """Add ``by`` slots of a type to a TaskManager."""
        self._counts[row, slot_type] += by
        self.load[row] += by * self.loads_of[slot_type]
        self.used[row] += by * self.demand[slot_type]
        if self._available is not None:
            self._refresh(row)

    def swap(self, row: int, out: int, other: int, back: int) -> None:
        """Move bundle ``out`` from ``row`` to ``other`` and bundle ``back`` the other way."""
        for bundle, source, target in ((out, row, other), (back, other, row)):
            for slot_type in (self.bundles.first[bundle], self.bundles.second[bundle]):
                if slot_type < self.types:
                    for place, by in ((source, -1), (target, 1)):
                        self._counts[place, slot_type] += by
                        self.load[place] += by * self.loads_of[slot_type]
                        self.used[place] += by * self.demand[slot_type]
        if self._available is not None:
            self._refresh(row)
            self._refresh(other)

    def set(self, counts: Ints) -> None:
        """Replace all counts: (rows, types)."""
        self._counts[:, : self.types] = counts
        self.load = counts @ self.loads_of
        self.used = counts @ self.demand
        self._available = None

    def solution(self) -> Solution:
        """Return the counts as a solution."""
        return Solution(
            {tm: tuple(row) for tm, row in zip(self.task_managers, self.counts.tolist(), strict=True)}
        )

    @classmethod
    def from_solution(cls, problem: Problem, solution: Solution) -> State:
        """Return the state of a solution."""
        state = cls(problem)
        state.set(np.array([solution.counts[tm] for tm in state.task_managers], dtype=np.int64))
        return state

    def caps(self, numerator: int, denominator: int) -> Floats:
        """Return the highest load of every TaskManager at a utilisation of numerator / denominator."""
        by_class = self.problem.caps(Fraction(numerator, denominator))
        return np.array([by_class[self.problem.class_of[tm]] for tm in self.task_managers], dtype=np.float64)

    def highest_load(self, rows: Sequence[int] | slice = slice(None)) -> Floats:
        """Return the load of TaskManagers in the sample in which each of them is highest."""
        if self.problem.samples == 1:
            return np.asarray(self.load[rows])
        loads: Floats = self.counts[rows] @ self._samples
        return np.asarray(loads.max(axis=1))

    def within_limits(self) -> NDArray[np.bool_]:
        """Return which TaskManagers keep to their limits."""
        return np.asarray((self.used <= self.limits).all(axis=1))

    def fits(self, slot_type: int) -> NDArray[np.bool_]:
        """Return which TaskManagers have room for one more slot of a type."""
        room: NDArray[np.bool_] = (self.used + self.demand[slot_type] <= self.limits).all(axis=1)
        for other in self.rivals_of(slot_type):
            room &= self.counts[:, other] == 0
        return room

    def rivals_of(self, slot_type: int) -> Sequence[int]:
        """Return the types that may not share a TaskManager with ``slot_type``."""
        return [b if a == slot_type else a for a, b in self.rivals if slot_type in (a, b)]

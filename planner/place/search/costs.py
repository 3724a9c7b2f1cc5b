"""What a swap of slots may lower: each cost is a sum over TaskManagers."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from planner.place.model.problem import NO_LIMIT
from planner.place.parameters import PARAMETERS
from planner.place.search.state import Floats, Ints, State

Rows = NDArray[np.intp]


class Cost(Protocol):
    """A cost of every TaskManager by what stands on it.

    ``by_counts`` tells whether :meth:`at` looks at the counts, which are left empty otherwise.
    """

    by_counts: bool

    def at(self, rows: Rows, load: Floats, used: Floats, counts: Ints) -> Floats:
        """Return the cost of TaskManagers ``rows`` if they carried what is given, one entry each."""

    def estimate(self, state: State, row: int, out: Rows, others: Rows, back: Rows) -> Floats:
        """Return about what a swap gains: ``out[i]`` of ``row`` for ``back[j]`` of ``others[j]``."""

    def room(self, state: State) -> Floats | None:
        """Return by how much each TaskManager could take more, None where that does not matter."""

    def blind(self, state: State, row: int) -> bool:
        """Tell whether something is wrong on ``row`` that the estimates do not see."""


def everywhere(cost: Cost, state: State) -> Floats:
    """Return the cost of every TaskManager as it stands."""
    return cost.at(np.arange(len(state.cpu)), state.load, state.used, state.counts)


class Overflow:
    """How far loads are outside a band and resources over their limits; zero is what is wanted.

    Load counts in units of load. A resource over its limit counts ten times the highest load for each
    whole limit, so that it is put right first; two rivals on one TaskManager count like a whole limit.
    """

    def __init__(
        self, state: State, cap: Floats, floor: Floats | None = None, limits: Floats | None = None
    ) -> None:
        self.cap = cap
        self.floor = np.zeros_like(cap) if floor is None else floor
        self.limits = state.limits if limits is None else limits
        finite = np.where(state.limits < NO_LIMIT, state.limits, 1.0)
        bounded = cap[cap < NO_LIMIT]
        self.hard = PARAMETERS.hard_weight * max(
            float(bounded.max(initial=1.0)), float(state.loads_of.max(initial=1.0)), 1.0
        )
        self.weights = self.hard / np.maximum(finite.max(axis=0, initial=1.0), 1.0)
        self.rivals = state.rivals
        self.by_counts = bool(state.rivals)

    def at(self, rows: Rows, load: Floats, used: Floats, counts: Ints) -> Floats:
        """Return the cost of TaskManagers; see `Cost`."""
        return self.band(rows, load) + self.violation(rows, used, counts)

    def band(self, rows: Rows, load: Floats) -> Floats:
        """Return how far loads are outside the band."""
        return np.maximum(0.0, load - self.cap[rows]) + np.maximum(0.0, self.floor[rows] - load)

    def violation(self, rows: Rows, used: Floats, counts: Ints) -> Floats:
        """Return by how much hard limits are broken."""
        found: Floats = np.maximum(0.0, used - self.limits[rows]) @ self.weights
        for first, second in self.rivals:
            found += self.hard * ((counts[:, first] > 0) & (counts[:, second] > 0))
        return found

    def estimate(self, state: State, row: int, out: Rows, others: Rows, back: Rows) -> Floats:
        """Return about what swaps gain; see `Cost`."""
        # in place: what such arrays cost is mostly that there are more of them
        away = state.bundles.load[out][:, None] - state.bundles.load[back][None, :]
        before = self.band(np.array([row]), state.load[[row]])[0] + self.band(others, state.load[others])
        after: Floats = (state.load[row] - self.cap[row]) - away
        np.maximum(after, 0.0, out=after)
        if self.floor.any():
            after += np.maximum(0.0, away - (state.load[row] - self.floor[row]))
            after += np.maximum(0.0, (self.floor[others] - state.load[others])[None, :] - away)
        away += (state.load[others] - self.cap[others])[None, :]
        np.maximum(away, 0.0, out=away)
        after += away
        return np.asarray(np.subtract(before[None, :], after, out=after))

    def room(self, state: State) -> Floats | None:
        """Return how much more fits; see `Cost`."""
        return self.cap - state.load

    def blind(self, state: State, row: int) -> bool:
        """Tell whether estimates miss something; see `Cost`."""
        at = np.array([row])
        return bool(self.violation(at, state.used[at], state.counts[at])[0] > 0)


class Within:
    """A cost by slots that counts only where nothing overflows."""

    def __init__(self, cost: GroupCost, overflow: Overflow) -> None:
        self.guard = overflow
        self.cost = cost
        self.by_counts = True

    def at(self, rows: Rows, load: Floats, used: Floats, counts: Ints) -> Floats:
        """Return the cost of TaskManagers; see `Cost`."""
        broken = self.guard.at(rows, load, used, counts)
        return np.where(broken > 0, np.inf, self.cost.at(rows, counts))

    def estimate(self, state: State, row: int, out: Rows, others: Rows, back: Rows) -> Floats:
        """Return about what swaps gain; see `Cost`."""
        guard, loads = self.guard, state.bundles.load
        away = loads[out][:, None] - loads[back][None, :]
        here, there = state.load[row] - away, state.load[others][None, :] + away
        inside = (
            (here <= guard.cap[row])
            & (here >= guard.floor[row])
            & (there <= guard.cap[others][None, :])
            & (there >= guard.floor[others][None, :])
        )
        return np.where(inside, self.cost.estimate(state, row, out, others, back), -np.inf)

    def room(self, state: State) -> Floats | None:
        """Return how much more fits; see `Cost`."""
        return None

    def blind(self, state: State, row: int) -> bool:
        """Tell whether estimates miss something; see `Cost`."""
        return False


class Together:
    """A cost, mostly overflow, and one by slots besides that weighs ``weight`` as much."""

    def __init__(self, first: Cost, cost: GroupCost, weight: float) -> None:
        self.first = first
        self.cost = cost
        self.weight = weight
        self.by_counts = True

    def at(self, rows: Rows, load: Floats, used: Floats, counts: Ints) -> Floats:
        """Return the cost of TaskManagers; see `Cost`."""
        return self.first.at(rows, load, used, counts) + self.weight * self.cost.at(rows, counts)

    def estimate(self, state: State, row: int, out: Rows, others: Rows, back: Rows) -> Floats:
        """Return about what swaps gain; see `Cost`."""
        load = self.first.estimate(state, row, out, others, back)
        return load + self.weight * self.cost.estimate(state, row, out, others, back)

    def room(self, state: State) -> Floats | None:
        """Return how much more fits; see `Cost`."""
        return self.first.room(state)

    def blind(self, state: State, row: int) -> bool:
        """Tell whether estimates miss something; see `Cost`."""
        return self.first.blind(state, row)


class GroupCost(Protocol):
    """A cost of every TaskManager by its slots alone."""

    def at(self, rows: Rows, counts: Ints) -> Floats:
        """Return the cost of TaskManagers ``rows`` if they held ``counts``."""

    def estimate(self, state: State, row: int, out: Rows, others: Rows, back: Rows) -> Floats:
        """Return about what a swap gains, as :meth:`Cost.estimate`."""


class Steps:
    """An estimate from single slots: what adding or removing one of each type changes, (rows, types)."""

    @staticmethod
    def gain(
        state: State, row: int, out: Rows, others: Rows, back: Rows, add: Floats, drop: Floats
    ) -> Floats:
        """Return the gain of swaps when every slot counted for itself."""
        nothing = np.zeros((len(add), 1))
        add, drop = np.hstack([add, nothing]), np.hstack([drop, nothing])
        bundles = state.bundles
        first, second = bundles.first, bundles.second
        mine = drop[row, first[out]] + drop[row, second[out]]
        theirs = drop[others, first[back]] + drop[others, second[back]]
        returned = add[row, first[back]] + add[row, second[back]]
        given = add[others][:, first[out]] + add[others][:, second[out]]
        return np.asarray(-(mine[:, None] + theirs[None, :] + returned[None, :] + given.T))

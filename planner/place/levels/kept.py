"""What a later level of the objective may not change, and lowering a cost within that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from planner.place.clock import Clock
from planner.place.parameters import PARAMETERS
from planner.place.result import Level
from planner.place.search.costs import Cost, GroupCost, Overflow, Together, Within, everywhere
from planner.place.search.state import Floats, State
from planner.place.search.swap import swap


@dataclass
class Kept:
    """What later levels may not change: a band of load, limits of resources, sums over TaskManagers.

    ``least`` is a bound of the highest utilisation, which later levels may still lower, and ``most`` what it
    may be. ``sums`` are costs with the most that they may come to.
    """

    least: Fraction
    most: Fraction
    cap: Floats
    floor: Floats
    limits: Floats
    sums: list[tuple[GroupCost, float]] = field(default_factory=list)


def keep_maximum(state: State, highest: Level) -> Kept:
    """Return what is kept when no utilisation may be above the level of the highest one."""
    cap = state.caps(highest.value.numerator, highest.value.denominator)
    least = highest.bound.value if highest.bound is not None else Fraction(0)
    return Kept(least, highest.value, cap, np.zeros_like(cap), state.limits.copy())


def lowered(state: State, kept: Kept) -> dict[int, list[tuple[int, int]]]:
    """Return the limits that levels before this one have lowered, by TaskManager, each with its resource."""
    return {
        tm: [
            (state.resources[column], int(limit))
            for column, limit in enumerate(kept.limits[row])
            if limit < state.limits[row, column]
        ]
        for row, tm in enumerate(state.task_managers)
    }


def part(state: State, clock: Clock) -> Clock:
    """Return the share of time that one attempt within a level may take."""
    return clock.part(PARAMETERS.attempt_work + PARAMETERS.attempt_work_per_task_manager * len(state.cpu))


def level_clock(state: State, clock: Clock) -> Clock:
    """Return the share of time that one level may take."""
    return clock.part(
        min(
            PARAMETERS.level_work + PARAMETERS.level_work_per_task_manager * len(state.cpu),
            PARAMETERS.level_work_most,
        )
    )


def reach(state: State, overflow: Overflow, kept: Kept, clock: Clock, rng: np.random.Generator) -> bool:
    """Change ``state`` so that nothing overflows and no sum is more; otherwise leave it as it was."""
    before = state.counts.copy()
    swap(state, weighed(overflow, kept.sums), part(state, clock), rng, walk=not kept.sums)
    if any(exceeds(one, most, state) for one, most in kept.sums) or everywhere(overflow, state).any():
        state.set(before)
        return False
    return True


def lower(
    state: State, cost: GroupCost, overflow: Overflow, kept: Kept, clock: Clock, rng: np.random.Generator
) -> None:
    """Lower a cost by swaps so that nothing overflows and no sum is more."""
    before = state.counts.copy()
    own = float(cost.at(np.arange(len(state.cpu)), state.counts).sum())
    guarded: Cost = Within(cost, overflow)
    for one, most in kept.sums:
        guarded = Together(guarded, one, PARAMETERS.hard_weight * max(own, 1.0) / max(most, 1.0))
    swap(state, guarded, part(state, clock), rng, walk=False)
    if any(exceeds(one, most, state) for one, most in kept.sums):
        state.set(before)


def weighed(overflow: Overflow, sums: Sequence[tuple[GroupCost, float]]) -> Cost:
    """Return overflow, and sums each of which weighs as much as a broken limit."""
    cost: Cost = overflow
    for one, most in sums:
        cost = Together(cost, one, overflow.hard / max(most, 1.0))
    return cost


def exceeds(cost: GroupCost, most: float, state: State) -> bool:
    """Tell whether a sum over TaskManagers is more than it may be."""
    return float(cost.at(np.arange(len(state.cpu)), state.counts).sum()) > most * (1 + 1e-9)

"""Level: the least highest share of memory, or of a part of it, on a TaskManager."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from planner.place.bounds.area import Bound
from planner.place.clock import Clock
from planner.place.levels.kept import Kept, reach
from planner.place.model.problem import NO_LIMIT
from planner.place.parameters import PARAMETERS
from planner.place.result import Level
from planner.place.search.costs import Overflow
from planner.place.search.state import MEMORY, State


def _memory_columns(state: State) -> list[int]:
    return [
        column
        for column, resource in enumerate(state.resources)
        if state.problem.resources[resource] in MEMORY and (state.limits[:, column] < NO_LIMIT).all()
    ]


def lower_memory(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower the highest share of memory, or of a part of it, that a TaskManager uses."""
    columns = _memory_columns(state)
    if not columns:
        return Level("maxMemoryUtilisation", Fraction(0), Bound(Fraction(0), "area"))
    limits = np.maximum(state.limits[:, columns], 1.0)
    totals = state.copies @ state.demand[:, columns]
    area = max(Fraction(int(t), int(w)) for t, w in zip(totals, limits.sum(axis=0), strict=True))
    low, high = float(area), float(memory_of(state))
    for _ in range(PARAMETERS.memory_bisections):
        if clock.expired() or high - low <= 1e-3 * high:
            break
        middle = low + (high - low) / 2
        kept_limits = kept.limits.copy()
        kept_limits[:, columns] = np.minimum(kept_limits[:, columns], np.floor(limits * middle))
        if reach(state, Overflow(state, kept.cap, kept.floor, kept_limits), kept, clock, rng):
            high = float(memory_of(state))
        else:
            low = middle
    value = memory_of(state)
    held = np.floor(limits * float(value) + 1e-6)
    kept.limits = kept.limits.copy()
    kept.limits[:, columns] = np.minimum(kept.limits[:, columns], np.maximum(held, state.used[:, columns]))
    return Level("maxMemoryUtilisation", value, Bound(area, "area"))


def memory_of(state: State) -> Fraction:
    """Return the highest share of memory, or of a part of it, that a TaskManager uses."""
    columns = _memory_columns(state)
    if not columns:
        return Fraction(0)
    limits = np.maximum(state.limits[:, columns], 1.0)
    shares = state.used[:, columns] / limits
    row, column = np.unravel_index(int(shares.argmax()), shares.shape)
    return Fraction(int(state.used[row, columns[column]]), int(limits[row, column]))

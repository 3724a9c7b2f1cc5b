"""Level: the least highest share of memory, or of a part of it, on a TaskManager."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from planner.place.bounds.area import Bound
from planner.place.clock import Clock
from planner.place.cp_sat import is_small
from planner.place.levels.kept import Kept, lowered, reach
from planner.place.model.task_managers import PARTS, Capacity
from planner.place.parameters import PARAMETERS
from planner.place.result import Level
from planner.place.search.costs import Overflow
from planner.place.search.counts import Shares, lower_shares
from planner.place.search.state import MEMORY, Floats, State


def _capacities(state: State) -> dict[int, Floats]:
    """Return by column of memory, or of a part that is limited everywhere, what each TaskManager has of it.

    That may be more than the limit of what it may hold, which those in reserve lower.
    """
    found: dict[int, Floats] = {}
    for column, resource in enumerate(state.resources):
        name = state.problem.resources[resource]
        if name in MEMORY:
            sizes = [_size(state.problem.task_managers[tm].capacity, name) for tm in state.task_managers]
            if None not in sizes:
                found[column] = np.maximum(np.array(sizes, dtype=np.float64), 1.0)
    return found


def _size(capacity: Capacity, name: str) -> int | None:
    return capacity.memory if name == "memory" else capacity.parts[PARTS.index(name)]


def lower_memory(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower the highest share of memory, or of a part of it, that a TaskManager uses."""
    capacities = _capacities(state)
    if not capacities:
        return Level("maxMemoryUtilisation", Fraction(0), Bound(Fraction(0), "area"))
    columns, limits = list(capacities), np.column_stack(list(capacities.values()))
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
    bound = Bound(area, "area")
    if memory_of(state) > area and is_small(state.problem) and not kept.sums:
        bound = _exactly(state, kept, clock, bound, capacities)
    value = memory_of(state)
    held = np.floor(limits * float(value) + 1e-6)
    kept.limits = kept.limits.copy()
    kept.limits[:, columns] = np.minimum(kept.limits[:, columns], np.maximum(held, state.used[:, columns]))
    return Level("maxMemoryUtilisation", value, bound)


def _exactly(state: State, kept: Kept, clock: Clock, bound: Bound, capacities: Mapping[int, Floats]) -> Bound:
    """Let CP-SAT lower the highest share as long as it finds less; return a bound, or that as one."""
    wanted = Shares(
        cap={tm: int(cap) for tm, cap in zip(state.task_managers, kept.cap, strict=True)},
        floor={tm: int(floor) for tm, floor in zip(state.task_managers, kept.floor, strict=True)},
        limits=lowered(state, kept),
        sizes={
            tm: {state.resources[column]: int(sizes[row]) for column, sizes in capacities.items()}
            for row, tm in enumerate(state.task_managers)
        },
    )
    part = clock.part(PARAMETERS.level_exact_work)
    while (value := memory_of(state)) > bound.value and not part.expired():
        found = lower_shares(state.problem, state.solution(), wanted, value, part, part.left())
        if found.infeasible:
            return Bound(value, "cp-sat")
        if found.solution is None:
            break
        state.set(State.from_solution(state.problem, found.solution).counts.copy())
    return bound


def memory_of(state: State) -> Fraction:
    """Return the highest share of memory, or of a part of it, that a TaskManager uses."""
    capacities = _capacities(state)
    if not capacities:
        return Fraction(0)
    columns, limits = list(capacities), np.column_stack(list(capacities.values()))
    shares = state.used[:, columns] / limits
    row, column = np.unravel_index(int(shares.argmax()), shares.shape)
    return Fraction(int(state.used[row, columns[column]]), int(limits[row, column]))

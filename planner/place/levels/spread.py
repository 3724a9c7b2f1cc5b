"""Level: the least difference between the highest and the lowest CPU utilisation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from planner.place.bounds.area import Bound
from planner.place.clock import Clock
from planner.place.cp_sat import is_small
from planner.place.levels.kept import Kept, lowered, reach
from planner.place.parameters import PARAMETERS
from planner.place.result import Level
from planner.place.search import counts
from planner.place.search.costs import Overflow
from planner.place.search.state import State


def lower_spread(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower the TaskManagers under those that cannot go lower, then raise the lowest."""
    problem = state.problem
    highest = max(_utilisations(state))
    mean = Fraction(problem.total_load, problem.total_cpu)
    bound = Bound(max(kept.least - mean, Fraction(0)), "mean")
    exactly = is_small(problem) and not kept.sums
    if exactly and highest - min(_utilisations(state)) > bound.value:
        found = counts.maximise_minimum(
            problem, state.solution(), kept.most, clock, PARAMETERS.level_exact_work, lowered(state, kept)
        )
        if found.solution is not None:
            better = State.from_solution(problem, found.solution)
            if spread_of(better) <= spread_of(state):  # where the highest may rise it may rise by more
                state.set(better.counts.copy())
                highest = max(_utilisations(state))
        if found.bound is not None:
            proven = Bound(max(kept.least - found.bound, Fraction(0)), "cp-sat")
            bound = max(bound, proven, key=lambda one: one.value)
    if highest - min(_utilisations(state)) > bound.value:
        _peel(state, kept, clock, rng)
        _raise(state, kept, clock, rng)
    lowest = min(_utilisations(state))
    kept.floor = np.minimum(np.ceil(state.cpu * float(lowest) - 1e-9), state.load)
    return Level("cpuUtilisationSpread", spread_of(state), bound)


def spread_of(state: State) -> Fraction:
    """Return the highest CPU utilisation less the lowest."""
    utilisation = _utilisations(state)
    return max(utilisation) - min(utilisation)


def _utilisations(state: State) -> list[Fraction]:
    return [Fraction(int(load), int(cpu)) for load, cpu in zip(state.load, state.cpu, strict=True)]


def _peel(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> None:
    """Set aside TaskManagers at the maximum that cannot go lower, and lower the highest of the others."""
    free = np.ones(len(state.cpu), dtype=np.bool_)
    for _ in range(PARAMETERS.spread_peelings):
        level = np.where(free, state.load / state.cpu, -1.0)
        highest = float(level.max(initial=0.0))
        floor = float(state.load[free].sum() / max(state.cpu[free].sum(), 1.0))
        low, high = floor, highest
        for _ in range(PARAMETERS.spread_bisections):
            if clock.expired() or high - low <= 1e-4 * max(high, 1e-9):
                break
            middle = low + (high - low) / 4 if high == highest else (low + high) / 2
            cap = np.where(free, np.floor(state.cpu * middle + 1e-9), kept.cap)
            if reach(state, Overflow(state, cap, kept.floor, kept.limits), kept, clock, rng):
                high = float((state.load / state.cpu)[free].max())
            else:
                low = middle
        kept.cap = np.where(free, np.minimum(kept.cap, np.floor(state.cpu * high + 1e-9)), kept.cap)
        pinned = free & (state.load / state.cpu >= high * (1 - 1e-9))
        if high - floor <= 0.01 * high or pinned.all() or clock.expired() or pinned.sum() > free.sum() // 2:
            return
        free &= ~pinned


def _raise(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> None:
    """Raise the lowest utilisation by bisection."""
    low = float((state.load / state.cpu).min())
    high = float(state.load.sum() / state.cpu.sum())
    for _ in range(PARAMETERS.spread_bisections):
        if clock.expired() or high - low <= 1e-4 * high:
            return
        middle = (low + high) / 2
        floor = np.minimum(np.ceil(state.cpu * middle - 1e-9), kept.cap)
        if reach(state, Overflow(state, kept.cap, floor, kept.limits), kept, clock, rng):
            low = float((state.load / state.cpu).min())
        else:
            high = middle

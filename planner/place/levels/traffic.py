"""Level: the fewest bytes a second expected between TaskManagers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from planner.place.bounds.area import Bound
from planner.place.bounds.crossing import crossing_bound
from planner.place.clock import Clock
from planner.place.levels.kept import Kept, lower
from planner.place.result import Level
from planner.place.search.costs import Overflow
from planner.place.search.group_costs import Crossing
from planner.place.search.state import State

PARTS_PER_BYTE = 1_000_000
"""Resolution at which expected bytes are compared: sums of floats differ beyond it."""


def lower_traffic(state: State, kept: Kept, clock: Clock, rng: np.random.Generator) -> Level:
    """Lower the bytes a second that are expected to cross between TaskManagers."""
    crossing = Crossing(state.problem)
    overflow = Overflow(state, kept.cap, kept.floor, kept.limits)
    if state.problem.flows:
        lower(state, crossing, overflow, kept, clock, rng)
    value = traffic_of(state)
    kept.sums.append((crossing, float(value)))
    return Level("crossTraffic", value, Bound(min(_least(state, kept, clock), value), "flows"))


def _least(state: State, kept: Kept, clock: Clock) -> Fraction:
    """Return the bytes a second that cross at least, at the same resolution as the value."""
    least = crossing_bound(state.problem, state.problem.caps(kept.most), clock)
    return Fraction(round(least * PARTS_PER_BYTE), PARTS_PER_BYTE)


def traffic_of(state: State) -> Fraction:
    """Return the bytes a second that are expected to cross between TaskManagers."""
    leaving = Crossing(state.problem).at(np.arange(len(state.cpu)), state.counts).sum()
    return Fraction(round(max(float(leaving), 0.0) * PARTS_PER_BYTE), PARTS_PER_BYTE)

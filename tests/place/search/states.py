"""Random states of small problems, and recounts that need no arrays."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from place.instances import problems
from planner.place.clock import Clock, Stop
from planner.place.search.state import State

SMALL = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def clock(seconds: float = 5.0) -> Clock:
    """Return a clock that tests do not run out of."""
    return Clock(Stop(seconds=seconds))


@st.composite
def states(draw: st.DrawFn) -> State:
    """Every slot somewhere, whatever that breaks."""
    state = State(draw(problems()))
    for slot_type, slot in enumerate(state.problem.types):
        for _ in range(slot.count):
            state.change(draw(st.integers(0, len(state.cpu) - 1)), slot_type, 1)
    return state


def copy(state: State) -> State:
    """Return a state with the same counts."""
    other = State(state.problem)
    other.set(state.counts.copy())
    return other


def overflow(state: State, caps: list[int]) -> float:
    """Return by how much loads exceed ``caps`` and resources their limits, the latter far heavier."""
    over = 0.0
    for row, tm in enumerate(state.task_managers):
        entry = state.problem.classes[state.problem.class_of[tm]]
        counts = [int(n) for n in state.counts[row]]
        load = sum(n * slot.load for n, slot in zip(counts, state.problem.types, strict=True))
        over += max(load - caps[row], 0)
        for resource, limit in enumerate(entry.limits):
            need = sum(n * slot.demand[resource] for n, slot in zip(counts, state.problem.types, strict=True))
            if limit is not None and need > limit:
                over += 1e9
    return over


def generator() -> np.random.Generator:
    """Return the same random numbers each time."""
    return np.random.default_rng(7)

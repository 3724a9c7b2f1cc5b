"""A state's loads and uses are always those of its counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from place.search.states import SMALL, states
from planner.place.search.state import State


def consistent(state: State) -> None:
    assert (state.load == state.counts @ state.loads_of).all()
    assert (state.used == state.counts @ state.demand).all()
    first, second, twice = state.bundles.first, state.bundles.second, state.bundles.twice
    padded = np.hstack([state.counts, np.full((len(state.cpu), 1), 2)])
    assert (state.available == ((padded[:, first] > 0) & (padded[:, second] > twice))).all()


@SMALL
@given(states(), st.data())
def test_changes_and_swaps_keep_it_consistent(state: State, data: st.DataObject) -> None:
    consistent(state)
    total = state.counts.sum(axis=0).copy()
    for _ in range(3):
        row, other = (data.draw(st.integers(0, len(state.cpu) - 1)) for _ in range(2))
        if row == other:
            continue
        out = data.draw(st.sampled_from(np.flatnonzero(state.available[row]).tolist()))
        back = data.draw(st.sampled_from(np.flatnonzero(state.available[other]).tolist()))
        state.swap(row, out, other, back)
        consistent(state)
        assert (state.counts >= 0).all()
        assert (state.counts.sum(axis=0) == total).all()


@SMALL
@given(states())
def test_solutions_come_back(state: State) -> None:
    again = State.from_solution(state.problem, state.solution())
    assert (again.counts == state.counts).all()
    assert (again.load == state.load).all()


@SMALL
@given(states(), st.integers(0, 3))
def test_what_fits_keeps_within_limits(state: State, slot_type: int) -> None:
    slot_type %= state.types
    for row, fits in enumerate(state.fits(slot_type)):
        before = bool(state.within_limits()[row])
        state.change(row, slot_type, 1)
        assert bool(state.within_limits()[row]) == (bool(fits) and before) or not before
        state.change(row, slot_type, -1)


@SMALL
@given(states(), st.fractions(0, 2))
def test_caps_are_the_highest_whole_loads(state: State, utilisation: object) -> None:
    caps = state.caps(utilisation.numerator, utilisation.denominator)  # type: ignore[attr-defined]
    for cap, cpu in zip(caps, state.cpu, strict=True):
        assert cap <= utilisation * int(cpu) < cap + 1  # type: ignore[operator]

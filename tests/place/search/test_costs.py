"""Costs are what a recount says, and estimates of single swaps are what they gain."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from place.search.states import SMALL, copy, states
from planner.place.search.costs import Overflow, Together, Within, everywhere
from planner.place.search.group_costs import Crossing, Moves, membership
from planner.place.search.state import State

UTILISATION = st.fractions(Fraction(1, 8), 2, max_denominator=8)


def capped(state: State, utilisation: Fraction) -> Overflow:
    return Overflow(state, state.caps(utilisation.numerator, utilisation.denominator))


@SMALL
@given(states(), UTILISATION)
def test_overflow_is_load_over_the_cap_and_limits_far_heavier(state: State, utilisation: Fraction) -> None:
    overflow = capped(state, utilisation)
    costs = everywhere(overflow, state)
    within = state.within_limits()
    heaviest = max(float(state.loads_of.max()), float(overflow.cap.max()), 1.0)
    for row, cost in enumerate(costs):
        load = max(state.load[row] - overflow.cap[row], 0.0)
        broken = [
            (used - limit) / limit
            for used, limit in zip(state.used[row], state.limits[row], strict=True)
            if used > limit
        ]
        assert (cost == load) == bool(within[row])
        if broken:
            assert cost > load
            assert overflow.hard >= 10 * heaviest * 0.999


@SMALL
@given(states(), UTILISATION, st.data())
def test_estimates_of_load_are_exact(state: State, utilisation: Fraction, data: st.DataObject) -> None:
    """The estimate looks at load alone, so it is the gain less what changes in broken limits."""
    if len(state.cpu) < 2:
        return
    overflow = capped(state, utilisation)
    row = data.draw(st.integers(0, len(state.cpu) - 1))
    other = data.draw(st.sampled_from([n for n in range(len(state.cpu)) if n != row]))
    out = data.draw(st.sampled_from(np.flatnonzero(state.available[row]).tolist()))
    back = data.draw(st.sampled_from(np.flatnonzero(state.available[other]).tolist()))
    rows = np.array([row, other])
    before = overflow.band(rows, state.load[rows]).sum()
    gain = overflow.estimate(state, row, np.array([out]), np.array([other]), np.array([back]))[0, 0]
    swapped = copy(state)
    swapped.swap(row, out, other, back)
    assert gain == before - overflow.band(rows, swapped.load[rows]).sum()


@SMALL
@given(states(), UTILISATION)
def test_within_counts_only_where_nothing_overflows(state: State, utilisation: Fraction) -> None:
    overflow = capped(state, utilisation)
    moves = Moves(
        state.problem,
        np.zeros((len(state.cpu), len(state.problem.groups)), np.int64),
        np.ones(len(state.problem.groups)),
        np.zeros(len(state.problem.groups), np.int64),
    )
    costs, broken = everywhere(Within(moves, overflow), state), everywhere(overflow, state)
    rows = np.arange(len(state.cpu))
    assert (np.isinf(costs) == (broken > 0)).all()
    assert (costs[broken == 0] == moves.at(rows, state.counts)[broken == 0]).all()
    together = everywhere(Together(overflow, moves, 2.0), state)
    assert np.allclose(together, broken + 2.0 * moves.at(rows, state.counts))


@SMALL
@given(states())
def test_moves_are_slots_that_leave_or_arrive(state: State) -> None:
    """Against a shifted previous placement: every group keeps its slots, so those that leave count."""
    held = state.counts @ membership(state.problem).astype(np.int64)
    before = np.roll(held, 1, axis=0)
    moves = Moves(state.problem, before, np.ones(held.shape[1]), before.sum(axis=0))
    naive = sum(
        max(int(was - now), 0)
        for row, old in zip(held, before, strict=True)
        for now, was in zip(row, old, strict=True)
    )
    assert moves.at(np.arange(len(held)), state.counts).sum() == naive


@SMALL
@given(states(), st.integers(1, 1000))
def test_traffic_is_what_a_recount_expects(state: State, rate: int) -> None:
    from dataclasses import replace

    groups = state.problem.groups
    flows = tuple((a, b, rate * (a + 2 * b + 1)) for a in range(len(groups)) for b in range(len(groups)))
    problem = replace(state.problem, flows=flows)
    leaving = Crossing(problem).at(np.arange(len(state.cpu)), state.counts).sum()
    held = [
        Counter(
            {
                g: sum(int(n) for n, t in zip(row, problem.types, strict=True) if t.group == groups[g])
                for g in range(len(groups))
            }
        )
        for row in state.counts
    ]
    total = sum(held, Counter())
    expected = sum(
        flow * (1 - sum(tm[a] * tm[b] for tm in held) / (total[a] * total[b])) for a, b, flow in flows
    )
    assert np.isclose(leaving, expected)

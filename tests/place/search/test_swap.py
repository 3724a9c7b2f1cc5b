"""The local search: it never makes a state worse, never loses a slot, and finds the swaps there are."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from place.instances import exhaustive
from place.search.states import SMALL, clock, generator, states
from planner.place.search.costs import Overflow, everywhere
from planner.place.search.state import State
from planner.place.search.swap import swap


@SMALL
@given(states(), st.fractions(Fraction(1, 4), 2, max_denominator=4), st.booleans())
def test_a_state_never_gets_worse_and_keeps_its_slots(
    state: State, utilisation: Fraction, walk: bool
) -> None:
    overflow = Overflow(state, state.caps(utilisation.numerator, utilisation.denominator))
    before, slots = float(everywhere(overflow, state).sum()), state.counts.sum(axis=0).copy()
    left = swap(state, overflow, clock().part(0.02), generator(), walk=walk)
    assert left <= before
    assert left == float(everywhere(overflow, state).sum())
    assert (state.counts.sum(axis=0) == slots).all()
    assert (state.counts >= 0).all()


@SMALL
@given(states())
def test_the_optimum_is_reached_where_it_is_reachable(state: State) -> None:
    """From any placement within limits, single and double swaps lead to the best one of so few slots."""
    best = exhaustive(state.problem)
    if best is None or len(state.cpu) < 2:
        return
    overflow = Overflow(state, state.caps(best.numerator, best.denominator))
    assert swap(state, overflow, clock().part(1.0), generator()) == 0
    assert state.solution().max_utilisation(state.problem) == best
    assert state.within_limits().all()


@SMALL
@given(states())
def test_the_same_seed_gives_the_same_swaps(state: State) -> None:
    first, second = (State.from_solution(state.problem, state.solution()) for _ in range(2))
    for one in (first, second):
        swap(one, Overflow(one, one.caps(1, 2)), clock().part(0.02), generator())
    assert (first.counts == second.counts).all()


def test_one_taskmanager_has_nobody_to_swap_with() -> None:
    from place.instances import BLANK
    from planner.place.model.problem import build_problem
    from planner.place.model.slots import JobSlot, SlotResources
    from planner.place.model.task_managers import Capacity, TaskManager
    from planner.units import CORE

    capacity = Capacity(CORE, 1, (None,) * 4, None, (), BLANK)
    problem = build_problem(
        [JobSlot("g", ((0, 0),), (CORE,))],
        {"g": SlotResources(0, 0, 0, 0, 0)},
        [TaskManager("a", None, capacity)],
    )
    state = State(problem)
    state.change(0, 0, 1)
    assert swap(state, Overflow(state, state.caps(1, 2)), clock(), generator()) > 0

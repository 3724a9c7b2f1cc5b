"""First placements hold every slot once, and keep to limits where a greedy order can."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock
from planner.place.bounds.patterns import Verdict
from planner.place.model.contents import every_content
from planner.place.model.problem import Problem
from planner.place.search.assemble import assemble_exactly
from planner.place.search.construct import construct, place_left
from planner.place.search.counts import any_placement, maximise_minimum, minimise_maximum
from planner.place.search.feasibility import find_feasible
from planner.place.search.state import NO_LIMIT, State


def complete(state: State) -> bool:
    return bool((state.counts.sum(axis=0) == state.copies).all() and (state.counts >= 0).all())


@SMALL
@given(problems())
def test_construction_places_every_slot(problem: Problem) -> None:
    assert complete(construct(problem, np.full(len(problem.usable), NO_LIMIT)))


@SMALL
@given(problems())
def test_what_is_left_is_placed_where_it_harms_least(problem: Problem) -> None:
    state = State(problem)
    place_left(state, state.copies.copy())
    assert complete(state)


@SMALL
@given(problems())
def test_feasibility_is_that_of_exhaustive_search(problem: Problem) -> None:
    found, best = find_feasible(problem, clock()), exhaustive(problem)
    assert found.impossible == (best is None)
    if found.state is not None:
        assert complete(found.state)
        assert found.state.within_limits().all()


@SMALL
@given(problems())
def test_cp_sat_finds_the_optimum_and_proves_it(problem: Problem) -> None:
    best = exhaustive(problem)
    outcome = minimise_maximum(problem, None, Fraction(0), clock(), 5.0)
    assert outcome.infeasible == (best is None)
    assert any_placement(problem, clock(), 5.0).infeasible == (best is None)
    if best is None:
        return
    assert outcome.solution is not None
    assert outcome.solution.max_utilisation(problem) == best == outcome.bound
    raised = maximise_minimum(problem, outcome.solution, best, clock(), 5.0)
    assert raised.solution is not None
    assert raised.solution.max_utilisation(problem) <= best
    lowest = min(raised.solution.utilisations(problem).values())
    assert lowest >= min(outcome.solution.utilisations(problem).values())
    assert raised.bound is None or lowest <= raised.bound


@SMALL
@given(problems())
def test_contents_put_together_exactly_meet_the_optimum_or_refute_less(problem: Problem) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    caps = [best.numerator * entry.cpu // best.denominator for entry in problem.classes]
    pool = every_content(problem, caps, clock())
    assert pool is not None
    cap = State(problem).caps(best.numerator, best.denominator)
    state, verdict = assemble_exactly(problem, pool, cap, clock(), 5.0)
    assert verdict is Verdict.POSSIBLE
    assert state is not None
    assert complete(state)
    assert state.solution().max_utilisation(problem) == best

"""First placements hold every slot once, and keep to limits where a greedy order can."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock
from place.ways import simple
from planner.place.bounds.patterns import Verdict
from planner.place.model.contents import every_content
from planner.place.model.problem import Problem, Solution
from planner.place.search.assemble import assemble_exactly
from planner.place.search.construct import construct, fill, place_left
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
def test_filling_places_every_slot_once(problem: Problem) -> None:
    parts = [[t for t, slot in enumerate(problem.types) if slot.group == group] for group in problem.groups]
    for cap in (NO_LIMIT, float(problem.total_load)):
        assert complete(fill(problem, parts, np.full(len(problem.usable), cap)))


def test_one_part_after_the_other_fills_as_few_as_hold_it() -> None:
    problem = simple([("a", 3, 4), ("b", 2, 5)], [10, 10, 10])
    groups = [[t for t, slot in enumerate(problem.types) if slot.group == name] for name in ("a", "b")]
    state = fill(problem, groups, np.full(3, 10.0))
    assert [int(load) for load in state.load] == [9, 9, 4]
    held = [(int(row[groups[0]].sum()), int(row[groups[1]].sum())) for row in state.counts]
    assert held == [(3, 0), (1, 3), (0, 2)]


@SMALL
@given(problems())
def test_feasibility_is_that_of_exhaustive_search(problem: Problem) -> None:
    found, best = find_feasible(problem, clock()), exhaustive(problem)
    assert found.impossible == (best is None)
    if found.state is not None:
        assert complete(found.state)
        assert found.state.within_limits().all()


def test_cp_sat_keeps_lowered_limits() -> None:
    """An even load would stand two slots of much memory together, which a level before has ruled out."""
    problem = simple(
        [("a", 3, 1), ("b", 3, 1), ("c", 2, 2)], [10, 10], memory={"a": 3, "b": 1, "c": 1}, room=8
    )
    memory = problem.resources.index("memory")
    hint = Solution({0: (1, 0, 0), 1: (0, 1, 2)})
    free = maximise_minimum(problem, hint, Fraction(7, 10), clock(), 5.0)
    kept = {tm: [(memory, 3)] for tm in (0, 1)}
    bound = maximise_minimum(problem, hint, Fraction(7, 10), clock(), 5.0, kept)
    assert free.solution is not None
    assert bound.solution is not None
    lowest = [min(one.solution.utilisations(problem).values()) for one in (free, bound) if one.solution]
    assert lowest == [Fraction(5, 10), Fraction(3, 10)]


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

"""CP-SAT over counts and over contents, and feasibility, against every placement there is."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock
from place.ways import complete, every_placement, keeps, rich_problems, rich_states, simple, state_of
from planner.place.bounds.patterns import Verdict
from planner.place.levels.packing import only
from planner.place.model.contents import Pool, every_content
from planner.place.model.problem import NO_LIMIT, Problem, Solution
from planner.place.moves.move_list import Previous
from planner.place.moves.replacement import moves_of
from planner.place.parameters import PARAMETERS
from planner.place.search import counts, feasibility
from planner.place.search.assemble import add_state, assemble, assemble_exactly
from planner.place.search.costs import Overflow, everywhere
from planner.place.search.feasibility import find_feasible
from planner.place.search.state import State

FEW = settings(parent=SMALL, max_examples=30)


def caps_at(problem: Problem, utilisation: Fraction) -> list[int]:
    return [utilisation.numerator * c.cpu // utilisation.denominator for c in problem.classes]


@FEW
@given(rich_problems())
def test_the_least_maximum_is_that_of_every_placement(problem: Problem) -> None:
    best = exhaustive(problem)
    found = counts.minimise_maximum(problem, None, Fraction(0), clock(), 5.0)
    assert found.infeasible == (best is None) == (found.solution is None)
    if best is None or found.solution is None:
        return
    assert complete(problem, found.solution.counts)
    assert keeps(problem, found.solution.counts)
    assert found.solution.max_utilisation(problem) == best == found.bound
    again = counts.minimise_maximum(problem, found.solution, best, clock(), 5.0)
    assert (again.bound, again.infeasible) == (best, False)


@FEW
@given(rich_problems())
def test_the_least_maximum_on_fewer_task_managers(problem: Problem) -> None:
    some = max(1, len(problem.usable) - 1)
    values = [exhaustive(only(problem, chosen)) for chosen in itertools.combinations(problem.usable, some)]
    best = min((value for value in values if value is not None), default=None)
    found = counts.minimise_maximum(problem, None, Fraction(0), clock(), 5.0, some)
    assert found.infeasible == (best is None) == (found.solution is None)
    if found.solution is not None:
        assert found.solution.max_utilisation(problem) == best
        assert sum(any(row) for row in found.solution.counts.values()) <= some


@FEW
@given(rich_problems())
def test_the_highest_minimum_is_that_of_every_placement(problem: Problem) -> None:
    best = exhaustive(problem)
    if best is None:
        return
    within = [s for s in every_placement(problem) if s.max_utilisation(problem) <= best]
    lowest = max(min(s.utilisations(problem).values()) for s in within)
    found = counts.maximise_minimum(problem, within[0], best, clock(), 5.0)
    assert found.solution is not None
    assert keeps(problem, found.solution.counts)
    assert found.solution.max_utilisation(problem) == best
    assert min(found.solution.utilisations(problem).values()) == lowest
    assert found.bound is not None
    assert found.bound >= lowest


@FEW
@given(rich_problems())
def test_any_placement_and_the_fewest_task_managers(problem: Problem) -> None:
    every = list(every_placement(problem))
    found = counts.any_placement(problem, clock(), 5.0)
    assert found.infeasible == (not every) == (found.solution is None)
    fewest = counts.fewest_task_managers(problem, 1, clock(), 5.0)
    assert (fewest is None) == (not every)
    if found.solution is None or fewest is None:
        return
    assert keeps(problem, found.solution.counts)
    assert complete(problem, found.solution.counts)
    least = min(sum(any(row) for row in one.counts.values()) for one in every)
    assert (len(fewest[0]), fewest[1]) == (least, least)
    assert exhaustive(only(problem, sorted(fewest[0]))) is not None


@FEW
@given(rich_problems(), st.data())
def test_the_fewest_moves_are_those_of_every_placement(problem: Problem, data: st.DataObject) -> None:
    rows, groups = len(problem.usable), len(problem.groups)
    held = data.draw(st.lists(st.integers(0, 3), min_size=rows * groups, max_size=rows * groups))
    before = np.array(held, dtype=np.int64).reshape(rows, groups)
    names = [problem.task_managers[tm].id for tm in problem.usable]
    previous = Previous(
        {n: dict(zip(problem.groups, row, strict=True)) for n, row in zip(names, before, strict=True)}, {}
    )
    weights = [data.draw(st.fractions(1, 4, max_denominator=7)) for _ in problem.groups]
    limit = data.draw(st.sampled_from([Fraction(1, 2), Fraction(1), Fraction(2)]))
    within = [s for s in every_placement(problem) if s.max_utilisation(problem) <= limit]

    def weight(solution: Solution) -> Fraction:
        return sum(
            (weights[problem.groups.index(g)] * n for g, n in moves_of(problem, solution, previous).items()),
            Fraction(0),
        )

    hint = within[0] if within and data.draw(st.booleans()) else None
    found = counts.fewest_moves(problem, before, weights, limit, hint, clock(), 5.0)
    assert found.infeasible == (not within) == (found.solution is None)
    if found.solution is not None:
        assert found.solution in within
        assert found.bound == weight(found.solution) == min(map(weight, within))
        brief = counts.fewest_moves(problem, before, weights, limit, hint, clock(), 1e-6)
        assert brief.bound is None or brief.bound <= found.bound


def test_weights_too_fine_for_whole_numbers_still_bound_from_below() -> None:
    problem = simple([("a", 2, 2), ("b", 1, 2)], [4, 2])
    before = np.array([[0, 2], [2, 0]], dtype=np.int64)
    weights = [Fraction(2**61 + 1, 2**60 - 1), Fraction(3**40, 3**39 + 1)]
    found = counts.fewest_moves(problem, before, weights, Fraction(1), None, clock(), 5.0)
    assert found.solution is not None
    moved = moves_of(problem, found.solution, Previous({"tm-0": {"b": 2}, "tm-1": {"a": 2}}, {}))
    least = sum(n * w for n, w in zip(moved.values(), weights, strict=True))
    assert found.bound is not None
    assert found.bound <= least <= found.bound * (1 + Fraction(1, 10**9))


@FEW
@given(rich_states())
def test_rearranging_takes_overflow_away_and_breaks_nothing(state: State) -> None:
    problem = state.problem
    if not keeps(problem, state.solution().counts):
        return
    mean = float(state.load.sum() / state.cpu.sum())
    overflow = Overflow(state, np.floor(state.cpu * mean))
    before, slots = float(everywhere(overflow, state).sum()), state.counts.sum(axis=0).copy()
    better = counts.rearrange(state, overflow, list(range(len(state.cpu))), clock(), 5.0)
    after = float(everywhere(overflow, state).sum())
    assert after < before if better else after == before
    assert (state.counts.sum(axis=0) == slots).all()
    assert keeps(problem, state.solution().counts)


def test_rearranging_finds_the_only_way_and_leaves_the_others_alone() -> None:
    loads = [("a", 6, 1), ("b", 5, 2), ("c", 4, 1), ("d", 3, 4), ("e", 1, 1)]
    rows = [[1, 1, 0, 0, 0], [0, 1, 1, 0, 1], [0, 0, 0, 3, 0], [0, 0, 0, 1, 0]]
    state = state_of(simple(loads, [10] * 4), rows)
    overflow = Overflow(state, np.full(4, 10.0))
    assert counts.rearrange(state, overflow, [0, 1, 2], clock(), 5.0)
    assert state.load.tolist() == [10.0, 10.0, 10.0, 3.0]
    assert not counts.rearrange(state, overflow, [0, 1, 2], clock(), 5.0)


@FEW
@given(rich_problems())
def test_contents_of_the_best_value_go_together_and_those_below_do_not(problem: Problem) -> None:
    best = exhaustive(problem)
    if not best:
        return
    cap = State(problem).caps(best.numerator, best.denominator)
    pool = every_content(problem, caps_at(problem, best), clock())
    assert pool is not None
    state, verdict = assemble_exactly(problem, pool, cap, clock(), 5.0)
    assert verdict is Verdict.POSSIBLE
    assert state is not None
    assert complete(problem, state.solution().counts)
    assert keeps(problem, state.solution().counts)
    assert not everywhere(Overflow(state, cap), state).any()
    below = every_content(problem, caps_at(problem, best - Fraction(1, 10**9)), clock())
    assert below is not None
    assert assemble_exactly(problem, below, cap, clock(), 5.0) == (None, Verdict.REFUTED)


@FEW
@given(rich_problems())
def test_what_is_put_together_holds_every_slot_once(problem: Problem) -> None:
    """From no contents at all, whatever that breaks; from those of a placement within the limits."""
    any_load, pool = np.full(len(problem.usable), NO_LIMIT), Pool.empty(problem)
    bare = assemble(problem, pool, any_load, clock(), 5.0, 1)
    assert bare is not None
    assert complete(problem, bare.solution().counts)
    placement = next(every_placement(problem), None)
    if placement is None:
        return
    add_state(pool, State.from_solution(problem, placement), [None] * len(problem.classes))
    again = assemble(problem, pool, any_load, clock(), 5.0, 1)
    assert again is not None
    assert complete(problem, again.solution().counts)
    assert keeps(problem, again.solution().counts)


def test_contents_that_hold_too_much_are_filled_only_as_far_as_there_are_slots() -> None:
    problem = simple([("a", 1, 3)], [10, 10], slots=2)
    pool = Pool([{(2,): None} for _ in problem.classes])
    state = assemble(problem, pool, np.full(2, NO_LIMIT), clock(), 5.0, 1)
    assert state is not None
    assert sorted(state.counts.tolist()) == [[1], [2]]


def test_only_contents_within_caps_and_limits_join_the_pool() -> None:
    problem = simple([("a", 1, 9)], [1, 2, 4], slots=4)
    state = state_of(problem, [[1], [3], [5]])
    pool = Pool.empty(problem)
    add_state(pool, state, [1, 2, None])
    assert [list(contents) for contents in pool.contents] == [[(1,)], [], []]


@FEW
@given(rich_problems())
def test_feasible_is_what_some_placement_is(problem: Problem) -> None:
    possible = exhaustive(problem) is not None
    found = find_feasible(problem, clock())
    assert (found.state is not None, found.impossible) == (possible, not possible)
    if found.state is not None:
        assert keeps(problem, found.state.solution().counts)
        assert complete(problem, found.state.solution().counts)


@settings(parent=SMALL, max_examples=20)
@given(problems())
def test_feasibility_of_large_problems_claims_nothing_false(problem: Problem) -> None:
    """These go by patterns and swaps: what is called impossible is, and a placement holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feasibility, "is_small", lambda _: False)
        patch.setattr(feasibility, "PARAMETERS", replace(PARAMETERS, feasible_work=0.01, round_work=0.02))
        found = find_feasible(problem, clock().part(0.1))
    if found.impossible:
        assert exhaustive(problem) is None
    if found.state is not None:
        assert keeps(problem, found.state.solution().counts)
        assert complete(problem, found.state.solution().counts)


def test_what_patterns_leave_open_is_not_called_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots of 2 on TaskManagers with room for 3: enough in total, and nobody proved anything."""
    problem = simple([("a", 1, 3)], [10, 10], memory={"a": 2}, room=3)
    monkeypatch.setattr(feasibility, "is_small", lambda _: False)
    monkeypatch.setattr(feasibility, "PARAMETERS", replace(PARAMETERS, feasible_work=0.005, round_work=0.01))
    monkeypatch.setattr(feasibility.patterns, "judge", lambda *_: Verdict.OPEN)
    found = find_feasible(problem, clock().part(0.05))
    assert (found.state, found.impossible) == (None, False)
    monkeypatch.undo()
    assert find_feasible(problem, clock()).impossible


def test_no_task_manager_and_no_slot() -> None:
    assert find_feasible(simple([("a", 1, 1)], []), clock()).impossible
    nothing = find_feasible(simple([], [1]), clock())
    assert nothing.state is not None
    assert not nothing.impossible

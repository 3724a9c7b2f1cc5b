"""The engine against exhaustive search, its bounds, and its promise to be reproducible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from place.instances import exhaustive, problems
from planner.place.bounds.area import item_bound, rounded_area_bound
from planner.place.bounds.classes import class_bound
from planner.place.clock import Clock, Stop
from planner.place.infeasible import counting_conflict, explain, without
from planner.place.model.objective import Objective
from planner.place.model.problem import Problem
from planner.place.result import Result, Status
from planner.place.search.construct import construct
from planner.place.search.state import State
from planner.place.solve import Search, solve

SMALL = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def solved(problem: Problem, seconds: float = 20, seed: int = 1) -> Result:
    return solve(problem, Clock(Stop(seconds=seconds, seed=seed)), objective=(Objective.CPU,))


@SMALL
@given(problems())
def test_equal_to_exhaustive_search(problem: Problem) -> None:
    optimal_or_refuted(problem)


@pytest.mark.extended
@settings(parent=SMALL, max_examples=600, derandomize=False)
@given(problems())
def test_equal_to_exhaustive_search_again_and_again(problem: Problem) -> None:
    optimal_or_refuted(problem)


def optimal_or_refuted(problem: Problem) -> None:
    best, result = exhaustive(problem), solved(problem)
    if best is None:
        assert result.status is Status.INFEASIBLE
        assert result.solution is None
        return
    assert result.status is Status.OPTIMAL
    assert result.solution is not None
    assert result.solution.max_utilisation(problem) == best == result.bound.value


@SMALL
@given(problems())
def test_bounds_never_exceed_the_optimum(problem: Problem) -> None:
    best = exhaustive(problem)
    if best is not None:
        assert item_bound(problem).value <= best
        assert rounded_area_bound(problem).value <= best
        linear = class_bound(problem)
        assert linear is None or linear.value <= best


WAYS: dict[str, Callable[[Search, State], object]] = {
    "exactly": lambda search, state: search._exactly(state),
    "fill": lambda search, _: search.value and search._fill_to((search.bound.value + search.value) / 2),
    "regroup": lambda search, state: search._regroup(state),
    "refute": lambda search, _: search._refute(),
}


@pytest.mark.parametrize("way", WAYS)
@settings(parent=SMALL, max_examples=25)
@given(problem=problems())
def test_each_way_alone_claims_nothing_wrong(way: str, problem: Problem) -> None:
    """What one way finds is a placement and what it proves a bound, wherever the search came from."""
    best = exhaustive(problem)
    if best is None or not problem.usable:
        return
    search = Search(problem, Clock(Stop(seconds=20)), lambda *_: None)
    found = construct(problem, State(problem).caps(10**6, 1))
    search._offer(found)  # far from the best
    WAYS[way](search, found)
    assert search.bound.value <= best
    assert search.value is None or best <= search.value
    assert search.value is None or search.result().solution is not None


@SMALL
@given(problems())
def test_the_class_bound_does_not_depend_on_the_grain(problem: Problem) -> None:
    """Loads and CPU in a finer unit are the same problem: its bound by classes does not get lost."""
    finer = 10**7
    fine = replace(
        problem,
        types=tuple(
            replace(slot, load=slot.load * finer, samples=(slot.load * finer,)) for slot in problem.types
        ),
        classes=tuple(replace(entry, cpu=entry.cpu * finer) for entry in problem.classes),
    )
    coarse, found = class_bound(problem), class_bound(fine)
    assert (coarse is None) == (found is None)
    if coarse is not None and found is not None:
        assert abs(float(coarse.value) - float(found.value)) <= 1e-6 + float(coarse.value) / 100


@SMALL
@given(problems())
def test_infeasible_is_explained(problem: Problem) -> None:
    best = exhaustive(problem)
    conflict = counting_conflict(problem)
    if best is not None:
        assert conflict is None
        return
    explanation = explain(problem, Clock(Stop(seconds=20)))
    assert explanation.complete
    gone = {group for found in explanation.conflicts for group in found.groups}
    left = without(problem, gone)
    assert not left.types or exhaustive(left) is not None
    for found in explanation.conflicts:
        assert exhaustive(without(problem, set(problem.groups) - set(found.groups))) is None


@settings(parent=SMALL, max_examples=8)
@given(problems(groups=4, task_managers=4, slots=6))
def test_same_seed_same_plan(problem: Problem) -> None:
    first, second = solved(problem, seed=7), solved(problem, seed=7)
    assert (first.status, first.solution) == (second.status, second.solution)

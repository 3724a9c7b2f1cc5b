"""The engine against exhaustive search, its bounds, and its promise to be reproducible."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import HealthCheck, given, settings

from place.instances import exhaustive, problems
from planner.place.bounds import item_bound, lower_bound, rounded_area_bound
from planner.place.infeasible import explain
from planner.place.problem import Problem
from planner.place.solve import Status, Stop, solve

SMALL = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


@SMALL
@given(problems())
def test_equal_to_exhaustive_search(problem: Problem) -> None:
    best, result = exhaustive(problem), solve(problem, Stop(seconds=20))
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


@SMALL
@given(problems())
def test_infeasible_is_explained(problem: Problem) -> None:
    conflict = explain(problem, quick=True)
    best = exhaustive(problem)
    if conflict is not None:
        assert best is None
    elif best is None:
        conflict = explain(problem, quick=False)
        assert conflict is not None
        assert conflict.message
        assert conflict.change


@settings(parent=SMALL, max_examples=15)
@given(problems(groups=4, hosts=4, slots=6))
def test_same_seed_same_plan(problem: Problem) -> None:
    first, second = solve(problem, Stop(seed=7)), solve(problem, Stop(seed=7))
    assert (first.status, first.solution) == (second.status, second.solution)


@settings(parent=SMALL, max_examples=15)
@given(problems())
def test_solutions_place_every_slot_within_all_limits(problem: Problem) -> None:
    solution = solve(problem, Stop()).solution
    if solution is None:
        return
    for index, slot in enumerate(problem.types):
        assert sum(row[index] for row in solution.counts.values()) == slot.count
    for host, row in solution.counts.items():
        entry = problem.classes[problem.class_of[host]]
        for r, limit in enumerate(entry.limits):
            used = sum(n * slot.demand[r] for n, slot in zip(row, problem.types, strict=True))
            assert limit is None or used <= limit


def test_no_load_is_a_bound_of_zero() -> None:
    problem = Problem((), (), (), (), (), 1)
    assert lower_bound(problem).value == Fraction(0)
    assert solve(problem, Stop()).status is Status.OPTIMAL

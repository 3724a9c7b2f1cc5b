"""Dual feasible functions: superadditive, right on small problems, and sharper than the area where they can be."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from place.instances import exhaustive, problems
from place.search.states import SMALL, clock
from place.ways import simple
from planner.place.bounds.area import Bound, rounded_area_bound
from planner.place.bounds.dual_feasible import dual_feasible_bound, worth
from planner.place.model.objective import Objective
from planner.place.model.problem import Problem
from planner.place.solve import solve

LOADS = st.lists(st.integers(0, 500), min_size=1, max_size=8)


@SMALL
@given(LOADS, st.integers(2, 90), st.data())
def test_what_stands_together_is_worth_no_more_than_its_sum(
    loads: list[int], step: int, data: st.DataObject
) -> None:
    shift = data.draw(st.integers(0, step - 1))
    apart = sum(int(worth([load], step, [shift])[0, 0]) for load in loads)
    together = int(worth([sum(loads)], step, [shift])[0, 0])
    assert apart <= together <= int(worth([sum(loads) + 1], step, [shift])[0, 0])
    assert together <= sum(loads)


@SMALL
@given(problems())
def test_no_placement_is_below_it(problem: Problem) -> None:
    best, area = exhaustive(problem), rounded_area_bound(problem)
    bound = dual_feasible_bound(problem, area.value)
    assert area.value <= bound.value
    assert best is None or dual_feasible_bound(problem, Fraction(0)).value <= best


@st.composite
def crowded(draw: st.DrawFn) -> Problem:
    """Many unlike loads on few TaskManagers, with no limit besides, where rounding decides."""
    loads = [("g", draw(st.integers(1, 40)), draw(st.integers(1, 2))) for _ in range(draw(st.integers(2, 4)))]
    return simple(loads, draw(st.lists(st.integers(15, 60), min_size=1, max_size=3)))


@SMALL
@given(crowded())
def test_no_placement_is_below_it_where_rounding_decides(problem: Problem) -> None:
    best = exhaustive(problem)
    assert best is not None
    assert dual_feasible_bound(problem, Fraction(0)).value <= best


@pytest.mark.parametrize(
    ("loads", "cpus", "area", "value"),
    [
        # in steps of 7, but for one slot of 8: 20 carries 14 of them
        ([("a", 7, 5), ("b", 8, 1)], [20, 20, 20], Fraction(15, 20), Fraction(15, 20)),
        ([("a", 7, 7), ("b", 8, 1)], [20, 20, 20], Fraction(19, 20), Fraction(21, 20)),
        # three halves and a bit on two
        ([("a", 51, 3), ("b", 1, 1)], [100, 100], Fraction(77, 100), Fraction(102, 100)),
    ],
)
def test_one_slot_off_the_step_does_not_spoil_it(
    loads: list[tuple[str, int, int]], cpus: list[int], area: Fraction, value: Fraction
) -> None:
    problem = simple(loads, cpus)
    assert rounded_area_bound(problem).value == area
    assert dual_feasible_bound(problem, area).value == value == exhaustive(problem)


def test_steps_beyond_the_small_ones_are_those_of_all_loads_but_one() -> None:
    problem = simple([("a", 300, 7), ("b", 301, 1)], [800] * 3)
    assert dual_feasible_bound(problem, Fraction(0)).value == exhaustive(problem) == Fraction(900, 800)


def test_a_placement_that_meets_it_is_proven_by_it() -> None:
    """One slot off the step, on more TaskManagers than CP-SAT solves at once."""
    problem = simple([("a", 7, 1601), ("b", 8, 1)], [20] * 800)
    level = solve(problem, clock(30.0), objective=(Objective.CPU,)).levels[0]
    assert (level.value, level.bound) == (Fraction(21, 20), Bound(Fraction(21, 20), "dual-feasible"))


@pytest.mark.parametrize("problem", [simple([], [1]), simple([("a", 0, 2)], [1]), simple([("a", 1, 1)], [])])
def test_no_load_and_no_task_manager(problem: Problem) -> None:
    assert dual_feasible_bound(problem, Fraction(1, 3)).value == Fraction(1, 3)


@SMALL
@given(crowded(), st.integers(1, 6))
def test_it_is_the_same_from_any_bound_below(problem: Problem, part: int) -> None:
    whole = dual_feasible_bound(problem, Fraction(0)).value
    assert dual_feasible_bound(problem, whole * part / 6).value == whole

"""Packing over all choices of what stays in reserve: as few TaskManagers as exhaustive search finds."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from place.instances import problems
from place.levels.test_packing import SMALL, fewest
from place.ways import simple
from planner.place.choose import choose_and_solve
from planner.place.clock import Clock, Stop
from planner.place.model.choices import choices, settle
from planner.place.model.objective import PACK
from planner.place.model.problem import Problem
from planner.place.result import Result, Status


def packed(problem: Problem) -> Result:
    return choose_and_solve(problem, Clock(Stop(seconds=20)), objective=PACK)


@settings(parent=SMALL, max_examples=40)
@given(problems(groups=2, task_managers=4, slots=3))
def test_as_few_as_exhaustive_search_over_all_choices(problem: Problem) -> None:
    if len(problem.usable) < 2:
        return
    problem = replace(problem, reserve=1)
    ways = [settle(problem, choice) for choice in choices(problem)[0]]
    result, least = packed(problem), fewest(*ways)
    if least is None:
        assert result.status is Status.INFEASIBLE
        return
    level = result.levels[0]
    assert level.value == least
    assert level.bound is None or level.bound.value <= least


def test_fewer_taskmanagers_that_are_overloaded_are_no_better() -> None:
    """Without the large one a single small one holds all slots, at four times its CPU."""
    problem = replace(simple([("a", 1, 8)], [7, 2, 2, 2]), reserve=1)
    result = packed(problem)
    number, highest = result.levels
    assert (number.name, number.value, number.optimal) == ("taskManagers", 2, True)
    assert highest.value == 1
